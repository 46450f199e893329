// What the launch promises, on real processes. Security rows have a file of their own
// (launch_security_test.cc).
#include <sys/ioctl.h>

#include "runtime/spec/launch_fixture.h"

namespace spec::testing {
namespace {

using ::testing::HasSubstr;

TEST_F(LaunchTest, RunsAProgramInItsOwnRoot) {
  const Result result = runInBox({"sh", "-c", "echo $$; hostname; ls /; pwd; echo $HOME"});
  ASSERT_TRUE(result.started) << result.failure.text;
  EXPECT_EQ(result.code(), 0);
  EXPECT_EQ(result.out, "1\nbox\nbin\ndata\ndev\netc\nproc\nsys\ntmp\n/\n/root\n");
}

TEST_F(LaunchTest, TellsWhyAProgramCannotRun) {
  file("/bin/plain", "text", 0644);
  file("/bin/garbage", "\x01\x02\x03", 0755);
  file("/bin/script", "#!/no/interpreter\n", 0755);
  const std::pair<const char*, const char*> cases[] = {
      {"foo", "exec: \"foo\": executable file not found in $PATH"},
      {"", "exec: \"\": executable file not found in $PATH"},
      {"/x", "exec: \"/x\": stat /x: no such file or directory"},
      {"/bin/sh/x", "exec: \"/bin/sh/x\": stat /bin/sh/x: not a directory"},
      {"/bin/plain", "exec: \"/bin/plain\": permission denied"},
      {"plain", "exec: \"plain\": executable file not found in $PATH"},
      {"/etc", "exec: \"/etc\": is a directory"},
      {"/bin/garbage", "exec /bin/garbage: exec format error"},
      {"/bin/script", "exec /bin/script: no such file or directory"},
  };
  for (const auto& [program, text] : cases) {
    const Result result = runInBox({program});
    EXPECT_FALSE(result.started) << program;
    EXPECT_STREQ(result.failure.text, text);
  }
}

TEST_F(LaunchTest, WorkingDirectoryIsMadeOrReported) {
  const auto runAt = [&](const char* cwd, bool create) {
    PlanWriter writer;
    fill(writer, {"pwd"});
    writer.root.cwd = writer.text(cwd);
    if (create) writer.root.flags |= launch::kFlagCreateCwd;
    return launchAndWait(writer);
  };
  EXPECT_EQ(runAt("/made/by/us", true).out, "/made/by/us\n");
  EXPECT_STREQ(runAt("/missing", false).failure.text,
               "chdir to cwd (\"/missing\") set in config.json failed: no such file or directory");
  EXPECT_STREQ(runAt("/etc/passwd", true).failure.text,
               "chdir to cwd (\"/etc/passwd\") set in config.json failed: not a directory");
}

TEST_F(LaunchTest, ResolvesUsersInTheContainersOwnFiles) {
  const auto idOf = [&](const char* user, std::vector<std::string> groups = {}) {
    PlanWriter writer;
    fill(writer, {"sh", "-c", "id -u; id -g; id -G; echo $HOME"});
    writer.root.flags |= launch::kFlagResolveUser;
    writer.root.user = writer.text(user);
    writer.root.groups = writer.texts(groups);
    const Result result = launchAndWait(writer);
    return result.started ? result.out : std::string(result.failure.text);
  };
  EXPECT_EQ(idOf(""), "0\n0\n0 10\n/root\n");
  EXPECT_EQ(idOf("alice"), "1000\n1000\n1000 10 44\n/home/alice\n");
  EXPECT_EQ(idOf("1000"), "1000\n1000\n1000 10 44\n/home/alice\n");
  EXPECT_EQ(idOf("alice:wheel"), "1000\n10\n10\n/home/alice\n");
  EXPECT_EQ(idOf("4242"), "4242\n0\n0\n/\n");
  EXPECT_EQ(idOf("4242:777"), "4242\n777\n777\n/\n");
  EXPECT_EQ(idOf("4242", {"video", "99"}), "4242\n0\n0 44 99\n/\n");
  EXPECT_EQ(idOf("nobodyhere"),
            "unable to find user nobodyhere: no matching entries in passwd file");
  EXPECT_EQ(idOf("alice:nogroup"),
            "unable to find group nogroup: no matching entries in group file");
}

TEST_F(LaunchTest, EnvironmentAndHome) {
  PlanWriter writer;
  fill(writer, {"env"});
  writer.root.env = writer.texts({"PATH=/bin", "HOME=", "A=b c"});
  EXPECT_EQ(launchAndWait(writer).out, "PATH=/bin\nA=b c\nHOME=/root\n");
  PlanWriter own;
  fill(own, {"env"});
  own.root.env = own.texts({"PATH=/bin", "HOME=/elsewhere"});
  EXPECT_EQ(launchAndWait(own).out, "PATH=/bin\nHOME=/elsewhere\n");
}

TEST_F(LaunchTest, LongEnvironmentsArrive) {
  PlanWriter writer;
  fill(writer, {"sh", "-c", "echo ${#BIG}; env | wc -l"});
  std::vector<std::string> env{"PATH=/bin", "BIG=" + std::string(120000, 'x')};
  for (int i = 0; i < 5000; ++i)
    env.push_back("V" + std::to_string(i) + "=" + std::string(100, 'y'));
  writer.root.env = writer.texts(env);
  const Result result = launchAndWait(writer);
  EXPECT_THAT(result.out, ::testing::StartsWith("120000\n50")) << result.failure.text;
}

TEST_F(LaunchTest, CapabilitiesAreExactlyThoseAsked) {
  PlanWriter writer;
  fill(writer, {"grep", "Cap", "/proc/self/status"});
  writer.root.flags |= launch::kFlagSetCapabilities;
  writer.root.capabilities = {0x00000000a80425fb, 0xa80425fb & ~1ull, 0xa80425fb, 0, 0};
  const Result result = launchAndWait(writer);
  // execve as root fills permitted and effective from the bounding set.
  EXPECT_EQ(result.out,
            "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n"
            "CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\n")
      << result.failure.text;
}

TEST_F(LaunchTest, AmbientCapabilitiesSurviveTheUser) {
  PlanWriter writer;
  fill(writer, {"grep", "Cap", "/proc/self/status"});
  writer.root.flags |= launch::kFlagSetCapabilities;
  writer.root.uid = writer.root.gid = 1000;
  writer.root.capabilities = {0x401, 0x400, 0x400, 0x400, 0x400};
  EXPECT_THAT(launchAndWait(writer).out, HasSubstr("CapEff:\t0000000000000400\n"));
}

TEST_F(LaunchTest, BindsVolumesReadOnlyAndFiles) {
  mkdir((base_ + "/volume").c_str(), 0755);
  ASSERT_EQ(
      std::system(("echo kept > " + base_ + "/volume/f; echo one > " + base_ + "/single").c_str()),
      0);
  PlanWriter writer;
  fill(writer,
       {"sh", "-c", "cat /data/f /made/deep/file; touch /data/g 2>&1; touch /rw/h && ls /rw"});
  sys::Fd readOnly = cloneOf(base_ + "/volume");
  addBind(writer, std::move(readOnly), "/data");
  mounts_.back().treeSet = MOUNT_ATTR_RDONLY;
  addBind(writer, cloneOf(base_ + "/single"), "/made/deep/file");
  addBind(writer, cloneOf(base_ + "/volume"), "/rw");
  const Result result = launchAndWait(writer);
  EXPECT_EQ(result.out, "kept\none\ntouch: /data/g: Read-only file system\nf\nh\n")
      << result.failure.text;
}

TEST_F(LaunchTest, MountingADirectoryOntoAFileIsExplained) {
  PlanWriter writer;
  fill(writer, {"true"});
  addBind(writer, cloneOf(base_), "/etc/passwd");
  const Result result = launchAndWait(writer);
  EXPECT_FALSE(result.started);
  EXPECT_EQ(result.failure.error, ENOTDIR);
  EXPECT_EQ(result.failure.step, launch::Step::kMount);
  EXPECT_STREQ(result.failure.text,
               "error mounting \"source\" to rootfs at \"/etc/passwd\": Are you trying to mount a "
               "directory onto a file "
               "(or vice-versa)? Check if the specified host path exists and is the expected type: "
               "not a directory");
}

TEST_F(LaunchTest, TmpfsCopiesUpAndKeepsTheMode) {
  ASSERT_EQ(std::system(("cd " + root_ +
                         "/data && echo text > f && ln -s f l && mkdir -p d/e && echo deep > d/e/f "
                         "&& chown -R 33:44 d && "
                         "chmod 4755 f && chmod 2750 . && truncate -s 100000 big")
                            .c_str()),
            0);
  PlanWriter writer;
  fill(writer, {"sh", "-c",
                "cd /data; stat -c '%n %a %u:%g' . f d d/e/f; cat l d/e/f; wc -c < big; touch new "
                "&& ls; stat -f -c %T ."});
  addFileSystem(writer, "tmpfs", "/data", {}, 0, launch::kMountCopyUp);
  const Result result = launchAndWait(writer);
  EXPECT_EQ(result.out,
            ". 2750 0:0\nf 4755 0:0\nd 755 33:44\nd/e/f 644 "
            "33:44\ntext\ndeep\n100000\nbig\nd\nf\nl\nnew\ntmpfs\n")
      << result.failure.text;
  EXPECT_NE(access((root_ + "/data/new").c_str(), F_OK), 0);
}

TEST_F(LaunchTest, FreshTmpfsHasItsOwnDefaultMode) {
  PlanWriter writer;
  fill(writer, {"stat", "-c", "%a", "/new"});
  addFileSystem(writer, "tmpfs", "/new", {}, 0);
  EXPECT_EQ(launchAndWait(writer).out, "1777\n");
}

TEST_F(LaunchTest, ReadOnlyRootMaskedAndReadOnlyPaths) {
  PlanWriter writer;
  fill(writer, {"sh", "-c",
                "touch /x 2>&1; cat /proc/version | wc -c; ls /proc/acpi /etc/hidden | wc -l; "
                "touch /etc/hidden/a 2>&1;"
                "echo 1 > /proc/sys/kernel/panic; cat /etc/secret; stat -c %t:%T /proc/version"});
  mkdir((root_ + "/etc/hidden").c_str(), 0755);
  file("/etc/hidden/inside", "x");
  file("/etc/secret", "secret");
  writer.root.flags |= launch::kFlagReadonlyRootfs;
  writer.root.maskedPaths =
      writer.texts({"/proc/version", "/proc/nosuch", "/etc/hidden", "/etc/secret", "/proc/acpi"});
  writer.root.readonlyPaths = writer.texts({"/proc/sys", "/proc/nosuch"});
  const Result result = launchAndWait(writer);
  ASSERT_TRUE(result.started) << result.failure.text;
  EXPECT_THAT(result.out, HasSubstr("touch: /x: Read-only file system\n0\n"));
  EXPECT_THAT(result.out, HasSubstr("touch: /etc/hidden/a: Read-only file system\n"));
  EXPECT_THAT(result.out,
              HasSubstr("can't create /proc/sys/kernel/panic: Read-only file system\n1:3\n"));
  EXPECT_THAT(result.out, ::testing::Not(HasSubstr("secret")));
}

TEST_F(LaunchTest, DevicesAndLinksAreThere) {
  const Result result =
      runInBox({"sh", "-c",
                "stat -c '%n %t:%T %a' /dev/null /dev/zero /dev/full /dev/random /dev/urandom; "
                "readlink /dev/fd; readlink "
                "/dev/ptmx; echo out > /dev/stdout; head -c 3 /dev/zero | wc -c"});
  EXPECT_EQ(result.out,
            "/dev/null 1:3 666\n/dev/zero 1:5 666\n/dev/full 1:7 666\n/dev/random 1:8 "
            "666\n/dev/urandom 1:9 666\n"
            "/proc/self/fd\npts/ptmx\nout\n3\n")
      << result.failure.text;
}

TEST_F(LaunchTest, LimitsUmaskAndOomScore) {
  PlanWriter writer;
  fill(writer, {"sh", "-c", "ulimit -n; ulimit -Hn; umask; cat /proc/self/oom_score_adj"});
  writer.root.rlimits = writer.list(std::vector<launch::Rlimit>{{7, 0, 5, 99}});
  writer.root.flags |= launch::kFlagHasUmask | launch::kFlagHasOomScore;
  writer.root.umask = 0027;
  writer.root.oomScore = 321;
  const Result result = launchAndWait(writer);
  EXPECT_EQ(result.out, "5\n99\n0027\n321\n") << result.failure.text;
}

TEST_F(LaunchTest, SysctlsOfTheNewNamespaces) {
  PlanWriter writer;
  fill(writer,
       {"sh", "-c",
        "cat /proc/sys/kernel/shmmax /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/domainname"});
  writer.root.newNamespaces |= CLONE_NEWNET;
  writer.root.sysctls = writer.list(
      std::vector<launch::Sysctl>{{writer.text("kernel/shmmax"), writer.text("123456")},
                                  {writer.text("net/ipv4/ip_forward"), writer.text("1")}});
  writer.root.domainname = writer.text("example");
  EXPECT_EQ(launchAndWait(writer).out, "123456\n1\nexample\n");
  PlanWriter wrong;
  fill(wrong, {"true"});
  wrong.root.sysctls = wrong.list(
      std::vector<launch::Sysctl>{{wrong.text("kernel/../../etc/passwd"), wrong.text("1")}});
  const Result refused = launchAndWait(wrong);
  EXPECT_FALSE(refused.started);
  EXPECT_EQ(refused.failure.step, launch::Step::kSysctl);
}

TEST_F(LaunchTest, TerminalBecomesControllingWithItsSize) {
  PlanWriter writer;
  fill(writer, {"sh", "-c",
                "tty; stty size; test -t 0 && test -t 2 && echo all; echo x > /dev/tty && stat -c "
                "%t /dev/console"});
  writer.root.flags |= launch::kFlagTerminal;
  writer.root.rows = 33;
  writer.root.columns = 77;
  const Result result = launchAndWait(writer);
  EXPECT_EQ(result.out, "/dev/pts/0\r\n33 77\r\nall\r\nx\r\n88\r\n") << result.failure.text;
}

TEST_F(LaunchTest, KeptDescriptorsGetTheirNumbersAndNothingElseIsOpen) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  ASSERT_EQ(::write(pipe[1], "through\n", 8), 8);
  ::close(pipe[1]);
  PlanWriter writer;
  fill(writer, {"sh", "-c", "cat <&3; ls /proc/$$/fd; readlink /proc/$$/fd/5"});
  writer.root.keep = writer.list(
      std::vector<launch::KeptFd>{{writer.fd(sys::Fd(pipe[0])), 3},
                                  {writer.fd(sys::openAt(AT_FDCWD, "/dev/zero", O_RDONLY)), 5}});
  const Result result = launchAndWait(writer);
  EXPECT_EQ(result.out, "through\n0\n1\n2\n3\n5\n/dev/zero\n") << result.failure.text;
}

TEST_F(LaunchTest, HoldsUntilTheByteComes) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  sys::Fd start(pipe[1]);
  PlanWriter writer;
  fill(writer, {"sh", "-c", "exit 7"});
  writer.root.hold = writer.fd(sys::Fd(pipe[0]));
  writer.root.mounts = writer.list(mounts_);
  Plan plan = writer.finish();
  launch::Child child;
  Result result;
  ASSERT_TRUE(begin(plan, child, result.failure)) << result.failure.text;
  int status = 0;
  EXPECT_EQ(waitpid(child.pid, &status, WNOHANG), 0);
  EXPECT_EQ(sys::readFile(AT_FDCWD, "/proc/" + std::to_string(child.pid) + "/comm"),
            sys::readFile(AT_FDCWD, "/proc/self/comm"));
  ASSERT_EQ(::write(start.get(), "1", 1), 1);
  EXPECT_EQ(launch::next(child).kind, launch::EventKind::kRunning);
  end(child, result);
  EXPECT_EQ(result.code(), 7);
}

