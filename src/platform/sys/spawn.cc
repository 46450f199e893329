#include "platform/sys/spawn.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "platform/base/scope_exit.h"
#include "platform/base/strings.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "platform/sys/process.h"
#include "platform/sysraw/sysraw.h"

extern char** environ;

namespace sys {
namespace {

// The child shares our memory until it executes (CLONE_VM), and we sleep until then (CLONE_VFORK):
// everything it needs is made before, and it reports by writing `step` and `error` here.
struct ChildPlan {
  int program;
  const char* path;
  char* const* argv;
  char* const* env;
  struct Mapping {
    int source;
    int target;
  };
  Mapping* mappings;  // sorted by target
  size_t mappingCount;
  int aboveTargets;  // first number that no mapping wants
  int workingDirectory;
  bool newSession;
  const int* cgroupFiles;
  size_t cgroupFileCount;
  const char* volatile step;
  volatile int error;
};

constexpr int kSignals = 64;
constexpr int kStackSize = 32 * 1024;

// No instrumentation, no libc and no stack protector in the child: it runs on a borrowed stack in
// our memory.
#define CHILD_CODE __attribute__((no_sanitize("address", "thread", "undefined", "memory")))

[[noreturn]] CHILD_CODE void childFail(ChildPlan& plan, const char* step, long error) noexcept {
  plan.step = step;
  plan.error = static_cast<int>(-error);
  for (;;) sysraw::call(__NR_exit_group, 127);
}

CHILD_CODE void childResetSignals() noexcept {
  struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    unsigned long mask;
  } action{nullptr, 0, nullptr, 0};
  for (int signal = 1; signal <= kSignals; ++signal) {
    // KILL and STOP refuse, which is as good.
    sysraw::call(__NR_rt_sigaction, signal, &action, 0L, sizeof action.mask);
  }
  unsigned long mask = 0;
  sysraw::call(__NR_rt_sigprocmask, SIG_SETMASK, &mask, 0L, sizeof mask);
}

// First everything goes above all targets, so that no target overwrites a source; then down to its
// place.
CHILD_CODE void childMapFds(ChildPlan& plan) noexcept {
  for (size_t i = 0; i < plan.mappingCount; ++i) {
    const long fd =
        sysraw::call(__NR_fcntl, plan.mappings[i].source, F_DUPFD_CLOEXEC, plan.aboveTargets);
    if (fd < 0) childFail(plan, "dup", fd);
    plan.mappings[i].source = static_cast<int>(fd);
  }
  if (plan.program >= 0) {
    const long fd = sysraw::call(__NR_fcntl, plan.program, F_DUPFD_CLOEXEC, plan.aboveTargets);
    if (fd < 0) childFail(plan, "dup program", fd);
    plan.program = static_cast<int>(fd);
  }
  if (plan.workingDirectory >= 0) {
    if (const long e = sysraw::call(__NR_fchdir, plan.workingDirectory); e < 0)
      childFail(plan, "chdir", e);
  }
  int next = 0;  // all below are settled
  for (size_t i = 0; i < plan.mappingCount; ++i) {
    const auto [source, target] = plan.mappings[i];
    if (const long e = sysraw::call(__NR_dup3, source, target, 0); e < 0)
      childFail(plan, "dup3", e);
    if (target > next) sysraw::call(__NR_close_range, next, target - 1, 0);
    next = target + 1;
  }
  if (plan.program >= 0) {
    if (plan.program > next) sysraw::call(__NR_close_range, next, plan.program - 1, 0);
    next = plan.program + 1;
  }
  if (const long e = sysraw::call(__NR_close_range, next, ~0U, 0); e < 0)
    childFail(plan, "close_range", e);
}

CHILD_CODE void childJoinCgroups(ChildPlan& plan) noexcept {
  for (size_t i = 0; i < plan.cgroupFileCount; ++i) {
    if (const long e = sysraw::call(__NR_write, plan.cgroupFiles[i], "0", 1); e < 0)
      childFail(plan, "join the cgroup", e);
  }
}

CHILD_CODE void childMain(void* argument) {
  ChildPlan& plan = *static_cast<ChildPlan*>(argument);
  childResetSignals();
  childJoinCgroups(plan);
  if (plan.newSession) sysraw::call(__NR_setsid);
  childMapFds(plan);
  long error;
  if (plan.program >= 0) {
    error = sysraw::call(__NR_execveat, plan.program, "", plan.argv, plan.env, AT_EMPTY_PATH);
  } else {
    error = sysraw::call(__NR_execve, plan.path, plan.argv, plan.env);
  }
  childFail(plan, "exec", error);
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// Sorted by target, the three standard ones filled with /dev/null where not named.
std::vector<ChildPlan::Mapping> mappingsOf(const SpawnPlan& plan, int null) {
  std::vector<ChildPlan::Mapping> mappings;
  for (const auto& [here, there] : plan.fds) mappings.push_back({here, there});
  for (int standard = 0; standard <= 2; ++standard) {
    const bool named = std::any_of(mappings.begin(), mappings.end(),
                                   [&](const auto& m) { return m.target == standard; });
    if (!named) mappings.push_back({null, standard});
  }
  std::sort(mappings.begin(), mappings.end(),
            [](const auto& a, const auto& b) { return a.target < b.target; });
  for (size_t i = 0; i < mappings.size(); ++i) {
    const bool twice = i > 0 && mappings[i].target == mappings[i - 1].target;
    if (twice || mappings[i].target < 0 || mappings[i].source < 0) {
      base::fail(base::Code::kInternal, "spawn {}: bad descriptor map: {} -> {}", plan.path,
                 mappings[i].source, mappings[i].target);
    }
  }
  return mappings;
}

// clone3 with a stack for the child, on which it calls `body`; libc offers no clone with flags
// above 32 bits. ThreadSanitizer takes the clone it knows for a fork, and does not see this one.
CHILD_CODE long cloneOnStack(clone_args& args, void (*body)(void*), void* argument) noexcept {
#if defined(__x86_64__)
  long result = __NR_clone3;
  register void (*called)(void*) asm("r8") = body;
  register void* passed asm("r9") = argument;
  asm volatile(
      "syscall\n\t"
      "testq %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xorl %%ebp, %%ebp\n\t"
      "movq %%r9, %%rdi\n\t"
      "callq *%%r8\n\t"
      "hlt\n"
      "1:"
      : "+a"(result)
      : "D"(&args), "S"(sizeof args), "r"(called), "r"(passed)
      : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = __NR_clone3;
  register long x0 asm("x0") = reinterpret_cast<long>(&args);
  register long x1 asm("x1") = sizeof args;
  register void (*x9)(void*) asm("x9") = body;
  register void* x10 asm("x10") = argument;
  asm volatile(
      "svc 0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, xzr\n\t"
      "mov x0, x10\n\t"
      "blr x9\n\t"
      "brk 1\n"
      "1:"
      : "+r"(x0)
      : "r"(x8), "r"(x1), "r"(x9), "r"(x10)
      : "memory");
  return x0;
#else
#error "clone3 is not known for this machine"
#endif
}

pid_t cloneChild(ChildPlan& plan, int cgroup, int* pidfd) {
  alignas(64) char stack[kStackSize];
  clone_args args{};
  args.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<std::uint64_t>(pidfd);
  args.exit_signal = SIGCHLD;
  args.stack = reinterpret_cast<std::uint64_t>(stack);
  args.stack_size = sizeof stack;
  if (cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(cgroup);
  }
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  // No handler of ours may run in the child: it would run in our memory.
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const long pid = cloneOnStack(args, childMain, &plan);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) errno = static_cast<int>(-pid);
  return pid < 0 ? -1 : static_cast<pid_t>(pid);
}

ExitStatus reap(int pidfd) {
  siginfo_t info{};
  check(retry([&] { return ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED); }),
        "waitid");
  ExitStatus status;
  if (info.si_code == CLD_EXITED) {
    status.code = info.si_status;
  } else {
    status.signal = info.si_status;
    status.code = 128 + info.si_status;
  }
  return status;
}

}  // namespace

