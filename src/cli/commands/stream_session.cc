#include "cli/commands/stream_session.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "cli/commands/command.h"
#include "cli/commands/commands.h"
#include "platform/base/strings.h"
#include "platform/base/time.h"
#include "platform/sys/check.h"

namespace commands {
namespace {

using base::Code;

constexpr int kPassedOn[] = {SIGHUP,  SIGINT,  SIGQUIT,   SIGTERM,  SIGUSR1, SIGUSR2,
                             SIGALRM, SIGTSTP, SIGCONT,   SIGWINCH, SIGIO,   SIGPWR,
                             SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF};
constexpr size_t kBlock = 64 * 1024;
constexpr int kResizeTries = 10;
constexpr std::int64_t kResizePauseNs = 10'000'000;
constexpr const char* kDefaultDetachKeys = "ctrl-p,ctrl-q";

sigset_t watchedSet() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kPassedOn) sigaddset(&set, signal);
  return set;
}

void writeOut(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = sys::retry([&] { return ::write(fd, bytes.data(), bytes.size()); });
    if (n < 0) {
      if (errno == EAGAIN) {  // somebody made our output non-blocking
        pollfd wait{fd, POLLOUT, 0};
        ::poll(&wait, 1, -1);
        continue;
      }
      base::failErrno(errno, "write", fd == 1 ? "/dev/stdout" : "/dev/stderr");
    }
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

// The state of one runSession.
class Session {
 public:
  Session(Cli& cli, client::RawStream& stream, PendingExit* exit, SignalWatch& signals,
          const SessionOptions& options)
      : cli_(cli),
        stream_(stream),
        exit_(exit),
        signals_(signals),
        options_(options),
        detach_(options.tty
                    ? client::parseDetachKeys(options.detachKeys.empty() ? kDefaultDetachKeys
                                                                         : options.detachKeys)
                    : ""),
        input_open_(options.input) {
    if (options.tty && options.input && client::isTerminal(0)) raw_ = client::RawMode(0);
    if (options.resize && client::isTerminal(1) && options.resizeAtOnce)
      next_resize_ = base::monotonicNs();
  }

  SessionEnd run() {
    while (!detach_.detached() && (stream_open_ || (exit_ && !exit_->done()))) step();
    raw_.restore();
    return detach_.detached() ? SessionEnd::kDetached : SessionEnd::kFinished;
  }

 private:
  enum Slot { kStream, kInput, kSignals, kExit, kSlots };

  void step() {
    if (!stream_open_) raw_.restore();
    std::array<pollfd, kSlots> polls{};
    for (pollfd& entry : polls) entry.fd = -1;
    if (stream_open_)
      polls[kStream] = {stream_.pollFd(),
                        static_cast<short>(POLLIN | (pending_.empty() ? 0 : POLLOUT)), 0};
    if (input_open_ && pending_.empty() && stream_open_) polls[kInput] = {0, POLLIN, 0};
    polls[kSignals] = {signals_.pollFd(), POLLIN, 0};
    if (exit_ && !exit_->done()) polls[kExit] = {exit_->pollFd(), POLLIN, 0};
    const int ready = ::poll(polls.data(), polls.size(), timeout());
    if (ready < 0 && errno != EINTR) base::failErrno(errno, "poll", "session");
    resizeWhenDue();
    if (ready < 0) return;
    if (polls[kSignals].revents) handleSignals();
    if (polls[kStream].revents & POLLOUT) flushPending();
    if (polls[kStream].revents & (POLLIN | POLLHUP | POLLERR) ||
        (stream_open_ && stream_.hasUnread()))
      readStream();
    if (polls[kInput].revents) readInput();
    if (polls[kExit].revents) exit_->readMore();
  }

  int timeout() const {
    if (stream_open_ && stream_.hasUnread()) return 0;
    if (next_resize_ == 0) return -1;
    const std::int64_t left = next_resize_ - base::monotonicNs();
    return left <= 0 ? 0 : static_cast<int>(left / 1'000'000 + 1);
  }

  void readStream() {
    std::array<char, kBlock> buffer;
    const std::ptrdiff_t n = stream_.read(buffer);
    if (n < 0) return;
    if (n == 0) {
      stream_open_ = false;
      return;
    }
    const std::string_view bytes(buffer.data(), static_cast<size_t>(n));
    if (options_.tty) {
      if (options_.output) writeOut(1, bytes);
      return;
    }
    demultiplexer_.push(bytes, [&](int stream, std::string_view piece) {
      if (stream == 2 ? options_.errors : options_.output) writeOut(stream, piece);
    });
  }

  void readInput() {
    std::array<char, kBlock> buffer;
    const ssize_t n = ::read(0, buffer.data(), buffer.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n <= 0) {
      input_open_ = false;
      stream_.closeWrite();
      return;
    }
    const std::string_view typed(buffer.data(), static_cast<size_t>(n));
    pending_ += options_.tty ? detach_.pass(typed) : std::string(typed);
    flushPending();
  }

  void flushPending() {
    if (pending_.empty()) return;
    try {
      pending_.erase(0, stream_.write(pending_));
    } catch (const base::Error&) {  // the other end takes no more input; its output may still come
      pending_.clear();
      input_open_ = false;
    }
  }

  void handleSignals() {
    while (const int signal = signals_.take()) {
      if (signal == SIGWINCH && options_.resize) {
        next_resize_ = base::monotonicNs();
        resize_tries_ = 0;
        continue;
      }
      if (signal == SIGINT || signal == SIGTERM) countTermination();
      if (options_.forwardSignals) {
        if (options_.kill) options_.kill(signal);
      } else if (signal != SIGWINCH && signal != SIGCONT && signal != SIGIO) {
        endBy(signal);
      }
    }
  }

  void countTermination() {
    constexpr int kPatience = 3;
    if (++terminations_ < kPatience) return;
    raw_.restore();
    throw Exit(1, "\ngot 3 SIGTERM/SIGINTs, forcefully exiting");
  }

  void endBy(int signal) {
    raw_.restore();
    cli_.flushQuietly();
    ::signal(signal, SIG_DFL);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal);
    ::raise(signal);
    sigprocmask(SIG_UNBLOCK, &one, nullptr);
  }

  // A container that was just started may not have its terminal yet: a few more tries.
  void resizeWhenDue() {
    if (next_resize_ == 0 || base::monotonicNs() < next_resize_) return;
    next_resize_ = 0;
    const client::TerminalSize size = client::terminalSize(1);
    if (size.height == 0 && size.width == 0) return;
    try {
      options_.resize(size);
    } catch (const base::Error&) {
      if (++resize_tries_ < kResizeTries)
        next_resize_ = base::monotonicNs() + kResizePauseNs * (resize_tries_ + 1);
    }
  }

  Cli& cli_;
  client::RawStream& stream_;
  PendingExit* exit_;
  SignalWatch& signals_;
  const SessionOptions& options_;
  client::DetachFilter detach_;
  client::Demultiplexer demultiplexer_;
  client::RawMode raw_;
  std::string pending_;  // typed and not sent yet
  bool input_open_;
  bool stream_open_ = true;
  int terminations_ = 0;
  int resize_tries_ = 0;
  std::int64_t next_resize_ = 0;  // monotonic; 0: none
};

}  // namespace

