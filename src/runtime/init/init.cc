#include "runtime/init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "platform/sysraw/sysraw.h"

namespace init {

namespace {

// As the kernel has it: one bit a signal, signal 1 lowest. libc's sigset_t is wider, and hides two
// signals.
using SignalSet = std::uint64_t;
constexpr std::size_t kSetBytes = sizeof(SignalSet);

constexpr SignalSet bit(int signal) noexcept {
  return SignalSet{1} << (signal - 1);
}

// Raised by this program's own faults and by the terminal towards background writers: never handed
// on.
constexpr SignalSet kOwn = bit(SIGFPE) | bit(SIGILL) | bit(SIGSEGV) | bit(SIGBUS) | bit(SIGABRT) |
                           bit(SIGTRAP) | bit(SIGSYS) | bit(SIGTTIN) | bit(SIGTTOU);

void say(const char* text) noexcept {
  sysraw::call(__NR_write, 2, text, std::strlen(text));
}

void complain(const char* program, long error) noexcept {
  say("sampan-init: ");
  say(program);
  say(error == -ENOENT   ? ": no such file or directory\n"
      : error == -EACCES ? ": permission denied\n"
                         : ": cannot be executed\n");
}

const char* variable(char** envp, const char* name) noexcept {
  const std::size_t length = std::strlen(name);
  for (; *envp != nullptr; ++envp) {
    if (std::strncmp(*envp, name, length) == 0 && (*envp)[length] == '=') return *envp + length + 1;
  }
  return nullptr;
}

// Tries each directory of PATH; returns only the error that says most.
long executeInPath(char** argv, char** envp) noexcept {
  const char* path = variable(envp, "PATH");
  if (path == nullptr) path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  long worst = -ENOENT;
  char candidate[4096];
  const std::size_t program = std::strlen(argv[0]);
  while (true) {
    const char* end = path;
    while (*end != ':' && *end != '\0') ++end;
    const std::size_t length = static_cast<std::size_t>(end - path);
    if (length + program + 2 <= sizeof candidate) {
      std::memcpy(candidate, path, length);
      std::size_t at = length;
      if (length > 0) candidate[at++] = '/';
      std::memcpy(candidate + at, argv[0], program + 1);
      const long error = sysraw::call(__NR_execve, candidate, argv, envp);
      if (error != -ENOENT && error != -ENOTDIR) worst = error;
    }
    if (*end == '\0') return worst;
    path = end + 1;
  }
}

[[noreturn]] void childMain(char** argv, char** envp, SignalSet mask) noexcept {
  // A group of its own, in front of the terminal if there is one, so that ^C reaches the program
  // and not both.
  sysraw::call(__NR_setpgid, 0, 0);
  const int group = static_cast<int>(sysraw::call(__NR_getpid));
  sysraw::call(__NR_ioctl, 0, TIOCSPGRP, &group);
  sysraw::call(__NR_rt_sigprocmask, SIG_SETMASK, &mask, 0, kSetBytes);
  const bool direct = std::strchr(argv[0], '/') != nullptr;
  const long error =
      direct ? sysraw::call(__NR_execve, argv[0], argv, envp) : executeInPath(argv, envp);
  complain(argv[0], error);
  sysraw::call(__NR_exit_group, error == -ENOENT || error == -ENOTDIR ? 127 : 126);
  __builtin_unreachable();
}

// Reaps whatever ended. True, and `code`, once the program itself has.
bool reap(long program, int& code) noexcept {
  bool ended = false;
  while (true) {
    int status = 0;
    const long pid =
        sysraw::retry([&] { return sysraw::call(__NR_wait4, -1, &status, WNOHANG, 0); });
    if (pid <= 0) return ended;
    if (pid != program) continue;
    ended = true;
    code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
}

}  // namespace

int run(int argc, char** argv, char** envp) noexcept {
  int first = 1;
  if (argc > 1 && std::strcmp(argv[1], "--") == 0) first = 2;
  if (first >= argc) {
    say("usage: sampan-init -- program [argument ...]\n");
    return 125;
  }
  SignalSet before = 0;
  SignalSet waited = ~kOwn;
  // TTOU blocked: moving the terminal's foreground group from the background would stop us.
  SignalSet blocked = waited | bit(SIGTTOU) | bit(SIGTTIN);
  sysraw::call(__NR_rt_sigprocmask, SIG_SETMASK, &blocked, &before, kSetBytes);

  const long child = sysraw::call(__NR_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) childMain(argv + first, envp, before);
  if (child < 0) {
    say("sampan-init: cannot start a process\n");
    return 125;
  }
  while (true) {
    int code = 0;
    if (reap(child, code)) return code;
    siginfo_t info;
    const long signal = sysraw::call(__NR_rt_sigtimedwait, &waited, &info, 0, kSetBytes);
    if (signal > 0 && signal != SIGCHLD) sysraw::call(__NR_kill, child, signal);
  }
}

}  // namespace init
