// The process itself: terminal, standard streams, limits, descriptors, filter.
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "runtime/launch/child.h"

namespace launch {
namespace {

constexpr unsigned kUnlockPty = 0x40045431;  // TIOCSPTLCK
constexpr unsigned kOpenPeer = 0x5441;       // TIOCGPTPEER
constexpr unsigned kSetWindow = 0x5414;      // TIOCSWINSZ
constexpr unsigned kControlling = 0x540e;    // TIOCSCTTY

// The slave becomes /dev/console as well. It is bound by its descriptor: a link at /dev/pts/N
// changes nothing (CVE-2025-52565).
void bindConsole(ChildState& state) noexcept {
  const long parent = openInside(state.rootFd, "/dev", O_PATH | O_DIRECTORY, 0, true);
  if (parent == -ENOENT || parent == -ENOTDIR || parent == -ELOOP) return;
  state.check(parent, "open /dev");
  const long made = kernel::openAt(parent, "console",
                                   O_CREAT | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0666);
  state.check(made, "create /dev/console");
  kernel::close(made);
  const long target =
      state.check(kernel::openAt(parent, "console", O_PATH | O_NOFOLLOW), "open /dev/console");
  const long mount = state.check(kernel::cloneTree(state.terminal, false), "clone the terminal");
  state.check(kernel::moveMount(mount, target), "bind /dev/console");
  kernel::close(mount);
  kernel::close(target);
  kernel::close(parent);
}

}  // namespace

void openTerminal(ChildState& state) noexcept {
  if (!state.plan.has(kFlagTerminal)) return;
  state.enter(Step::kTerminal);
  const long directory = openInside(state.rootFd, "/dev/pts", O_PATH | O_DIRECTORY, 0, true);
  state.check(directory, "open /dev/pts");
  if (kernel::fileSystemType(directory) != kernel::kDevptsMagic)
    state.fail(0, "/dev/pts is not a devpts");
  const long master = state.check(kernel::openAt(directory, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW),
                                  "open /dev/pts/ptmx");
  int unlock = 0;
  state.check(sysraw::call(__NR_ioctl, master, kUnlockPty, &unlock), "unlock the terminal");
  state.terminal =
      state.check(sysraw::call(__NR_ioctl, master, kOpenPeer, O_RDWR | O_NOCTTY | O_CLOEXEC),
                  "open the terminal");
  if (state.root.rows != 0 || state.root.columns != 0) {
    const std::uint16_t size[4] = {state.root.rows, state.root.columns, 0, 0};
    state.check(sysraw::call(__NR_ioctl, master, kSetWindow, size), "set the size of the terminal");
  }
  if (state.root.rootfs != 0) bindConsole(state);
  state.sendDescriptor(MessageKind::kTerminal, master, 0);
  kernel::close(master);
  kernel::close(directory);
}

void applyStdio(ChildState& state) noexcept {
  state.enter(Step::kStdio);
  // Out of the way first: a source may be one of the numbers that are about to be written.
  const int sources = 3;
  long from[sources];
  long null = -1;
  for (int i = 0; i < sources; ++i) {
    long fd = state.terminal >= 0 ? state.terminal : state.fd(state.root.stdio[i]);
    if (fd < 0) {
      if (null < 0) null = openNull(state);
      fd = null;
    }
    from[i] = state.check(kernel::dupAbove(fd, 3), "duplicate stdio");
  }
  const auto keepAway = [&](long& fd) {
    if (fd >= 0 && fd < 3) fd = state.check(kernel::dupAbove(fd, 3), "move a descriptor");
  };
  long sync = state.sync;
  keepAway(sync);
  state.sync = static_cast<int>(sync);
  keepAway(state.hold);
  keepAway(state.procFd);
  for (int i = 0; i < sources; ++i) {
    state.check(kernel::dup3(from[i], i), "place stdio");
    kernel::close(from[i]);
  }
  kernel::close(null);
  if (state.terminal >= 0) {
    kernel::close(state.terminal);
    state.terminal = -1;
    state.check(sysraw::call(__NR_ioctl, 0, kControlling, 0), "set the controlling terminal");
  }
}

void applyMisc(ChildState& state) noexcept {
  state.enter(Step::kLimits);
  sysraw::call(__NR_umask, state.plan.has(kFlagHasUmask) ? state.root.umask : 0022u);
  if (state.plan.has(kFlagHasPersonality)) {
    state.check(sysraw::call(__NR_personality, state.root.personality), "set personality");
  }
  if (state.plan.has(kFlagNoNewPrivs)) {
    state.check(kernel::prctl(38 /* PR_SET_NO_NEW_PRIVS */, 1), "set no_new_privs");
  }
}

void applyLimits(ChildState& state) noexcept {
  for (std::uint32_t i = 0; i < state.root.rlimits.count; ++i) {
    state.enter(Step::kLimits);
    const Rlimit& limit = state.plan.at(state.root.rlimits, i);
    const std::uint64_t values[2] = {limit.soft, limit.hard};
    state.check(sysraw::call(__NR_prlimit64, 0, limit.resource, values, 0),
                "error setting rlimit type ", static_cast<long>(limit.resource));
  }
}

// From here on the process has 0, 1, 2, what the plan keeps, and above all those, until execve, the
// sync socket and what it holds on.
void placeDescriptors(ChildState& state) noexcept {
  state.enter(Step::kDescriptors);
  const std::uint32_t count = state.root.keep.count;
  std::uint32_t top = 3;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t number = state.plan.at(state.root.keep, i).number;
    if (number >= top) top = number + 1;
  }
  const auto raise = [&](long fd) {
    return state.check(kernel::dupAbove(fd, top), "move a descriptor");
  };
  state.sync = static_cast<int>(raise(state.sync));
  if (state.hold >= 0) state.hold = raise(state.hold);
  long sources[kMaxPlanFds];
  if (count > kMaxPlanFds) state.fail(EINVAL, "too many kept descriptors");
  for (std::uint32_t i = 0; i < count; ++i)
    sources[i] = raise(state.fd(state.plan.at(state.root.keep, i).fd));
  // Gaps between kept numbers hold nothing of ours.
  kernel::closeRange(3, top - 1);
  for (std::uint32_t i = 0; i < count; ++i) {
    state.check(kernel::dup3(sources[i], state.plan.at(state.root.keep, i).number),
                "place a descriptor");
  }
  const auto low =
      static_cast<unsigned>(state.hold >= 0 && state.hold < state.sync ? state.hold : state.sync);
  const auto high = static_cast<unsigned>(state.hold > state.sync ? state.hold : state.sync);
  state.check(kernel::closeRange(top, low - 1), "close descriptors");
  state.check(kernel::closeRange(low + 1, high - 1), "close descriptors");
  state.check(kernel::closeRange(high + 1, ~0u), "close descriptors");
  state.procFd = state.rootFd = state.nullFd = -1;
}

void loadSeccomp(ChildState& state) noexcept {
  if (state.root.seccomp.size == 0) return;
  state.enter(Step::kSeccomp);
  sock_fprog program{};
  program.len = static_cast<unsigned short>(state.root.seccomp.size / sizeof(sock_filter));
  program.filter = reinterpret_cast<sock_filter*>(
      const_cast<unsigned char*>(state.plan.bytes(state.root.seccomp)));
  state.check(
      sysraw::call(__NR_seccomp, SECCOMP_SET_MODE_FILTER, state.root.seccompFlags, &program),
      "unable to load the seccomp filter");
}

}  // namespace launch
