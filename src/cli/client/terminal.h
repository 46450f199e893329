// The user's terminal: raw mode that is always given back, its size, and the key sequence that
// detaches.
#pragma once

#include <termios.h>

#include <string>
#include <string_view>
#include <utility>

namespace client {

bool isTerminal(int fd);

struct TerminalSize {
  unsigned height = 0, width = 0;
};
// 0,0 when `fd` is no terminal.
TerminalSize terminalSize(int fd);

// Raw mode from construction to restore() or destruction.
class RawMode {
 public:
  RawMode() = default;
  explicit RawMode(int fd);
  RawMode(RawMode&& other) noexcept { *this = std::move(other); }
  RawMode& operator=(RawMode&& other) noexcept;
  ~RawMode() { restore(); }
  void restore() noexcept;

 private:
  int fd_ = -1;
  termios before_{};
};

// Switches echo off while a password is typed.
std::string readPassword(int fd);

// "ctrl-p,ctrl-q" -> the bytes. Error kInvalidArgument "Unknown character: 'x'".
std::string parseDetachKeys(std::string_view text);

// Looks for the detach sequence in what is typed.
class DetachFilter {
 public:
  explicit DetachFilter(std::string keys) : keys_(std::move(keys)) {}
  // What is to be sent on, in order; bytes that may start the sequence are held back until the next
  // call.
  std::string pass(std::string_view typed);
  bool detached() const noexcept { return detached_; }

 private:
  std::string keys_;
  size_t matched_ = 0;
  bool detached_ = false;
};

}  // namespace client
