// The client's connection: a plain or TLS socket that never blocks by itself, and one place that
// waits. Internal to platform/http.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "platform/base/stop_token.h"
#include "platform/http/client.h"
#include "platform/sys/fd.h"

namespace crypto {
class TlsContext;
}

namespace http {

// What ends a wait. `idle` is the longest time without a byte either way; zero: none.
struct Wait {
  base::StopToken stop;
  std::chrono::milliseconds idle{0};
};

class Stream {
 public:
  struct Progress {
    size_t bytes = 0;
    bool end = false;  // the peer sends no more
    short need = 0;    // nothing moved: poll(2) for this
  };
  virtual ~Stream() = default;
  // Error kUnavailable with the errno.
  virtual Progress tryRead(std::span<char> into) = 0;
  virtual Progress tryWrite(std::span<const char> bytes) = 0;
  virtual void closeWrite() noexcept = 0;
  virtual int fd() const noexcept = 0;
  // The socket itself; an empty Fd when bytes on it are not the stream's (TLS).
  virtual sys::Fd take() noexcept = 0;
};

std::unique_ptr<Stream> plainStream(sys::Fd socket);
// The only place that touches OpenSSL: a program that never speaks https never starts it.
std::unique_ptr<Stream> tlsStream(sys::Fd socket, std::shared_ptr<const crypto::TlsContext> context,
                                  const std::string& host, const Wait& wait);
std::shared_ptr<const crypto::TlsContext> makeTlsContext(const TlsOptions& options);

// Error kUnavailable "dial unix /x.sock: connect: no such file or directory", with the errno.
sys::Fd dialUnix(const std::string& path);
// Non-blocking, connected. Addresses are tried as RFC 8305 asks: the next one starts when the one
// before has not answered within 300 ms. Error kUnavailable "dial tcp …", kCancelled.
sys::Fd dialTcp(const std::string& host, int port, std::chrono::milliseconds timeout,
                const base::StopToken& stop);

// A stream with what was read ahead of need.
class ClientConnection {
 public:
  explicit ClientConnection(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}

  // 0 at the end.
  size_t read(std::span<char> into, const Wait& wait);
  // Reads more into inbox(). False at the end.
  bool fill(const Wait& wait);
  // Writes all; what the peer sends meanwhile goes into inbox(), so that two full buffers never
  // wait for each other.
  void write(std::string_view bytes, const Wait& wait);
  // Takes in what has arrived, without waiting. False: the peer has ended the stream.
  bool peek();

  std::string& inbox() noexcept { return inbox_; }
  Stream& stream() noexcept { return *stream_; }
  // Nothing unread, and the peer has not closed it.
  bool fresh() noexcept;

 private:
  std::unique_ptr<Stream> stream_;
  std::string inbox_;
};

}  // namespace http
