#include "cli/client/raw_stream.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "platform/base/error.h"
#include "platform/sys/check.h"

namespace client {

RawStream::RawStream(std::unique_ptr<http::ClientResponse> upgraded, bool tls)
    : response_(std::move(upgraded)) {
  if (!tls) socket_ = response_->release(unread_);
}

int RawStream::pollFd() const noexcept {
  return socket_.valid() ? socket_.get() : response_->pollFd();
}

std::ptrdiff_t RawStream::read(std::span<char> into) {
  if (!unread_.empty()) {
    const size_t n = std::min(into.size(), unread_.size());
    std::memcpy(into.data(), unread_.data(), n);
    unread_.erase(0, n);
    return static_cast<std::ptrdiff_t>(n);
  }
  if (!socket_.valid()) return static_cast<std::ptrdiff_t>(response_->read(into));
  const ssize_t n =
      sys::retry([&] { return ::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT); });
  if (n >= 0) return n;
  if (errno == EAGAIN) return -1;
  if (errno == ECONNRESET) return 0;
  base::failErrno(errno, "read", "engine stream");
}

size_t RawStream::write(std::string_view bytes) {
  if (!socket_.valid()) {
    response_->writeRaw(bytes);
    return bytes.size();
  }
  const ssize_t n = sys::retry([&] {
    return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  });
  if (n >= 0) return static_cast<size_t>(n);
  if (errno == EAGAIN) return 0;
  throw base::Error(base::Code::kUnavailable,
                    fmt::format("write engine stream: {}", base::errnoText(errno)), errno);
}

void RawStream::closeWrite() {
  if (socket_.valid()) {
    ::shutdown(socket_.get(), SHUT_WR);
  } else {
    response_->closeWrite();
  }
}

void Demultiplexer::push(std::string_view bytes, const Sink& sink) {
  constexpr size_t kHeader = 8;
  while (!bytes.empty()) {
    if (left_ == 0) {
      const size_t n = std::min(kHeader - header_.size(), bytes.size());
      header_.append(bytes.substr(0, n));
      bytes.remove_prefix(n);
      if (header_.size() < kHeader) return;
      stream_ = static_cast<unsigned char>(header_[0]);
      if (stream_ > 3) base::fail(base::Code::kInternal, "Unrecognized input header: {}", stream_);
      for (size_t i = 4; i < kHeader; ++i)
        left_ = left_ << 8 | static_cast<unsigned char>(header_[i]);
      header_.clear();
      continue;
    }
    const size_t n = std::min(left_, bytes.size());
    const std::string_view piece = bytes.substr(0, n);
    bytes.remove_prefix(n);
    left_ -= n;
    if (stream_ == 3) {
      system_error_.append(piece);
      if (left_ == 0)
        base::fail(base::Code::kInternal, "error from daemon in stream: {}", system_error_);
    } else {
      sink(stream_ == 2 ? 2 : 1, piece);
    }
  }
}

}  // namespace client
