#include "platform/http/body_reader.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "platform/base/scope_exit.h"
#include "platform/http/connection.h"
#include "platform/http/read_all.h"

namespace http {
namespace {

using base::Code;

[[noreturn]] void failGone() {
  base::fail(Code::kCancelled, "client went away");
}

size_t takeFront(std::string& from, std::span<char> into) {
  const size_t count = std::min(from.size(), into.size());
  std::memcpy(into.data(), from.data(), count);
  from.erase(0, count);
  return count;
}

}  // namespace

std::string Body::readAll(size_t limit) {
  return readAllOf(*this, limit,
                   [] { base::fail(Code::kInvalidArgument, "request body too large"); });
}

BodyReader::BodyReader(std::shared_ptr<Connection> connection, const wire::RequestHead& head)
    : framing_(head.framing),
      expect_continue_(head.expectContinue),
      left_(head.framing == wire::Framing::kLength ? static_cast<size_t>(head.contentLength) : 0),
      connection_(std::move(connection)),
      at_end_(head.framing == wire::Framing::kNone) {}

size_t BodyReader::read(std::span<char> into) {
  std::shared_ptr<Connection> connection;
  bool goAhead = false;
  {
    const base::Lock lock(mutex_);
    if (at_end_ || into.empty()) return 0;
    if (broken_) base::fail(Code::kInvalidArgument, "malformed request body");
    if (connection_ == nullptr || reading_) failGone();
    connection = connection_;
    reading_ = true;
    goAhead = expect_continue_ && !std::exchange(go_ahead_, true);
  }
  bool end = false;
  bool broken = true;
  const base::ScopeExit done([&] {
    const base::Lock lock(mutex_);
    reading_ = false;
    at_end_ = end;
    broken_ = broken;
  });
  if (goAhead && !connection->headSent()) connection->put("HTTP/1.1 100 Continue\r\n\r\n");
  try {
    const size_t got = framing_ == wire::Framing::kChunked ? readChunked(*connection, into)
                                                           : readLength(*connection, into);
    // Known at once, so that a handler that stops at its last byte leaves a connection that can be
    // used again.
    end = framing_ == wire::Framing::kChunked ? decoder_.done() : left_ == 0;
    broken = false;
    return got;
  } catch (const wire::BadMessage& bad) {
    base::fail(Code::kInvalidArgument, "malformed request body: {}", bad.text);
  }
}

size_t BodyReader::readLength(Connection& connection, std::span<char> into) {
  into = into.first(std::min(into.size(), left_));
  const size_t got = receive(connection, into);
  left_ -= got;
  return got;
}

size_t BodyReader::readChunked(Connection& connection, std::span<char> into) {
  for (;;) {
    std::string& input = connection.input();
    wire::ChunkDecoder::Step step;
    if (!input.empty()) {
      step = decoder_.decode(input, into.data(), into.size());
      input.erase(0, step.consumed);
    } else {
      // Straight into place; framing is squeezed out where it lies, and what follows the body goes
      // back.
      const size_t got = receive(connection, into);
      step = decoder_.decode(std::string_view(into.data(), got), into.data(), into.size());
      if (step.consumed < got) input.assign(into.data() + step.consumed, got - step.consumed);
    }
    if (step.produced > 0 || decoder_.done()) return step.produced;
  }
}

size_t BodyReader::receive(Connection& connection, std::span<char> into) {
  if (std::string& input = connection.input(); !input.empty()) return takeFront(input, into);
  for (;;) {
    const ssize_t got = ::recv(connection.socket(), into.data(), into.size(), MSG_DONTWAIT);
    if (got > 0) return static_cast<size_t>(got);
    if (got == 0) failGone();
    if (errno == EINTR) continue;
    if (errno != EAGAIN) failGone();
    pollfd wait = {connection.socket(), POLLIN, 0};
    ::poll(&wait, 1, -1);
  }
}

BodyReader::Rest BodyReader::detach() {
  const base::Lock lock(mutex_);
  connection_.reset();
  if (reading_) return Rest::kBusy;
  if (broken_) return Rest::kBroken;
  return at_end_ ? Rest::kNone : Rest::kSome;
}

bool BodyReader::awaitsContinue() {
  const base::Lock lock(mutex_);
  return expect_continue_ && !go_ahead_;
}

bool BodyReader::discard(std::string& input) {
  if (framing_ != wire::Framing::kChunked) {
    const size_t count = std::min(left_, input.size());
    input.erase(0, count);
    left_ -= count;
    return left_ == 0;
  }
  const auto step = decoder_.decode(input, input.data(), input.size());
  input.erase(0, step.consumed);
  return decoder_.done();
}

}  // namespace http
