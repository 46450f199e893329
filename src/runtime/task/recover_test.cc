// The daemon dies, the containers go on, and the next daemon knows all.
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>

#include "platform/base/fault.h"
#include "platform/sys/process.h"
#include "runtime/shim/client.h"
#include "runtime/task/task_fixture.h"

namespace task::testing {
namespace {

using ::testing::HasSubstr;

class RecoverTest : public TaskTest {
 protected:
  // A daemon of its own process, which is killed with -9 once `script` has run in it.
  void killedDaemon(const std::function<void(Tasks&)>& script) {
    tasks_.reset();  // no thread of ours may be half way when we fork
    int ready[2];
    ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
    const pid_t daemon = fork();
    if (daemon == 0) {
      // Nothing may leave this block: there would be two processes running the tests.
      try {
        const auto tasks = makeTasks();
        script(*tasks);
        char byte = 1;
        if (::write(ready[1], &byte, 1) != 1) _exit(1);
        for (;;) pause();
      } catch (const std::exception& error) {
        dprintf(STDERR_FILENO, "the daemon failed: %s\n", error.what());
        _exit(1);
      }
    }
    ::close(ready[1]);
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1) << "the daemon did not get ready";
    ::close(ready[0]);
    ::kill(daemon, SIGKILL);
    int status = 0;
    ::waitpid(daemon, &status, 0);
  }

  std::map<std::string, Recovered> recover() {
    tasks_ = makeTasks();
    std::map<std::string, Recovered> all;
    for (Recovered& one : tasks_->recover()) all.emplace(one.id, std::move(one));
    return all;
  }

