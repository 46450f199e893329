#include "platform/http/stream.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "platform/base/error.h"
#include "platform/base/wait.h"

namespace http {
namespace {

using base::Code;

constexpr size_t kReadBytes = 16 * 1024;
constexpr size_t kMaxInbox = 64u << 20;

std::string addressText(const sockaddr_storage& address) {
  char host[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &in.sin_addr, host, sizeof host);
    return fmt::format("{}:{}", host, ntohs(in.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &in.sin6_addr, host, sizeof host);
    return fmt::format("[{}]:{}", host, ntohs(in.sin6_port));
  }
  const auto& un = reinterpret_cast<const sockaddr_un&>(address);
  return un.sun_path[0] == '\0' ? "@" : un.sun_path;
}

// Go's net.OpError: "read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer".
[[noreturn]] void failCall(int fd, const char* call, int error) {
  sockaddr_storage local{};
  sockaddr_storage remote{};
  socklen_t size = sizeof local;
  getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size);
  size = sizeof remote;
  getpeername(fd, reinterpret_cast<sockaddr*>(&remote), &size);
  throw base::Error(
      Code::kUnavailable,
      fmt::format("{} {} {}->{}: {}: {}", call, local.ss_family == AF_UNIX ? "unix" : "tcp",
                  addressText(local), addressText(remote), call, base::errnoText(error)),
      error);
}

class PlainStream final : public Stream {
 public:
  explicit PlainStream(sys::Fd socket) : socket_(std::move(socket)) {}

  Progress tryRead(std::span<char> into) override {
    const ssize_t got = ::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT);
    if (got > 0) return {static_cast<size_t>(got), false, 0};
    if (got == 0) return {0, true, 0};
    if (errno == EAGAIN || errno == EINTR) return {0, false, POLLIN};
    failCall(socket_.get(), "read", errno);
  }

  Progress tryWrite(std::span<const char> bytes) override {
    const ssize_t put =
        ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put >= 0) return {static_cast<size_t>(put), false, 0};
    if (errno == EAGAIN || errno == EINTR) return {0, false, POLLOUT};
    failCall(socket_.get(), "write", errno);
  }

  void closeWrite() noexcept override { ::shutdown(socket_.get(), SHUT_WR); }
  int fd() const noexcept override { return socket_.get(); }
  sys::Fd take() noexcept override { return std::move(socket_); }

 private:
  sys::Fd socket_;
};

short waitFor(int fd, short events, const Wait& wait) {
  return base::waitFor(fd, events, wait.stop, wait.idle);
}

}  // namespace

std::unique_ptr<Stream> plainStream(sys::Fd socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

size_t ClientConnection::read(std::span<char> into, const Wait& wait) {
  if (!inbox_.empty()) {
    const size_t count = std::min(inbox_.size(), into.size());
    std::memcpy(into.data(), inbox_.data(), count);
    inbox_.erase(0, count);
    return count;
  }
  for (;;) {
    wait.stop.throwIfStopped();  // whoever never lets us wait is not read for ever
    const Stream::Progress progress = stream_->tryRead(into);
    if (progress.end) return 0;
    if (progress.bytes > 0) return progress.bytes;
    waitFor(stream_->fd(), progress.need, wait);
  }
}

bool ClientConnection::fill(const Wait& wait) {
  const size_t had = inbox_.size();
  for (;;) {
    wait.stop.throwIfStopped();
    if (!peek()) return false;
    if (inbox_.size() > had) return true;
    waitFor(stream_->fd(), POLLIN, wait);
  }
}

bool ClientConnection::peek() {
  char buffer[kReadBytes];
  const Stream::Progress progress = stream_->tryRead(buffer);
  inbox_.append(buffer, progress.bytes);
  return !progress.end;
}

void ClientConnection::write(std::string_view bytes, const Wait& wait) {
  bool ended = false;
  while (!bytes.empty()) {
    wait.stop.throwIfStopped();
    const Stream::Progress progress = stream_->tryWrite(bytes);
    bytes.remove_prefix(progress.bytes);
    if (progress.bytes > 0) continue;
    if (inbox_.size() > kMaxInbox) {
      base::fail(Code::kUnavailable, "http: server sends its answer without reading the request");
    }
    const bool listens = !ended;
    const auto events = static_cast<short>(progress.need | (listens ? POLLIN : 0));
    const short shown = waitFor(stream_->fd(), events, wait);
    if (listens && (shown & POLLIN) != 0) ended = !peek();
  }
}

bool ClientConnection::fresh() noexcept {
  pollfd look = {stream_->fd(), POLLIN | POLLRDHUP, 0};
  return inbox_.empty() && ::poll(&look, 1, 0) == 0;
}

}  // namespace http
