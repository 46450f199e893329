#include "platform/http/client.h"

#include <fmt/format.h>

#include <cerrno>
#include <map>
#include <vector>

#include "platform/base/error.h"
#include "platform/base/mutex.h"
#include "platform/base/strings.h"
#include "platform/base/time.h"
#include "platform/http/client_response.h"
#include "platform/http/stream.h"
#include "platform/http/wire.h"

namespace http {
namespace {

using base::Code;

constexpr size_t kIdlePerOrigin = 16;
constexpr std::int64_t kIdleNs = 30'000'000'000;
constexpr size_t kMaxHead = 1u << 20;
constexpr size_t kBodyPiece = 64 * 1024;

// A kept connection that the server closed just as we took it: nothing of the request was seen.
struct Stale {};

std::string hostPort(const Url& url) {
  const std::string host =
      url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  return fmt::format("{}:{}", host, url.port);
}

// The Host header leaves the scheme's own port out.
std::string hostHeader(const Url& url) {
  const std::string text = hostPort(url);
  const bool usual =
      (url.scheme == "http" && url.port == 80) || (url.scheme == "https" && url.port == 443);
  return usual ? text.substr(0, text.rfind(':')) : text;
}

std::string basicAuth(const Url& url) {
  return "Basic " + base::base64Encode(url.user + ":" + url.password);
}

bool isIdempotent(const std::string& method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS";
}

// Where a request goes, and by which way.
struct Route {
  Url target;
  std::optional<Url> proxy;
  std::string key;  // connections of one key are interchangeable

  bool absoluteForm() const { return proxy.has_value() && target.scheme == "http"; }
};

// One request's way over one connection.
class Exchange {
 public:
  Exchange(ClientConnection& connection, ClientRequest& request, const Wait& wait)
      : connection_(connection), request_(request), wait_(wait) {}

  // Sends `head` and the body. False: the server answered before it had all.
  bool send(std::string head) {
    if (!request_.bodySource) {
      head += request_.body;
      return sendPiece(head, false);
    }
    if (!sendPiece(head, false)) return false;
    std::string piece;
    piece.resize(kBodyPiece);
    long long sent = 0;
    for (;;) {
      const size_t got = request_.bodySource(std::span(piece.data(), piece.size()));
      if (got == 0) break;
      sent += static_cast<long long>(got);
      const std::string_view bytes(piece.data(), got);
      const bool chunked = request_.bodyLength < 0;
      if (!chunked && sent > request_.bodyLength) {
        base::fail(Code::kInternal, "http: body longer than its announced length");
      }
      const std::string framed =
          chunked ? wire::chunkHead(got) + std::string(bytes) + "\r\n" : std::string();
      if (!sendPiece(chunked ? std::string_view(framed) : bytes, true)) return false;
    }
    if (request_.bodyLength < 0) return sendPiece("0\r\n\r\n", false);
    if (sent != request_.bodyLength) {
      base::fail(Code::kInternal, "http: body shorter than its announced length");
    }
    return true;
  }

  // `reused`: the connection served a request before.
  wire::ResponseHead receive(bool reused, std::string_view method) {
    constexpr int kMostInterim = 5;  // as Go's
    int interim = 0;
    size_t scanned = 0;
    for (;;) {
      const size_t end = wire::findHeadEnd(connection_.inbox(), scanned);
      if (end != std::string::npos) {
        wire::ResponseHead head = parse(end, method);
        connection_.inbox().erase(0, end);
        scanned = 0;
        if (head.status >= 200 || head.status == 101) return head;
        // 100 and its like: the answer follows.
        if (++interim > kMostInterim)
          base::fail(Code::kUnavailable, "http: too many 1xx informational responses");
        continue;
      }
      if (connection_.inbox().size() > kMaxHead) {
        base::fail(Code::kUnavailable, "http: server sent too long a head");
      }
      fill(reused);
    }
  }

 private:
  // False: a final answer of refusal is there, so the rest of the body would be for nothing.
  bool sendPiece(std::string_view bytes, bool more) {
    try {
      connection_.write(bytes, wait_);
      // What comes meanwhile may be no answer at all, and must not fill the memory.
      if (more && connection_.inbox().size() <= kMaxHead) connection_.peek();
    } catch (const base::Error& error) {
      if (error.code() != Code::kUnavailable) throw;
      // The server may have answered and closed; if it has not, the reader reports the end.
      write_error_ = error;
      return false;
    }
    return !more || !refused();
  }

  bool refused() {
    size_t scanned = 0;
    const size_t end = wire::findHeadEnd(connection_.inbox(), scanned);
    return end != std::string::npos && parse(end, request_.method).status >= 300;
  }

