#include "platform/http/client_response.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "platform/base/error.h"
#include "platform/http/read_all.h"

namespace http {
namespace {

using base::Code;

class ClientResponseImpl final : public ClientResponse {
 public:
  ClientResponseImpl(std::unique_ptr<ClientConnection> connection, wire::ResponseHead head,
                     const Wait& wait, bool reusable, Recycle recycle)
      : connection_(std::move(connection)),
        framing_(head.framing),
        wait_(wait),
        reusable_(reusable && head.keepAlive && head.status != 101),
        recycle_(std::move(recycle)) {
    status = head.status;
    reason = std::move(head.reason);
    headers = std::move(head.headers);
    contentLength = head.contentLength;
    if (framing_ == wire::Framing::kLength) left_ = static_cast<size_t>(contentLength);
    fd_ = connection_->stream().fd();
    if (framing_ == wire::Framing::kNone && status != 101) finish();
  }

  size_t read(std::span<char> into) override {
    if (connection_ == nullptr || into.empty()) return 0;
    switch (framing_) {
      case wire::Framing::kLength:
        return readLength(into);
      case wire::Framing::kChunked:
        return readChunked(into);
      case wire::Framing::kNone:  // 101: whatever comes
      case wire::Framing::kUntilClose:
        break;
    }
    return connection_->read(into, wait_);
  }

  sys::Fd release(std::string& unread) override {
    const bool raw = framing_ == wire::Framing::kUntilClose || status == 101;
    sys::Fd socket = connection_ != nullptr && raw ? connection_->stream().take() : sys::Fd();
    if (!socket.valid()) base::fail(Code::kInvalidArgument, "http: no raw connection to release");
    unread = std::move(connection_->inbox());
    connection_.reset();
    const int flags = fcntl(socket.get(), F_GETFL);
    if (flags < 0 || fcntl(socket.get(), F_SETFL, flags & ~O_NONBLOCK) < 0) {
      base::failErrno(errno, "fcntl", "");
    }
    return socket;
  }

  void writeRaw(std::string_view bytes) override {
    if (connection_ == nullptr) base::fail(Code::kUnavailable, "http: the connection has ended");
    connection_->write(bytes, wait_);
  }

  void closeWrite() override {
    if (connection_ != nullptr) connection_->stream().closeWrite();
  }

  int pollFd() const noexcept override { return fd_; }

 private:
  size_t readLength(std::span<char> into) {
    const size_t got = connection_->read(into.first(std::min(into.size(), left_)), wait_);
    if (got == 0) cut();
    left_ -= got;
    if (left_ == 0) finish();
    return got;
  }

  size_t readChunked(std::span<char> into) {
    for (;;) {
      try {
        const size_t got = connection_->read(into, wait_);
        if (got == 0) cut();
        const auto step =
            decoder_.decode(std::string_view(into.data(), got), into.data(), into.size());
        // What lies behind the last chunk is not ours; it also forbids to use the connection again.
        if (step.consumed < got) reusable_ = false;
        if (decoder_.done()) finish();
        if (step.produced > 0 || decoder_.done()) return step.produced;
      } catch (const wire::BadMessage& bad) {
        base::fail(Code::kUnavailable, "malformed chunked encoding: {}", bad.text);
      }
    }
  }

  [[noreturn]] void cut() { throw base::Error(Code::kUnavailable, "unexpected EOF", EPIPE); }

  void finish() {
    auto connection = std::move(connection_);
    fd_ = -1;
    if (reusable_ && recycle_) recycle_(std::move(connection));
  }

  std::unique_ptr<ClientConnection> connection_;  // null once the body has ended
  const wire::Framing framing_;
  const Wait wait_;
  bool reusable_;
  Recycle recycle_;
  wire::ChunkDecoder decoder_;
  size_t left_ = 0;
  int fd_ = -1;
};

}  // namespace

std::string ClientResponse::readAll(size_t limit) {
  return readAllOf(*this, limit, [&] {
    base::fail(Code::kUnavailable, "http: response of more than {} bytes", limit);
  });
}

std::unique_ptr<ClientResponse> makeClientResponse(std::unique_ptr<ClientConnection> connection,
                                                   wire::ResponseHead head, const Wait& wait,
                                                   bool reusable, Recycle recycle) {
  return std::make_unique<ClientResponseImpl>(std::move(connection), std::move(head), wait,
                                              reusable, std::move(recycle));
}

}  // namespace http
