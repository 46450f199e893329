// Both directions of a hijacked connection, and the framing of output streams on it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "platform/http/client.h"
#include "platform/sys/fd.h"

namespace client {

// A plain socket, or TLS through the response that was upgraded. One thread.
class RawStream {
 public:
  explicit RawStream(std::unique_ptr<http::ClientResponse> upgraded, bool tls);

  int pollFd() const noexcept;
  bool hasUnread() const noexcept { return !unread_.empty(); }  // readable now, whatever poll says
  // 0 at the end. May block for TLS only; -1: nothing now.
  std::ptrdiff_t read(std::span<char> into);
  // As many bytes as go without waiting; TLS writes all. Error kUnavailable: the peer is gone.
  size_t write(std::string_view bytes);
  void closeWrite();

 private:
  std::unique_ptr<http::ClientResponse> response_;
  sys::Fd socket_;
  std::string unread_;
};

// Takes frames {stream, 0, 0, 0, length BE32, bytes} apart, however they arrive.
class Demultiplexer {
 public:
  using Sink = std::function<void(int stream, std::string_view bytes)>;  // 1 stdout, 2 stderr
  // Error kInternal "error from daemon in stream: …" for a frame of type 3, "Unrecognized input
  // header: N" for nonsense.
  void push(std::string_view bytes, const Sink& sink);

 private:
  std::string header_;
  std::string system_error_;
  size_t left_ = 0;
  int stream_ = 0;
};

}  // namespace client
