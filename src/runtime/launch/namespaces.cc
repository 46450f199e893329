// Leaving the host: signals, oom score, cgroup, namespaces, keyring; and what is written into the
// new namespaces.
#include <linux/keyctl.h>

#include "runtime/launch/child.h"

namespace launch {

// The program shall find what every program expects: default actions and nothing blocked, whatever
// we were given.
void resetSignals() noexcept {
  struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    unsigned long mask;
  } fresh{};
  for (int signal = 1; signal <= 64; ++signal) {
    if (signal != SIGKILL && signal != SIGSTOP)
      sysraw::call(__NR_rt_sigaction, signal, &fresh, 0, 8);
  }
  unsigned long none = 0;
  sysraw::call(__NR_rt_sigprocmask, SIG_SETMASK, &none, 0, sizeof none);
}

namespace {

bool isNull(long fd) noexcept {
  struct stat info {};
  return kernel::statFd(fd, info) == 0 && S_ISCHR(info.st_mode) &&
         info.st_rdev == kernel::kNullDevice;
}

}  // namespace

void lookAround(ChildState& state) noexcept {
  state.enter(Step::kNamespaces);
  for (int cap = 0; cap < 64; ++cap) {
    const long held = kernel::prctl(23 /* PR_CAPBSET_READ */, static_cast<unsigned long>(cap));
    if (held < 0) break;
    if (held == 1) state.available |= 1ull << cap;
  }
  // Masked files become this one, and so do streams that nobody gave: it must be the device, not
  // what a path of the same name leads to (CVE-2025-31133).
  const bool streams = !state.plan.has(kFlagTerminal) &&
                       (!state.root.stdio[0] || !state.root.stdio[1] || !state.root.stdio[2]);
  if (streams || state.root.maskedPaths.count != 0) {
    state.nullFd = state.check(
        kernel::openAt(AT_FDCWD, "/dev/null", O_RDWR | O_NOFOLLOW | O_NOCTTY), "open /dev/null");
    if (!isNull(state.nullFd)) state.fail(0, "the host's /dev/null is not the null device");
  }
  const long fd = kernel::openAt(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (fd < 0) return;
  struct stat info {};
  // Inode 1 is the root of a procfs: a directory of one, bound over /proc, would redirect every
  // write below.
  if (kernel::fileSystemType(fd) == kernel::kProcMagic && kernel::statFd(fd, info) == 0 &&
      info.st_ino == 1) {
    state.procFd = fd;
  } else {
    kernel::close(fd);
  }
}

void awaitMaps(ChildState& state) noexcept {
  if ((state.root.newNamespaces & CLONE_NEWUSER) == 0) return;
  state.enter(Step::kMaps);
  state.send(MessageKind::kMaps);
  state.awaitParent();
  state.check(sysraw::call(__NR_setresgid, 0, 0, 0), "become root of the user namespace");
  state.check(sysraw::call(__NR_setresuid, 0, 0, 0), "become root of the user namespace");
}

namespace {

// A file of the host's procfs, of which it is certain that it is that file: no links, no other
// mount on the way.
long openProcFile(ChildState& state, const char* path, int flags) noexcept {
  if (state.procFd < 0) return -ENOENT;
  const long fd = kernel::openAt2(
      state.procFd, path, static_cast<std::uint64_t>(flags), 0,
      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
  if (fd >= 0 && kernel::fileSystemType(fd) != kernel::kProcMagic) {
    kernel::close(fd);
    return -EXDEV;
  }
  return fd;
}

// "self/…" is a link; the number behind it is found first.
long openSelfFile(ChildState& state, const char* path, int flags) noexcept {
  char number[32] = {};
  if (state.procFd < 0) return -ENOENT;
  const long size = sysraw::call(__NR_readlinkat, state.procFd, "self", number, sizeof number - 1);
  if (size <= 0) return size < 0 ? size : -ENOENT;
  char full[128];
  Line line(full, sizeof full);
  line.add(number).add("/").add(path);
  return openProcFile(state, full, flags);
}

long writeOnce(long fd, const char* value) noexcept {
  const long size = static_cast<long>(length(value));
  const long written = kernel::write(fd, value, static_cast<std::size_t>(size));
  return written == size || written < 0 ? written : -EIO;
}

}  // namespace

long writeCgroupFile(const Plan& plan, const FileWrite& write, int directory,
                     const char* process) noexcept {
  const long fd = kernel::openAt(directory, plan.text(write.file), O_WRONLY | O_NOFOLLOW);
  const long done =
      fd < 0 ? fd : writeOnce(fd, write.value.size ? plan.text(write.value) : process);
  kernel::close(fd);
  return (write.flags & kWriteOptional) != 0 && done < 0 ? 0 : done;
}

void setOomScore(ChildState& state) noexcept {
  // In a new user namespace the parent does it: the file is the host root's there.
  if (!state.plan.has(kFlagHasOomScore) || (state.root.newNamespaces & CLONE_NEWUSER) != 0) return;
  state.enter(Step::kLimits);
  char digits[24];
  Line value(digits, sizeof digits);
  value.add(static_cast<long>(state.root.oomScore));
  const long fd = state.check(openSelfFile(state, "oom_score_adj", O_WRONLY), "open oom_score_adj");
  state.check(writeOnce(fd, digits), "set oom_score_adj to ", static_cast<const char*>(digits));
  kernel::close(fd);
}

void joinCgroup(ChildState& state) noexcept {
  state.enter(Step::kCgroup);
  // In a new user namespace the parent wrote them: the files belong to the host's root.
  const bool ours = (state.root.newNamespaces & CLONE_NEWUSER) == 0;
  for (std::uint32_t i = 0; ours && i < state.root.cgroupWrites.count; ++i) {
    const FileWrite& write = state.plan.at(state.root.cgroupWrites, i);
    const long done = writeCgroupFile(state.plan, write, state.fd(write.directory), "0");
    if (done < 0) state.fail(done, "write ", state.text(write.file), " of the cgroup");
  }
  if (state.root.newNamespaces & CLONE_NEWCGROUP) {
    state.check(kernel::unshare(CLONE_NEWCGROUP), "make a cgroup namespace");
  }
}

void joinNamespaces(ChildState& state) noexcept {
  state.enter(Step::kNamespaces);
  for (std::uint32_t i = 0; i < state.root.joins.count; ++i) {
    const NamespaceJoin& join = state.plan.at(state.root.joins, i);
    if (join.type == CLONE_NEWPID) continue;  // the parent did, for its next child
    state.check(kernel::setns(state.fd(join.fd), static_cast<int>(join.type)), "join namespace");
  }
  // All in one call: there is no moment in which we are half inside. The pid namespace is that of
  // our next child.
  const std::uint32_t wanted = state.root.targetNamespaces;
  if (state.root.target != 0 && wanted != 0) {
    state.check(kernel::setns(state.fd(state.root.target), static_cast<int>(wanted)),
                "join the container's namespaces");
  }
  if (state.root.target != 0) {
    if (wanted & CLONE_NEWUSER) {
      state.check(sysraw::call(__NR_setresgid, 0, 0, 0), "become root of the user namespace");
      state.check(sysraw::call(__NR_setresuid, 0, 0, 0), "become root of the user namespace");
    }
    state.rootFd = state.check(kernel::openAt(AT_FDCWD, "/", O_PATH | O_DIRECTORY),
                               "open the container's root");
  }
}

// Whoever is inside and may trace finds the root, the directory and the memory of every process
// that has a number there. So nobody gets one before all of these are the container's own; it costs
// a second process, whose parent is ours.
void enterPidNamespace(ChildState& state) noexcept {
  if (state.root.target == 0 || (state.root.targetNamespaces & CLONE_NEWPID) == 0) return;
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_PARENT | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  const long pid =
      state.check(sysraw::call(__NR_clone3, &args, sizeof args), "enter the pid namespace");
  if (pid == 0) return state.awaitParent();
  state.sendDescriptor(MessageKind::kInside, pidfd, pid);
  for (;;) sysraw::call(__NR_exit_group, 0);
}

void joinKeyring(ChildState& state) noexcept {
  if (!state.plan.has(kFlagNewKeyring)) return;
  state.enter(Step::kSession);
  const char* name = state.root.keyring.size ? state.text(state.root.keyring) : nullptr;
  const long key = sysraw::call(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);
  // Kernels without keys, and hosts that forbid them to their own containers, have none to protect.
  if (key == -ENOSYS || key == -EPERM || key == -EDQUOT) return;
  state.check(key, "make a session keyring");
}

void applySysctls(ChildState& state) noexcept {
  for (std::uint32_t i = 0; i < state.root.sysctls.count; ++i) {
    state.enter(Step::kSysctl);
    const Sysctl& sysctl = state.plan.at(state.root.sysctls, i);
    const char* path = state.text(sysctl.path);
    char full[512];
    Line line(full, sizeof full);
    line.add("sys/").add(path);
    if (line.cut()) state.fail(ENAMETOOLONG, "sysctl ", path);
    const long fd = state.check(openProcFile(state, full, O_WRONLY), "open sysctl ", path);
    state.check(writeOnce(fd, state.text(sysctl.value)), "set sysctl ", path, " to ",
                Quoted{state.text(sysctl.value)});
    kernel::close(fd);
  }
}

long openNull(ChildState& state) noexcept {
  const long ours = openInside(state.rootFd, "/dev/null", O_RDWR | O_NOCTTY | O_NONBLOCK, 0, true);
  if (ours >= 0 && isNull(ours)) return ours;
  kernel::close(ours);
  return state.check(kernel::dupAbove(state.nullFd, 3), "open /dev/null");
}

void setNames(ChildState& state) noexcept {
  state.enter(Step::kHostname);
  if (state.root.hostname.offset) {
    state.check(
        sysraw::call(__NR_sethostname, state.text(state.root.hostname), state.root.hostname.size),
        "sethostname");
  }
  if (state.root.domainname.offset) {
    state.check(sysraw::call(__NR_setdomainname, state.text(state.root.domainname),
                             state.root.domainname.size),
                "setdomainname");
  }
}

void applyLabels(ChildState& state) noexcept {
  state.enter(Step::kLabel);
  if (state.root.apparmorProfile.size) {
    char value[512];
    Line line(value, sizeof value);
    line.add("exec ").add(state.text(state.root.apparmorProfile));
    if (line.cut()) state.fail(ENAMETOOLONG, "apparmor profile");
    long fd = openSelfFile(state, "attr/apparmor/exec", O_WRONLY);
    if (fd < 0) fd = openSelfFile(state, "attr/exec", O_WRONLY);
    state.check(fd, "apply apparmor profile: open attr/exec");
    state.check(writeOnce(fd, value), "apply apparmor profile ",
                Quoted{state.text(state.root.apparmorProfile)});
    kernel::close(fd);
  }
  if (state.root.selinuxLabel.size) {
    const long fd =
        state.check(openSelfFile(state, "attr/exec", O_WRONLY), "apply label: open attr/exec");
    state.check(writeOnce(fd, state.text(state.root.selinuxLabel)), "apply label ",
                Quoted{state.text(state.root.selinuxLabel)});
    kernel::close(fd);
  }
}

}  // namespace launch