  int shimOf(const std::string& id) {
    const sys::Fd dir = sys::openAt(AT_FDCWD, base_ + "/exec/task/" + id, O_PATH | O_DIRECTORY);
    return shim::readStatus(dir.get())->shimPid;
  }
};

TEST_F(RecoverTest, RunningAndEndedTasksAreKnownAgain) {
  auto [attacher, terminal] = makeAttacher(true);
  StartRequest request1 = request("goes-on", "while read l; do echo got $l; done; exit 4");
  request1.stdio.openStdin = true;
  request1.stdio.stdinOnce = true;
  request1.attachers.push_back(std::move(attacher));
  auto request2 = request("ends", "sleep 0.3; echo last words; exit 6");
  killedDaemon([&](Tasks& tasks) {
    tasks.start(std::move(request1));
    tasks.start(std::move(request2));
    ExecRequest exec;
    exec.id = "goes-on";
    exec.exec = "longexec";
    exec.process = *spec::defaultSpec(false).process;
    exec.process.args = {"sleep", "100"};
    tasks.exec(std::move(exec));
    ExecRequest brief;
    brief.id = "goes-on";
    brief.exec = "briefexec";
    brief.process = *spec::defaultSpec(false).process;
    brief.process.args = {"sh", "-c", "sleep 0.3; exit 12"};
    tasks.exec(std::move(brief));
  });
  ::usleep(600'000);
  terminal.write("while away\n");
  EXPECT_THAT(terminal.readUntil("got while away"), HasSubstr("got while away"));

  auto found = recover();
  ASSERT_EQ(found.size(), 2u);
  ASSERT_TRUE(found.at("ends").exit.has_value());
  EXPECT_EQ(found.at("ends").exit->code, 6);
  EXPECT_TRUE(found.at("ends").exit->known);
  EXPECT_THAT(logText("ends"), HasSubstr("last words"));
  ASSERT_TRUE(found.at("goes-on").running.has_value());
  EXPECT_GT(found.at("goes-on").running->pid, 0);
  EXPECT_EQ(exits_.await("goes-on", "briefexec").code, 12)
      << "an exec's exit was lost with the daemon";
  EXPECT_THAT(found.at("goes-on").execs, ::testing::Contains("longexec"));

  EXPECT_TRUE(tasks_->signalExec("goes-on", "longexec", SIGKILL));
  EXPECT_EQ(exits_.await("goes-on", "longexec").code, 137);
  auto [second, again] = makeAttacher();
  tasks_->attach("goes-on", std::move(second));
  terminal.write("after\n");
  EXPECT_THAT(again.readUntil("got after"), HasSubstr("got after"));
  ExecRequest exec;
  exec.id = "goes-on";
  exec.exec = "exec2";
  exec.process = *spec::defaultSpec(false).process;
  exec.process.args = {"true"};
  tasks_->exec(std::move(exec));
  EXPECT_EQ(exits_.await("goes-on", "exec2").code, 0);
  terminal.closeInput();
  EXPECT_EQ(exits_.await("goes-on").code, 4);
  EXPECT_EQ(exits_.count("goes-on"), 1u);
  tasks_->forget("goes-on");
  tasks_->forget("ends");
  EXPECT_THAT(sys::listDir(AT_FDCWD, base_ + "/exec/task"), ::testing::IsEmpty());
}

TEST_F(RecoverTest, LogLosesNoLine) {
  auto start =
      request("count", "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; exit 0");
  killedDaemon([&](Tasks& tasks) { tasks.start(std::move(start)); });
  for (int i = 0; i < 100 && logText("count").find("line 1999\\n") == std::string::npos; ++i)
    ::usleep(20'000);
  const std::string log = logText("count");
  size_t at = 0;
  for (int i = 0; i < 2000; ++i) {
    at = log.find("\"line " + std::to_string(i) + "\\n\"", at);
    ASSERT_NE(at, std::string::npos) << "line " << i;
  }
  recover();
}

TEST_F(RecoverTest, DeathOfTheShimEndsTheContainerWithItsStatusUnknown) {
  const Running running = tasks_->start(request("orphan", "sleep 100"));
  const auto pidfd = sys::openPidfd(running.pid);
  ASSERT_TRUE(pidfd.has_value());
  ::kill(shimOf("orphan"), SIGKILL);
  const Exit exit = exits_.await("orphan");
  EXPECT_FALSE(exit.known);
  EXPECT_EQ(exit.code, 255);
  EXPECT_EQ(exit.error, "exit status lost: its shim died");
  for (int i = 0; i < 100 && !sys::exited(pidfd->get()); ++i) ::usleep(10'000);
  EXPECT_TRUE(sys::exited(pidfd->get()));
  EXPECT_EQ(exits_.count("orphan"), 1u);
  tasks_->forget("orphan");
}

TEST_F(RecoverTest, DeathOfBothIsFoundOut) {
  auto start = request("both", "sleep 100");
  killedDaemon([&](Tasks& tasks) { tasks.start(std::move(start)); });
  ::kill(shimOf("both"), SIGKILL);
  ::usleep(100'000);
  auto found = recover();
  ASSERT_TRUE(found.contains("both"));
  ASSERT_TRUE(found.at("both").exit.has_value());
  EXPECT_FALSE(found.at("both").exit->known);
  // The same again after one more death, until the engine has it on record.
  found = recover();
  ASSERT_TRUE(found.contains("both"));
  tasks_->forget("both");
  EXPECT_TRUE(recover().empty());
  EXPECT_THAT(cgroups_->children(parent_), ::testing::IsEmpty());
}

TEST_F(RecoverTest, DescriptorsThatTheShimKeepsComeBack) {
  int pipe[2];
  ASSERT_EQ(pipe2(pipe, O_CLOEXEC), 0);
  auto start = request("dns", "sleep 100");
  killedDaemon([&](Tasks& tasks) {
    tasks.start(std::move(start));
    tasks.keep("dns", 53, {pipe[0], pipe[1]});
  });
  ::close(pipe[0]);
  ASSERT_EQ(::write(pipe[1], "query", 5), 5);
  ::close(pipe[1]);
  recover();
  const auto kept = tasks_->kept("dns", 53);
  ASSERT_EQ(kept.size(), 2u);
  char bytes[8] = {};
  EXPECT_EQ(::read(kept[0].get(), bytes, sizeof bytes), 5);
  EXPECT_STREQ(bytes, "query");
  EXPECT_TRUE(tasks_->kept("dns", 54).empty());
  tasks_->keep("dns", 53, {});
  EXPECT_TRUE(tasks_->kept("dns", 53).empty());
}

TEST_F(RecoverTest, AStartThatTheDaemonDidNotFinishLeavesNothing) {
  sys::makeDirs(AT_FDCWD, base_ + "/exec/task/half", 0700);
  const sys::Fd dir = sys::openAt(AT_FDCWD, base_ + "/exec/task/half", O_PATH | O_DIRECTORY);
  ids_.push_back("half");
  shim::writeStatus(dir.get(), parent_ + "/half");
  cgroups_->create(parent_ + "/half", {});
  EXPECT_TRUE(recover().empty());
  EXPECT_FALSE(sys::statAtIfExists(AT_FDCWD, base_ + "/exec/task/half").has_value());
  EXPECT_THAT(cgroups_->children(parent_), ::testing::IsEmpty());
}

TEST_F(RecoverTest, ADaemonDeathAfterSpawnLeavesNoShim) {
  auto start = request("spawned", "sleep 100");
  tasks_.reset();
  const pid_t daemon = fork();
  if (daemon == 0) {
    ::setenv("SAMPAN_FAULT", "task.go:1:kill", 1);
    base::fault::reload();
    const auto tasks = makeTasks();
    tasks->start(std::move(start));
    _exit(0);
  }
  int status = 0;
  ::waitpid(daemon, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the fault point was not reached";
  ::usleep(50'000);
  EXPECT_TRUE(recover().empty());
  EXPECT_FALSE(sys::statAtIfExists(AT_FDCWD, base_ + "/exec/task/spawned").has_value());
}

}  // namespace
}  // namespace task::testing
