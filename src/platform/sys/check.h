// Turns the C library's -1 into an Error that names call and object.
#pragma once

#include <cerrno>
#include <string_view>

#include "platform/base/error.h"

namespace sys {

// Repeats `body` while a signal interrupts it. Not for close, connect, poll or nanosleep.
template <class Body>
auto retry(Body&& body) {
  for (;;) {
    const auto result = body();
    if (result >= 0 || errno != EINTR) return result;
  }
}

// Returns `result` unless it is negative; then throws Error kInternal "call object: errno text".
template <class T>
T check(T result, std::string_view call, std::string_view object = {}) {
  if (result < 0) base::failErrno(errno, call, object);
  return result;
}

}  // namespace sys