Child spawn(const SpawnPlan& plan) {
  const std::string& shown =
      plan.path.empty() && !plan.argv.empty() ? plan.argv.front() : plan.path;
  const Fd null = openAt(AT_FDCWD, "/dev/null", O_RDWR);
  auto mappings = mappingsOf(plan, null.get());
  const auto argv = pointers(plan.argv);
  const auto env = pointers(plan.env);
  ChildPlan child{};
  child.program = plan.program;
  child.path = plan.path.c_str();
  child.argv = argv.data();
  child.env = env.data();
  child.mappings = mappings.data();
  child.mappingCount = mappings.size();
  child.aboveTargets = mappings.back().target + 1;
  child.workingDirectory = plan.workingDirectory;
  child.newSession = plan.newSession;
  child.cgroupFiles = plan.cgroupFiles.data();
  child.cgroupFileCount = plan.cgroupFiles.size();
  int pidfd = -1;
  const pid_t pid = cloneChild(child, plan.cgroup, &pidfd);
  if (pid < 0) base::failErrno(errno, "clone", shown);
  Child result{pid, Fd(pidfd)};
  if (child.error != 0) {
    reap(result.pidfd.get());
    base::failErrno(child.error, child.step, shown);
  }
  return result;
}

ExitStatus waitFor(Child& child, const base::StopToken& stop) {
  if (!child.pidfd.valid()) base::fail(base::Code::kInternal, "wait: the child was reaped already");
  std::array<pollfd, 2> polls{{{child.pidfd.get(), POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
  while (!exited(child.pidfd.get())) {
    stop.throwIfStopped();
    if (::poll(polls.data(), polls.size(), -1) < 0 && errno != EINTR)
      base::failErrno(errno, "poll", "child");
  }
  const ExitStatus status = reap(child.pidfd.get());
  child.pid = -1;  // the number may be another process's from here on
  child.pidfd.reset();
  return status;
}

namespace {

constexpr size_t kOutputLimit = 1 << 20;

std::string findTool(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* search =
      ::secure_getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody changes our environment
  for (const std::string& dir : base::split(
           search != nullptr ? search
                             : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
           ':')) {
    const std::string path = (dir.empty() ? "." : dir) + "/" + name;
    const auto status = statAtIfExists(AT_FDCWD, path, 0);
    if (status && S_ISREG(status->st_mode) && ::access(path.c_str(), X_OK) == 0) return path;
  }
  base::failErrno(ENOENT, "exec", name);
}

// A file instead of a pipe: nobody has to feed it while the tool runs.
Fd inputFile(const std::string& input) {
  Fd file(check(::memfd_create("input", MFD_CLOEXEC), "memfd_create"));
  writeAll(file.get(), input, "input");
  check(::lseek(file.get(), 0, SEEK_SET), "lseek", "input");
  return file;
}

std::pair<Fd, Fd> makePipe() {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "pipe");
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  check(::fcntl(reader.get(), F_SETFL, O_NONBLOCK), "fcntl", "pipe");
  return {std::move(reader), std::move(writer)};
}

// Takes what is there; at end of file the descriptor is closed.
void drain(Fd& fd, std::string& into) {
  std::array<char, 16384> buffer;
  while (fd.valid()) {
    const auto n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) fd.reset();
    if (n > 0)
      into.append(buffer.data(), std::min(static_cast<size_t>(n), kOutputLimit - into.size()));
  }
}

}  // namespace

Output run(const std::vector<std::string>& argv, const std::string& input,
           const base::StopToken& stop) {
  const Fd in = inputFile(input);
  auto [out, outWriter] = makePipe();
  auto [err, errWriter] = makePipe();
  SpawnPlan plan;
  plan.path = findTool(argv.at(0));
  plan.argv = argv;
  for (char** entry = environ; *entry != nullptr; ++entry) plan.env.emplace_back(*entry);
  plan.fds = {{in.get(), 0}, {outWriter.get(), 1}, {errWriter.get(), 2}};
  Child child = spawn(plan);
  outWriter.reset();
  errWriter.reset();
  base::ScopeExit kill{[&] {
    ::kill(-child.pid, SIGKILL);  // it leads its session: children of the tool go with it
    reap(child.pidfd.get());
  }};
  Output output;
  for (;;) {
    // Something it left running may hold the pipes open for ever: its own end is what counts.
    const bool ended = exited(child.pidfd.get());
    drain(out, output.out);
    drain(err, output.err);
    if (ended) break;
    stop.throwIfStopped();
    std::array<pollfd, 4> polls{{{out.get(), POLLIN, 0},
                                 {err.get(), POLLIN, 0},
                                 {child.pidfd.get(), POLLIN, 0},
                                 {stop.fd(), POLLIN, 0}}};
    if (::poll(polls.data(), polls.size(), -1) < 0 && errno != EINTR)
      base::failErrno(errno, "poll", argv[0]);
  }
  kill.dismiss();
  output.status = reap(child.pidfd.get());
  return output;
}

}  // namespace sys
