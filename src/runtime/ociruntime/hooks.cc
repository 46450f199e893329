#include "runtime/ociruntime/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "platform/base/error.h"
#include "platform/json/json.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "platform/sys/process.h"

namespace ociruntime {
namespace {

struct Inside {
  int pidfd = -1;  // -1: the runtime's own namespaces
  int root = -1;   // directory that becomes the root
  unsigned namespaces = 0;
};

struct Pipe {
  Pipe() {
    int ends[2];
    sys::check(::pipe2(ends, O_CLOEXEC), "pipe2");
    read = sys::Fd(ends[0]);
    write = sys::Fd(ends[1]);
  }
  sys::Fd read, write;
};

// In the child; this program has one thread, so everything is allowed here.
[[noreturn]] void executeHook(const oci::Hook& hook, const Inside& inside, int in, int err) {
  ::dup2(in, 0);
  ::dup2(err, 1);
  ::dup2(err, 2);
  if (inside.pidfd >= 0) {
    if (::setns(inside.pidfd, static_cast<int>(inside.namespaces)) < 0 ||
        ::fchdir(inside.root) < 0 || ::chroot(".") < 0)
      _exit(126);
    // A pid namespace takes effect for children only.
    const pid_t child = ::fork();
    if (child != 0) {
      int status = 0;
      if (child < 0 || ::waitpid(child, &status, 0) < 0) _exit(126);
      _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
  }
  std::vector<char*> argv, env;
  for (const auto& word : hook.args) argv.push_back(const_cast<char*>(word.c_str()));
  if (argv.empty()) argv.push_back(const_cast<char*>(hook.path.c_str()));
  for (const auto& word : hook.env) env.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  env.push_back(nullptr);
  ::execve(hook.path.c_str(), argv.data(), env.data());
  const std::string text = "exec " + hook.path + ": " + base::errnoText(errno) + "\n";
  [[maybe_unused]] const auto written = ::write(2, text.data(), text.size());
  _exit(127);
}

// What the hook wrote, until its end or the deadline (false).
bool collect(int from, std::optional<int> timeout, std::string& output) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(timeout.value_or(0));
  char buffer[1024];
  for (;;) {
    int wait = -1;
    if (timeout && *timeout > 0) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          end - std::chrono::steady_clock::now());
      if (left.count() <= 0) return false;
      wait = static_cast<int>(left.count());
    }
    pollfd waiting{from, POLLIN, 0};
    if (::poll(&waiting, 1, wait) <= 0) continue;
    const auto got = sys::retry([&] { return ::read(from, buffer, sizeof buffer); });
    if (got <= 0) return true;
    if (output.size() < 16384) output.append(buffer, static_cast<size_t>(got));
  }
}

void runOne(const char* kind, size_t number, const oci::Hook& hook, const std::string& state,
            const Inside& inside) {
  Pipe in, err;
  const pid_t child = sys::check(::fork(), "fork");
  if (child == 0) executeHook(hook, inside, in.read.get(), err.write.get());
  in.read.reset();
  err.write.reset();
  // A hook that does not read its input gets as much as the pipe holds.
  ::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  [[maybe_unused]] const auto written = ::write(in.write.get(), state.data(), state.size());
  in.write.reset();
  std::string output;
  const bool ended = collect(err.read.get(), hook.timeout, output);
  if (!ended) ::kill(child, SIGKILL);
  int status = 0;
  sys::retry([&] { return ::waitpid(child, &status, 0); });
  if (ended && WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  while (!output.empty() && output.back() == '\n') output.pop_back();
  const std::string how = !ended
                              ? fmt::format("hook ran past specified timeout of {}s", *hook.timeout)
                          : WIFEXITED(status) ? fmt::format("exit status {}", WEXITSTATUS(status))
                                              : fmt::format("signal {}", WTERMSIG(status));
  base::fail(base::Code::kInternal, "error running {} hook #{}: {}, stdout: , stderr: {}", kind,
             number, how, output);
}

unsigned foreignNamespaces(int pid) {
  static const std::pair<const char*, unsigned> kKinds[] = {
      {"user", CLONE_NEWUSER},    {"mnt", CLONE_NEWNS},  {"pid", CLONE_NEWPID},
      {"net", CLONE_NEWNET},      {"uts", CLONE_NEWUTS}, {"ipc", CLONE_NEWIPC},
      {"cgroup", CLONE_NEWCGROUP}};
  unsigned flags = 0;
  for (const auto& [name, flag] : kKinds) {
    const auto theirs = sys::statAtIfExists(AT_FDCWD, fmt::format("/proc/{}/ns/{}", pid, name), 0);
    const auto ours = sys::statAtIfExists(AT_FDCWD, fmt::format("/proc/self/ns/{}", name), 0);
    if (theirs && ours && theirs->st_ino != ours->st_ino) flags |= flag;
  }
  return flags;
}

}  // namespace

void runHooks(const char* kind, const std::vector<oci::Hook>& hooks, const oci::State& state) {
  const std::string text = json::write(state);
  for (size_t i = 0; i < hooks.size(); ++i) runOne(kind, i, hooks[i], text, {});
}

void runHooksInside(const char* kind, const std::vector<oci::Hook>& hooks, const oci::State& state,
                    int pidfd, int pid) {
  if (hooks.empty()) return;
  const std::string text = json::write(state);
  const auto root = sys::openAt(AT_FDCWD, fmt::format("/proc/{}/root", pid), O_PATH | O_DIRECTORY);
  const Inside inside{pidfd, root.get(), foreignNamespaces(pid)};
  for (size_t i = 0; i < hooks.size(); ++i) runOne(kind, i, hooks[i], text, inside);
}

}  // namespace ociruntime
