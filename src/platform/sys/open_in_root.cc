#include "platform/sys/open_in_root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>

#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "platform/sys/open_in_root_walk.h"

namespace sys {
namespace {

constexpr int kAttempts = 32;

std::atomic<bool> g_openat2Missing{false};

// The descriptor, or a negative errno; -ENOSYS asks for the own walk.
int kernelWalk(int root, const std::string& path, int flags, mode_t mode) {
  if (g_openat2Missing.load(std::memory_order_relaxed)) return -ENOSYS;
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? mode : 0;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const long fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    // EAGAIN: some rename or mount on this machine raced with a ".." of the walk.
    if (errno == EINTR || errno == EAGAIN) continue;
    if (errno == ENOSYS) g_openat2Missing.store(true, std::memory_order_relaxed);
    // A seccomp filter answers EPERM; a true EPERM comes again from the own walk.
    return errno == EPERM ? -ENOSYS : -errno;
  }
  return -ENOSYS;  // under constant renames the own walk, which needs no retries
}

Fd openOrErrno(int root, const std::string& path, int flags, mode_t mode, int* error) {
  const std::string wanted = path.empty() ? "." : path;
  const int fd = kernelWalk(root, wanted, flags, mode);
  if (fd >= 0) return Fd(fd);
  if (fd == -ENOSYS) {
    try {
      return openInRootByWalk(root, wanted, flags, mode);
    } catch (const base::Error& failure) {
      if (failure.sysErrno() == 0) throw;
      *error = failure.sysErrno();
      return {};
    }
  }
  *error = -fd;
  return {};
}

}  // namespace

Fd openInRoot(int root, const std::string& path, int flags, mode_t mode) {
  int error = 0;
  Fd fd = openOrErrno(root, path, flags, mode, &error);
  if (!fd.valid()) base::failErrno(error, "open", path);
  return fd;
}

std::optional<Fd> openInRootIfExists(int root, const std::string& path, int flags) {
  int error = 0;
  Fd fd = openOrErrno(root, path, flags, 0, &error);
  if (fd.valid()) return fd;
  if (error == ENOENT || error == ENOTDIR) return std::nullopt;
  base::failErrno(error, "open", path);
}

Fd makeDirsInRoot(int root, const std::string& path, mode_t mode, uid_t uid, gid_t gid) {
  int error = 0;
  Fd existing = openOrErrno(root, path, O_PATH | O_DIRECTORY, 0, &error);
  if (existing.valid()) return existing;
  if (error != ENOENT) base::failErrno(error, "mkdir", path);
  const DirectoryMaker maker{mode, uid, gid};
  RootWalk walk(root, &maker);
  walk.enter(path);
  return openAt(walk.directory(), ".", O_PATH | O_DIRECTORY);
}

Located locateInRoot(int root, const std::string& path) {
  std::string trimmed = path;
  while (!trimmed.empty() && trimmed.back() == '/') trimmed.pop_back();
  const auto slash = trimmed.rfind('/');
  const std::string last = slash == std::string::npos ? trimmed : trimmed.substr(slash + 1);
  if (last.empty() || last == "." || last == "..") {
    RootWalk walk(root, nullptr);
    walk.enter(trimmed);
    return {openAt(walk.parent(), ".", O_PATH | O_DIRECTORY), walk.name()};
  }
  const std::string above = slash == std::string::npos ? "." : trimmed.substr(0, slash);
  return {openInRoot(root, above, O_PATH | O_DIRECTORY), last};
}

}  // namespace sys
