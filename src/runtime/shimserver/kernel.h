// The few kernel calls that the shim makes often, and descriptors and memory without a heap.
#pragma once

#include <sys/mman.h>
#include <time.h>

#include <cstddef>
#include <cstdint>

#include "platform/sysraw/sysraw.h"

namespace shimserver {

inline constexpr std::int64_t kMillisecond = 1'000'000;

inline bool isError(long result) noexcept {
  return result < 0 && result > -4096;
}

inline void closeFd(int& fd) noexcept {
  if (fd >= 0) sysraw::call(__NR_close, fd);
  fd = -1;
}

// Through libc, which finds the kernel's call without a system call.
inline std::int64_t clockNs(clockid_t clock) noexcept {
  struct timespec t {};
  ::clock_gettime(clock, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}
inline std::int64_t wallNs() noexcept {
  return clockNs(CLOCK_REALTIME);
}
inline std::int64_t monotonicNs() noexcept {
  return clockNs(CLOCK_MONOTONIC);
}

// Zeroed pages; nullptr when there are none.
inline void* mapPages(std::size_t bytes) noexcept {
  const long at = sysraw::call(__NR_mmap, 0, bytes, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return isError(at) ? nullptr : reinterpret_cast<void*>(at);
}
inline void unmapPages(void* at, std::size_t bytes) noexcept {
  if (at != nullptr) sysraw::call(__NR_munmap, at, bytes);
}
inline void dropPages(void* at, std::size_t bytes) noexcept {
  sysraw::call(__NR_madvise, at, bytes, MADV_DONTNEED);
}

}  // namespace shimserver
