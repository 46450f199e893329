#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>
#include <vector>

#include "platform/base/error.h"
#include "platform/base/time.h"
#include "platform/http/stream.h"
#include "platform/sys/socket.h"

namespace http {
namespace {

using base::Code;

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kStagger = 300 * kMs;
constexpr std::int64_t kLongestPoll = 3'600'000 * kMs;

[[noreturn]] void failDial(const std::string& where, const std::string& why, int error) {
  throw base::Error(Code::kUnavailable, fmt::format("dial tcp {}: {}", where, why), error);
}

std::string addressText(const addrinfo& info) {
  char host[NI_MAXHOST] = "";
  char port[NI_MAXSERV] = "";
  getnameinfo(info.ai_addr, info.ai_addrlen, host, sizeof host, port, sizeof port,
              NI_NUMERICHOST | NI_NUMERICSERV);
  return info.ai_family == AF_INET6 ? fmt::format("[{}]:{}", host, port)
                                    : fmt::format("{}:{}", host, port);
}

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

AddressList lookUp(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (error == EAI_ADDRFAMILY || error == EAI_NODATA || error == EAI_NONAME) {
    // Without any configured address but loopback's, AI_ADDRCONFIG hides literals and localhost.
    hints.ai_flags = AI_NUMERICSERV;
    error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  }
  if (error == 0) return {list, &freeaddrinfo};
  const bool unknown = error == EAI_NONAME || error == EAI_NODATA || error == EAI_ADDRFAMILY;
  throw base::Error(Code::kUnavailable,
                    fmt::format("dial tcp: lookup {}: {}", host,
                                unknown               ? "no such host"
                                : error == EAI_SYSTEM ? base::errnoText(errno).c_str()
                                                      : gai_strerror(error)),
                    unknown ? ENOENT : 0);
}

// Attempts in flight; the first that connects wins.
class Race {
 public:
  Race(const addrinfo* next, std::int64_t end, const base::StopToken& stop)
      : next_(next), end_(end), stop_(stop) {}

  sys::Fd run() {
    for (;;) {
      if (running_.empty() && next_ == nullptr) throw *first_error_;
      if (running_.empty() || base::monotonicNs() >= next_start_) startNext();
      if (running_.empty()) continue;
      if (sys::Fd winner = waitOnce(); winner.valid()) return winner;
    }
  }

 private:
  struct Attempt {
    sys::Fd socket;
    std::string where;
  };

  void note(const std::string& where, const std::string& why, int error) {
    if (first_error_) return;
    first_error_.emplace(Code::kUnavailable, fmt::format("dial tcp {}: {}", where, why), error);
  }

  void startNext() {
    if (next_ == nullptr) return;
    const addrinfo& info = *std::exchange(next_, next_->ai_next);
    next_start_ = base::monotonicNs() + kStagger;
    const std::string where = addressText(info);
    sys::Fd socket(::socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) return note(where, "socket: " + base::errnoText(errno), errno);
    if (::connect(socket.get(), info.ai_addr, info.ai_addrlen) < 0 && errno != EINPROGRESS) {
      return note(where, "connect: " + base::errnoText(errno), errno);
    }
    running_.push_back({std::move(socket), where});
  }

  sys::Fd waitOnce() {
    stop_.throwIfStopped();
    const std::int64_t now = base::monotonicNs();
    if (now >= end_) failDial(running_.front().where, "i/o timeout", ETIMEDOUT);
    const std::int64_t until = next_ == nullptr ? end_ : std::min(end_, next_start_);
    std::vector<pollfd> waits;
    for (const Attempt& attempt : running_) waits.push_back({attempt.socket.get(), POLLOUT, 0});
    waits.push_back({stop_.fd(), POLLIN, 0});
    ::poll(waits.data(), waits.size(),
           static_cast<int>(std::clamp(until - now, kMs, kLongestPoll) / kMs));
    for (size_t i = running_.size(); i-- > 0;) {
      if (waits[i].revents == 0) continue;
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(running_[i].socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error == 0) return std::move(running_[i].socket);
      note(running_[i].where, "connect: " + base::errnoText(error), error);
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return {};
  }

  const addrinfo* next_;
  const std::int64_t end_;
  const base::StopToken& stop_;
  std::int64_t next_start_ = 0;
  std::vector<Attempt> running_;
  std::optional<base::Error> first_error_;
};

}  // namespace

sys::Fd dialUnix(const std::string& path) {
  try {
    return sys::connectUnixPath(path, SOCK_STREAM);
  } catch (const base::Error& error) {
    throw base::Error(
        Code::kUnavailable,
        fmt::format("dial unix {}: connect: {}", path, base::errnoText(error.sysErrno())),
        error.sysErrno());
  }
}

sys::Fd dialTcp(const std::string& host, int port, std::chrono::milliseconds timeout,
                const base::StopToken& stop) {
  const AddressList list = lookUp(host, port);
  const std::int64_t end = timeout.count() > 0 ? base::monotonicNs() + timeout.count() * kMs
                                               : std::numeric_limits<std::int64_t>::max();
  sys::Fd socket = Race(list.get(), end, stop).run();
  const int on = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  return socket;
}

}  // namespace http