  wire::ResponseHead parse(size_t end, std::string_view method) {
    try {
      return wire::parseResponse(std::string_view(connection_.inbox()).substr(0, end), method);
    } catch (const wire::BadMessage& bad) {
      base::fail(Code::kUnavailable, "malformed HTTP response: {}", bad.text);
    }
  }

  void fill(bool reused) {
    const bool nothing = connection_.inbox().empty();
    try {
      if (connection_.fill(wait_)) return;
    } catch (const base::Error& error) {
      if (nothing && reused && error.sysErrno() == ECONNRESET) throw Stale{};
      if (write_error_) throw *write_error_;
      throw;
    }
    if (nothing && reused) throw Stale{};
    if (write_error_) throw *write_error_;
    const std::string_view came = connection_.inbox();
    const std::string_view line = came.substr(0, came.find_first_of("\r\n"));
    if (line.size() < came.size() && !line.starts_with("HTTP/"))
      base::fail(Code::kUnavailable, "malformed HTTP response {}", base::quote(line));
    throw base::Error(Code::kUnavailable, nothing ? "EOF" : "unexpected EOF", EPIPE);
  }

  ClientConnection& connection_;
  ClientRequest& request_;
  const Wait& wait_;
  std::optional<base::Error> write_error_;
};

}  // namespace

struct Client::Impl : std::enable_shared_from_this<Client::Impl> {
  explicit Impl(ClientOptions clientOptions) : options(std::move(clientOptions)) {}

  struct Idle {
    std::unique_ptr<ClientConnection> connection;
    std::int64_t since = 0;
  };

  const ClientOptions options;
  base::Mutex mutex;
  std::map<std::string, std::vector<Idle>> idle GUARDED_BY(mutex);
  std::shared_ptr<const crypto::TlsContext> tls GUARDED_BY(mutex);

  Route routeOf(const Url& target) const {
    Route route{target, std::nullopt, {}};
    if (!options.unixPath.empty() || target.scheme == "unix") {
      route.key = "unix";
      return route;
    }
    if (target.scheme != "http" && target.scheme != "https") {
      base::fail(Code::kInvalidArgument, "unsupported protocol scheme {}",
                 base::quote(target.scheme));
    }
    route.proxy = options.proxy.forTarget(target);
    if (route.proxy && route.proxy->scheme != "http") {
      base::fail(Code::kNotImplemented, "proxy of scheme {}", route.proxy->scheme);
    }
    route.key = route.absoluteForm() ? "proxy " + route.proxy->origin() : target.origin();
    return route;
  }

  std::unique_ptr<ClientConnection> takeIdle(const std::string& key) {
    const base::Lock lock(mutex);
    auto& list = idle[key];
    const std::int64_t oldest = base::monotonicNs() - kIdleNs;
    while (!list.empty()) {
      Idle last = std::move(list.back());
      list.pop_back();
      if (last.since >= oldest && last.connection->fresh()) return std::move(last.connection);
    }
    return nullptr;
  }

  void keep(const std::string& key, std::unique_ptr<ClientConnection> connection) {
    if (!connection->fresh()) return;
    const base::Lock lock(mutex);
    auto& list = idle[key];
    if (list.size() >= kIdlePerOrigin) list.erase(list.begin());
    list.push_back({std::move(connection), base::monotonicNs()});
  }

  std::shared_ptr<const crypto::TlsContext> tlsContext() {
    const base::Lock lock(mutex);
    if (tls == nullptr) tls = makeTlsContext(options.tls);
    return tls;
  }

  sys::Fd dial(const Url& url, const base::StopToken& stop) const {
    std::string host = url.host;
    int port = url.port;
    if (const auto other = options.resolve ? options.resolve(host) : std::nullopt) {
      // "address" or "address:port"; an IPv6 address with a port stands in brackets.
      const Url where =
          Url::parse("tcp://" + (other->find("::") != std::string::npos && !other->starts_with('[')
                                     ? "[" + *other + "]"
                                     : *other));
      host = where.host;
      if (where.port != 0) port = where.port;
    }
    return dialTcp(host, port, options.connectTimeout, stop);
  }

  std::unique_ptr<ClientConnection> connect(const Route& route, const base::StopToken& stop) {
    if (route.key == "unix") {
      const std::string& path =
          options.unixPath.empty() ? percentDecode(route.target.target) : options.unixPath;
      return std::make_unique<ClientConnection>(plainStream(dialUnix(path)));
    }
    const Wait wait{stop, options.connectTimeout};
    sys::Fd socket =
        route.proxy ? base::within("proxyconnect tcp", [&] { return dial(*route.proxy, stop); })
                    : dial(route.target, stop);
    auto plain = std::make_unique<ClientConnection>(plainStream(std::move(socket)));
    if (route.target.scheme == "http") return plain;
    if (route.proxy) openTunnel(*plain, route, wait);
    return std::make_unique<ClientConnection>(
        tlsStream(plain->stream().take(), tlsContext(), route.target.host, wait));
  }

