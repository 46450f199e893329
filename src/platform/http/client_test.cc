#include "platform/http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "platform/base/strings.h"
#include "platform/http/server_test_util.h"
#include "platform/http/tls_test_util.h"

namespace http {
namespace {

using base::Code;
using test::Listening;
using test::Net;
using test::RawClient;
using test::TestServer;
using test::TlsTestServer;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

template <class Body>
base::Error errorOf(const Body& body) {
  try {
    body();
  } catch (const base::Error& error) {
    return error;
  }
  return base::Error(Code::kInternal, "no error");
}

// Accepts connections one after the other and gives each to `serve`.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::function<void(int fd)> serve)
      : where(test::listenOn(Net::kTcp)), thread_([this, serve = std::move(serve)] {
          for (;;) {
            const sys::Fd socket(::accept4(where.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!socket.valid()) return;
            ++accepted;
            serve(socket.get());
          }
        }) {}
  ~ScriptedServer() {
    ::shutdown(where.socket.get(), SHUT_RDWR);
    thread_.join();
  }
  Listening where;
  std::atomic<int> accepted{0};

 private:
  std::thread thread_;
};

std::string readHead(int fd) {
  std::string text;
  char c;
  while (text.find("\r\n\r\n") == std::string::npos && ::recv(fd, &c, 1, 0) == 1) text += c;
  return text;
}
void say(int fd, std::string_view bytes) {
  ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

ClientRequest request(const std::string& method, const Listening& where,
                      const std::string& target) {
  ClientRequest result;
  result.method = method;
  result.url =
      Url::parse(where.path.empty() ? "http://127.0.0.1:" + std::to_string(where.port) + target
                                    : "http://dummy" + target);
  return result;
}

ClientOptions optionsFor(const Listening& where) {
  ClientOptions options;
  options.unixPath = where.path;
  return options;
}

void echo(Request request, const ResponsePtr& response) {
  response->headers().set("X-Host", request.headers.get("Host"));
  response->headers().set("X-Coding", request.headers.get("Transfer-Encoding"));
  response->send(200, request.method + " " + request.body->readAll(64u << 20));
}

class ClientOn : public testing::TestWithParam<Net> {};
INSTANTIATE_TEST_SUITE_P(Nets, ClientOn, testing::Values(Net::kUnix, Net::kTcp),
                         [](const auto& p) { return p.param == Net::kUnix ? "Unix" : "Tcp"; });

TEST_P(ClientOn, SendsAndReadsAndKeepsItsConnection) {
  TestServer server(GetParam(), echo);
  Client client(optionsFor(server.where));
  for (int i = 0; i < 5; ++i) {
    ClientRequest one = request("POST", server.where, "/x");
    one.body = "hello";
    const auto response = client.send(std::move(one));
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->reason, "OK");
    EXPECT_EQ(response->contentLength, 10);
    EXPECT_EQ(response->headers.get("x-host"),
              GetParam() == Net::kUnix ? "api.moby.localhost"
                                       : "127.0.0.1:" + std::to_string(server.where.port));
    EXPECT_EQ(response->readAll(), "POST hello");
    EXPECT_EQ(server->connections(), 1u);
  }
}

TEST_P(ClientOn, StreamsBodiesBothWaysInChunks) {
  TestServer server(GetParam(), [](const Request& in, const ResponsePtr& response) {
    response->begin(200);
    std::string piece(50000, '\0');
    while (const size_t got = in.body->read(std::span(piece.data(), piece.size()))) {
      response->write(std::string_view(piece.data(), got));
    }
    response->end();
  });
  Client client(optionsFor(server.where));
  ClientRequest one = request("PUT", server.where, "/");
  size_t left = 12u << 20;
  one.bodySource = [&](std::span<char> into) {
    const size_t count = std::min({into.size(), left, size_t{33333}});
    std::fill_n(into.begin(), count, 'b');
    left -= count;
    return count;
  };
  // Nobody reads the answer while the request is being sent: it must not come to a standstill.
  const auto response = client.send(std::move(one));
  EXPECT_EQ(response->readAll(64u << 20), std::string(12u << 20, 'b'));
}

TEST_P(ClientOn, KnownLengthIsNotChunked) {
  TestServer server(GetParam(), echo);
  Client client(optionsFor(server.where));
  ClientRequest one = request("PUT", server.where, "/");
  one.bodyLength = 3;
  bool given = false;
  one.bodySource = [&](std::span<char> into) -> size_t {
    if (std::exchange(given, true)) return 0;
    std::copy_n("abc", 3, into.begin());
    return 3;
  };
  const auto response = client.send(std::move(one));
  EXPECT_EQ(response->headers.get("X-Coding"), "");
  EXPECT_EQ(response->readAll(), "PUT abc");
}

TEST_P(ClientOn, EarlyRefusalEndsTheUpload) {
  TestServer server(GetParam(), [](const Request&, const ResponsePtr& response) {
    response->send(401, "who are you");
  });
  Client client(optionsFor(server.where));
  ClientRequest one = request("PUT", server.where, "/");
  size_t sent = 0;
  one.bodySource = [&](std::span<char> into) {
    sent += into.size();
    return sent < (4u << 30) ? into.size() : 0;
  };
  const auto response = client.send(std::move(one));
  EXPECT_EQ(response->status, 401);
  EXPECT_EQ(response->readAll(), "who are you");
  EXPECT_LT(sent, 1u << 30);
}

TEST_P(ClientOn, HeadNoContentAndNotModifiedLeaveTheConnectionUsable) {
  TestServer server(GetParam(), [](const Request& in, const ResponsePtr& response) {
    response->send(in.path == "/head" ? 200 : in.path == "/304" ? 304 : 204, "");
  });
  Client client(optionsFor(server.where));
  for (const char* target : {"/head", "/304", "/204", "/head"}) {
    const auto response =
        client.send(request(target == std::string("/head") ? "HEAD" : "GET", server.where, target));
    EXPECT_EQ(response->readAll(), "");
  }
  EXPECT_EQ(server->connections(), 1u);
}

TEST_P(ClientOn, UpgradeIsReleasedRaw) {
  TestServer server(GetParam(), [](const Request&, const ResponsePtr& response) {
    Released released = response->release("HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nfirst");
    char c;
    while (::recv(released.socket.get(), &c, 1, 0) == 1) ::send(released.socket.get(), &c, 1, 0);
  });
  Client client(optionsFor(server.where));
  ClientRequest one = request("POST", server.where, "/attach");
  one.headers.add("Connection", "Upgrade");
  one.headers.add("Upgrade", "tcp");
  const auto response = client.send(std::move(one));
  EXPECT_EQ(response->status, 101);
  std::string unread;
  const sys::Fd socket = response->release(unread);
  EXPECT_EQ(fcntl(socket.get(), F_GETFL) & O_NONBLOCK, 0);
  ::send(socket.get(), "abc", 3, 0);
  ::shutdown(socket.get(), SHUT_WR);
  char buffer[64];
  for (ssize_t got; (got = ::recv(socket.get(), buffer, sizeof buffer, 0)) > 0;) {
    unread.append(buffer, static_cast<size_t>(got));
  }
  EXPECT_EQ(unread, "firstabc");
}

TEST_P(ClientOn, StopTokenEndsAWait) {
  TestServer server(GetParam(), [](const Request&, const ResponsePtr& response) {
    pollfd wait = {response->gone().fd(), POLLIN, 0};
    ::poll(&wait, 1, 10000);
  });
  Client client(optionsFor(server.where));
  base::StopSource stop;
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.stop();
  });
  const base::Error error =
      errorOf([&] { client.send(request("GET", server.where, "/"), stop.token()); });
  stopper.join();
  EXPECT_EQ(error.code(), Code::kCancelled);
}