TEST_F(LaunchTest, HeldProgramThatIsMissingFailsAtCreate) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  sys::Fd start(pipe[1]);
  PlanWriter writer;
  fill(writer, {"nothere"});
  writer.root.hold = writer.fd(sys::Fd(pipe[0]));
  EXPECT_STREQ(launchAndWait(writer).failure.text,
               "exec: \"nothere\": executable file not found in $PATH");
}

TEST_F(LaunchTest, StopsAtTheBarrierWithItsMountsDone) {
  PlanWriter writer;
  fill(writer, {"cat", "/data/hook"});
  writer.root.flags |= launch::kFlagBarrier;
  writer.root.mounts = writer.list(mounts_);
  Plan plan = writer.finish();
  launch::Plan opened;
  ASSERT_EQ(launch::openPlan(plan.bytes.data(), plan.bytes.size(), opened), nullptr);
  launch::Child child;
  launch::Failure failure;
  const auto fds = plan.numbers();
  ASSERT_TRUE(launch::start(opened, fds.data(), fds.size(), child, failure));
  const auto event = launch::next(child);
  ASSERT_EQ(event.kind, launch::EventKind::kBarrier) << event.failure.text;
  // The rootfs lies over the host's root in the child's mount namespace.
  file("/data/hook", "by the hook\n");
  ASSERT_TRUE(launch::proceed(child));
  EXPECT_EQ(launch::next(child).kind, launch::EventKind::kRunning);
  Result result;
  end(child, result);
  EXPECT_EQ(result.code(), 0);
}

