// The one exception class of the project and the vocabulary of failure.
//
// Functions throw Error when they cannot do what their name says. Expected absence is no error:
// find() returns an optional. Errors are caught at four edges only: HTTP handler, program main,
// child guard, background task.
#pragma once

#include <fmt/format.h>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace base {

// What the caller can do about it. One table maps these to HTTP (engine/server), one to exit codes
// (cli).
enum class Code {
  kInvalidArgument,   // 400: the request is wrong and will stay wrong
  kUnauthorized,      // 401
  kForbidden,         // 403
  kNotFound,          // 404
  kConflict,          // 409: the object's state does not allow it
  kNotModified,       // 304: nothing to do
  kNotImplemented,    // 501: known, and not built
  kUnavailable,       // 503: may work later
  kDeadlineExceeded,  // 504
  kCancelled,         // the caller went away
  kDataLoss,          // what was stored is damaged
  kInternal,          // everything else; with sysErrno() when the kernel refused
};

std::string_view codeName(Code code) noexcept;

class Error : public std::exception {
 public:
  Error(Code code, std::string message, int sysErrno = 0) noexcept
      : code_(code), sys_errno_(sysErrno), message_(std::move(message)) {}

  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& message() const noexcept { return message_; }
  Code code() const noexcept { return code_; }
  int sysErrno() const noexcept { return sys_errno_; }

  // "step: message"; the code stays. For the place that knows which step of which object failed.
  Error within(std::string_view step) const {
    return Error(code_, fmt::format("{}: {}", step, message_), sys_errno_);
  }

 private:
  Code code_;
  int sys_errno_;
  std::string message_;
};

template <class... Args>
[[noreturn]] void fail(Code code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

// "open /x: no such file or directory" in Go's words, since clients read these texts. kInternal
// with the errno.
[[noreturn]] void failErrno(int sysErrno, std::string_view call, std::string_view object);

// strerror in Go's words: lower case, thread-safe.
std::string errnoText(int sysErrno);

// Runs `body`; an Error that leaves it is prefixed with "step: ".
template <class Body>
decltype(auto) within(std::string_view step, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const Error& error) {
    throw error.within(step);
  }
}

}  // namespace base
