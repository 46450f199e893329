// The runtime's command line as containerd and podman use it: the real program on bundles of a
// busybox root.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>

#include "platform/base/error.h"
#include "platform/json/json.h"
#include "platform/sys/file.h"
#include "platform/sys/mount.h"
#include "platform/sys/process.h"
#include "platform/sys/socket.h"
#include "platform/sys/spawn.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/ociruntime/options.h"
#include "runtime/ociruntime/state.h"
#include "runtime/spec/defaults.h"

namespace ociruntime::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string programPath() {
  std::string self = sys::pathOf(sys::openAt(AT_FDCWD, "/proc/self/exe", O_PATH).get());
  self.resize(self.rfind('/'));
  self.resize(self.rfind('/'));
  return self + "/bin/sampan-runtime";
}

bool waitUntil(const std::function<bool()>& done) {
  for (int i = 0; i < 1000; ++i) {
    if (done()) return true;
    usleep(5000);
  }
  return false;
}

class RuntimeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(geteuid(), 0u) << "these tests need root";
    char name[] = "/tmp/sampan-oci-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    base_ = name;
    id_ = "h4oci" + std::to_string(getpid());
    ASSERT_EQ(std::system(("cd " + base_ +
                           " && mkdir -p b/rootfs/bin b/rootfs/etc b/rootfs/tmp b/rootfs/proc && "
                           "cp /bin/busybox b/rootfs/bin && "
                           "for t in sh cat true sleep echo id ls grep tty stty head readlink; do "
                           "ln -s busybox b/rootfs/bin/$t; done")
                              .c_str()),
              0);
    spec_ = spec::defaultSpec(true);
    spec_.process->env = {"PATH=/bin"};
    spec_.process->args = {"sh", "-c", "echo hello; exit 3"};
    spec_.hostname = "bundle";
  }
  void TearDown() override {
    runtime({"delete", "-f", id_});
    EXPECT_THAT(sys::listDir(AT_FDCWD, base_ + "/state"), ::testing::IsEmpty());
    auto driver = cgroup::makeDriver(sys::probeHost());
    EXPECT_THROW(driver->open(id_), base::Error) << "the cgroup is still there";
    for (const auto& mount : sys::readMounts())
      EXPECT_THAT(mount.mountPoint, ::testing::Not(HasSubstr(base_)));
    sys::removeTree(AT_FDCWD, base_);
  }
  void writeBundle() { std::ofstream(base_ + "/b/config.json") << json::write(spec_); }
  sys::Output runtime(std::vector<std::string> args) {
    args.insert(args.begin(), {programPath(), "--root", base_ + "/state", "--log", base_ + "/log",
                               "--log-format", "json"});
    return sys::run(args);
  }
  sys::Output runBundle(std::vector<std::string> more = {}) {
    writeBundle();
    std::vector<std::string> args{"run", "--bundle", base_ + "/b"};
    args.insert(args.end(), more.begin(), more.end());
    args.push_back(id_);
    return runtime(args);
  }
  // create keeps its caller's streams open, so it gets a file.
  int createBundle(const std::string& more = "") {
    writeBundle();
    return std::system((programPath() + " --root " + base_ + "/state --log " + base_ +
                        "/log --log-format json create --bundle " + base_ + "/b --pid-file " +
                        base_ + "/pid " + more + " " + id_ + " >" + base_ + "/out 2>&1 </dev/null")
                           .c_str());
  }
  oci::RuncState state() { return json::parse<oci::RuncState>(runtime({"state", id_}).out); }
  std::string output() { return sys::readFile(AT_FDCWD, base_ + "/out"); }

  std::string base_, id_;
  oci::Spec spec_;
};

TEST_F(RuntimeTest, RunPassesOutputAndExitCode) {
  const auto result = runBundle();
  EXPECT_EQ(result.out, "hello\n");
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.status.code, 3);
  EXPECT_THAT(runtime({"state", id_}).err, HasSubstr("container does not exist"));
}