TEST(Client, IdleTimeout) {
  ScriptedServer server([](int fd) {
    readHead(fd);
    readHead(fd);
  });
  ClientOptions options;
  options.idleTimeout = std::chrono::milliseconds(50);
  const base::Error error =
      errorOf([&] { Client(options).send(request("GET", server.where, "/")); });
  EXPECT_EQ(error.code(), Code::kUnavailable);
  EXPECT_EQ(error.message(), "i/o timeout");
}

TEST(Client, DialErrorsAreGos) {
  ClientOptions options;
  options.unixPath = "/tmp/sampan_no_such.sock";
  Listening where = test::listenOn(Net::kTcp);
  where.socket.reset();
  base::Error error = errorOf([&] { Client(options).send(request("GET", where, "/")); });
  EXPECT_EQ(error.message(),
            "dial unix /tmp/sampan_no_such.sock: connect: no such file or directory");
  EXPECT_EQ(error.sysErrno(), ENOENT);
  error = errorOf([&] { Client(ClientOptions()).send(request("GET", where, "/")); });
  EXPECT_EQ(error.message(),
            "dial tcp 127.0.0.1:" + std::to_string(where.port) + ": connect: connection refused");
  EXPECT_EQ(error.sysErrno(), ECONNREFUSED);
  ClientRequest unknown;
  unknown.url = Url::parse("http://no-such-host.invalid/");
  error = errorOf([&] { Client(ClientOptions()).send(unknown); });
  EXPECT_THAT(error.message(), StartsWith("dial tcp: lookup no-such-host.invalid: "));
  EXPECT_EQ(error.code(), Code::kUnavailable);
}

