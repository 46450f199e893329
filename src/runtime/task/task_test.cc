#include "runtime/task/task.h"

#include <sys/wait.h>

#include <algorithm>
#include <cerrno>

#include "runtime/task/task_fixture.h"

namespace task::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(TaskTest, OutputReachesAttacherAndLogAndTheExitCodeIsTold) {
  StartRequest start = request("output", "echo to out; echo to err >&2; exit 7");
  auto [attacher, terminal] = makeAttacher();
  start.attachers.push_back(std::move(attacher));
  const Running running = tasks_->start(std::move(start));
  EXPECT_GT(running.pid, 0);
  EXPECT_GT(running.startedAt.ns, 0);
  const std::string bytes = terminal.readAll();
  EXPECT_EQ(unframe(bytes, 1), "to out\n");
  EXPECT_EQ(unframe(bytes, 2), "to err\n");
  const Exit exit = exits_.await("output");
  EXPECT_EQ(exit.code, 7);
  EXPECT_TRUE(exit.known);
  EXPECT_FALSE(exit.oomKilled);
  EXPECT_GE(exit.at.ns, running.startedAt.ns);
  EXPECT_THAT(logText("output"),
              AllOf(HasSubstr("{\"log\":\"to out\\n\",\"stream\":\"stdout\",\"time\":\"20"),
                    HasSubstr("{\"log\":\"to err\\n\",\"stream\":\"stderr\",\"time\":\"20")));
  tasks_->forget("output");
  EXPECT_FALSE(sys::statAtIfExists(AT_FDCWD, base_ + "/exec/task/output").has_value());
  EXPECT_THAT(cgroups_->children(parent_), ::testing::IsEmpty());
}

TEST_F(TaskTest, AProgramThatIsNotThereLeavesNothingBehind) {
  StartRequest start = request("nothere", "");
  start.spec.process->args = {"nosuch"};
  bool detached = false;
  auto [attacher, terminal] = makeAttacher();
  attacher.onDetach = [&](bool) { detached = true; };
  start.attachers.push_back(std::move(attacher));
  try {
    tasks_->start(std::move(start));
    FAIL() << "started";
  } catch (const StartError& error) {
    EXPECT_EQ(error.exitCode, 127);
    EXPECT_EQ(error.code(), base::Code::kInvalidArgument);
    EXPECT_THAT(error.message(),
                AllOf(StartsWith("failed to create task for container: "),
                      HasSubstr("exec: \"nosuch\": executable file not found in $PATH")));
  }
  EXPECT_EQ(terminal.readAll(), "");
  EXPECT_FALSE(sys::statAtIfExists(AT_FDCWD, base_ + "/exec/task/nothere").has_value());
  EXPECT_THAT(cgroups_->children(parent_), ::testing::Not(::testing::Contains("nothere")));
  EXPECT_FALSE(detached);
  EXPECT_EQ(exits_.count("nothere"), 0u);
}

TEST_F(TaskTest, ProgramsThatCannotBeExecutedAre126) {
  for (const char* program : {"/etc", "/etc/plain"}) {
    sys::writeAtomic(AT_FDCWD, root_ + "/etc/plain", "text", 0644);
    StartRequest start = request("notexec", "");
    start.spec.process->args = {program};
    try {
      tasks_->start(std::move(start));
      FAIL() << "started " << program;
    } catch (const StartError& error) {
      EXPECT_EQ(error.exitCode, 126) << error.message();
      EXPECT_THAT(error.message(), HasSubstr("permission denied"));
    }
  }
}

