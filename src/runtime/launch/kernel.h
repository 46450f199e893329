// The system calls of the launch, typed: what sysraw.h offers by number, under the names of the
// manual. Each returns its result or a negative errno.
#pragma once

#include <asm/unistd.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "platform/sysraw/sysraw.h"

// The C libraries put these into headers that clash with the kernel's own.
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef O_PATH
#define O_PATH 010000000
#endif

namespace launch::kernel {

inline constexpr long kProcMagic = 0x9fa0;
inline constexpr long kDevptsMagic = 0x1cd1;
inline constexpr unsigned long kNullDevice = 0x103;  // 1:3
inline constexpr unsigned long kPropagationMask = MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE;

inline long close(long fd) noexcept {
  return fd >= 0 ? sysraw::call(__NR_close, fd) : 0;
}
inline long closeRange(unsigned first, unsigned last) noexcept {
  return first > last ? 0 : sysraw::call(__NR_close_range, first, last, 0);
}
inline long openAt(long dir, const char* path, int flags, unsigned mode = 0) noexcept {
  return sysraw::retry(
      [&] { return sysraw::call(__NR_openat, dir, path, flags | O_CLOEXEC, mode); });
}
inline long openAt2(long dir, const char* path, std::uint64_t flags, std::uint64_t mode,
                    std::uint64_t resolve) noexcept {
  open_how how{flags | O_CLOEXEC, mode, resolve};
  // EAGAIN: a rename ran at the same time and ".." could not be proven to stay inside.
  for (int round = 0;; ++round) {
    const long fd = sysraw::call(__NR_openat2, dir, path, &how, sizeof how);
    if ((fd != -EAGAIN && fd != -EINTR) || round == 4096) return fd;
  }
}
inline long read(long fd, void* data, std::size_t size) noexcept {
  return sysraw::retry([&] { return sysraw::call(__NR_read, fd, data, size); });
}
inline long write(long fd, const void* data, std::size_t size) noexcept {
  return sysraw::retry([&] { return sysraw::call(__NR_write, fd, data, size); });
}
inline long statFd(long fd, struct stat& out) noexcept {
  return sysraw::call(__NR_newfstatat, fd, "", &out, AT_EMPTY_PATH);
}
inline long statAt(long dir, const char* path, struct stat& out, int flags) noexcept {
  return sysraw::call(__NR_newfstatat, dir, path, &out, flags);
}
// The type of the file system an open file is on, or a negative errno.
inline long fileSystemType(long fd) noexcept {
  struct statfs info {};
  const long failed = sysraw::call(__NR_fstatfs, fd, &info);
  return failed < 0 ? failed : static_cast<long>(info.f_type);
}
inline long dupAbove(long fd, long lowest) noexcept {
  return sysraw::call(__NR_fcntl, fd, F_DUPFD_CLOEXEC, lowest);
}
inline long dup3(long from, long to) noexcept {
  return sysraw::call(__NR_dup3, from, to, 0);
}
inline long prctl(int option, unsigned long a = 0, unsigned long b = 0, unsigned long c = 0,
                  unsigned long d = 0) noexcept {
  return sysraw::call(__NR_prctl, option, a, b, c, d);
}
inline long setns(long fd, int type) noexcept {
  return sysraw::call(__NR_setns, fd, type);
}
inline long unshare(unsigned long flags) noexcept {
  return sysraw::call(__NR_unshare, flags);
}
inline long openTree(long dir, const char* path, unsigned flags) noexcept {
  return sysraw::call(__NR_open_tree, dir, path, flags | OPEN_TREE_CLOEXEC);
}
// A detached copy of what `fd` is in.
inline long cloneTree(long fd, bool recursive) noexcept {
  return openTree(fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0));
}
inline long moveMount(long mount, long target) noexcept {
  return sysraw::call(__NR_move_mount, mount, "", target, "",
                      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}
inline long mountSetattr(long mount, bool recursive, std::uint64_t set, std::uint64_t clear,
                         std::uint64_t propagation = 0) noexcept {
  mount_attr attr{};
  attr.attr_set = set;
  attr.attr_clr = clear;
  attr.propagation = propagation;
  return sysraw::call(__NR_mount_setattr, mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
                      &attr, sizeof attr);
}
inline long mkdirAt(long dir, const char* name, unsigned mode) noexcept {
  return sysraw::call(__NR_mkdirat, dir, name, mode);
}
inline void* mapMemory(std::size_t size) noexcept {
  const long at =
      sysraw::call(__NR_mmap, 0, size, 3 /* read, write */, 0x22 /* private, anonymous */, -1, 0);
  return at < 0 && at > -4096 ? nullptr : reinterpret_cast<void*>(at);
}

}  // namespace launch::kernel