TEST(Client, ClosedKeptConnectionIsReplacedSilently) {
  ScriptedServer server([](int fd) {
    readHead(fd);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  Client client{ClientOptions()};
  for (int i = 0; i < 4; ++i) {
    if (i == 2) std::this_thread::sleep_for(std::chrono::milliseconds(60));
    EXPECT_EQ(client.send(request("GET", server.where, "/"))->readAll(), "ok");
  }
  EXPECT_EQ(server.accepted, 4);
}

TEST(Client, InterimAnswersAreSkippedAndCutOnesAreErrors) {
  ScriptedServer server([n = 0](int fd) mutable {
    readHead(fd);
    const char* const answers[] = {
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"
         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n!"),
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nuntil close",
    };
    say(fd, answers[n++]);
  });
  Client client{ClientOptions()};
  const auto ask = [&] { return client.send(request("GET", server.where, "/"))->readAll(); };
  EXPECT_EQ(ask(), "!");
  EXPECT_EQ(errorOf(ask).message(), "unexpected EOF");
  EXPECT_EQ(errorOf(ask).message(), "unexpected EOF");
  EXPECT_EQ(errorOf(ask).message(), "unexpected EOF");
  EXPECT_EQ(errorOf(ask).message(), "EOF");
  EXPECT_THAT(errorOf(ask).message(), StartsWith("malformed HTTP response"));
  EXPECT_EQ(ask(), "until close");
}

TEST(Client, InterimAnswersThatDoNotEndAreAnError) {
  ScriptedServer server([](int fd) {
    readHead(fd);
    for (int i = 0; i < 1000; ++i) say(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  Client client{ClientOptions()};
  const base::Error error = errorOf([&] { client.send(request("GET", server.where, "/")); });
  EXPECT_EQ(error.code(), Code::kUnavailable);
  EXPECT_EQ(error.message(), "http: too many 1xx informational responses");
}

TEST(Client, StopTokenEndsAnAnswerThatNeverLetsItWait) {
  ScriptedServer server([](int fd) {
    readHead(fd);
    say(fd, "HTTP/1.1 200 OK\r\n\r\n");
    const std::string much(1 << 16, 'x');
    while (::send(fd, much.data(), much.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  base::StopSource stop;
  const base::Error error = errorOf([&] {
    Client client{ClientOptions()};
    const auto answer = client.send(request("GET", server.where, "/"), stop.token());
    std::string piece(100, 0);
    answer->read(piece);
    stop.stop();
    for (int i = 0; i < 10'000; ++i) answer->read(piece);
  });
  EXPECT_EQ(error.code(), Code::kCancelled);
}

TEST(Client, HttpProxyGetsTheAbsoluteFormAndItsCredentials) {
  std::string seen;
  ScriptedServer proxy([&](int fd) {
    seen = readHead(fd);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  ClientOptions options;
  options.proxy.httpProxy = "http://user:pass@127.0.0.1:" + std::to_string(proxy.where.port);
  ClientRequest one;
  one.url = Url::parse("http://registry.example/v2/");
  Client(options).send(one);
  EXPECT_THAT(
      seen,
      StartsWith("GET http://registry.example:80/v2/ HTTP/1.1\r\nHost: registry.example\r\n"));
  EXPECT_THAT(seen, HasSubstr("Proxy-Authorization: Basic " + base::base64Encode("user:pass")));
}

std::string answer200(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

ClientRequest secure(const std::string& host, int port) {
  ClientRequest one;
  one.url = Url::parse("https://" + host + ":" + std::to_string(port) + "/v2/");
  return one;
}

ClientOptions trusting(const TlsTestServer& server) {
  ClientOptions options;
  options.tls.caFile = server.caFile;
  options.resolve = [](const std::string&) { return std::optional<std::string>("127.0.0.1"); };
  return options;
}

TEST(ClientTls, VerifiesByNameAndByAddressAndKeepsTheConnection) {
  const std::string big(300000, 'x');
  TlsTestServer server([&](const std::string&) { return answer200(big); });
  for (const char* host : {"registry.example", "127.0.0.1"}) {
    server.handshakes = 0;
    Client client(trusting(server));
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(client.send(secure(host, server.where.port))->readAll(), big);
    }
    EXPECT_EQ(server.handshakes, 1) << host;
  }
}

TEST(ClientTls, RefusalsAreGos) {
  TlsTestServer server([](const std::string&) { return answer200(""); });
  ClientOptions options = trusting(server);
  const auto refusal = [&](const ClientOptions& with, const std::string& host) {
    return errorOf([&] { Client(with).send(secure(host, server.where.port)); }).message();
  };
  EXPECT_EQ(refusal(options, "other.example"),
            "tls: failed to verify certificate: x509: certificate is valid for registry.example, "
            "not other.example");
  EXPECT_EQ(refusal(options, "127.0.0.2"),
            "tls: failed to verify certificate: x509: certificate is valid for 127.0.0.1, not "
            "127.0.0.2");
  options.tls.caFile.clear();
  EXPECT_EQ(refusal(options, "registry.example"),
            "tls: failed to verify certificate: x509: certificate signed by unknown authority");
  options.tls.verify = false;
  EXPECT_EQ(Client(options).send(secure("anything.example", server.where.port))->status, 200);
}

TEST(ClientTls, ExpiredCertificate) {
  TlsTestServer server([](const std::string&) { return answer200(""); },
                       {"DNS:registry.example", -7200, -3600});
  EXPECT_THAT(
      errorOf([&] {
        Client(trusting(server)).send(secure("registry.example", server.where.port));
      }).message(),
      MatchesRegex("tls: failed to verify certificate: x509: certificate has expired or is not yet "
                   "valid: current time [0-9TZ:-]+ is after [0-9TZ:-]+"));
}

TEST(ClientTls, CertificateWithoutNames) {
  TlsTestServer server([](const std::string&) { return answer200(""); }, {"", -60, 60});
  EXPECT_EQ(
      errorOf([&] {
        Client(trusting(server)).send(secure("registry.example", server.where.port));
      }).message(),
      "tls: failed to verify certificate: x509: certificate relies on legacy Common Name field, "
      "use SANs instead");
}

TEST(ClientTls, PlainServerIsNamed) {
  ScriptedServer server([](int fd) {
    char buffer[1024];
    ::recv(fd, buffer, sizeof buffer, 0);
    say(fd, "HTTP/1.0 400 Bad Request\r\n\r\n");
  });
  EXPECT_EQ(errorOf([&] {
              Client(ClientOptions()).send(secure("127.0.0.1", server.where.port));
            }).message(),
            "http: server gave HTTP response to HTTPS client");
}

TEST(ClientTls, GoesThroughAConnectProxy) {
  TlsTestServer server([](const std::string&) { return answer200("through"); });
  std::string seen;
  ScriptedServer proxy([&](int fd) {
    seen = readHead(fd);
    if (seen.find("Proxy-Authorization") == std::string::npos) {
      say(fd, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    say(fd, "HTTP/1.1 200 Connection established\r\n\r\n");
    const RawClient upstream(server.where);
    pollfd waits[2] = {{fd, POLLIN, 0}, {upstream.fd(), POLLIN, 0}};
    char buffer[65536];
    while (::poll(waits, 2, 10000) > 0) {
      for (int i = 0; i < 2; ++i) {
        if (waits[i].revents == 0) continue;
        const ssize_t got = ::recv(waits[i].fd, buffer, sizeof buffer, 0);
        if (got <= 0) return;
        say(waits[1 - i].fd, std::string_view(buffer, static_cast<size_t>(got)));
      }
    }
  });
  ClientOptions options;
  options.tls.caFile = server.caFile;
  const std::string at = "127.0.0.1:" + std::to_string(proxy.where.port);
  options.proxy.httpsProxy = at;
  const ClientRequest one = secure("registry.example", server.where.port);
  EXPECT_EQ(errorOf([&] { Client(options).send(one); }).message(), "Proxy Authentication Required");
  options.proxy.httpsProxy = "http://me:secret@" + at;
  EXPECT_EQ(Client(options).send(one)->readAll(), "through");
  EXPECT_THAT(seen, StartsWith("CONNECT registry.example:" + std::to_string(server.where.port)));
}

TEST(ClientTls, ProxyThatIsNotThere) {
  Listening nobody = test::listenOn(Net::kTcp);
  nobody.socket.reset();
  ClientOptions options;
  options.proxy.httpsProxy = "127.0.0.1:" + std::to_string(nobody.port);
  EXPECT_EQ(errorOf([&] { Client(options).send(secure("registry.example", 443)); }).message(),
            "proxyconnect tcp: dial tcp 127.0.0.1:" + std::to_string(nobody.port) +
                ": connect: connection refused");
}

}  // namespace
}  // namespace http
