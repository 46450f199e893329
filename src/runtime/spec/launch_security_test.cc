// The holes that other runtimes had, as tests: each is named after its advisory, and tries what the
// advisory did.
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>

#include <atomic>
#include <thread>

#include "platform/base/error.h"
#include "platform/base/scope_exit.h"
#include "runtime/spec/launch_fixture.h"
#include "runtime/spec/plan_builder.h"

namespace spec::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LaunchSecurity : public LaunchTest {
 protected:
  // A directory of the host that no container may reach, with a file in it.
  void SetUp() override {
    LaunchTest::SetUp();
    canary_ = base_ + "/host";
    ASSERT_EQ(mkdir(canary_.c_str(), 0755), 0);
    std::system(("echo untouched > " + canary_ + "/file").c_str());
  }
  void expectUntouched() {
    EXPECT_THAT(sys::listDir(AT_FDCWD, canary_), ::testing::ElementsAre("file"));
    EXPECT_EQ(sys::readFile(AT_FDCWD, canary_ + "/file"), "untouched\n");
  }
  void replaceByLink(const std::string& path, const std::string& target) {
    std::system(("rm -rf " + root_ + path).c_str());
    ASSERT_EQ(symlink(target.c_str(), (root_ + path).c_str()), 0);
  }
  std::string canary_;
};

TEST_F(LaunchSecurity, Cve2024_21626_NoWorkingDirectoryThroughALeakedDescriptor) {
  // Many host directories open here, none CLOEXEC on purpose.
  std::vector<int> leaked;
  for (int i = 0; i < 20; ++i) leaked.push_back(open(canary_.c_str(), O_RDONLY | O_DIRECTORY));
  const base::ScopeExit closeAll([&] {
    for (const int fd : leaked) close(fd);
  });
  for (int fd = 3; fd <= 40; ++fd) {
    for (const char* form : {"/proc/self/fd/%d", "/proc/self/fd/%d/../../..", "/proc/1/fd/%d"}) {
      char path[64];
      std::snprintf(path, sizeof path, form, fd);
      PlanWriter writer;
      fill(writer, {"pwd"});
      writer.root.cwd = writer.text(path);
      writer.root.flags |= launch::kFlagCreateCwd;
      const Result result = launchAndWait(writer);
      EXPECT_FALSE(result.started) << path << " gave " << result.out;
    }
  }
  PlanWriter writer;
  fill(writer, {"sh", "-c", "ls /proc/self/fd | wc -l; ls -l /proc/1/fd | grep -c host"});
  EXPECT_EQ(launchAndWait(writer).out, "4\n0\n");  // 0, 1, 2 and what ls has open to look
  expectUntouched();
}

TEST_F(LaunchSecurity, Cve2021_30465_TargetSwappedForALinkStaysInside) {
  const std::string shared = base_ + "/shared", source = base_ + "/source";
  mkdir(shared.c_str(), 0755);
  mkdir(source.c_str(), 0755);
  std::system(("echo mounted > " + source + "/mark").c_str());
  mkdir((shared + "/a").c_str(), 0755);
  ASSERT_EQ(symlink((canary_ + "/../host").c_str(), (shared + "/b").c_str()), 0);
  std::atomic<bool> stop{false};
  std::thread attacker([&] {
    while (!stop)
      syscall(SYS_renameat2, AT_FDCWD, (shared + "/a").c_str(), AT_FDCWD, (shared + "/b").c_str(),
              2 /* exchange */);
  });
  int started = 0;
  for (int round = 0; round < 100; ++round) {
    PlanWriter writer;
    fill(writer,
         {"sh", "-c", "cat /data/a/mark /data/b/mark 2>/dev/null; ls " + canary_ + " 2>/dev/null"});
    addBind(writer, cloneOf(shared), "/data");
    addBind(writer, cloneOf(source), "/data/a/deeper");
    const Result result = launchAndWait(writer);
    started += result.started;
    EXPECT_THAT(result.out, Not(HasSubstr("file"))) << "the host's directory was seen";
  }
  stop = true;
  attacker.join();
  EXPECT_GT(started, 0);
  // "deeper" may have been made in the volume or in the container's own tree, never on the host.
  expectUntouched();
}