TEST_F(RuntimeTest, CreateHoldsStartRunsDeleteRemoves) {
  spec_.process->args = {"sh", "-c", "echo started; exec sleep 100"};
  spec_.annotations = {{"key", "value"}};
  ASSERT_EQ(createBundle(), 0) << output();
  EXPECT_EQ(output(), "");
  auto now = state();
  EXPECT_EQ(now.status, "created");
  EXPECT_EQ(std::to_string(now.pid), sys::readFile(AT_FDCWD, base_ + "/pid"));
  EXPECT_EQ(now.bundle, base_ + "/b");
  EXPECT_EQ(now.rootfs, base_ + "/b/rootfs");
  EXPECT_EQ(now.annotations.at("key"), "value");
  EXPECT_THAT(runtime({"delete", id_}).err,
              HasSubstr("cannot delete container " + id_ + " that is not stopped: created"));
  EXPECT_NE(createBundle(), 0);
  EXPECT_THAT(output(), HasSubstr("container with given ID already exists"));

  EXPECT_EQ(runtime({"start", id_}).status.code, 0);
  EXPECT_EQ(state().status, "running");
  EXPECT_THAT(runtime({"start", id_}).err, HasSubstr("cannot start an already running container"));
  EXPECT_EQ(runtime({"kill", id_, "KILL"}).status.code, 0);
  EXPECT_TRUE(waitUntil([&] { return state().status == "stopped"; }));
  EXPECT_EQ(state().pid, 0);
  EXPECT_THAT(runtime({"kill", id_, "TERM"}).err, HasSubstr("container not running"));
  EXPECT_THAT(runtime({"start", id_}).err, HasSubstr("cannot start a container that has stopped"));
  EXPECT_EQ(runtime({"delete", id_}).status.code, 0);
  EXPECT_EQ(runtime({"delete", "--force", id_}).status.code, 0);
  EXPECT_EQ(runtime({"delete", id_}).status.code, 1);
}

TEST_F(RuntimeTest, MissingProgramFailsAtCreateAndLeavesNothing) {
  spec_.process->args = {"nothere"};
  EXPECT_NE(createBundle(), 0);
  EXPECT_EQ(
      output(),
      "unable to start container process: exec: \"nothere\": executable file not found in $PATH\n");
  EXPECT_THAT(
      sys::readFile(AT_FDCWD, base_ + "/log"),
      HasSubstr(
          R"("level":"error","msg":"unable to start container process: exec: \"nothere\": executable file)"));
  EXPECT_EQ(runtime({"state", id_}).status.code, 1);
}

TEST_F(RuntimeTest, SignalsByNameAndNumber) {
  spec_.process->args = {"sh", "-c",
                         "trap 'echo usr1' USR1; trap 'echo hup; exit 5' HUP; echo ready; while :; "
                         "do sleep 0.05; done"};
  ASSERT_EQ(createBundle(), 0);
  runtime({"start", id_});
  EXPECT_TRUE(waitUntil([&] { return output() == "ready\n"; }));
  EXPECT_EQ(runtime({"kill", id_, "SIGUSR1"}).status.code, 0);
  EXPECT_TRUE(waitUntil([&] { return output() == "ready\nusr1\n"; }));
  EXPECT_THAT(runtime({"kill", id_, "NOSUCH"}).err, HasSubstr("unknown signal \"NOSUCH\""));
  EXPECT_EQ(runtime({"kill", id_, "1"}).status.code, 0);
  EXPECT_TRUE(waitUntil([&] { return state().status == "stopped"; }));
  EXPECT_EQ(output(), "ready\nusr1\nhup\n");
}

