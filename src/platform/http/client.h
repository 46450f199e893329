// A blocking HTTP/1.1 client for the registry and the command line: unix sockets, TCP, TLS, proxies
// (CONNECT for https), connection reuse. No io_context is started; every wait is a poll(2) that a
// StopToken ends.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "platform/base/stop_token.h"
#include "platform/http/message.h"
#include "platform/sys/fd.h"

namespace http {

struct Url {
  std::string scheme;  // http, https, unix
  std::string user, password;
  std::string host;    // without brackets
  int port = 0;        // the scheme's default filled in
  std::string target;  // path and query, "/" at least

  static Url parse(std::string_view text);  // Error kInvalidArgument
  std::string str() const;                  // without user and password
  // RFC 3986 reference resolution, for Location headers.
  Url resolve(std::string_view reference) const;
  std::string origin() const;  // scheme://host:port
};

struct TlsOptions {
  bool verify = true;
  std::string caFile;  // added to the system's directory
  std::vector<std::string> caFiles;
  std::string certFile, keyFile;
};

// HTTP(S)_PROXY and NO_PROXY, as Go reads them (host suffixes, CIDR, ports, "*", loopback always
// direct).
struct ProxyConfig {
  std::string httpProxy, httpsProxy, noProxy;
  static ProxyConfig fromEnvironment();
  std::optional<Url> forTarget(const Url& target) const;
};

struct ClientOptions {
  TlsOptions tls;
  ProxyConfig proxy;
  std::chrono::milliseconds connectTimeout{15000};
  std::chrono::milliseconds idleTimeout{60000};  // no byte either way; 0: none
  std::string userAgent;
  std::string unixPath;  // set: every request goes to this socket
  // Tests and /etc/hosts-like redirection: host -> address to dial instead.
  std::function<std::optional<std::string>(const std::string& host)> resolve;
};

struct ClientRequest {
  std::string method = "GET";
  Url url;
  Headers headers;
  std::string body;  // or:
  std::function<size_t(std::span<char>)>
      bodySource;  // 0 ends it; chunked unless bodyLength is known
  long long bodyLength = -1;
};

class ClientResponse {
 public:
  virtual ~ClientResponse() = default;
  int status = 0;
  std::string reason;
  Headers headers;
  long long contentLength = -1;

  virtual size_t read(std::span<char> into) = 0;  // 0 at the end; Error kUnavailable when cut short
  std::string readAll(size_t limit = 16u << 20);
  // After 101 or a 200 without length: the raw connection (plain sockets only).
  virtual sys::Fd release(std::string& unread) = 0;
  // For TLS upgrades: read() and this write the raw stream.
  virtual void writeRaw(std::string_view bytes) = 0;
  virtual void closeWrite() = 0;
  virtual int pollFd() const noexcept = 0;
};

// Thread-safe: one connection a running request, idle ones kept (16 a host, 30 s).
class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();
  // Sends and reads the head. No redirect is followed and no status is an error here. Error
  // kUnavailable: could not connect (in Go's words: "dial tcp 127.0.0.1:5000: connect: connection
  // refused"), with the errno; kCancelled.
  std::unique_ptr<ClientResponse> send(ClientRequest request, const base::StopToken& stop = {});

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace http