  static void openTunnel(ClientConnection& connection, const Route& route, const Wait& wait) {
    ClientRequest request;
    request.method = "CONNECT";
    std::string head = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", hostPort(route.target));
    if (!route.proxy->user.empty()) {
      head += "Proxy-Authorization: " + basicAuth(*route.proxy) + "\r\n";
    }
    Exchange exchange(connection, request, wait);
    exchange.send(head + "\r\n");
    const wire::ResponseHead answer = exchange.receive(false, "CONNECT");
    if (answer.status != 200) {
      base::fail(Code::kUnavailable, "{}",
                 answer.reason.empty() ? std::to_string(answer.status) : answer.reason);
    }
    if (!connection.inbox().empty()) {
      base::fail(Code::kUnavailable, "proxy sent bytes behind its answer to CONNECT");
    }
  }

  std::string makeHead(const ClientRequest& request, const Route& route) const {
    const Url& url = request.url;
    const bool isUnix = route.key == "unix";
    const std::string target = options.unixPath.empty() && isUnix ? "/" : url.target;
    std::string head = request.method + " " +
                       (route.absoluteForm() ? "http://" + hostPort(url) : std::string()) + target +
                       " HTTP/1.1\r\n";
    Headers headers;
    if (!request.headers.has("Host")) {
      // What Go's client sends where there is no host; servers ignore it, proxies never see it.
      headers.add("Host", isUnix ? "api.moby.localhost" : hostHeader(url));
    }
    if (!options.userAgent.empty() && !request.headers.has("User-Agent")) {
      headers.add("User-Agent", options.userAgent);
    }
    for (const auto& [name, value] : request.headers.all()) headers.add(name, value);
    if (!url.user.empty() && !headers.has("Authorization")) {
      headers.add("Authorization", basicAuth(url));
    }
    if (route.absoluteForm() && !route.proxy->user.empty()) {
      headers.add("Proxy-Authorization", basicAuth(*route.proxy));
    }
    addFraming(request, headers);
    wire::appendFields(head, headers);
    return head + "\r\n";
  }

  static void addFraming(const ClientRequest& request, Headers& headers) {
    headers.remove("Content-Length");
    headers.remove("Transfer-Encoding");
    if (request.bodySource && request.bodyLength < 0) {
      headers.add("Transfer-Encoding", "chunked");
      return;
    }
    const long long length =
        request.bodySource ? request.bodyLength : static_cast<long long>(request.body.size());
    const bool expected =
        request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
    if (length > 0 || expected) headers.add("Content-Length", std::to_string(length));
  }

  std::unique_ptr<ClientResponse> exchange(std::unique_ptr<ClientConnection> connection,
                                           ClientRequest& request, const Route& route, bool reused,
                                           const Wait& wait) {
    Exchange one(*connection, request, wait);
    const bool whole = one.send(makeHead(request, route));
    wire::ResponseHead head = one.receive(reused, request.method);
    Recycle recycle = [self = weak_from_this(),
                       key = route.key](std::unique_ptr<ClientConnection> back) {
      if (const auto impl = self.lock()) impl->keep(key, std::move(back));
    };
    return makeClientResponse(std::move(connection), std::move(head), wait, whole,
                              std::move(recycle));
  }

  std::unique_ptr<ClientResponse> send(ClientRequest& request, const base::StopToken& stop) {
    const Route route = routeOf(request.url);
    const Wait wait{stop, options.idleTimeout};
    const bool repeatable = !request.bodySource && isIdempotent(request.method);
    for (;;) {
      stop.throwIfStopped();
      auto connection = takeIdle(route.key);
      const bool reused = connection != nullptr;
      if (!reused) connection = connect(route, stop);
      try {
        return exchange(std::move(connection), request, route, reused, wait);
      } catch (const Stale&) {
        if (!repeatable) throw base::Error(Code::kUnavailable, "EOF", EPIPE);
      }
    }
  }
};

Client::Client(ClientOptions options) : impl_(std::make_shared<Impl>(std::move(options))) {}

Client::~Client() = default;

std::unique_ptr<ClientResponse> Client::send(ClientRequest request, const base::StopToken& stop) {
  return impl_->send(request, stop);
}

}  // namespace http
