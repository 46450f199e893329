#include "runtime/shim/client.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "platform/base/error.h"
#include "platform/sys/check.h"
#include "platform/sys/socket.h"

namespace shim {

namespace {

// A shim never lets its socket stand full; one that does is stopped or broken.
constexpr timeval kSendPatience{.tv_sec = 5, .tv_usec = 0};

[[noreturn]] void failGone() {
  base::fail(base::Code::kUnavailable, "the container's shim is gone");
}

[[noreturn]] void failSilent() {
  base::fail(base::Code::kDeadlineExceeded, "the container's shim does not answer");
}

shimwire::Type typeOf(std::span<const std::byte> bytes) {
  shimwire::Header header{};
  if (bytes.size() >= sizeof header) std::memcpy(&header, bytes.data(), sizeof header);
  return header.type;
}

}  // namespace

Client::Client(sys::Fd socket) : socket_(std::move(socket)) {
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &kSendPatience, sizeof kSendPatience);
}

Client::~Client() = default;

std::uint32_t Client::nextSequence() {
  const base::Lock lock(mutex_);
  return ++sequence_;
}

void Client::sendBytes(std::span<const std::byte> bytes, std::span<const int> fds) {
  const base::Lock lock(send_mutex_);
  try {
    sys::sendMessage(socket_.get(), bytes, fds);
  } catch (const base::Error& error) {
    throw base::Error(base::Code::kUnavailable,
                      "the container's shim does not listen: " + error.message(), error.sysErrno());
  }
}

Client::Waiting::Waiting(Client& client, std::uint32_t sequence)
    : client_(client), sequence_(sequence) {
  const base::Lock lock(client_.mutex_);
  client_.slots_[sequence_];
}

Client::Waiting::~Waiting() {
  const base::Lock lock(client_.mutex_);
  client_.slots_.erase(sequence_);
}

Answer Client::await(std::uint32_t sequence, int timeoutMs) {
  const Waiting waiting(*this, sequence);
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeoutMs);
  for (;;) {
    {
      const base::Lock lock(mutex_);
      Slot& slot = slots_[sequence];
      if (slot.done) return std::move(slot.answer);
      if (lost_) failGone();
      if (watched_) {
        if (!answered_.waitUntil(mutex_, until) && !slots_[sequence].done) failSilent();
        continue;
      }
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (!readOne(std::max(0, static_cast<int>(left.count())))) failGone();
  }
}

// False: the shim has closed.
bool Client::readOne(int timeoutMs) {
  if (timeoutMs >= 0) {
    pollfd query{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&query, 1, timeoutMs) == 0) {
      failSilent();
    }
  }
  sys::Message message;
  try {
    message = sys::receiveMessage(socket_.get(), shimwire::kMaxMessage);
  } catch (const base::Error&) {
    message.bytes.clear();  // a reset connection is one that was closed
  }
  if (message.bytes.empty()) {
    const base::Lock lock(mutex_);
    lost_ = true;
    return false;
  }
  take(message.bytes, std::move(message.fds));
  return true;
}

void Client::take(std::span<const std::byte> bytes, std::vector<sys::Fd> fds) {
  switch (typeOf(bytes)) {
    case shimwire::Type::kReply: {
      Answer answer;
      if (!shimwire::decode(bytes.data(), bytes.size(), answer.reply)) return;
      answer.reply.text[sizeof answer.reply.text - 1] = '\0';
      answer.fds = std::move(fds);
      const base::Lock lock(mutex_);
      const auto slot = slots_.find(answer.reply.header.sequence);
      if (slot == slots_.end()) return;
      slot->second.answer = std::move(answer);
      slot->second.done = true;
      answered_.notifyAll();
      return;
    }
    case shimwire::Type::kState:
      if (known_) shimwire::decode(bytes.data(), bytes.size(), known_->state);
      return;
    case shimwire::Type::kExecState: {
      shimwire::ExecState exec;
      if (known_ && shimwire::decode(bytes.data(), bytes.size(), exec))
        known_->execs.push_back(exec);
      return;
    }
    case shimwire::Type::kExited:
    case shimwire::Type::kDetached: {
      std::vector<std::byte> event(bytes.begin(), bytes.end());
      {
        const base::Lock lock(mutex_);
        if (!watched_) {
          early_.push_back(std::move(event));
          return;
        }
      }
      deliver(std::move(event));
      return;
    }
    default:
      return;  // of a later version
  }
}

void Client::deliver(std::vector<std::byte> event) {
  shimwire::Exited exited;
  shimwire::Detached detached;
  if (shimwire::decode(event.data(), event.size(), exited)) {
    if (handlers_.exited) handlers_.exited(exited);
  } else if (shimwire::decode(event.data(), event.size(), detached)) {
    if (handlers_.detached) handlers_.detached(detached.number, detached.byKeys != 0);
  }
}

Client::Known Client::hello(int timeoutMs) {
  known_.emplace();
  std::memset(&known_->state, 0, sizeof known_->state);
  auto message = shimwire::make<shimwire::Hello>(nextSequence());
  message.version = shimwire::kVersion;
  send(message);
  await(message.header.sequence, timeoutMs);
  Known known = std::move(*known_);
  known_.reset();
  return known;
}

void Client::watch(sys::Loop& loop, Handlers handlers) {
  {
    const base::Lock lock(mutex_);
    loop_ = &loop;
    watched_ = true;  // now, not when the loop comes to it: who reads in between reads forever
  }
  loop.post([self = shared_from_this(), &loop, handlers = std::move(handlers)]() mutable {
    std::vector<std::vector<std::byte>> early;
    bool lost;
    {
      const base::Lock lock(self->mutex_);
      lost = self->lost_;
      early.swap(self->early_);
    }
    self->handlers_ = std::move(handlers);
    for (auto& event : early) self->deliver(std::move(event));
    if (lost) {
      self->end();
      return;
    }
    loop.watch(self->socket_.get(), EPOLLIN, [self](std::uint32_t) { self->onReadable(); });
  });
}

void Client::onReadable() {
  const auto self = shared_from_this();  // unwatching lets go of the callback that we run in
  if (readOne(-1)) return;
  loop_->unwatch(socket_.get());
  end();
}

void Client::end() {
  {
    const base::Lock lock(mutex_);
    lost_ = true;
    answered_.notifyAll();
  }
  const auto lost = std::move(handlers_.lost);
  handlers_ = {};
  if (lost) lost();
}

void Client::close() {
  sys::Loop* loop;
  {
    const base::Lock lock(mutex_);
    loop = loop_;
    lost_ = true;
    answered_.notifyAll();
  }
  ::shutdown(socket_.get(), SHUT_RDWR);
  if (loop == nullptr) return;
  loop->post([self = shared_from_this(), loop] {
    if (self->handlers_.lost || self->handlers_.exited) loop->unwatch(self->socket_.get());
    self->handlers_ = {};
  });
}

std::string idText(const char (&id)[64]) {
  return std::string(id, ::strnlen(id, sizeof id));
}

void setId(char (&to)[64], const std::string& id) {
  std::memset(to, 0, sizeof to);
  std::memcpy(to, id.data(), std::min(id.size(), sizeof to));
}

}  // namespace shim
