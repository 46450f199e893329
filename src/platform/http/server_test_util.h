// A server on a unix or TCP socket and a client that says every byte itself, for the tests.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "platform/base/error.h"
#include "platform/http/server.h"
#include "platform/sys/check.h"
#include "platform/sys/fd.h"

namespace http::test {

enum class Net { kUnix, kTcp };

struct Listening {
  sys::Fd socket;
  sockaddr_storage address{};
  socklen_t size = 0;
  std::string path;
  int port = 0;
};

inline Listening listenOn(Net net) {
  Listening result;
  if (net == Net::kUnix) {
    static std::atomic<int> counter{0};
    result.path = "/tmp/sampan_http_" + std::to_string(getpid()) + "_" + std::to_string(++counter);
    ::unlink(result.path.c_str());
    auto& address = reinterpret_cast<sockaddr_un&>(result.address);
    address.sun_family = AF_UNIX;
    result.path.copy(address.sun_path, sizeof address.sun_path - 1);
    result.size = sizeof address;
    result.socket = sys::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  } else {
    auto& address = reinterpret_cast<sockaddr_in&>(result.address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    result.size = sizeof address;
    result.socket = sys::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  }
  auto* const address = reinterpret_cast<sockaddr*>(&result.address);
  sys::check(::bind(result.socket.get(), address, result.size), "bind");
  sys::check(::listen(result.socket.get(), 64), "listen");
  sys::check(::getsockname(result.socket.get(), address, &result.size), "getsockname");
  if (net == Net::kTcp) {
    result.port = ntohs(reinterpret_cast<sockaddr_in&>(result.address).sin_port);
  }
  return result;
}

// Blocking, with a limit of ten seconds on every wait.
class RawClient {
 public:
  explicit RawClient(const Listening& where, int receiveBuffer = 0) {
    socket_ = sys::Fd(::socket(where.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (receiveBuffer > 0) {
      setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receiveBuffer, sizeof receiveBuffer);
    }
    sys::check(
        ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&where.address), where.size),
        "connect");
    const timeval limit = {10, 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }

  void say(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t put = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put <= 0) base::failErrno(errno, "send", "");
      bytes.remove_prefix(static_cast<size_t>(put));
    }
  }
  // One recv; "" at the end.
  std::string hear(size_t limit = 65536) {
    std::string text(limit, '\0');
    const ssize_t got = ::recv(socket_.get(), text.data(), text.size(), 0);
    if (got < 0 && errno == ECONNRESET) return {};
    if (got < 0) base::failErrno(errno, "recv", "");
    text.resize(static_cast<size_t>(got));
    return text;
  }
  // Until `mark` was heard; everything so far is returned and forgotten.
  std::string hearUntil(std::string_view mark) {
    for (;;) {
      const auto at = heard_.find(mark);
      if (at != std::string::npos) {
        std::string result = heard_.substr(0, at + mark.size());
        heard_.erase(0, at + mark.size());
        return result;
      }
      const std::string more = hear();
      if (more.empty()) return std::exchange(heard_, {}) + "<end>";
      heard_ += more;
    }
  }
  std::string hearAll() {
    std::string text = std::exchange(heard_, {});
    for (;;) {
      const std::string more = hear();
      if (more.empty()) return text;
      text += more;
    }
  }
  void closeWrite() { ::shutdown(socket_.get(), SHUT_WR); }
  void close() { socket_.reset(); }
  int fd() const { return socket_.get(); }

 private:
  sys::Fd socket_;
  std::string heard_;
};

inline void echo(Request request, const ResponsePtr& response) {
  std::string text =
      request.method + " " + request.path + " [" + request.body->readAll(1 << 20) + "]";
  response->send(200, std::move(text));
}

template <class Condition>
bool eventually(const Condition& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

class TestServer {
 public:
  explicit TestServer(
      Net net, Handler handler, ServerOptions options = {},
      LaneOf laneOf = [](const Request&) { return Lane::kQuick; })
      : where(listenOn(net)), server_(options) {
    server_.listen(std::move(where.socket));
    server_.start(std::move(handler), std::move(laneOf),
                  [](const base::Error& error, Response& response) {
                    const int status = error.code() == base::Code::kUnavailable ? 503 : 500;
                    response.send(status, error.message());
                  });
  }
  ~TestServer() {
    server_.stop();
    if (!where.path.empty()) ::unlink(where.path.c_str());
  }
  Server& operator*() { return server_; }
  Server* operator->() { return &server_; }

  Listening where;

 private:
  Server server_;
};

}  // namespace http::test
