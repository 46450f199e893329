#include "platform/sys/spawn.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "platform/base/error.h"
#include "platform/base/time.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "platform/sys/process.h"

namespace {

// Runs sh -c `script` with a pipe on its stdout; `adjust` changes the plan.
std::string shell(const std::string& script,
                  const std::function<void(sys::SpawnPlan&)>& adjust = {}) {
  int ends[2];
  sys::check(::pipe2(ends, O_CLOEXEC), "pipe");
  const sys::Fd reader(ends[0]);
  sys::Fd writer(ends[1]);
  sys::SpawnPlan plan;
  plan.path = "/bin/sh";
  plan.argv = {"sh", "-c", script};
  plan.fds = {{writer.get(), 1}};
  if (adjust) adjust(plan);
  sys::Child child = sys::spawn(plan);
  writer.reset();
  std::string out = sys::readAll(reader.get());
  sys::waitFor(child);
  return out;
}

TEST(Spawn, NothingIsInheritedThatIsNotNamed) {
  const sys::Fd leak(::open("/dev/zero", O_RDONLY));  // NOLINT: without CLOEXEC on purpose
  const sys::Fd high(::fcntl(leak.get(), F_DUPFD, 700));
  EXPECT_EQ(shell("exec ls /proc/self/fd"), "0\n1\n2\n3\n");  // 3: the directory that ls reads
}

TEST(Spawn, DescriptorsGoWhereThePlanSays) {
  const sys::Fd a = sys::openAt(AT_FDCWD, "/proc/self/status", O_RDONLY);
  const sys::Fd b = sys::openAt(AT_FDCWD, "/etc/hostname", O_RDONLY);
  // Each one's number is the other's target.
  const std::string out =
      shell("readlink /proc/$$/fd/" + std::to_string(a.get()) + "; readlink /proc/$$/fd/" +
                std::to_string(b.get()) + "; readlink /proc/$$/fd/90; readlink /proc/$$/fd/0",
            [&](sys::SpawnPlan& plan) {
              plan.fds.emplace_back(a.get(), b.get());
              plan.fds.emplace_back(b.get(), a.get());
              plan.fds.emplace_back(b.get(), 90);
            });
  EXPECT_EQ(out, "/etc/hostname\n/proc/" + std::to_string(::getpid()) +
                     "/status\n/etc/hostname\n/dev/null\n");
}

TEST(Spawn, BadMapsAreRefused) {
  sys::SpawnPlan plan;
  plan.path = "/bin/true";
  plan.argv = {"true"};
  plan.fds = {{0, 5}, {1, 5}};
  EXPECT_THROW(sys::spawn(plan), base::Error);
  plan.fds = {{-1, 5}};
  EXPECT_THROW(sys::spawn(plan), base::Error);
}

TEST(Spawn, FailureNamesStepAndErrno) {
  sys::SpawnPlan plan;
  plan.path = "/no/such/program";
  plan.argv = {"x"};
  try {
    sys::spawn(plan);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.message(), "exec /no/such/program: no such file or directory");
    EXPECT_EQ(error.sysErrno(), ENOENT);
  }
  plan.path = "/etc";  // a directory
  try {
    sys::spawn(plan);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.sysErrno(), EACCES);
  }
  const sys::Fd file = sys::openAt(AT_FDCWD, "/etc/hostname", O_RDONLY);
  plan.path = "/bin/true";
  plan.workingDirectory = file.get();
  try {
    sys::spawn(plan);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.message(), "chdir /bin/true: not a directory");
  }
  // Nothing is left to be reaped.
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(Spawn, ExecutesASealedMemfdThatNobodyCanName) {
  const sys::Fd memfd(::memfd_create("program", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  sys::writeAll(memfd.get(), sys::readFile(AT_FDCWD, "/bin/echo"));
  ASSERT_EQ(
      ::fcntl(memfd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL),
      0);
  EXPECT_EQ(shell("",
                  [&](sys::SpawnPlan& plan) {
                    plan.program = memfd.get();
                    plan.path = "";
                    plan.argv = {"echo", "from", "memory"};
                  }),
            "from memory\n");
}

TEST(Spawn, SignalsSessionDirectoryAndEnvironmentAreFresh) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  auto* const handler = ::signal(SIGPIPE, SIG_IGN);
  const sys::Fd etc = sys::openAt(AT_FDCWD, "/etc", O_PATH | O_DIRECTORY);
  const std::string out = shell(
      "grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status; pwd; echo $A; cut -d' ' -f6 /proc/$$/stat; "
      "echo $$",
      [&](sys::SpawnPlan& plan) {
        plan.path = "/bin/bash";
        plan.workingDirectory = etc.get();
        plan.env = {"A=b c"};
      });
  ::signal(SIGPIPE, handler);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_NE(out.find("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"), std::string::npos)
      << out;
  EXPECT_NE(out.find("\n/etc\nb c\n"), std::string::npos) << out;
  const auto lines = out.substr(out.find("b c\n") + 4);
  EXPECT_EQ(lines.substr(0, lines.find('\n') + 1) + lines.substr(0, lines.find('\n') + 1),
            lines);  // session == pid
  sigset_t now;
  pthread_sigmask(SIG_SETMASK, nullptr, &now);
  EXPECT_FALSE(sigismember(&now, SIGTERM));
}

TEST(Spawn, WaitTellsCodesAndSignals) {
  sys::SpawnPlan plan;
  plan.path = "/bin/sh";
  plan.argv = {"sh", "-c", "exit 7"};
  sys::Child child = sys::spawn(plan);
  EXPECT_EQ(sys::waitFor(child).code, 7);
  EXPECT_EQ(child.pid, -1);
  EXPECT_THROW(sys::waitFor(child), base::Error);
  plan.argv = {"sh", "-c", "kill -9 $$"};
  child = sys::spawn(plan);
  const auto status = sys::waitFor(child);
  EXPECT_EQ(status.code, 137);
  EXPECT_EQ(status.signal, SIGKILL);
}

TEST(Spawn, AStopLeavesTheChildAlive) {
  sys::SpawnPlan plan;
  plan.path = "/bin/sleep";
  plan.argv = {"sleep", "100"};
  sys::Child child = sys::spawn(plan);
  const base::StopSource source;
  std::thread stopper([&] { source.stop(); });
  EXPECT_THROW(sys::waitFor(child, source.token()), base::Error);
  stopper.join();
  EXPECT_FALSE(sys::exited(child.pidfd.get()));
  EXPECT_TRUE(sys::signalPidfd(child.pidfd.get(), SIGKILL));
  EXPECT_EQ(sys::waitFor(child).signal, SIGKILL);
}

TEST(Spawn, FromManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([i] {
      for (int round = 0; round < 20; ++round) {
        EXPECT_EQ(shell("echo " + std::to_string(i)), std::to_string(i) + "\n");
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(Run, FeedsAndCollects) {
  const auto output = sys::run({"sh", "-c", "cat; echo problem >&2; exit 3"}, "input");
  EXPECT_EQ(output.out, "input");
  EXPECT_EQ(output.err, "problem\n");
  EXPECT_EQ(output.status.code, 3);
  EXPECT_EQ(sys::run({"cat"}, std::string(300'000, 'x')).out.size(), 300'000u);
  EXPECT_EQ(sys::run({"head", "-c", "3000000", "/dev/zero"}).out.size(), 1u << 20);
  EXPECT_THROW(sys::run({"no-such-tool-here"}), base::Error);
}

TEST(Run, DoesNotWaitForWhatTheToolLeftBehind) {
  const auto begin = base::monotonicNs();
  EXPECT_EQ(sys::run({"sh", "-c", "sleep 3 & echo done"}).out, "done\n");
  EXPECT_LT(base::monotonicNs() - begin, 2'000'000'000);
}

TEST(Run, AStopEndsTheTool) {
  const base::StopSource source;
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    source.stop();
  });
  const auto begin = base::monotonicNs();
  EXPECT_THROW(sys::run({"sh", "-c", "sleep 100; echo"}, "", source.token()), base::Error);
  EXPECT_LT(base::monotonicNs() - begin, 5'000'000'000);
  stopper.join();
}

TEST(Process, PidfdsStartTimesAndBootId) {
  const auto self = sys::openPidfd(::getpid());
  ASSERT_TRUE(self);
  EXPECT_FALSE(sys::exited(self->get()));
  EXPECT_FALSE(sys::openPidfd(0x3fffffff));
  EXPECT_GT(sys::startTime(::getpid()).value_or(0), 0u);
  EXPECT_FALSE(sys::startTime(0x3fffffff));
  EXPECT_EQ(sys::bootId().size(), 36u);
  sys::SpawnPlan plan;
  plan.path = "/bin/true";
  plan.argv = {"true"};
  sys::Child child = sys::spawn(plan);
  while (!sys::exited(child.pidfd.get())) std::this_thread::yield();
  sys::Fd kept = child.pidfd.dup();
  sys::waitFor(child);
  EXPECT_FALSE(sys::signalPidfd(kept.get(), 0));
}

}  // namespace