TEST_F(TaskTest, SignalsArriveAndKillIs137) {
  tasks_->start(
      request("signals", "trap 'echo got term; exit 3' TERM; while true; do sleep 0.05; done"));
  tasks_->start(request("killed", "sleep 100"));
  ::usleep(100'000);
  EXPECT_TRUE(tasks_->signal("signals", SIGTERM));
  EXPECT_TRUE(tasks_->signal("killed", SIGKILL));
  EXPECT_EQ(exits_.await("signals").code, 3);
  EXPECT_EQ(exits_.await("killed").code, 137);
  EXPECT_FALSE(tasks_->signal("killed", SIGTERM));
  EXPECT_FALSE(tasks_->signal("unheard of", SIGTERM));
}

TEST_F(TaskTest, StdinReachesTheProgramAndItsEndToo) {
  StartRequest start = request("stdin", "cat; echo done");
  start.stdio.openStdin = true;
  start.stdio.stdinOnce = true;
  auto [attacher, terminal] = makeAttacher(true);
  attacher.unread = "read ahead\n";
  start.attachers.push_back(std::move(attacher));
  tasks_->start(std::move(start));
  terminal.write("typed later\n");
  terminal.readUntil("typed later");
  terminal.closeInput();
  EXPECT_EQ(unframe(terminal.readAll(), 1), "read ahead\ntyped later\ndone\n");
  EXPECT_EQ(exits_.await("stdin").code, 0);
}

TEST_F(TaskTest, MegabytesOfStdinComeBackWhole) {
  StartRequest start = request("bulk", "cat");
  start.stdio.openStdin = true;
  start.stdio.stdinOnce = true;
  start.log.enabled = false;
  auto [attacher, terminal] = makeAttacher(true);
  start.attachers.push_back(std::move(attacher));
  tasks_->start(std::move(start));
  std::string sent(8 << 20, '\0');
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 31 + i / 977);
  std::thread writer([&] {
    terminal.write(sent);
    terminal.closeInput();
  });
  const std::string back = unframe(terminal.readAll(30000), 1);
  writer.join();
  EXPECT_TRUE(back == sent) << back.size();
  EXPECT_EQ(exits_.await("bulk").code, 0);
}

TEST_F(TaskTest, WithoutStdinOnceTheEndOfOneClientIsNotTheEndOfInput) {
  StartRequest start = request("many", "while read line; do echo got $line; done");
  start.stdio.openStdin = true;
  tasks_->start(std::move(start));
  for (const char* word : {"one", "two"}) {
    auto [attacher, terminal] = makeAttacher(true);
    tasks_->attach("many", std::move(attacher));
    terminal.write(std::string(word) + "\n");
    terminal.readUntil(word);
    terminal.closeInput();
    EXPECT_EQ(unframe(terminal.readAll(), 1), std::string("got ") + word + "\n");
  }
  tasks_->closeStdin("many");
  EXPECT_EQ(exits_.await("many").code, 0);
}

TEST_F(TaskTest, AttachersChooseTheirStreams) {
  StartRequest start = request("choice", "echo to out; echo to err >&2; echo more out; exit 0");
  auto [onlyErr, errTerminal] = makeAttacher();
  onlyErr.out = false;
  auto [raw, rawTerminal] = makeAttacher(false, false);
  raw.err = false;
  start.attachers.push_back(std::move(onlyErr));
  start.attachers.push_back(std::move(raw));
  tasks_->start(std::move(start));
  const std::string framed = errTerminal.readAll();
  EXPECT_EQ(unframe(framed, 2), "to err\n");
  EXPECT_EQ(unframe(framed, 1), "");
  EXPECT_EQ(rawTerminal.readAll(), "to out\nmore out\n");
}

TEST_F(TaskTest, ASlowClientHoldsTheContainerBackAndMissesNothing) {
  StartRequest start = request("slow",
                               "i=0; while [ $i -lt 60000 ]; do echo line $i of many many; "
                               "i=$((i+1)); done; touch /tmp/done");
  auto [attacher, terminal] = makeAttacher();
  start.attachers.push_back(std::move(attacher));
  tasks_->start(std::move(start));
  ::usleep(700'000);
  EXPECT_FALSE(sys::statAtIfExists(AT_FDCWD, root_ + "/tmp/done").has_value())
      << "it was not held back";
  const std::string all = unframe(terminal.readAll(20000), 1);
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 60000);
  EXPECT_THAT(all, ::testing::EndsWith("line 59999 of many many\n"));
  exits_.await("slow");
  const std::string log = logText("slow");
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 60000);
}