TEST_F(LaunchTest, JoinsANetworkNamespace) {
  ASSERT_EQ(
      std::system(
          "ip netns add h4launch && ip -n h4launch link add h4veth type veth peer name h4peer"),
      0);
  PlanWriter writer;
  fill(writer, {"grep", "-c", "h4veth", "/proc/net/dev"});
  writer.root.joins = writer.list(std::vector<launch::NamespaceJoin>{
      {writer.fd(sys::openAt(AT_FDCWD, "/run/netns/h4launch", O_RDONLY)), CLONE_NEWNET}});
  const Result result = launchAndWait(writer);
  std::system("ip netns del h4launch");
  EXPECT_EQ(result.out, "1\n") << result.failure.text;
}

TEST_F(LaunchTest, UserNamespaceIsRootInsideOnly) {
  ASSERT_EQ(std::system(("chown -R 100000:100000 " + root_ + " && chmod 755 " + base_).c_str()), 0);
  PlanWriter writer;
  fill(writer, {"sh", "-c",
                "id -u; cat /proc/self/uid_map; stat -c '%t:%T %u' /dev/null; echo ok > /data/f; "
                "stat -c %u /data/f;"
                "cat /proc/self/oom_score_adj"});
  writer.root.newNamespaces |= CLONE_NEWUSER;
  writer.root.uidMap = writer.text("0 100000 65536");
  writer.root.gidMap = writer.text("0 100000 65536");
  writer.root.flags |= launch::kFlagHasOomScore;
  writer.root.oomScore = 100;
  std::vector<launch::Device> devices{
      {writer.text("/dev/null"), writer.fd(cloneOf("/dev/null")), S_IFCHR | 0666, 1, 3, 0, 0}};
  writer.root.devices = writer.list(devices);
  const Result result = launchAndWait(writer);
  EXPECT_EQ(result.out, "0\n         0     100000      65536\n1:3 65534\n0\n100\n")
      << result.failure.text;
}

