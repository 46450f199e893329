#include "cli/client/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/check.h"

namespace client {

bool isTerminal(int fd) {
  return ::isatty(fd) == 1;
}

TerminalSize terminalSize(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0) return {};
  return {size.ws_row, size.ws_col};
}

RawMode::RawMode(int fd) : fd_(fd) {
  sys::check(::tcgetattr(fd, &before_), "tcgetattr", "terminal");
  termios raw = before_;
  ::cfmakeraw(&raw);
  if (::tcsetattr(fd, TCSANOW, &raw) != 0) {
    const int error = errno;
    fd_ = -1;
    base::failErrno(error, "tcsetattr", "terminal");
  }
}

RawMode& RawMode::operator=(RawMode&& other) noexcept {
  if (this != &other) {
    restore();
    fd_ = std::exchange(other.fd_, -1);
    before_ = other.before_;
  }
  return *this;
}

void RawMode::restore() noexcept {
  if (fd_ >= 0) ::tcsetattr(std::exchange(fd_, -1), TCSANOW, &before_);
}

std::string readPassword(int fd) {
  termios before{};
  const bool terminal = ::tcgetattr(fd, &before) == 0;
  if (terminal) {
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(fd, TCSANOW, &silent);
  }
  std::string line;
  char c = 0;
  while (sys::retry([&] { return ::read(fd, &c, 1); }) == 1 && c != '\n') line += c;
  if (terminal) ::tcsetattr(fd, TCSANOW, &before);
  return line;
}

std::string parseDetachKeys(std::string_view text) {
  std::string keys;
  for (const std::string& key : base::split(text, ',')) {
    if (key.size() == 1) {
      keys += key;
      continue;
    }
    constexpr std::string_view kControl = "ctrl-";
    const char letter =
        key.starts_with(kControl) && key.size() == kControl.size() + 1 ? key.back() : '\0';
    if (letter >= 'a' && letter <= 'z') {
      keys += static_cast<char>(letter - 'a' + 1);
    } else if (letter == '@') {
      keys += '\0';
    } else if (letter >= '[' && letter <= '_') {
      keys += static_cast<char>(letter - '[' + 27);
    } else {
      base::fail(base::Code::kInvalidArgument, "Unknown character: '{}'", key);
    }
  }
  return keys;
}

std::string DetachFilter::pass(std::string_view typed) {
  std::string out;
  for (const char c : typed) {
    if (detached_) break;
    if (matched_ < keys_.size() && c == keys_[matched_]) {
      detached_ = ++matched_ == keys_.size();
      continue;
    }
    out.append(keys_, 0, matched_);
    matched_ = 0;
    if (!keys_.empty() && c == keys_[0]) {
      matched_ = 1;
      detached_ = keys_.size() == 1;
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace client
