#include "platform/http/connection.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "platform/base/time.h"
#include "platform/http/body_reader.h"

namespace http {
namespace {

using base::Code;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kHeadSeconds = 300;  // dockerd's ReadHeaderTimeout
constexpr std::int64_t kDrainSeconds = 5;
constexpr std::int64_t kLingerSeconds = 2;
constexpr size_t kDrainBytes =
    256 * 1024;  // an unread body up to here costs less than a new connection

[[noreturn]] void failGone() {
  base::fail(Code::kCancelled, "client went away");
}

void sendAllAtOnce(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) failGone();
    bytes.remove_prefix(static_cast<size_t>(put));
  }
}

}  // namespace

Connection::Connection(std::shared_ptr<ServerShared> shared, std::uint64_t id, sys::Fd socket)
    : shared_(std::move(shared)), id_(id), socket_(std::move(socket)) {
  int domain = 0;
  socklen_t size = sizeof domain;
  getsockopt(socket_.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size);
  unix_ = domain == AF_UNIX;
  if (unix_) {
    ucred peer{};
    size = sizeof peer;
    if (getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
      uid_ = peer.uid;
      pid_ = peer.pid;
    }
  } else {
    const int on = 1;
    setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(socket_.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    const int seconds = 15;
    setsockopt(socket_.get(), IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    setsockopt(socket_.get(), IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
  }
}

// -- the loop's side

void Connection::start() {
  shared_->reactor.add(socket_.get(), id_, EPOLLIN | EPOLLRDHUP);
}

void Connection::refuse() {
  shared_->reactor.add(socket_.get(), id_, 0);
  refuseBad(503, "too many connections");
}

void Connection::onEvents(std::uint32_t events) {
  const bool gone = (events & (EPOLLHUP | EPOLLERR)) != 0;
  Gone fired;
  bool close = false;
  bool readable = false;
  bool flushed = false;
  {
    const base::Lock lock(mutex_);
    if (state_ == State::kClosed || state_ == State::kReleased) return;
    if ((events & EPOLLOUT) != 0) flush();
    if (gone && buffered() > 0) die();
    const bool reads =
        state_ == State::kReading || state_ == State::kDraining || state_ == State::kLingering;
    if (state_ == State::kHandling) {
      if (gone) {
        hung_up_ = true;
        die();
      }
      if ((events & EPOLLRDHUP) != 0) half_closed_ = true;
      // Whoever upgrades may send no more and still want to hear: `echo x | attach`.
      if (gone || (half_closed_ && !upgrade_)) fired = takeGone();
      arm();
    } else if (dead_) {
      close = true;
    } else if (buffered() > 0) {
      arm();
    } else {
      flushed = (events & EPOLLOUT) != 0;
      readable = reads && !flushed;
    }
  }
  if (fired) fired->stop();
  if (close) closeNow();
  if (flushed) settle();
  if (readable) onReadable();
}

void Connection::onTick(std::int64_t now) {
  if (deadline_ != 0 && now >= deadline_) closeNow();
}

void Connection::onStop() {
  Gone fired;
  bool close = false;
  {
    const base::Lock lock(mutex_);
    close = state_ == State::kReading || state_ == State::kDraining || state_ == State::kLingering;
    if (state_ == State::kHandling) {
      fired = takeGone();
      // Body readers wake up; what is being answered can still be sent.
      ::shutdown(socket_.get(), SHUT_RD);
      writable_.notifyAll();
    }
  }
  if (fired) fired->stop();
  if (close) closeNow();
}

void Connection::closeNow() {
  Gone fired;
  {
    const base::Lock lock(mutex_);
    if (state_ == State::kClosed || state_ == State::kReleased) return;
    state_ = State::kClosed;
    die();
    fired = takeGone();
    gone_.reset();
    // The body knows its connection, which knows its body: without an answer nobody else parts
    // them.
    if (body_ != nullptr) body_->detach();
    body_.reset();
  }
  setDeadline(0);
  shared_->reactor.remove(socket_.get());
  // Not closed here: a lane thread may be in a call on it. The last owner closes.
  ::shutdown(socket_.get(), SHUT_RDWR);
  if (fired) fired->stop();
  const auto self = shared_from_this();
  shared_->connections.erase(id_);
  --shared_->count;
}

void Connection::setDeadline(std::int64_t seconds) {
  if (deadline_ != 0) --shared_->timed;
  deadline_ = seconds == 0 ? 0 : base::monotonicNs() + seconds * kSecond;
  if (deadline_ != 0) ++shared_->timed;
}

void Connection::onReadable() {
  char* const scratch = shared_->scratch.get();
  const ssize_t got = ::recv(socket_.get(), scratch, ServerShared::kScratch, MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return closeNow();
  State state;
  {
    const base::Lock lock(mutex_);
    if (got < 0) return arm();
    state = state_;
    if (state == State::kLingering) arm();
  }
  if (state == State::kLingering) {
    drained_ += static_cast<size_t>(got);
    if (drained_ > kDrainBytes) closeNow();
    return;
  }
  input_.append(scratch, static_cast<size_t>(got));
  if (state == State::kDraining) return drain();
  process();
}

// The loop's next move once everything that was to be sent is sent.
void Connection::settle() {
  bool linger = false;
  State state;
  {
    const base::Lock lock(mutex_);
    state = dead_ ? State::kClosed : state_;
    if (buffered() > 0) return arm();
    linger = state == State::kClosing && dirty_;
    if (linger) state_ = State::kLingering;
  }
  if (state == State::kReading) return process();
  if (state == State::kDraining) return drain();
  if (state == State::kHandling || state == State::kLingering) return;
  if (!linger) return closeNow();
  // Closing with input unread would reset the connection, and the answer with it.
  ::shutdown(socket_.get(), SHUT_WR);
  drained_ = 0;
  setDeadline(kLingerSeconds);
  const base::Lock lock(mutex_);
  arm();
}

void Connection::drain() {
  drained_ += input_.size();
  if (deadline_ == 0) setDeadline(kDrainSeconds);
  bool end = false;
  try {
    end = draining_->discard(input_);
  } catch (const wire::BadMessage&) {
    return closeNow();
  }
  if (!end && drained_ > kDrainBytes) return closeNow();
  {
    const base::Lock lock(mutex_);
    if (!end) return arm();
    state_ = State::kReading;
  }
  draining_.reset();
  setDeadline(0);
  process();
}

void Connection::process() {
  while (input_.starts_with("\r\n")) input_.erase(0, 2);  // RFC 9112, 2.2
  const size_t end = wire::findHeadEnd(input_, scanned_);
  const size_t size = end == std::string::npos ? input_.size() : end;
  if (size > shared_->options.maxHeaderBytes) return refuseBad(431, "");
  if (end == std::string::npos) {
    if (!wire::mayBeRequest(input_)) return refuseBad(400, "malformed request line");
    if (input_.empty()) {
      std::string().swap(input_);
    } else if (deadline_ == 0) {
      setDeadline(kHeadSeconds);
    }
    const base::Lock lock(mutex_);
    return arm();
  }
  setDeadline(0);
  scanned_ = 0;
  try {
    wire::RequestHead head = wire::parseRequest(std::string_view(input_).substr(0, end));
    input_.erase(0, end);
    if (input_.empty()) std::string().swap(input_);
    beginRequest(std::move(head));
  } catch (const wire::BadMessage& bad) {
    refuseBad(bad.status, bad.text);
  }
}

Request Connection::makeRequest(wire::RequestHead& head) {
  Request request;
  request.method = std::move(head.method);
  const auto question = head.target.find('?');
  request.rawPath = head.target.substr(0, question);
  for (size_t at = request.rawPath.find('%'); at != std::string::npos;
       at = request.rawPath.find('%', at + 1)) {
    const bool good = at + 2 < request.rawPath.size() &&
                      std::isxdigit(static_cast<unsigned char>(request.rawPath[at + 1])) &&
                      std::isxdigit(static_cast<unsigned char>(request.rawPath[at + 2]));
    if (!good) throw wire::BadMessage{400, "invalid URL escape"};
  }
  request.path = percentDecode(request.rawPath);
  if (request.path.find('\0') != std::string::npos) throw wire::BadMessage{400, "NUL in path"};
  if (question != std::string::npos) {
    request.query = Query::parse(std::string_view(head.target).substr(question + 1));
  }
  request.headers = std::move(head.headers);
  request.hasBody = head.framing != wire::Framing::kNone;
  request.contentLength = head.contentLength;
  request.peerUid = uid_;
  request.peerPid = pid_;
  request.unixSocket = unix_;
  request.minorVersion = head.minorVersion;
  return request;
}

void Connection::refuseBad(int status, std::string_view text) {
  std::string body = std::to_string(status) + " " + std::string(wire::reasonPhrase(status));
  if (!text.empty()) body.append(": ").append(text);
  Headers headers;
  headers.add("Content-Type", "text/plain; charset=utf-8");
  headers.add("Connection", "close");
  headers.add("Content-Length", std::to_string(body.size()));
  std::string head =
      "HTTP/1.1 " + std::to_string(status) + " " + std::string(wire::reasonPhrase(status)) + "\r\n";
  wire::appendFields(head, headers);
  head += "\r\n";
  {
    const base::Lock lock(mutex_);
    state_ = State::kClosing;
    dirty_ = true;
  }
  put(head, body);
  settle();
}

// -- the answer's side, any thread

void Connection::arm() {
  if (hung_up_) return;
  std::uint32_t events = buffered() > 0 ? static_cast<std::uint32_t>(EPOLLOUT) : 0;
  const bool reads =
      state_ == State::kReading || state_ == State::kDraining || state_ == State::kLingering;
  // A client that does not read its answers gets no further request read.
  if (reads && events == 0) events = EPOLLIN | EPOLLRDHUP;
  if (state_ == State::kHandling && !half_closed_) events |= EPOLLRDHUP;
  shared_->reactor.arm(socket_.get(), id_, events);
}

void Connection::die() {
  dead_ = true;
  std::string().swap(output_);
  output_at_ = 0;
  writable_.notifyAll();
}

Connection::Gone Connection::takeGone() {
  is_gone_ = true;
  return gone_;
}

void Connection::sendNow(std::string_view& bytes) {
  while (!bytes.empty()) {
    const ssize_t put =
        ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) return;
    if (put < 0) return die();
    bytes.remove_prefix(static_cast<size_t>(put));
  }
}

void Connection::buffer(std::string_view bytes) {
  if (dead_ || bytes.empty()) return;
  if (output_at_ > 0) {
    output_.erase(0, output_at_);
    output_at_ = 0;
  }
  output_.append(bytes);
}

void Connection::flush() {
  std::string_view rest = std::string_view(output_).substr(output_at_);
  const size_t had = rest.size();
  sendNow(rest);
  if (dead_) return;
  output_at_ += had - rest.size();
  if (rest.empty()) {
    std::string().swap(output_);
    output_at_ = 0;
  }
  if (buffered() <= Response::kBuffered / 2) writable_.notifyAll();
}

bool Connection::put(std::string_view head, std::string_view body) {
  const base::Lock lock(mutex_);
  if (dead_) return false;
  if (buffered() == 0 && !body.empty()) {
    // Head and a small body leave as one segment.
    iovec parts[2] = {{const_cast<char*>(head.data()), head.size()},
                      {const_cast<char*>(body.data()), body.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    const size_t count = sent > 0 ? static_cast<size_t>(sent) : 0;
    body.remove_prefix(count > head.size() ? count - head.size() : 0);
    head.remove_prefix(std::min(count, head.size()));
  }
  if (buffered() == 0) sendNow(head);
  if (buffered() == 0 && head.empty()) sendNow(body);
  buffer(head);
  buffer(body);
  if (buffered() > 0) arm();
  return !dead_;
}

bool Connection::tryPut(std::string_view bytes) {
  const base::Lock lock(mutex_);
  if (dead_ || state_ != State::kHandling) return false;
  if (buffered() > 0 && buffered() + bytes.size() > Response::kBuffered) return false;
  if (buffered() == 0) sendNow(bytes);
  buffer(bytes);
  if (buffered() > 0) arm();
  return !dead_;
}

void Connection::putBlocking(std::string_view bytes) {
  const base::Lock lock(mutex_);
  for (;;) {
    if (dead_ || state_ != State::kHandling) failGone();
    if (buffered() == 0) sendNow(bytes);
    if (dead_) failGone();
    const size_t room = Response::kBuffered - std::min(Response::kBuffered, buffered());
    const std::string_view now = bytes.substr(0, room);
    buffer(now);
    bytes.remove_prefix(now.size());
    if (buffered() > 0) arm();
    if (bytes.empty()) return;
    while (!dead_ && !shared_->stopping && buffered() > Response::kBuffered / 2) {
      writable_.wait(mutex_);
    }
    if (shared_->stopping) failGone();
  }
}

bool Connection::mayKeepAlive() {
  const base::Lock lock(mutex_);
  if (body_ != nullptr && body_->awaitsContinue()) keep_alive_ = false;
  return keep_alive_ && !shared_->stopping;
}

void Connection::finish(bool whole) {
  Gone old;  // dropped outside the lock: what its callbacks hold may be anything
  std::shared_ptr<BodyReader> body;
  {
    const base::Lock lock(mutex_);
    if (state_ != State::kHandling) return;
    old.swap(gone_);
    body = std::move(body_);
    const BodyReader::Rest rest = body->detach();
    const bool drainable = rest == BodyReader::Rest::kSome && !body->awaitsContinue();
    const bool reuse = whole && keep_alive_ && !dead_ && !shared_->stopping &&
                       (rest == BodyReader::Rest::kNone || drainable);
    if (rest == BodyReader::Rest::kBusy) ::shutdown(socket_.get(), SHUT_RD);
    dirty_ = rest != BodyReader::Rest::kNone;
    state_ = !reuse ? State::kClosing : drainable ? State::kDraining : State::kReading;
    if (state_ == State::kDraining) {
      draining_ = body;
      drained_ = 0;
    }
    if (!dead_ && (buffered() > 0 || (state_ == State::kReading && input_.empty()))) return arm();
  }
  shared_->reactor.post([self = shared_from_this()] { self->settle(); });
}

base::StopToken Connection::gone() {
  Gone source;
  bool now = false;
  {
    const base::Lock lock(mutex_);
    if (!gone_) gone_.emplace();
    source = gone_;
    now = is_gone_ || dead_ || shared_->stopping;
  }
  if (now) source->stop();
  return source->token();
}

Released Connection::release(std::string_view head) {
  Released released;
  std::string before;
  Gone old;
  {
    const base::Lock lock(mutex_);
    if (dead_ || state_ != State::kHandling) failGone();
    if (body_->detach() == BodyReader::Rest::kBusy) {
      base::fail(Code::kInternal, "http: the request's body is being read during its release");
    }
    body_.reset();
    shared_->reactor.remove(socket_.get());
    state_ = State::kReleased;
    before = output_.substr(output_at_);
    released.socket = std::move(socket_);
    released.unread = std::move(input_);
    old.swap(gone_);
    die();
  }
  shared_->reactor.post([self = shared_from_this()] {
    if (self->shared_->connections.erase(self->id_) > 0) --self->shared_->count;
  });
  const int fd = released.socket.get();
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0) base::failErrno(errno, "fcntl", "");
  sendAllAtOnce(fd, before);
  sendAllAtOnce(fd, head);
  released.stopping = shared_->stopSource.token();
  return released;
}

}  // namespace http