// -- exec
// ------------------------------------------------------------------------------------------------------------

class ExecTest : public LaunchTest {
 protected:
  // A container that sleeps.
  void startContainer(std::uint64_t more = 0, std::uint64_t capabilities = ~0ull) {
    PlanWriter writer;
    fill(writer, {"sleep", "1000"});
    writer.root.newNamespaces |= more;
    writer.root.flags |= launch::kFlagSetCapabilities;
    writer.root.capabilities = {capabilities, capabilities, capabilities, 0, 0};
    writer.root.mounts = writer.list(mounts_);
    mounts_.clear();
    Plan plan = writer.finish();
    launch::Failure failure;
    ASSERT_TRUE(begin(plan, box_, failure)) << failure.text;
  }
  void TearDown() override {
    if (box_.pid > 0) {
      ::kill(box_.pid, SIGKILL);
      Result result;
      end(box_, result);
    }
    LaunchTest::TearDown();
  }
  void fillExec(PlanWriter& writer, const std::vector<std::string>& argv, std::uint32_t more = 0) {
    writer.root.flags = launch::kFlagSetsid;
    writer.root.target = writer.fd(sys::Fd(::fcntl(box_.pidfd, F_DUPFD_CLOEXEC, 3)));
    writer.root.targetNamespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | more;
    writer.root.argv = writer.texts(argv);
    writer.root.env = writer.texts({"PATH=/bin"});
    writer.root.cwd = writer.text("/");
  }
  launch::Child box_;
};