TEST_F(LaunchSecurity, Cve2019_19921_ProcAsALinkIsRefused) {
  replaceByLink("/proc", "/tmp");
  const Result result = runInBox({"true"});
  EXPECT_FALSE(result.started);
  EXPECT_STREQ(result.failure.text,
               "filesystem \"proc\" must be mounted on ordinary directory: invalid argument");
}

TEST_F(LaunchSecurity, Cve2025_31133_MaskedFilesBecomeTheRealNullDevice) {
  PlanWriter writer;
  fill(writer, {"sh", "-c",
                "stat -c %t:%T /proc/version /etc/secret; cat /etc/secret; echo x > /etc/secret; "
                "cat /proc/version"});
  // The image brings its own /dev, in which null is a link to a file.
  mounts_.erase(mounts_.begin() + 1, mounts_.end());
  writer.root.devices = {};
  replaceByLink("/dev/null", canary_ + "/file");
  file("/etc/secret", "secret");
  writer.root.maskedPaths = writer.texts({"/proc/version", "/etc/secret"});
  const Result result = launchAndWait(writer);
  EXPECT_EQ(result.out, "1:3\n1:3\n") << result.failure.text;
  expectUntouched();
}

TEST_F(LaunchSecurity, Cve2025_52565_ConsoleAndPtsLinksAreNotFollowed) {
  const auto withTerminal = [&](const std::function<void()>& prepare) {
    PlanWriter writer;
    fill(writer, {"true"});
    mounts_.erase(mounts_.begin() + 1, mounts_.end());
    writer.root.devices = {};
    writer.root.flags |= launch::kFlagTerminal;
    prepare();
    return launchAndWait(writer);
  };
  EXPECT_FALSE(withTerminal([&] { replaceByLink("/dev/pts", canary_); }).started);
  EXPECT_FALSE(withTerminal([&] {
                 std::system(("rm " + root_ + "/dev/pts; mkdir " + root_ + "/dev/pts && touch " +
                              root_ + "/dev/pts/ptmx")
                                 .c_str());
               }).started);
  // With the right devpts, but /dev/console a link.
  PlanWriter writer;
  fill(writer, {"true"});
  mounts_.erase(mounts_.begin() + 1);
  writer.root.devices = {};
  writer.root.flags |= launch::kFlagTerminal;
  replaceByLink("/dev/console", canary_ + "/file");
  EXPECT_FALSE(launchAndWait(writer).started);
  expectUntouched();
}

