#include "runtime/ociruntime/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <span>

#include "platform/base/error.h"
#include "platform/sys/check.h"
#include "platform/sys/process.h"
#include "platform/sys/socket.h"

namespace ociruntime {
namespace {

void sendDescriptor(const std::string& path, int fd, const char* name) {
  const auto socket = sys::connectUnixPath(path, SOCK_STREAM);
  const std::span bytes(reinterpret_cast<const std::byte*>(name),
                        std::char_traits<char>::length(name));
  sys::sendMessage(socket.get(), bytes, std::array{fd});
}

// Our own terminal passes every key on; the container's does the editing.
class RawMode {
 public:
  RawMode() {
    if (::tcgetattr(0, &before_) < 0) return;
    termios raw = before_;
    ::cfmakeraw(&raw);
    raw_ = ::tcsetattr(0, TCSANOW, &raw) == 0;
  }
  ~RawMode() {
    if (raw_) ::tcsetattr(0, TCSANOW, &before_);
  }
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;

 private:
  termios before_{};
  bool raw_ = false;
};

void copySize(int master) {
  winsize size{};
  if (::ioctl(0, TIOCGWINSZ, &size) == 0) ::ioctl(master, TIOCSWINSZ, &size);
}

bool pass(int from, int to) {
  char buffer[4096];
  const auto got = sys::retry([&] { return ::read(from, buffer, sizeof buffer); });
  if (got <= 0) return false;  // EIO: the last process has let go of the terminal
  for (ssize_t done = 0; done < got;) {
    const auto wrote =
        sys::retry([&] { return ::write(to, buffer + done, static_cast<size_t>(got - done)); });
    if (wrote <= 0) return false;
    done += wrote;
  }
  return true;
}

int exitCode(int pid) {
  int status = 0;
  sys::check(sys::retry([&] { return ::waitpid(pid, &status, 0); }), "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

void sendMaster(const std::string& path, int master) {
  sendDescriptor(path, master, "/dev/ptmx");
}
void sendPidfd(const std::string& path, int pidfd) {
  sendDescriptor(path, pidfd, "pidfd");
}

int standBy(int pid, int pidfd, const sys::Fd& master) {
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  const sys::Fd signals(sys::check(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd"));
  std::optional<RawMode> raw;
  if (master.valid()) {
    raw.emplace();
    copySize(master.get());
  }
  bool input = master.valid(), output = master.valid();
  for (;;) {
    pollfd waiting[] = {{signals.get(), POLLIN, 0},
                        {pidfd, POLLIN, 0},
                        {input ? 0 : -1, POLLIN, 0},
                        {output ? master.get() : -1, POLLIN, 0}};
    if (::poll(waiting, 4, -1) < 0) continue;
    signalfd_siginfo info{};
    while (::read(signals.get(), &info, sizeof info) == sizeof info) {
      const int number = static_cast<int>(info.ssi_signo);
      if (number == SIGWINCH && master.valid()) copySize(master.get());
      if (number != SIGCHLD && number != SIGURG && number != SIGWINCH && number != SIGPIPE)
        sys::signalPidfd(pidfd, number);
    }
    if (waiting[2].revents != 0 && !pass(0, master.get())) input = false;
    if (waiting[3].revents != 0 && !pass(master.get(), 1)) output = false;
    if ((waiting[1].revents & POLLIN) == 0) continue;
    // What it wrote last is still in the terminal.
    pollfd rest{master.get(), POLLIN, 0};
    while (output && ::poll(&rest, 1, 0) > 0 && pass(master.get(), 1)) {
    }
    return exitCode(pid);
  }
}

}  // namespace ociruntime
