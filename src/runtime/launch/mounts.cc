// The container's mounts, each attached to a target that was opened inside the rootfs.
#include "runtime/launch/child.h"

namespace launch {
namespace {

// What the kernel says about a file system context: "overlay: ...", without its leading "e ".
void readLog(long context, char* buffer, std::size_t size) noexcept {
  const long got = kernel::read(context, buffer, size - 1);
  if (got <= 0) {
    buffer[0] = 0;
    return;
  }
  buffer[got] = 0;
  for (long i = 0; i < got; ++i) {
    if (buffer[i] == '\n') buffer[i] = 0;
  }
  if (buffer[0] != 0 && buffer[1] == ' ') {
    for (long i = 0; i + 2 <= got; ++i) buffer[i] = buffer[i + 2];
  }
}

[[noreturn]] void mountFailed(ChildState& state, const Mount& mount, long error,
                              const char* detail = "") noexcept {
  const bool kinds = error == -ENOTDIR;
  state.fail(error, "error mounting ",
             Quoted{mount.source.size ? state.text(mount.source) : state.text(mount.type)},
             " to rootfs at ", Quoted{state.text(mount.target)}, *detail ? ": " : "", detail,
             kinds ? ": Are you trying to mount a directory onto a file (or vice-versa)? Check if "
                     "the specified host path "
                     "exists and is the expected type"
                   : "");
}

// A detached mount of a new file system; -1 when it is optional and the kernel has none of it.
long makeFileSystem(ChildState& state, const Mount& mount) noexcept {
  char log[256];
  const long context = sysraw::call(__NR_fsopen, state.text(mount.type), FSOPEN_CLOEXEC);
  if (context == -ENODEV && (mount.flags & kMountOptional) != 0) return -1;
  if (context < 0) mountFailed(state, mount, context);
  const auto configure = [&](unsigned command, const char* key, const char* value) {
    const long done = sysraw::call(__NR_fsconfig, context, command, key, value, 0);
    if (done == 0) return;
    readLog(context, log, sizeof log);
    if (command == FSCONFIG_CMD_CREATE && (mount.flags & kMountOptional) != 0 && done == -ENODEV)
      return;
    mountFailed(state, mount, done, *log ? log : (key ? key : ""));
  };
  configure(FSCONFIG_SET_STRING, "source",
            mount.source.size ? state.text(mount.source) : state.text(mount.type));
  for (std::uint32_t i = 0; i < mount.options.count; ++i) {
    const MountOption& option = state.plan.at(mount.options, i);
    if (option.value.offset) {
      configure(FSCONFIG_SET_STRING, state.text(option.key), state.text(option.value));
    } else {
      configure(FSCONFIG_SET_FLAG, state.text(option.key), nullptr);
    }
  }
  configure(FSCONFIG_CMD_CREATE, nullptr, nullptr);
  const long mounted = sysraw::call(__NR_fsmount, context, FSMOUNT_CLOEXEC, mount.attributesSet);
  if (mounted < 0) {
    readLog(context, log, sizeof log);
    mountFailed(state, mount, mounted, log);
  }
  kernel::close(context);
  return mounted;
}

bool sameFile(const struct stat& a, const struct stat& b) noexcept {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// Files of procfs that may be covered, as tools that fake a machine's size do; nothing there grants
// rights.
bool mayCoverInProc(const char* target) noexcept {
  constexpr const char* kNames[] = {"/proc/cpuinfo",
                                    "/proc/diskstats",
                                    "/proc/meminfo",
                                    "/proc/stat",
                                    "/proc/swaps",
                                    "/proc/uptime",
                                    "/proc/loadavg",
                                    "/proc/slabinfo",
                                    "/proc/net/dev",
                                    "/proc/sys/kernel/ns_last_pid",
                                    "/proc/sys/crypto/fips_enabled"};
  for (const char* name : kNames) {
    if (equal(target, name)) return true;
  }
  return false;
}

// A volume over /proc or inside it would let an image fake the files by which labels are set
// (CVE-2019-16884).
void refuseFakeProc(ChildState& state, const Mount& mount, long source, long target,
                    const struct stat& there) noexcept {
  if (kernel::fileSystemType(source) == kernel::kProcMagic) return;
  struct stat proc {};
  const bool overProc =
      kernel::statAt(state.rootFd, "proc", proc, AT_SYMLINK_NOFOLLOW) == 0 && sameFile(proc, there);
  const bool inProc = kernel::fileSystemType(target) == kernel::kProcMagic &&
                      !mayCoverInProc(state.text(mount.target));
  if (overProc || inProc) {
    state.fail(EPERM, "error mounting ", Quoted{state.text(mount.source)}, " to rootfs at ",
               Quoted{state.text(mount.target)}, ": cannot be mounted because it is inside /proc");
  }
}

// Sets `existed` to false when the target had to be made.
long openTarget(ChildState& state, const Mount& mount, bool file, bool& existed) noexcept {
  const char* path = state.text(mount.target);
  const bool plain = (mount.flags & kMountPlainDirectory) != 0;
  long target = openInside(state.rootFd, path, O_PATH, 0, plain);
  if (target == -ELOOP && plain) {
    state.fail(EINVAL, "filesystem ", Quoted{state.text(mount.type)},
               " must be mounted on ordinary directory");
  }
  if (target != -ENOENT) return target;
  existed = false;
  if (!file) return makeDirsInside(state.rootFd, path, 0755);
  const char* name = nullptr;
  const long parent = makeParentInside(state.rootFd, path, name);
  if (parent < 0) return parent;
  target = kernel::openAt(parent, name, O_CREAT | O_EXCL | O_RDONLY | O_NOFOLLOW, 0644);
  if (target >= 0) {
    // As O_PATH: nothing else is done with it.
    kernel::close(target);
    target = kernel::openAt(parent, name, O_PATH | O_NOFOLLOW);
  }
  kernel::close(parent);
  return target;
}

void setAttributes(ChildState& state, const Mount& mount, long fd) noexcept {
  if (mount.attributesSet | mount.attributesClear) {
    const long done = kernel::mountSetattr(fd, false, mount.attributesSet, mount.attributesClear);
    if (done < 0) mountFailed(state, mount, done, "set mount attributes");
  }
  if (mount.treeSet | mount.treeClear) {
    const long done = kernel::mountSetattr(fd, true, mount.treeSet, mount.treeClear);
    if (done < 0) mountFailed(state, mount, done, "set mount attributes of the tree");
  }
  if (const auto kind = mount.propagation & kernel::kPropagationMask) {
    const long done = kernel::mountSetattr(fd, (mount.propagation & MS_REC) != 0, 0, 0, kind);
    if (done < 0) mountFailed(state, mount, done, "set propagation");
  }
}

// A tmpfs that was given no mode looks like the directory that it covers.
void keepMode(ChildState& state, const Mount& mount, long fd, bool existed,
              const struct stat& there) noexcept {
  if (!existed || !equal(state.text(mount.type), "tmpfs")) return;
  for (std::uint32_t i = 0; i < mount.options.count; ++i) {
    if (equal(state.text(state.plan.at(mount.options, i).key), "mode")) return;
  }
  const long done = sysraw::call(__NR_fchmodat, fd, ".", there.st_mode & 07777);
  if (done < 0 && done != -EROFS) mountFailed(state, mount, done, "chmod");
}

void change(ChildState& state, const Mount& mount) noexcept {
  const long target = openInside(state.rootFd, state.text(mount.target), O_PATH);
  if (target < 0) mountFailed(state, mount, target, "remount");
  setAttributes(state, mount, target);
  kernel::close(target);
}

void mountOne(ChildState& state, const Mount& mount) noexcept {
  if (mount.kind == MountKind::kChange) return change(state, mount);
  if (mount.kind == MountKind::kSymlink)
    return makeSymlink(state, state.text(mount.source), state.text(mount.target));
  long fd = mount.kind == MountKind::kAttach ? state.fd(mount.fd) : makeFileSystem(state, mount);
  if (fd < 0) return;
  struct stat what {
  }, there{}, root{};
  if (const long failed = kernel::statFd(fd, what); failed < 0) mountFailed(state, mount, failed);
  bool existed = true;
  const long target = openTarget(state, mount, !S_ISDIR(what.st_mode), existed);
  if (target < 0) mountFailed(state, mount, target);
  if (const long failed = kernel::statFd(target, there); failed < 0)
    mountFailed(state, mount, failed);
  if (S_ISDIR(what.st_mode) != S_ISDIR(there.st_mode)) mountFailed(state, mount, -ENOTDIR);
  state.check(kernel::statFd(state.rootFd, root), "stat rootfs");
  if (sameFile(root, there))
    mountFailed(state, mount, -EINVAL, "mounting over the root of the container is refused");
  refuseFakeProc(state, mount, fd, target, there);
  if (mount.kind == MountKind::kFilesystem) keepMode(state, mount, fd, existed, there);
  if (mount.flags & kMountCopyUp) {
    const long from = kernel::openAt(target, ".", O_RDONLY | O_DIRECTORY);
    const long to = kernel::openAt(fd, ".", O_RDONLY | O_DIRECTORY);
    const long copied = from < 0 ? from : to < 0 ? to : copyUp(from, to);
    if (copied < 0) mountFailed(state, mount, copied, "copy up");
    kernel::close(from);
    kernel::close(to);
  }
  if (mount.kind == MountKind::kAttach) setAttributes(state, mount, fd);
  const long done = kernel::moveMount(fd, target);
  if (done < 0) mountFailed(state, mount, done);
  if (mount.kind == MountKind::kFilesystem) {
    if (mount.propagation) {
      Mount rest = mount;
      rest.attributesSet = rest.attributesClear = rest.treeSet = rest.treeClear = 0;
      setAttributes(state, rest, fd);
    }
    kernel::close(fd);
  }
  kernel::close(target);
}

}  // namespace

void mountAll(ChildState& state) noexcept {
  for (std::uint32_t i = 0; i < state.root.mounts.count; ++i) {
    state.enter(Step::kMount);
    mountOne(state, state.plan.at(state.root.mounts, i));
  }
}

}  // namespace launch
