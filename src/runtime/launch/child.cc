#include "runtime/launch/child.h"

namespace launch {
namespace {

constexpr const char* kStepNames[] = {
    "",         "plan",         "clone",       "maps",    "cgroup", "namespaces", "rootfs",
    "mount",    "device",       "mask",        "barrier", "pivot",  "sysctl",     "hostname",
    "terminal", "stdio",        "session",     "limits",  "label",  "cwd",        "user",
    "seccomp",  "capabilities", "descriptors", "lookup",  "hold",   "exec"};
static_assert(sizeof kStepNames / sizeof *kStepNames == static_cast<std::size_t>(Step::kExec) + 1);

[[noreturn]] void die(int code) noexcept {
  for (;;) sysraw::call(__NR_exit_group, code);
}

#ifdef SAMPAN_FAULTS
// The errno to fail with, or 0.
long obeyFault(const Fault& fault) noexcept {
  const long self = sysraw::call(__NR_getpid);
  switch (fault.action) {
    case FaultAction::kKill:
      // The first process of a pid namespace ignores its own SIGKILL.
      sysraw::call(__NR_kill, self, SIGKILL);
      die(137);
    case FaultAction::kPause: {
      struct {
        long seconds, nanoseconds;
      } pause{fault.error / 1000, (fault.error % 1000) * 1000000L};
      sysraw::call(__NR_nanosleep, &pause, 0);
      return 0;
    }
    case FaultAction::kErrno:
      return fault.error;
  }
  return 0;
}
#endif

}  // namespace

const char* stepName(Step step) noexcept {
  const auto number = static_cast<std::size_t>(step);
  return number < sizeof kStepNames / sizeof *kStepNames ? kStepNames[number] : "unknown";
}

void ChildState::enter(Step step) noexcept {
  step_ = step;
#ifdef SAMPAN_FAULTS
  const std::uint32_t passage = ++passages_[static_cast<std::size_t>(step)];
  for (std::uint32_t i = 0; i < root.faults.count; ++i) {
    const Fault& fault = plan.at(root.faults, i);
    const char* point = text(fault.point);
    if (!startsWith(point, "launch.") || !equal(point + 7, stepName(step)) || fault.nth != passage)
      continue;
    if (const long error = obeyFault(fault); error != 0) fail(-error, "fault at ", point);
  }
#endif
}

void ChildState::failWith(long error, const Piece* pieces, std::size_t count) noexcept {
  if (error < 0) error = -error;
  Message message{};
  Line line(message.text, sizeof message.text);
  line.add(pieces, count).addError(error);
  message.kind = MessageKind::kFailed;
  message.step = step_;
  message.error = static_cast<std::int32_t>(error);
  tell(message, kMessageHead + line.length() + 1);
  die(1);
}

void ChildState::send(MessageKind kind) noexcept {
  Message message{};
  message.kind = kind;
  message.step = step_;
  tell(message, kMessageHead);
}

void ChildState::sendDescriptor(MessageKind kind, long fd, long pid) noexcept {
  Message message{};
  message.kind = kind;
  message.step = step_;
  message.pid = static_cast<std::int32_t>(pid);
  struct {
    void* base;
    std::size_t size;
  } part{&message, kMessageHead};
  struct alignas(8) {
    std::size_t size;
    int level, type;
    int fd, pad;
  } control{20, 1 /* SOL_SOCKET */, 1 /* SCM_RIGHTS */, static_cast<int>(fd), 0};
  struct {
    void* name;
    std::uint32_t nameSize, pad0;
    void* parts;
    std::size_t partCount;
    void* control;
    std::size_t controlSize;
    int flags;
  } header{nullptr, 0, 0, &part, 1, &control, sizeof control, 0};
  check(sysraw::retry(
            [&] { return sysraw::call(__NR_sendmsg, sync, &header, 0x4000 /* MSG_NOSIGNAL */); }),
        "send a descriptor");
}

void ChildState::tell(const Message& message, std::size_t size) noexcept {
  const long sent = sysraw::retry([&] {
    return sysraw::call(__NR_sendto, sync, &message, size, 0x4000 /* MSG_NOSIGNAL */, 0, 0);
  });
  // Refused by the filter that is loaded by now; write is the one call that every profile allows.
  if (sent == -EPERM || sent == -ENOSYS || sent == -EACCES) kernel::write(sync, &message, size);
}

void ChildState::awaitParent() noexcept {
  char byte = 0;
  if (kernel::read(sync, &byte, 1) != 1) die(1);
}

// The whole way of a process, in order; a reason stands where the order matters.
void childMain(const Plan& plan, const int* fds, int sync) noexcept {
  ChildState state(plan, fds, sync);
  const PlanRoot& root = plan.root();
  const bool noNewPrivs = plan.has(kFlagNoNewPrivs);
  state.hold = state.fd(root.hold);

  // Whoever is inside already must not look into us by ptrace or /proc while we hold what is the
  // host's (CVE-2016-9962); execve takes it back. A container that begins has nobody inside, and
  // one in a user namespace needs its own /proc.
  if (root.target != 0) kernel::prctl(4 /* PR_SET_DUMPABLE */, 0);
  resetSignals();
  lookAround(state);  // before any namespace changes what /proc and /dev/null are
  awaitMaps(state);
  setOomScore(state);
  // Before the cgroup namespace, whose root is where we are then. An exec joins with its last
  // process: a group that may not fork takes it all the same.
  if (root.target == 0) joinCgroup(state);
  joinNamespaces(state);
  enterPidNamespace(state);
  if (root.target != 0) joinCgroup(state);
  joinKeyring(state);
  if (plan.has(kFlagSetsid) || plan.has(kFlagTerminal)) {
    state.enter(Step::kSession);
    sysraw::call(__NR_setsid);  // fails only for a group leader, which then has what it asked for
  }
  if (root.rootfs != 0) {
    attachRootfs(state);
    mountAll(state);  // before the pivot: a new procfs in a user namespace needs the host's to be
                      // visible
    makeDevices(state);
  }
  openTerminal(state);
  if (root.rootfs != 0) {
    makeCwd(state);  // before the root becomes read-only
    if (plan.has(kFlagBarrier)) {
      state.enter(Step::kBarrier);
      state.send(MessageKind::kBarrier);
      state.awaitParent();
    }
    hidePaths(state);  // after the hooks, which may add mounts
    pivot(state);
  }
  applySysctls(state);
  setNames(state);
  applyStdio(state);
  applyLabels(state);
  applyMisc(state);
  enterCwd(state);  // as root first: a user may stand in a directory that it cannot reach

  Identity identity;
  resolveUser(state, identity);
  Program program;
  prepareProgram(state, identity, program);
  placeDescriptors(
      state);  // closes what came along, before any code of the image's choosing (CVE-2024-21626)
  applyLimits(state);  // before the ids: a hard limit needs CAP_SYS_RESOURCE; after: the last new
                       // descriptor
  if (root.hold == 0) state.send(MessageKind::kExecing);
  if (!noNewPrivs) loadSeccomp(state);  // needs CAP_SYS_ADMIN, which the ids take away
  becomeUser(state, identity);
  findProgram(state, program);
  if (root.hold != 0) hold(state);
  if (noNewPrivs) loadSeccomp(state);  // last, so that it need not allow what is above
  execute(state, program);
}

}  // namespace launch