TEST_F(TaskTest, AClientThatReadsNothingDelaysNeitherExitNorLog) {
  StartRequest start =
      request("deaf", "i=0; while [ $i -lt 4000 ]; do echo line $i of very many; i=$((i+1)); done");
  auto [attacher, terminal] = makeAttacher();
  int small = 4096;
  ::setsockopt(attacher.socket.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  start.attachers.push_back(std::move(attacher));
  tasks_->start(std::move(start));
  EXPECT_EQ(exits_.await("deaf").code, 0);
  const std::string log = logText("deaf");
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 4000);
  const std::string all = unframe(terminal.readAll(), 1);
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 4000) << "what it had not read was lost";
}

TEST_F(TaskTest, TerminalWithSizeResizeAndDetachKeys) {
  StartRequest start = request(
      "tty",
      "trap 'stty size' WINCH; stty size; tty; while true; do read line && echo read=$line; done");
  start.stdio.terminal = true;
  start.stdio.openStdin = true;
  start.stdio.rows = 33;
  start.stdio.columns = 111;
  auto [attacher, terminal] = makeAttacher(true, false);
  attacher.detachKeys = "\x10\x11";
  std::mutex mutex;
  std::vector<bool> detached;
  attacher.onDetach = [&](bool byKeys) {
    const std::lock_guard lock(mutex);
    detached.push_back(byKeys);
  };
  start.attachers.push_back(std::move(attacher));
  tasks_->start(std::move(start));
  EXPECT_THAT(terminal.readUntil("/dev/"), HasSubstr("33 111\r\n"));
  EXPECT_THAT(terminal.readUntil("pts/0"), HasSubstr("/dev/pts/0\r\n"));
  tasks_->resize("tty", "", 44, 122);
  terminal.write("hello\n");
  EXPECT_THAT(terminal.readUntil("read=hello"), HasSubstr("44 122\r\n"));
  terminal.write("a\x10z\n");  // half the sequence is typed text
  EXPECT_THAT(terminal.readUntil("z\r\n"), HasSubstr("z"));
  terminal.write("\x10");
  ::usleep(30'000);
  terminal.write("\x11");
  terminal.readAll();
  ::usleep(50'000);
  {
    const std::lock_guard lock(mutex);
    EXPECT_THAT(detached, ::testing::ElementsAre(true));
  }
  auto [again, second] = makeAttacher(true, false);
  tasks_->attach("tty", std::move(again));
  second.write("back\n");
  EXPECT_THAT(second.readUntil("read=back"), HasSubstr("read=back"));
  EXPECT_THAT(logText("tty"), HasSubstr("{\"log\":\"33 111\\r\\n\",\"stream\":\"stdout\""));
  tasks_->signal("tty", SIGKILL);
  EXPECT_EQ(exits_.await("tty").code, 137);
  second.readAll();
}

TEST_F(TaskTest, ExecRunsInTheContainerWithItsOwnStdioAndExitCode) {
  tasks_->start(request("host", "echo started; sleep 100"));
  ExecRequest exec;
  exec.id = "host";
  exec.exec = "exec1";
  exec.process = *spec::defaultSpec(false).process;
  exec.process.args = {"sh", "-c", "cat; echo pid 1 is $(cat /proc/1/comm); echo oops >&2; exit 9"};
  exec.stdio.openStdin = true;
  auto [attacher, terminal] = makeAttacher(true);
  exec.attachers.push_back(std::move(attacher));
  const Running running = tasks_->exec(std::move(exec));
  EXPECT_GT(running.pid, 0);
  terminal.write("through exec\n");
  terminal.closeInput();
  const std::string bytes = terminal.readAll();
  EXPECT_EQ(unframe(bytes, 1), "through exec\npid 1 is sleep\n");
  EXPECT_EQ(unframe(bytes, 2), "oops\n");
  EXPECT_EQ(exits_.await("host", "exec1").code, 9);
  EXPECT_EQ(exits_.count("host", "exec1"), 1u);
  EXPECT_THAT(logText("host"), ::testing::Not(HasSubstr("through exec")));
  EXPECT_FALSE(tasks_->signalExec("host", "exec1", SIGKILL));
}

TEST_F(TaskTest, ExecErrorsAreDockersSentences) {
  tasks_->start(request("errors", "sleep 100"));
  ExecRequest exec;
  exec.id = "errors";
  exec.exec = "exec1";
  exec.process = *spec::defaultSpec(false).process;
  exec.process.args = {"nosuch"};
  try {
    tasks_->exec(std::move(exec));
    FAIL() << "started";
  } catch (const StartError& error) {
    EXPECT_EQ(error.exitCode, 127);
    EXPECT_EQ(error.message(),
              "OCI runtime exec failed: exec failed: unable to start container process: exec: "
              "\"nosuch\": executable "
              "file not found in $PATH");
  }
  EXPECT_EQ(exits_.count("errors", "exec1"), 0u);
  ExecRequest gone;
  gone.id = "nobody";
  EXPECT_THROW(tasks_->exec(std::move(gone)), base::Error);
}

TEST_F(TaskTest, ExecsAtTheSameTimeUpToTheLimit) {
  tasks_->start(request("busy", "sleep 100"));
  for (int i = 0; i < 65; ++i) {
    ExecRequest exec;
    exec.id = "busy";
    exec.exec = "exec" + std::to_string(i);
    exec.process = *spec::defaultSpec(false).process;
    exec.process.args = {"sleep", "100"};
    if (i < 64) {
      tasks_->exec(std::move(exec));
      continue;
    }
    try {
      tasks_->exec(std::move(exec));
      FAIL() << "no limit";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Code::kConflict) << error.message();
    }
  }
  EXPECT_TRUE(tasks_->signalExec("busy", "exec7", SIGTERM));
  EXPECT_EQ(exits_.await("busy", "exec7").code, 143);
  EXPECT_GE(tasks_->processes("busy").size(), 64u);
  tasks_->signal("busy", SIGKILL);
  EXPECT_EQ(exits_.await("busy").code, 137);
  EXPECT_EQ(exits_.await("busy", "exec63").code, 137);
}

TEST_F(TaskTest, InitReapsAndForwards) {
  StartRequest start = request(
      "init", "cat /proc/1/comm; trap 'exit 5' TERM; echo ready; while true; do sleep 0.05; done");
  start.init = true;
  auto [attacher, terminal] = makeAttacher();
  start.attachers.push_back(std::move(attacher));
  tasks_->start(std::move(start));
  EXPECT_THAT(terminal.readUntil("ready"), HasSubstr("docker-init\n"));
  EXPECT_TRUE(tasks_->signal("init", SIGTERM));
  EXPECT_EQ(exits_.await("init").code, 5);
}

TEST_F(TaskTest, PauseStopsAndResumeGoesOn) {
  StartRequest start = request("pause", "while true; do echo tick; sleep 0.02; done");
  auto [attacher, terminal] = makeAttacher();
  start.attachers.push_back(std::move(attacher));
  tasks_->start(std::move(start));
  terminal.readUntil("tick");
  tasks_->pause("pause");
  ::usleep(100'000);
  const auto before = logText("pause").size();
  ::usleep(200'000);
  EXPECT_EQ(logText("pause").size(), before);
  tasks_->resume("pause");
  ::usleep(200'000);
  EXPECT_GT(logText("pause").size(), before);
}

TEST_F(TaskTest, LogRotatesAndThePositionIsPublished) {
  StartRequest start =
      request("rotate", "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; sleep 100");
  start.log.maxSize = 50'000;
  start.log.maxFiles = 3;
  start.log.attributes = "{\"tag\":\"x\"}";
  tasks_->start(std::move(start));
  for (int i = 0; i < 100 && logText("rotate").find("line 2999") == std::string::npos; ++i)
    ::usleep(50'000);
  const std::string newest = logText("rotate");
  EXPECT_THAT(
      newest,
      HasSubstr(
          "{\"log\":\"line 2999\\n\",\"stream\":\"stdout\",\"attrs\":{\"tag\":\"x\"},\"time\":\""));
  EXPECT_THAT(logText("rotate", ".1"),
              ::testing::SizeIs(::testing::AllOf(::testing::Ge(50'000u), ::testing::Lt(50'200u))));
  EXPECT_FALSE(logText("rotate", ".2").empty());
  EXPECT_TRUE(logText("rotate", ".3").empty());
  const auto position = tasks_->logPosition("rotate");
  ASSERT_TRUE(position.has_value());
  EXPECT_EQ(position->offset, newest.size());
  EXPECT_EQ(position->inode, sys::statAt(AT_FDCWD, logFile("rotate")).st_ino);
  EXPECT_GT(position->generation, 3u);
  EXPECT_EQ(position->dropped, 0u);
}

TEST_F(TaskTest, OutOfMemoryIsOnRecord) {
  StartRequest start = request("oom", "tail /dev/zero");
  start.spec.linux->resources->memory.emplace();
  start.spec.linux->resources->memory->limit = 16 << 20;
  start.spec.linux->resources->memory->swap = 16 << 20;
  tasks_->start(std::move(start));
  const Exit exit = exits_.await("oom");
  EXPECT_EQ(exit.code, 137);
  EXPECT_TRUE(exit.oomKilled);
}

TEST_F(TaskTest, AnotherUserMayReopenItsOutput) {
  StartRequest start =
      request("user", "id -u; echo by name > /dev/stdout; echo error by name > /dev/stderr");
  start.user = "1000:1000";
  auto [attacher, terminal] = makeAttacher();
  start.attachers.push_back(std::move(attacher));
  tasks_->start(std::move(start));
  const std::string bytes = terminal.readAll();
  EXPECT_EQ(unframe(bytes, 1), "1000\nby name\n");
  EXPECT_EQ(unframe(bytes, 2), "error by name\n");
}

TEST_F(TaskTest, ShimsHaveACgroupOfTheirOwn) {
  tasks_->start(request("grouped", "sleep 100"));
  EXPECT_EQ(cgroups_->processes(parent_ + "-shims").size(), 1u);
  EXPECT_EQ(tasks_->processes("grouped").size(), 1u);
}

TEST_F(TaskTest, CommonCgroupsGoAfterTheLastTask) {
  const auto there = [&](const std::string& path) {
    try {
      cgroups_->open(path);
      return true;
    } catch (const base::Error&) {
      return false;
    }
  };
  EXPECT_FALSE(there(parent_ + "-shims"));
  tasks_->start(request("first", "exit 0"));
  tasks_->start(request("last", "sleep 100"));
  exits_.await("first");
  tasks_->forget("first");
  ::usleep(1'000'000);
  EXPECT_TRUE(there(parent_ + "-shims"));
  tasks_->killAll("last");
  exits_.await("last");
  tasks_->forget("last");
  for (int i = 0; i < 100 && (there(parent_) || there(parent_ + "-shims")); ++i) ::usleep(50'000);
  EXPECT_FALSE(there(parent_));
  EXPECT_FALSE(there(parent_ + "-shims"));
  tasks_->start(request("again", "exit 0"));
  exits_.await("again");
}

TEST_F(TaskTest, NothingOfTheHostIsOpenInTheContainer) {
  StartRequest start = request("fds", "");
  start.spec.process->args = {"/bin/ls", "/proc/self/fd"};
  auto [attacher, terminal] = makeAttacher();
  start.attachers.push_back(std::move(attacher));
  tasks_->start(std::move(start));
  EXPECT_EQ(unframe(terminal.readAll(), 1), "0\n1\n2\n3\n");  // 3 is ls's own
  StartRequest second = request("signals", "");
  second.spec.process->args = {"/bin/grep", "-E", "^Sig(Blk|Ign)|^[0-9]", "/proc/self/status",
                               "/proc/self/oom_score_adj"};
  auto [another, status] = makeAttacher();
  second.attachers.push_back(std::move(another));
  tasks_->start(std::move(second));
  EXPECT_EQ(unframe(status.readAll(), 1),
            "/proc/self/status:SigBlk:\t0000000000000000\n"
            "/proc/self/status:SigIgn:\t0000000000000000\n"
            "/proc/self/oom_score_adj:0\n");
}

}  // namespace
}  // namespace task::testing
