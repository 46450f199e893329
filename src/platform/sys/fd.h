// Owned file descriptors.
#pragma once

#include <unistd.h>

#include <utility>

namespace sys {

// Move-only; -1 is empty. A parameter of type Fd takes ownership, a parameter `int fd` borrows.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const noexcept { return fd_; }
  bool valid() const noexcept { return fd_ >= 0; }
  explicit operator bool() const = delete;  // `if (fd)` would read like a number

  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

  // Never retried: after EINTR the number may be another thread's already.
  void reset() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  // A duplicate with CLOEXEC. Error kInternal.
  Fd dup() const;

 private:
  int fd_ = -1;
};

}  // namespace sys