TEST_F(ExecTest, RunsBesideTheFirstProcess) {
  startContainer();
  PlanWriter writer;
  fillExec(writer, {"sh", "-c",
                    "hostname; cat /proc/1/cmdline | head -c 5; echo; echo $HOME; ls /; test $$ != "
                    "1 && echo second"});
  const Result result = launchAndWait(writer);
  EXPECT_EQ(result.out, "box\nsleep\n/root\nbin\ndata\ndev\netc\nproc\nsys\ntmp\nsecond\n")
      << result.failure.text;
  // The parent is back in its own pid namespace.
  EXPECT_EQ(sys::pathOf(sys::openAt(AT_FDCWD, "/proc/self/ns/pid", O_RDONLY).get()),
            sys::pathOf(sys::openAt(AT_FDCWD, "/proc/self/ns/pid_for_children", O_RDONLY).get()));
}

TEST_F(ExecTest, AsAnotherUserWithATerminal) {
  startContainer();
  PlanWriter writer;
  fillExec(writer, {"sh", "-c",
                    "tty; id -u; id -G; stat -c %u /dev/pts/0; test -w /dev/stdout && echo mine"});
  writer.root.flags |= launch::kFlagTerminal | launch::kFlagResolveUser;
  writer.root.user = writer.text("alice");
  const Result result = launchAndWait(writer);
  EXPECT_EQ(result.out, "/dev/pts/0\r\n1000\r\n1000 10 44\r\n1000\r\nmine\r\n")
      << result.failure.text;
}

