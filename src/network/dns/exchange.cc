#include "network/dns/exchange.h"

#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "platform/base/time.h"
#include "platform/sys/inet.h"

namespace dns {
namespace {

constexpr std::int64_t kPatience = 2'500'000'000;
constexpr size_t kMaxMessage = 65535;

}  // namespace

Exchange::Exchange(sys::Loop& loop, std::vector<std::uint8_t> query, const Query& parsed,
                   std::vector<base::IpAddress> servers, std::uint16_t port, bool tcp, Done done)
    : loop_(loop),
      query_(std::move(query)),
      parsed_(parsed),
      servers_(std::move(servers)),
      port_(port),
      tcp_(tcp),
      done_(std::move(done)) {}

Exchange::~Exchange() {
  closeSocket();
}

void Exchange::cancel() {
  done_ = nullptr;
  closeSocket();
}

void Exchange::closeSocket() {
  if (timer_ != 0) loop_.cancel(std::exchange(timer_, 0));
  if (!socket_.valid()) return;
  loop_.unwatch(socket_.get());
  socket_.reset();
}

void Exchange::next() {
  closeSocket();
  while (tried_ < servers_.size()) {
    tryServer(servers_[tried_++]);
    if (socket_.valid()) return;
  }
  if (done_) std::exchange(done_, nullptr)(std::move(refusal_));
}

void Exchange::tryServer(const base::IpAddress& server) {
  sys::Fd socket(::socket(server.isV6() ? AF_INET6 : AF_INET,
                          (tcp_ ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return;
  sockaddr_storage address;
  const socklen_t length = sys::socketAddress(server, port_, address);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 &&
      errno != EINPROGRESS)
    return;
  if (::getrandom(&id_, sizeof(id_), 0) != sizeof(id_)) return;
  setId(query_, id_);
  if (!tcp_ && ::send(socket.get(), query_.data(), query_.size(), MSG_NOSIGNAL) < 0) return;
  socket_ = std::move(socket);
  const auto self = weak_from_this();
  if (tcp_) {
    in_.clear();
    out_ = {static_cast<std::uint8_t>(query_.size() >> 8),
            static_cast<std::uint8_t>(query_.size())};
    out_.insert(out_.end(), query_.begin(), query_.end());
  }
  loop_.watch(socket_.get(), tcp_ ? EPOLLOUT : EPOLLIN, [self](std::uint32_t events) {
    const auto exchange = self.lock();
    if (!exchange) return;
    if (exchange->tcp_) {
      exchange->onTcp(events);
    } else {
      exchange->onReadable();
    }
  });
  timer_ = loop_.at(base::monotonicNs() + kPatience, [self] {
    const auto exchange = self.lock();
    if (!exchange) return;
    exchange->timer_ = 0;
    exchange->next();
  });
}

void Exchange::onReadable() {
  std::vector<std::uint8_t> reply(kMaxMessage);
  const ssize_t got = ::recv(socket_.get(), reply.data(), reply.size(), MSG_DONTWAIT);
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    next();  // ECONNREFUSED: nobody listens there
    return;
  }
  reply.resize(static_cast<size_t>(got));
  if (answers(reply, id_, query_, parsed_))
    take(std::move(reply));  // anything else is ignored until time is up
}

void Exchange::onTcp(std::uint32_t events) {
  if (!out_.empty()) {
    const ssize_t sent =
        ::send(socket_.get(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EAGAIN || errno == EINTR) return;
      return next();
    }
    out_.erase(out_.begin(), out_.begin() + sent);
    if (out_.empty()) loop_.modify(socket_.get(), EPOLLIN);
    return;
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  std::uint8_t chunk[16 * 1024];
  const ssize_t got = ::recv(socket_.get(), chunk, sizeof(chunk), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return next();
  in_.insert(in_.end(), chunk, chunk + got);
  if (in_.size() < 2) return;
  const size_t length = static_cast<size_t>(in_[0]) << 8 | in_[1];
  if (in_.size() < length + 2) return;
  std::vector<std::uint8_t> reply(in_.begin() + 2,
                                  in_.begin() + 2 + static_cast<std::ptrdiff_t>(length));
  if (!answers(reply, id_, query_, parsed_)) return next();
  take(std::move(reply));
}

void Exchange::take(std::vector<std::uint8_t> reply) {
  setId(reply, parsed_.id);
  const std::uint8_t code = replyCode(reply);
  if ((code == kServerFailure || code == kRefused) && tried_ < servers_.size()) {
    refusal_ = std::move(reply);
    return next();
  }
  closeSocket();
  if (done_) std::exchange(done_, nullptr)(std::move(reply));
}

}  // namespace dns
