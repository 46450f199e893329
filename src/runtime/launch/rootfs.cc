// The root of the container: attached, furnished with devices, stripped of what must not be seen,
// made "/".
#include <sys/sysmacros.h>

#include "runtime/launch/child.h"

namespace launch {

void attachRootfs(ChildState& state) noexcept {
  state.enter(Step::kRootfs);
  sysraw::call(__NR_umask, 0);
  // Nothing we do shall reach the host, and nothing it does shall keep busy here what we are about
  // to leave.
  const long old =
      state.check(kernel::openAt(AT_FDCWD, "/", O_PATH | O_DIRECTORY), "open the host's root");
  state.check(kernel::mountSetattr(old, true, 0, 0, MS_PRIVATE), "make the host's mounts private");

  // On top of the host's root: pivot_root needs a mount point, and every other directory may be
  // missing somewhere.
  state.rootFd = state.fd(state.root.rootfs);
  state.check(kernel::moveMount(state.rootFd, old), "attach the rootfs");
  state.check(kernel::mountSetattr(state.rootFd, true, 0, 0, MS_PRIVATE),
              "make the rootfs private");
  kernel::close(old);
}

namespace {

bool isDevice(long directory, const char* name, const Device& device) noexcept {
  struct stat info {};
  if (kernel::statAt(directory, name, info, AT_SYMLINK_NOFOLLOW) < 0) return false;
  return (info.st_mode & S_IFMT) == (device.mode & S_IFMT) &&
         (S_ISFIFO(info.st_mode) || info.st_rdev == makedev(device.major, device.minor));
}

void bindDevice(ChildState& state, const Device& device, long parent, const char* name) noexcept {
  const char* path = state.text(device.path);
  long target = kernel::openAt(parent, name, O_CREAT | O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0644);
  state.check(target, "create device ", path);
  kernel::close(target);
  target = state.check(kernel::openAt(parent, name, O_PATH | O_NOFOLLOW), "create device ", path);
  state.check(kernel::moveMount(state.fd(device.fd), target), "bind device ", path);
  kernel::close(target);
}

void makeDevice(ChildState& state, const Device& device) noexcept {
  const char* path = state.text(device.path);
  const char* name = nullptr;
  const long parent =
      state.check(makeParentInside(state.rootFd, path, name), "create device ", path);
  const long made = sysraw::call(__NR_mknodat, parent, name, device.mode,
                                 static_cast<unsigned>(makedev(device.major, device.minor)));
  if (made == -EPERM && device.fd != 0) {
    bindDevice(state, device, parent, name);
  } else if (made == -EEXIST) {
    if (!isDevice(parent, name, device))
      state.fail(EEXIST, "create device ", path, ": something else is there");
  } else {
    state.check(made, "create device ", path);
    if (device.uid != 0 || device.gid != 0) {
      state.check(
          sysraw::call(__NR_fchownat, parent, name, device.uid, device.gid, AT_SYMLINK_NOFOLLOW),
          "chown device ", path);
    }
  }
  kernel::close(parent);
}

}  // namespace

void makeSymlink(ChildState& state, const char* target, const char* path) noexcept {
  const char* name = nullptr;
  const long parent =
      state.check(makeParentInside(state.rootFd, path, name), "create symlink ", path);
  const long made = sysraw::call(__NR_symlinkat, target, parent, name);
  if (made < 0 && made != -EEXIST) state.fail(made, "create symlink ", path);
  kernel::close(parent);
}

void makeDevices(ChildState& state) noexcept {
  for (std::uint32_t i = 0; i < state.root.devices.count; ++i) {
    state.enter(Step::kDevice);
    makeDevice(state, state.plan.at(state.root.devices, i));
  }
  for (std::uint32_t i = 0; i < state.root.symlinks.count; ++i) {
    state.enter(Step::kDevice);
    const Symlink& link = state.plan.at(state.root.symlinks, i);
    makeSymlink(state, state.text(link.target), state.text(link.path));
  }
}

void makeCwd(ChildState& state) noexcept {
  if (!state.plan.has(kFlagCreateCwd)) return;
  state.enter(Step::kCwd);
  const char* path = state.text(state.root.cwd);
  const long made = makeDirsInside(state.rootFd, path, 0755);
  // What stands there and is no directory, or cannot be made, is reported by chdir in the words
  // users know.
  if (made < 0 && made != -ENOTDIR && made != -EROFS && made != -ELOOP)
    state.fail(made, "mkdir ", path);
  kernel::close(made);
}

namespace {

void maskOne(ChildState& state, const char* path, long& emptyDirectory) noexcept {
  const long target = openInside(state.rootFd, path, O_PATH);
  if (target == -ENOENT || target == -ENOTDIR) return;
  state.check(target, "mask path ", path);
  struct stat info {};
  state.check(kernel::statFd(target, info), "mask path ", path);
  long cover = -1;
  if (!S_ISDIR(info.st_mode)) {
    cover = kernel::cloneTree(state.nullFd, false);
  } else if (emptyDirectory >= 0) {
    cover = kernel::cloneTree(emptyDirectory, false);
  } else {
    const long context =
        state.check(sysraw::call(__NR_fsopen, "tmpfs", FSOPEN_CLOEXEC), "mask path ", path);
    state.check(sysraw::call(__NR_fsconfig, context, FSCONFIG_SET_STRING, "nr_blocks", "1", 0),
                "mask path ", path);
    state.check(sysraw::call(__NR_fsconfig, context, FSCONFIG_SET_STRING, "nr_inodes", "1", 0),
                "mask path ", path);
    state.check(sysraw::call(__NR_fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0), "mask path ",
                path);
    cover =
        sysraw::call(__NR_fsmount, context, FSMOUNT_CLOEXEC,
                     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    kernel::close(context);
  }
  state.check(cover, "mask path ", path);
  state.check(kernel::moveMount(cover, target), "mask path ", path);
  kernel::close(target);
  // Attached now, so it can be cloned for the next one: a mount fewer to make.
  if (S_ISDIR(info.st_mode) && emptyDirectory < 0) {
    emptyDirectory = cover;
  } else {
    kernel::close(cover);
  }
}

void makeReadonly(ChildState& state, const char* path) noexcept {
  const long target = openInside(state.rootFd, path, O_PATH);
  if (target == -ENOENT || target == -ENOTDIR) return;
  state.check(target, "make path read-only ", path);
  const long copy = state.check(kernel::cloneTree(target, true), "make path read-only ", path);
  state.check(kernel::mountSetattr(copy, true, MOUNT_ATTR_RDONLY, 0), "make path read-only ", path);
  state.check(kernel::moveMount(copy, target), "make path read-only ", path);
  kernel::close(copy);
  kernel::close(target);
}

}  // namespace

void hidePaths(ChildState& state) noexcept {
  if (state.plan.has(kFlagReadonlyRootfs)) {
    state.enter(Step::kMask);
    state.check(kernel::mountSetattr(state.rootFd, false, MOUNT_ATTR_RDONLY, 0),
                "make the rootfs read-only");
  }
  for (std::uint32_t i = 0; i < state.root.readonlyPaths.count; ++i) {
    state.enter(Step::kMask);
    makeReadonly(state, state.text(state.plan.at(state.root.readonlyPaths, i)));
  }
  long emptyDirectory = -1;
  for (std::uint32_t i = 0; i < state.root.maskedPaths.count; ++i) {
    state.enter(Step::kMask);
    maskOne(state, state.text(state.plan.at(state.root.maskedPaths, i)), emptyDirectory);
  }
  kernel::close(emptyDirectory);
}

void pivot(ChildState& state) noexcept {
  state.enter(Step::kPivot);
  state.check(sysraw::call(__NR_fchdir, state.rootFd), "chdir to the rootfs");
  if (state.plan.has(kFlagNoPivot)) {
    state.check(sysraw::call(__NR_move_mount, AT_FDCWD, ".", AT_FDCWD, "/", 0),
                "move the rootfs to /");
    state.check(sysraw::call(__NR_chroot, "."), "chroot");
  } else {
    // The old root ends up on top of the new one, and is taken away through the directory we stand
    // in.
    state.check(sysraw::call(__NR_pivot_root, ".", "."), "pivot_root");
    state.check(sysraw::call(__NR_umount2, ".", 2 /* MNT_DETACH */), "detach the host's root");
  }
  state.check(sysraw::call(__NR_chdir, "/"), "chdir /");
  if (const auto kind = state.root.rootPropagation & kernel::kPropagationMask) {
    state.check(
        kernel::mountSetattr(state.rootFd, (state.root.rootPropagation & MS_REC) != 0, 0, 0, kind),
        "set the propagation of the root");
  }
}

}  // namespace launch