TEST_F(ExecTest, ErrorsNameTheCause) {
  startContainer();
  PlanWriter writer;
  fillExec(writer, {"nope"});
  EXPECT_STREQ(launchAndWait(writer).failure.text,
               "exec: \"nope\": executable file not found in $PATH");
  PlanWriter cwd;
  fillExec(cwd, {"true"});
  cwd.root.cwd = cwd.text("/nodir");
  EXPECT_STREQ(launchAndWait(cwd).failure.text,
               "chdir to cwd (\"/nodir\") set in config.json failed: no such file or directory");
}

TEST_F(ExecTest, IntoAContainerThatIsGoneFails) {
  startContainer();
  ::kill(box_.pid, SIGKILL);
  Result reaped;
  waitpid(box_.pid, &reaped.status, 0);
  PlanWriter writer;
  fillExec(writer, {"true"});
  const Result result = launchAndWait(writer);
  EXPECT_FALSE(result.started);
  EXPECT_EQ(result.failure.step, launch::Step::kNamespaces);
  ::close(box_.pidfd);
  box_ = {};
}

#if SAMPAN_FAULTS
TEST_F(LaunchTest, FaultPointsFailTheirStep) {
  for (const char* point :
       {"launch.cgroup", "launch.mount", "launch.pivot", "launch.user", "launch.exec"}) {
    PlanWriter writer;
    fill(writer, {"true"});
    writer.root.faults = writer.list(std::vector<launch::Fault>{
        {writer.text(point), 1, launch::FaultAction::kErrno, ENOSPC, 0}});
    const Result result = launchAndWait(writer);
    EXPECT_FALSE(result.started);
    EXPECT_EQ(result.failure.error, ENOSPC);
    EXPECT_EQ(std::string("launch.") + launch::stepName(result.failure.step), point);
  }
  PlanWriter killed;
  fill(killed, {"true"});
  killed.root.faults = killed.list(std::vector<launch::Fault>{
      {killed.text("launch.mount"), 2, launch::FaultAction::kKill, 0, 0}});
  const Result result = launchAndWait(killed);
  EXPECT_FALSE(result.started);
  EXPECT_THAT(result.failure.text, HasSubstr("the process ended before it ran the program"));
}
#endif

}  // namespace
}  // namespace spec::testing
