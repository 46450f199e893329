// TLS for clients: contexts made lazily, streams over a connected socket that a StopToken and a
// deadline can end. Failures speak as Go's crypto/tls and crypto/x509 do, since users and scripts
// know those sentences.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "platform/base/stop_token.h"

struct ssl_ctx_st;
struct ssl_st;

namespace crypto {

struct TlsClientConfig {
  bool verify = true;
  std::string systemDir =
      "/etc/ssl/certs";              // hashed directory: looked up by name, never loaded whole
  std::vector<std::string> caFiles;  // PEM, trusted besides
  std::string certFile, keyFile;     // client certificate, PEM
};

// Immutable once made; shared by any number of connections. Thread-safe. Costs about 2 ms and 2 MB
// the first time in a process (OpenSSL starts up), so make it when the first https connection is
// made, not before.
class TlsContext {
 public:
  // Error kInvalidArgument naming the file that could not be read.
  static std::shared_ptr<const TlsContext> client(const TlsClientConfig& config);
  ~TlsContext();

 private:
  friend class TlsStream;
  TlsContext() = default;
  ssl_ctx_st* context_ = nullptr;
  bool verify_ = true;
};

// What a wait may end by. `idle` is the longest time without a byte; zero: for ever.
struct TlsWait {
  base::StopToken stop;
  std::chrono::milliseconds idle{0};
};

// One TLS connection over a socket that the caller owns and keeps open. One reader and one writer
// thread may share it (an internal lock orders OpenSSL's calls). After the handshake nothing waits.
class TlsStream {
 public:
  // Handshake with SNI and name check for `host` (a name or an address without brackets). Error
  // kUnavailable: "tls: failed to verify certificate: x509: …", "http: server gave HTTP response to
  // HTTPS client", "i/o timeout".
  TlsStream(std::shared_ptr<const TlsContext> context, int fd, const std::string& host,
            const TlsWait& wait);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // What one call moved without waiting: nothing at all, then wait for `need` (POLLIN, POLLOUT) on
  // the socket and call again with the same bytes. `end`: the peer ended the stream by
  // close_notify.
  struct Progress {
    size_t bytes = 0;
    bool end = false;
    short need = 0;
  };
  // Error kUnavailable; "unexpected EOF" when the stream was cut.
  Progress tryRead(std::span<char> into);
  Progress tryWrite(std::span<const char> bytes);
  // Sends close_notify as far as the socket takes it; reading goes on.
  void closeWrite() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace crypto
