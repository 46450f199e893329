#include "runtime/init/init.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace init {
namespace {

struct Started {
  pid_t pid = -1;
  int out = -1;
};

// run() as process 1 of a pid namespace, or as an ordinary process.
Started start(std::vector<std::string> arguments, bool ownNamespace,
              std::vector<std::string> environment = {"PATH=/usr/bin:/bin"}) {
  arguments.insert(arguments.begin(), "sampan-init");
  std::vector<char*> argv, envp;
  for (std::string& one : arguments) argv.push_back(one.data());
  for (std::string& one : environment) envp.push_back(one.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  int out[2];
  EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
  const pid_t outer = fork();
  if (outer == 0) {
    dup2(out[1], 1);
    dup2(out[1], 2);
    setsid();
    if (!ownNamespace) _exit(run(static_cast<int>(arguments.size()), argv.data(), envp.data()));
    // Mounts of its own as well: what the program mounts must never reach the host.
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) _exit(99);
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(99);
    const pid_t inner = fork();
    if (inner == 0) _exit(run(static_cast<int>(arguments.size()), argv.data(), envp.data()));
    int status = 0;
    waitpid(inner, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 98);
  }
  close(out[1]);
  return {outer, out[0]};
}

int codeOf(const Started& started) {
  int status = 0;
  EXPECT_EQ(waitpid(started.pid, &status, 0), started.pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

std::string outputOf(const Started& started) {
  std::string all;
  char bytes[4096];
  for (ssize_t n; (n = read(started.out, bytes, sizeof bytes)) > 0;)
    all.append(bytes, static_cast<size_t>(n));
  close(started.out);
  return all;
}

TEST(Init, EndsAsTheProgramEnded) {
  EXPECT_EQ(codeOf(start({"--", "sh", "-c", "exit 42"}, true)), 42);
  EXPECT_EQ(codeOf(start({"sh", "-c", "exit 0"}, true)), 0);
  EXPECT_EQ(codeOf(start({"--", "/bin/sh", "-c", "kill -9 $$"}, true)), 137);
}

TEST(Init, SaysWhyThereIsNoProgram) {
  const Started missing = start({"--", "nosuch"}, false);
  EXPECT_EQ(codeOf(missing), 127);
  EXPECT_EQ(outputOf(missing), "sampan-init: nosuch: no such file or directory\n");
  EXPECT_EQ(codeOf(start({"--", "/etc"}, false)), 126);
  EXPECT_EQ(codeOf(start({"--", "passwd"}, false, {"PATH=/etc"})), 126);
  EXPECT_EQ(codeOf(start({"--"}, false)), 125);
}

TEST(Init, HandsSignalsOn) {
  const Started started =
      start({"--", "sh", "-c",
             "trap 'echo usr1' USR1; trap 'exit 7' TERM; echo ready; while :; do sleep 0.02; done"},
            false);
  char bytes[6];
  ASSERT_EQ(read(started.out, bytes, 6), 6);
  kill(started.pid, SIGUSR1);
  usleep(100'000);
  kill(started.pid, SIGTERM);
  EXPECT_EQ(codeOf(started), 7);
  EXPECT_EQ(outputOf(started), "usr1\n");
}

TEST(Init, ReapsWhatIsOrphaned) {
  const Started started = start(
      {"--", "sh", "-c",
       "mount -t proc proc /proc 2>/dev/null; (sh -c 'sleep 0.05 & sleep 0.05 &' &) ; sleep 0.4; "
       "n=0; for s in /proc/[0-9]*/stat; do read -r a b c d < $s && [ \"$c\" = Z ] && [ \"$d\" = 1 "
       "] && n=$((n+1)); done; exit $n"},
      true);
  EXPECT_EQ(codeOf(started), 0) << "zombies are left";
}

TEST(Init, LeavesSignalsAsItFoundThem) {
  const Started started = start({"--", "grep", "SigBlk", "/proc/self/status"}, false);
  EXPECT_EQ(outputOf(started), "SigBlk:\t0000000000000000\n");
  EXPECT_EQ(codeOf(started), 0);
}

}  // namespace
}  // namespace init