SignalWatch::SignalWatch() {
  const sigset_t set = watchedSet();
  sys::check(::sigprocmask(SIG_BLOCK, &set, nullptr), "sigprocmask");
  fd_ = sys::Fd(sys::check(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd"));
}

SignalWatch::~SignalWatch() {
  const sigset_t set = watchedSet();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

int SignalWatch::take() {
  signalfd_siginfo info{};
  const ssize_t n = sys::retry([&] { return ::read(fd_.get(), &info, sizeof info); });
  return n == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

PendingExit::PendingExit(client::EngineClient& engine, const std::string& container,
                         std::string_view condition) {
  client::QueryString query;
  query.addIf(!condition.empty(), "condition", condition);
  response_ =
      engine.open("POST", fmt::format("/containers/{}/wait", client::segment(container)), query);
}

void PendingExit::readMore() {
  constexpr int kUnknown = 125;
  std::array<char, 4096> buffer;
  const size_t n = response_->read(buffer);
  body_.append(buffer.data(), n);
  if (n > 0 && !base::trim(body_).ends_with('}')) return;
  if (base::trim(body_).empty()) {
    error_ = "unexpected EOF";
    status_ = kUnknown;
    return;
  }
  json::Value answer;
  try {
    answer = json::Value::parse(body_);
  } catch (const base::Error&) {
    if (n > 0) return;  // an inner brace: more is to come
    throw;
  }
  const json::Value& message = answer["Error"]["Message"];
  if (message.isString() && !message.asString().empty()) {
    error_ = message.asString();
    status_ = kUnknown;
  } else {
    status_ = static_cast<int>(answer["StatusCode"].asInt());
  }
}

int PendingExit::status() {
  while (!done()) readMore();
  if (!error_.empty()) throw Exit(*status_, fmt::format("Error waiting for container: {}", error_));
  return *status_;
}

SessionEnd runSession(Cli& cli, client::RawStream& stream, PendingExit* exit, SignalWatch& signals,
                      const SessionOptions& options) {
  cli.flush();
  return Session(cli, stream, exit, signals, options).run();
}

void sendResize(client::EngineClient& engine, const std::string& path, client::TerminalSize size) {
  client::QueryString query;
  query.add("h", fmt::format("{}", size.height)).add("w", fmt::format("{}", size.width));
  engine.call("POST", path + "/resize", query);
}

std::function<void(int signal)> killOf(Cli& cli, const std::string& id) {
  return [&cli, id](int signal) {
    client::QueryString query;
    query.add("signal", signalName(signal));
    try {
      cli.engine().call("POST", containerPath(id, "/kill"), query);
    } catch (const base::Error&) {  // it may have ended by now
    }
  };
}

std::string signalName(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name ? name : "";
}

}  // namespace commands