TEST_F(RuntimeTest, KillAllReachesTheWholeCgroup) {
  spec_.process->args = {"sh", "-c", "sleep 1000 & sleep 1000 & sleep 1000"};
  spec_.linux->namespaces.erase(spec_.linux->namespaces.begin() +
                                3);  // host's pid namespace: nobody dies with init
  ASSERT_EQ(createBundle(), 0);
  runtime({"start", id_});
  auto driver = cgroup::makeDriver(sys::probeHost());
  EXPECT_TRUE(waitUntil([&] { return driver->processes(id_).size() >= 3; }));
  EXPECT_EQ(runtime({"kill", "--all", id_, "9"}).status.code, 0);
  EXPECT_TRUE(waitUntil([&] { return driver->processes(id_).empty(); }));
}

TEST_F(RuntimeTest, ForceDeleteKills) {
  spec_.process->args = {"sleep", "1000"};
  ASSERT_EQ(createBundle(), 0);
  runtime({"start", id_});
  const int pid = state().pid;
  EXPECT_EQ(runtime({"delete", "-f", id_}).status.code, 0);
  EXPECT_TRUE(waitUntil([&] { return kill(pid, 0) != 0; }));  // whoever inherited it has reaped it
  EXPECT_EQ(runtime({"state", id_}).status.code, 1);
}

