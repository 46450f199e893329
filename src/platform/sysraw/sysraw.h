// System calls as the kernel states them: every function returns its result or a negative errno,
// and touches no libc state (errno, cancellation, pid caches). Usable after clone, in programs
// without heap, and below exceptions. Everything else that touches the kernel in the floor programs
// goes through here.
#pragma once

#include <asm/unistd.h>

#include <cstddef>
#include <cstdint>

namespace sysraw {

inline long syscall6(long n, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                     long f = 0) noexcept {
#if defined(__x86_64__)
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = n;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc 0"
               : "+r"(x0)
               : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
               : "memory");
  return x0;
#else
#error "no system call convention for this architecture"
#endif
}

template <class T>
long arg(T value) noexcept {
  if constexpr (sizeof(T) <= sizeof(long)) return (long)value;
}

template <class... Args>
long call(long number, Args... args) noexcept {
  return syscall6(number, arg(args)...);
}

// Repeats a call that a signal interrupted. Never for close: the descriptor is gone already.
template <class Call>
long retry(Call&& body) noexcept {
  long result;
  do result = body();
  while (result == -4 /* EINTR */);
  return result;
}

}  // namespace sysraw