TEST_F(LaunchSecurity, Cve2025_52881_SysctlsGoToTheRealProcOnly) {
  // A file system over the host's /proc/sys, as a shared mount could put it there: never written
  // to.
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      _exit(10);
    if (mount("fake", "/proc/sys", "tmpfs", 0, nullptr) != 0) _exit(11);
    std::system("mkdir -p /proc/sys/kernel && touch /proc/sys/kernel/shmmax");
    PlanWriter writer;
    fill(writer, {"cat", "/proc/sys/kernel/shmmax"});
    writer.root.sysctls = writer.list(
        std::vector<launch::Sysctl>{{writer.text("kernel/shmmax"), writer.text("4242")}});
    const Result result = launchAndWait(writer);
    struct stat info {};
    const bool untouched = stat("/proc/sys/kernel/shmmax", &info) == 0 && info.st_size == 0;
    _exit(!untouched ? 12 : result.out != "4242\n" ? 13 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(LaunchSecurity, Cve2025_52881_ADirectoryInPlaceOfProcIsNotWrittenTo) {
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      _exit(10);
    // /proc/sys itself in the place of /proc: right file system, wrong directory.
    if (mount("/proc/sys", "/proc", nullptr, MS_BIND, nullptr) != 0) _exit(11);
    PlanWriter writer;
    fill(writer, {"true"});
    writer.root.flags |= launch::kFlagHasOomScore;
    writer.root.oomScore = 5;
    const Result result = launchAndWait(writer);
    _exit(!result.started && result.failure.step == launch::Step::kLimits ? 0 : 12);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(LaunchSecurity, Cve2026_41579_DevAsALinkLeadsNowhereOutside) {
  replaceByLink("/dev", canary_);
  const Result result = runInBox({"sh", "-c", "readlink /dev; ls " + canary_ + " | grep -c null"});
  if (result.started) {
    EXPECT_EQ(result.out, canary_ + "\n1\n");
  }
  expectUntouched();
}

TEST_F(LaunchSecurity, Cve2024_45310_MountPointsAreMadeInsideOnly) {
  ASSERT_EQ(symlink(canary_.c_str(), (root_ + "/out").c_str()), 0);
  ASSERT_EQ(symlink("../../../../../../../../../../../../tmp", (root_ + "/up").c_str()), 0);
  PlanWriter writer;
  fill(writer, {"sh", "-c", "cat /out/new/deep/mark"});
  mkdir((base_ + "/source").c_str(), 0755);
  std::system(("echo here > " + base_ + "/source/mark").c_str());
  addBind(writer, cloneOf(base_ + "/source"), "/out/new/deep");
  addBind(writer, cloneOf(base_ + "/source"), "/up/h4made");
  addBind(writer, cloneOf(base_ + "/source/mark"), "/up/h4madefile");
  const Result result = launchAndWait(writer);
  expectUntouched();
  EXPECT_NE(access("/tmp/h4made", F_OK), 0);
  EXPECT_NE(access("/tmp/h4madefile", F_OK), 0);
  // A link to what does not exist inside is refused rather than followed.
  if (result.started) {
    EXPECT_EQ(result.out, "here\n");
  }
}

TEST_F(LaunchSecurity, Cve2019_16884_NothingIsMountedOverProc) {
  mkdir((base_ + "/fake").c_str(), 0755);
  for (const char* target : {"/proc", "/proc/self/attr", "/proc/sys"}) {
    PlanWriter writer;
    fill(writer, {"true"});
    addBind(writer, cloneOf(base_ + "/fake"), target);
    const Result result = launchAndWait(writer);
    EXPECT_FALSE(result.started) << target;
    EXPECT_THAT(result.failure.text, HasSubstr("inside /proc"));
  }
  // Files that only describe the machine may be covered.
  PlanWriter writer;
  fill(writer, {"cat", "/proc/uptime"});
  addBind(writer, cloneOf(canary_ + "/file"), "/proc/uptime");
  EXPECT_EQ(launchAndWait(writer).out, "untouched\n");
}

TEST_F(LaunchSecurity, MountingOverTheRootIsRefused) {
  ASSERT_EQ(symlink("/", (root_ + "/self").c_str()), 0);
  PlanWriter writer;
  fill(writer, {"true"});
  addBind(writer, cloneOf(canary_), "/self");
  EXPECT_FALSE(launchAndWait(writer).started);
}

TEST_F(LaunchSecurity, Cve2024_40635_LargeIdsAreRefusedNotRoot) {
  file("/etc/passwd",
       "root:x:0:0::/root:/bin/sh\n99999999999:x:0:0::/:\n4294967296:x:0:0::/:\n-1:x:0:0::/"
       ":\n2147483648:x:0:0::/:\n"
       "huge:x:4294967296:0::/:\nwrap:x:0:4294967296::/:\nempty:x::0::/:\nword:x:zero:0::/"
       ":\nhex:x:0x0:0::/:\n");
  for (const char* user : {"2147483648", "4294967296", "-1", "+0", "99999999999",
                           "99999999999999999999999999", "1000:4294967296", "0:-5"}) {
    PlanWriter writer;
    fill(writer, {"id", "-u"});
    writer.root.flags |= launch::kFlagResolveUser;
    writer.root.user = writer.text(user);
    const Result result = launchAndWait(writer);
    EXPECT_FALSE(result.started) << user << " gave uid " << result.out;
    EXPECT_STREQ(result.failure.text, "uids and gids must be in range 0-2147483647") << user;
  }
  for (const char* user : {"huge", "wrap", "empty", "word", "hex"}) {
    PlanWriter writer;
    fill(writer, {"id", "-u"});
    writer.root.flags |= launch::kFlagResolveUser;
    writer.root.user = writer.text(user);
    const Result result = launchAndWait(writer);
    EXPECT_FALSE(result.started) << user << " gave uid " << result.out;
    EXPECT_THAT(result.failure.text, HasSubstr("no matching entries in passwd file"));
  }
}

TEST_F(LaunchSecurity, Cve2022_36109_SupplementaryGroupsDenyToo) {
  file("/data/denied", "secret", 0604);
  ASSERT_EQ(chown((root_ + "/data/denied").c_str(), 0, 1000), 0);
  PlanWriter writer;
  fill(writer, {"sh", "-c", "cat /data/denied 2>&1; id -G"});
  writer.root.flags |= launch::kFlagResolveUser;
  writer.root.user = writer.text("alice");
  EXPECT_EQ(launchAndWait(writer).out,
            "cat: can't open '/data/denied': Permission denied\n1000 10 44\n");
}

TEST_F(LaunchSecurity, Cve2026_47262_GiantUserFilesAreBounded) {
  const auto timed = [&](const std::string& user) {
    PlanWriter writer;
    fill(writer, {"id", "-G"});
    writer.root.flags |= launch::kFlagResolveUser;
    writer.root.user = writer.text(user);
    return launchAndWait(writer);
  };
  // One line of 20 MB, members and all; then more than is read.
  std::string line = "big:x:77:";
  for (int i = 0; i < 2'000'000; ++i) line += "member" + std::to_string(i % 1000) + ",";
  file("/etc/group", "root:x:0:\n" + line + "alice\n");
  EXPECT_EQ(timed("alice").out, "1000 77\n");
  file("/etc/group", "root:x:0:\n");
  ASSERT_EQ(truncate((root_ + "/etc/group").c_str(), 1ll << 40), 0);
  const auto before = std::chrono::steady_clock::now();
  const Result result = timed("alice");
  EXPECT_FALSE(result.started);
  EXPECT_STREQ(result.failure.text, "/etc/group of the container: file too large");
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20));
}

TEST_F(LaunchSecurity, UserFilesThatAreNoFilesDoNotHang) {
  ASSERT_EQ(unlink((root_ + "/etc/passwd").c_str()), 0);
  ASSERT_EQ(mkfifo((root_ + "/etc/passwd").c_str(), 0644), 0);
  replaceByLink("/etc/group", "/proc/self/fd/0");
  PlanWriter writer;
  fill(writer, {"grep", "Uid", "/proc/self/status"});  // id would open the fifo itself
  writer.root.flags |= launch::kFlagResolveUser;
  writer.root.user = writer.text("77");
  EXPECT_EQ(launchAndWait(writer).out, "Uid:\t77\t77\t77\t77\n");
  replaceByLink("/etc/passwd", canary_ + "/file");
  PlanWriter link;
  fill(link, {"id", "-u"});
  link.root.flags |= launch::kFlagResolveUser;
  link.root.user = link.text("untouched");
  EXPECT_THAT(launchAndWait(link).failure.text, HasSubstr("no matching entries in passwd file"));
}

TEST_F(LaunchSecurity, Cve2016_9962_AProcessThatEntersCannotBeLookedInto) {
  // A container whose first process tries to read the descriptors of whatever enters its pid
  // namespace.
  PlanWriter writer;
  fill(writer, {"sleep", "1000"});
  writer.root.flags |= launch::kFlagSetCapabilities;
  writer.root.capabilities = {0xa80425fb, 0xa80425fb, 0xa80425fb, 0, 0};
  writer.root.mounts = writer.list(mounts_);
  Plan plan = writer.finish();
  launch::Child box;
  launch::Failure failure;
  ASSERT_TRUE(begin(plan, box, failure)) << failure.text;
  plan.fds.clear();
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  sys::Fd release(pipe[1]);
  PlanWriter held;
  held.root.flags = launch::kFlagSetsid | launch::kFlagSetCapabilities;
  held.root.capabilities = {0xa80425fb, 0xa80425fb, 0xa80425fb, 0, 0};
  held.root.target = held.fd(sys::Fd(fcntl(box.pidfd, F_DUPFD_CLOEXEC, 3)));
  held.root.targetNamespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;
  held.root.argv = held.texts({"true"});
  held.root.env = held.texts({"PATH=/bin"});
  held.root.cwd = held.text("/");
  held.root.hold = held.fd(sys::Fd(pipe[0]));
  Plan heldPlan = held.finish();
  launch::Child entering;
  ASSERT_TRUE(begin(heldPlan, entering, failure)) << failure.text;

  mounts_.clear();
  PlanWriter spy;
  spy.root.flags = launch::kFlagSetsid | launch::kFlagSetCapabilities;
  spy.root.capabilities = {0xa80425fb, 0xa80425fb, 0xa80425fb, 0, 0};
  spy.root.target = spy.fd(sys::Fd(fcntl(box.pidfd, F_DUPFD_CLOEXEC, 3)));
  spy.root.targetNamespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;
  spy.root.argv = spy.texts(
      {"sh", "-c",
       "for p in 2; do ls -l /proc/$p/fd 2>&1; readlink /proc/$p/exe || echo no-exe; done"});
  spy.root.env = spy.texts({"PATH=/bin"});
  spy.root.cwd = spy.text("/");
  const Result seen = launchAndWait(spy);
  EXPECT_THAT(seen.out, HasSubstr("Permission denied"));
  EXPECT_THAT(seen.out, HasSubstr("no-exe"));
  EXPECT_THAT(seen.out, Not(HasSubstr("->")));
  ASSERT_EQ(::write(release.get(), "1", 1), 1);
  Result result;
  end(entering, result);
  ::kill(box.pid, SIGKILL);
  end(box, result);
}

#if SAMPAN_FAULTS
// Who may trace everything in its container must not find the host behind a process on its way in.
TEST_F(LaunchSecurity, WhoEntersHasTheContainersRootBeforeItHasANumberInside) {
  constexpr std::uint64_t kMayTrace = 0xa80425fb | 1u << 19;
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  sys::Fd seen(pipe[0]);
  sys::writeAtomic(AT_FDCWD, base_ + "/of-the-host", "x", 0644);
  PlanWriter writer;
  fill(writer, {"sh", "-c",
                "while :; do for p in /proc/[0-9]*; do test -e $p/root" + base_ +
                    "/of-the-host && echo host; done; test -e /over && break; done; echo end"});
  writer.root.flags |= launch::kFlagSetCapabilities;
  writer.root.capabilities = {kMayTrace, kMayTrace, kMayTrace, 0, 0};
  writer.root.mounts = writer.list(mounts_);
  writer.root.stdio[1] = writer.fd(sys::Fd(pipe[1]));
  Plan plan = writer.finish();
  launch::Child box;
  launch::Failure failure;
  ASSERT_TRUE(begin(plan, box, failure)) << failure.text;
  plan.fds.clear();

  mounts_.clear();
  PlanWriter entering;
  entering.root.target = entering.fd(sys::Fd(fcntl(box.pidfd, F_DUPFD_CLOEXEC, 3)));
  entering.root.targetNamespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;
  entering.root.argv = entering.texts({"touch", "/over"});
  entering.root.env = entering.texts({"PATH=/bin"});
  entering.root.cwd = entering.text("/");
  // Long enough to be found by who looks without end.
  entering.root.faults = entering.list(std::vector<launch::Fault>{
      {entering.text("launch.namespaces"), 2, launch::FaultAction::kPause, 500}});
  const Result entered = launchAndWait(entering);
  EXPECT_TRUE(entered.started) << entered.failure.text;
  EXPECT_EQ(sys::readAll(seen.get()), "end\n");
  Result result;
  end(box, result);
}
#endif

TEST_F(LaunchSecurity, Cve2022_24769_InheritableStaysEmptyInExec) {
  PlanWriter writer;
  fill(writer, {"grep", "CapInh", "/proc/self/status"});
  writer.root.flags |= launch::kFlagSetCapabilities;
  writer.root.uid = 1000;
  writer.root.capabilities = {0xa80425fb, 0xa80425fb, 0xa80425fb, 0, 0};
  EXPECT_EQ(launchAndWait(writer).out, "CapInh:\t0000000000000000\n");
}

TEST_F(LaunchSecurity, HugeSpecsAreRefusedBeforeAnythingStarts) {
  PlanWriter writer;
  EXPECT_THROW(writer.text(std::string(40u << 20, 'x')), base::Error);
}

TEST_F(LaunchSecurity, NoPathOfTheHostIsVisibleInMountsOrRoot) {
  const Result result = runInBox(
      {"sh", "-c", "cat /proc/self/mountinfo; ls -a /.. ; cat /proc/1/root/etc/passwd | head -1"});
  EXPECT_THAT(result.out, Not(HasSubstr("/sys/fs/cgroup/unified")));
  EXPECT_THAT(result.out, Not(HasSubstr(" /run")));
  EXPECT_THAT(result.out, HasSubstr("root:x:0:0"));
  // The old root is gone, not only hidden: five mounts at most.
  EXPECT_LE(std::count(result.out.begin(), result.out.end(), '\n'), 20);
}

}  // namespace
}  // namespace spec::testing