TEST_F(RuntimeTest, ConsoleSocketGetsTheMaster) {
  spec_.process->terminal = true;
  spec_.process->consoleSize = oci::Box{30, 100};
  spec_.process->args = {"sh", "-c", "stty size; read line; echo got $line"};
  EXPECT_NE(createBundle(), 0);
  EXPECT_THAT(output(),
              HasSubstr("cannot allocate tty if runc will detach without setting console socket"));
  const sys::Fd dir = sys::openAt(AT_FDCWD, base_, O_RDONLY | O_DIRECTORY);
  const sys::Fd listener = sys::listenUnix(dir.get(), "console", SOCK_STREAM, 0600);
  ASSERT_EQ(createBundle("--console-socket " + base_ + "/console"), 0) << output();
  const sys::Fd connection(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  auto message = sys::receiveMessage(connection.get());
  ASSERT_EQ(message.fds.size(), 1u);
  const int master = message.fds[0].get();
  runtime({"start", id_});
  ASSERT_EQ(write(master, "line\n", 5), 5);
  std::string all;
  char buffer[256];
  for (ssize_t got; (got = read(master, buffer, sizeof buffer)) > 0;)
    all.append(buffer, static_cast<size_t>(got));
  EXPECT_THAT(all, HasSubstr("30 100\r\n"));
  EXPECT_THAT(all, HasSubstr("got line\r\n"));
}

TEST_F(RuntimeTest, HooksRunInOrderAndPlace) {
  const std::string hooks = base_ + "/hooks";
  const auto hook = [&](const std::string& name, const std::string& body) {
    const std::string path = base_ + "/" + name + ".sh";
    std::ofstream(path) << "#!/bin/sh\n" << body << "\n";
    chmod(path.c_str(), 0755);
    oci::Hook result;
    result.path = path;
    result.args = {name};
    result.env = {"PATH=/bin:/usr/bin", "LOG=" + hooks};
    return result;
  };
  spec_.hooks.emplace();
  spec_.hooks->prestart.push_back(hook("prestart", "cat > /dev/null; echo prestart >> $LOG"));
  spec_.hooks->createRuntime.push_back(hook(
      "createRuntime", "grep -o '\"status\":\"creating\"' >> $LOG; echo createRuntime >> $LOG"));
  spec_.hooks->createContainer.push_back(
      hook("createContainer", "echo createContainer $(hostname) >> $LOG"));
  spec_.hooks->poststart.push_back(hook("poststart", "echo poststart >> $LOG"));
  spec_.hooks->poststop.push_back(
      hook("poststop", "grep -o '\"status\":\"stopped\"' >> $LOG; echo poststop >> $LOG"));
  oci::Hook inside;
  inside.path = "/bin/sh";
  inside.args = {"sh", "-c",
                 "readlink /proc/self/ns/pid > /tmp/inside; echo startContainer >> /tmp/inside"};
  inside.env = {"PATH=/bin"};
  spec_.hooks->startContainer.push_back(inside);
  spec_.process->args = {
      "sh", "-c",
      "head -1 /tmp/inside | grep -qF \"$(readlink /proc/self/ns/pid)\" && cat /tmp/inside"};
  ASSERT_EQ(createBundle(), 0) << output();
  EXPECT_EQ(sys::readFile(AT_FDCWD, hooks),
            "prestart\n\"status\":\"creating\"\ncreateRuntime\ncreateContainer " + std::string("") +
                sys::probeHost().hostname + "\n");
  ASSERT_EQ(runtime({"start", id_}).status.code, 0);
  EXPECT_TRUE(waitUntil([&] { return state().status == "stopped"; }));
  EXPECT_THAT(output(), HasSubstr("startContainer\n"));
  runtime({"delete", id_});
  EXPECT_THAT(sys::readFile(AT_FDCWD, hooks),
              ::testing::EndsWith("poststart\n\"status\":\"stopped\"\npoststop\n"));
}

TEST_F(RuntimeTest, FailingHookUndoesTheContainer) {
  oci::Hook hook;
  hook.path = "/bin/sh";
  hook.args = {"sh", "-c", "echo broken >&2; exit 4"};
  spec_.hooks.emplace();
  spec_.hooks->createRuntime.push_back(hook);
  EXPECT_NE(createBundle(), 0);
  EXPECT_EQ(output(),
            "error running createRuntime hook #0: exit status 4, stdout: , stderr: broken\n");
  spec_.hooks->createRuntime[0].args = {"sh", "-c", "sleep 100"};
  spec_.hooks->createRuntime[0].timeout = 1;
  EXPECT_NE(createBundle(), 0);
  EXPECT_THAT(output(), HasSubstr("hook ran past specified timeout"));
}

TEST_F(RuntimeTest, LimitsAndPreservedDescriptors) {
  spec_.linux->resources->pids.emplace();
  spec_.linux->resources->pids->limit = 33;
  spec_.linux->cgroupsPath = "/" + id_;
  spec_.process->args = {
      "sh", "-c", "cat <&3; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null"};
  writeBundle();
  std::ofstream(base_ + "/three") << "three\n";
  const auto result =
      sys::run({"/bin/sh", "-c",
                programPath() + " --root " + base_ + "/state run --preserve-fds 1 -b " + base_ +
                    "/b " + id_ + " 3<" + base_ + "/three"});
  EXPECT_EQ(result.out, "three\n33\n") << result.err;
}

TEST_F(RuntimeTest, ForwardsSignalsInTheForeground) {
  spec_.process->args = {"sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done"};
  writeBundle();
  sys::SpawnPlan plan;
  plan.path = programPath();
  plan.argv = {"sampan-runtime", "--root", base_ + "/state", "run", "-b", base_ + "/b", id_};
  const sys::Fd out = sys::openAt(AT_FDCWD, base_ + "/out", O_CREAT | O_WRONLY, 0600);
  plan.fds = {{out.get(), 1}, {out.get(), 2}};
  auto child = sys::spawn(plan);
  EXPECT_TRUE(waitUntil([&] { return output() == "up\n"; })) << output();
  sys::signalPidfd(child.pidfd.get(), SIGTERM);
  EXPECT_EQ(sys::waitFor(child).code, 9);
}

TEST_F(RuntimeTest, RunsFromASealedCopy) {
  spec_.process->args = {"sleep", "1000"};
  ASSERT_EQ(createBundle(), 0);
  // While it is held, the container's process is still our program.
  const auto exe = sys::openAt(AT_FDCWD, "/proc/" + std::to_string(state().pid) + "/exe", O_RDONLY);
  EXPECT_THAT(sys::pathOf(exe.get()), StartsWith("/memfd:sampan-runtime"));
  const int seals = fcntl(exe.get(), F_GET_SEALS);
  EXPECT_EQ(seals & (F_SEAL_WRITE | F_SEAL_SEAL), F_SEAL_WRITE | F_SEAL_SEAL);
}

TEST_F(RuntimeTest, Cve2019_5736_TheProgramsFileCannotBeReached) {
  const std::string before = sys::readFile(AT_FDCWD, programPath());
  // The image's program is "whatever runs me": it gets the copy, and cannot write to it.
  std::ofstream(base_ + "/b/rootfs/evil") << "#!/proc/self/exe\n";
  chmod((base_ + "/b/rootfs/evil").c_str(), 0755);
  spec_.process->args = {"/evil"};
  const auto result = runBundle();
  EXPECT_NE(result.status.code, 0);
  EXPECT_THAT(result.err, HasSubstr("No help topic for '/evil'"));  // it was the runtime, inside
  spec_.process->args = {"sleep", "1000"};
  ASSERT_EQ(createBundle(), 0);
  const std::string exe = "/proc/" + std::to_string(state().pid) + "/exe";
  const sys::Fd writable(open(exe.c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_TRUE(!writable.valid() || write(writable.get(), "x", 1) < 0);
  EXPECT_EQ(sys::readFile(AT_FDCWD, programPath()), before);
}

TEST_F(RuntimeTest, BadInputIsNamed) {
  EXPECT_THAT(runtime({"run", "-b", base_ + "/missing", id_}).err,
              HasSubstr("no such file or directory"));
  EXPECT_THAT(runtime({"run", "-b", base_ + "/b", id_}).err,
              HasSubstr("JSON specification file config.json not found"));
  std::ofstream(base_ + "/b/config.json") << "{\"ociVersion\": 3}";
  EXPECT_THAT(runtime({"run", "-b", base_ + "/b", id_}).err,
              HasSubstr("config.json: json: cannot unmarshal number"));
  EXPECT_THAT(runtime({"run", "-b", base_ + "/b", "../x"}).err,
              HasSubstr("invalid container ID format"));
  EXPECT_THAT(runtime({"run", "-b", base_ + "/b"}).err, HasSubstr("at least 1 argument is needed"));
  EXPECT_THAT(runtime({"run", "--planet", id_}).err,
              HasSubstr("flag provided but not defined: -planet"));
  EXPECT_THAT(runtime({"checkpoint", id_}).err,
              HasSubstr("the command \"checkpoint\" is not built yet"));
  EXPECT_THAT(runtime({"fly"}).err, HasSubstr("No help topic for 'fly'"));
  EXPECT_THAT(runtime({"--version"}).out, StartsWith("sampan-runtime version "));
}

// -- options
// ---------------------------------------------------------------------------------------------------------

TEST(Options, FollowRuncsForms) {
  const auto options =
      parseOptions({"--root=/r", "-log", "/l", "--log-format", "json", "run", "-d", "--bundle=/b",
                    "--keep=false", "--preserve-fds", "2", "id", "-x"});
  EXPECT_EQ(options.root, "/r");
  EXPECT_EQ(options.log, "/l");
  EXPECT_TRUE(options.logJson);
  EXPECT_TRUE(options.detach);
  EXPECT_FALSE(options.keep);
  EXPECT_EQ(options.bundle, "/b");
  EXPECT_EQ(options.preserveFds, 2);
  EXPECT_THAT(options.arguments, ::testing::ElementsAre("id", "-x"));
  EXPECT_TRUE(parseOptions({}).help);
  EXPECT_THROW(parseOptions({"run", "--bundle"}), base::Error);
  EXPECT_THROW(parseOptions({"--log-format", "xml", "state", "x"}), base::Error);
}

}  // namespace
}  // namespace ociruntime::testing
