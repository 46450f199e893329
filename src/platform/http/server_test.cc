#include "platform/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include "platform/http/server_test_util.h"

namespace http {
namespace {

using base::Code;
using test::echo;
using test::eventually;
using test::Net;
using test::RawClient;
using test::TestServer;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ServerOn : public testing::TestWithParam<Net> {};
INSTANTIATE_TEST_SUITE_P(Nets, ServerOn, testing::Values(Net::kUnix, Net::kTcp),
                         [](const auto& p) { return p.param == Net::kUnix ? "Unix" : "Tcp"; });

TEST_P(ServerOn, ContentLengthBothWaysAndKeepAlive) {
  TestServer server(GetParam(), echo);
  RawClient client(server.where);
  for (int i = 0; i < 3; ++i) {
    client.say("POST /a%20b?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    const std::string answer = client.hearUntil("[hello]");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: 17\r\n"));
    EXPECT_THAT(answer, HasSubstr("Date: "));
    EXPECT_THAT(answer, EndsWith("\r\n\r\nPOST /a b [hello]"));
  }
  EXPECT_EQ(server->connections(), 1u);
}

TEST_P(ServerOn, ChunkedRequestByteByByteWithExtensionsAndTrailers) {
  TestServer server(GetParam(), echo);
  RawClient client(server.where);
  const std::string_view request =
      "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;name=value\r\nabc\r\n0A\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n";
  for (const char c : request) client.say(std::string_view(&c, 1));
  EXPECT_THAT(client.hearUntil("]"), EndsWith("PUT / [abc0123456789]"));
  client.say("GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.hearUntil("]"), EndsWith("GET /next []"));
}

TEST_P(ServerOn, ChunkedAnswer) {
  TestServer server(GetParam(), [](const Request&, const ResponsePtr& response) {
    response->headers().set("Content-Type", "text/x");
    response->begin(200);
    response->write("one");
    EXPECT_TRUE(response->tryWrite("twotwotwotwo"));
    response->end();
  });
  RawClient client(server.where);
  client.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string answer = client.hearUntil("0\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/x\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n3\r\none\r\nc\r\ntwotwotwotwo\r\n0\r\n\r\n"));
}

TEST_P(ServerOn, StreamWithAnnouncedLengthIsNotChunked) {
  TestServer server(GetParam(), [](const Request&, const ResponsePtr& response) {
    response->headers().set("Content-Length", "6");
    response->begin(206);
    response->write("abc");
    EXPECT_FALSE(response->tryWrite("toolong"));
    response->write("def");
    response->end();
  });
  RawClient client(server.where);
  client.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.hearUntil("abcdef"), Not(HasSubstr("chunked")));
  client.say("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.hearAll(), EndsWith("\r\n\r\nabcdef"));
}

TEST_P(ServerOn, OldClientGetsBodyUntilClose) {
  TestServer server(GetParam(), [](const Request&, const ResponsePtr& response) {
    response->begin(200);
    response->write("body");
    response->end();
  });
  RawClient client(server.where);
  client.say("GET / HTTP/1.0\r\n\r\n");
  const std::string answer = client.hearAll();
  EXPECT_THAT(answer, EndsWith("\r\n\r\nbody"));
  EXPECT_THAT(answer, Not(HasSubstr("chunked")));
}

TEST_P(ServerOn, OldClientMayKeepTheConnection) {
  TestServer server(GetParam(), echo);
  RawClient client(server.where);
  for (int i = 0; i < 2; ++i) {
    client.say("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_THAT(client.hearUntil("[]"), HasSubstr("Connection: keep-alive\r\n"));
  }
}

TEST_P(ServerOn, HeadHasLengthButNoBody) {
  TestServer server(GetParam(), echo);
  RawClient client(server.where);
  client.say("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.hearUntil("\r\n\r\n"), HasSubstr("Content-Length: 10\r\n"));
  client.say("GET /y HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.hearUntil("]"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_P(ServerOn, NoContentAndNotModifiedSayNothingOfABody) {
  TestServer server(GetParam(), [](const Request& request, const ResponsePtr& response) {
    response->send(request.path == "/304" ? 304 : 204);
  });
  RawClient client(server.where);
  client.say("GET /204 HTTP/1.1\r\nHost: h\r\n\r\nGET /304 HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string first = client.hearUntil("\r\n\r\n");
  EXPECT_THAT(first, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(first, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(client.hearUntil("\r\n\r\n"), StartsWith("HTTP/1.1 304 Not Modified\r\n"));
}

TEST_P(ServerOn, ContinueIsSentWhenTheBodyIsWanted) {
  TestServer server(GetParam(), echo);
  RawClient client(server.where);
  client.say("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.hearUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.say("ok");
  EXPECT_THAT(client.hearUntil("[ok]"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_P(ServerOn, ExpectedBodyThatIsNotWantedClosesTheConnection) {
  TestServer server(GetParam(),
                    [](const Request&, const ResponsePtr& response) { response->send(403, "no"); });
  RawClient client(server.where);
  client.say("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  const std::string answer = client.hearAll();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 Forbidden\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
}

TEST_P(ServerOn, PipelinedRequestsAreAnsweredInOrder) {
  TestServer server(GetParam(), echo);
  RawClient client(server.where);
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
  }
  client.say(all);
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(client.hearUntil("]"), EndsWith("POST /" + std::to_string(i) + " [abc]"));
  }
}

TEST_P(ServerOn, UnreadBodyIsTakenOffTheWire) {
  TestServer server(GetParam(), [](const Request& request, const ResponsePtr& response) {
    response->send(200, "<" + request.path + ">");
  });
  RawClient client(server.where);
  client.say(
      "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + std::string(100000, 'x') +
      "PUT /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\n\r\n"
      "GET /c HTTP/1.1\r\nHost: h\r\n\r\n");
  for (const char* path : {"</a>", "</b>", "</c>"}) {
    EXPECT_THAT(client.hearUntil(">"), EndsWith(path));
  }
}

TEST_P(ServerOn, HugeUnreadBodyEndsTheConnectionAfterTheAnswer) {
  TestServer server(GetParam(), [](const Request&, const ResponsePtr& response) {
    response->send(413, "too much");
  });
  RawClient client(server.where);
  client.say("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n");
  EXPECT_THAT(client.hearUntil("too much"), StartsWith("HTTP/1.1 413"));
  EXPECT_THROW(for (int i = 0; i < 1000; ++i) client.say(std::string(100000, 'x')), base::Error);
}

TEST_P(ServerOn, SlowReaderHoldsTheWriterBackAndLosesNothing) {
  constexpr size_t kTotal = 8u << 20;
  std::atomic<size_t> written{0};
  std::atomic<bool> refused{false};
  TestServer server(GetParam(), [&](const Request&, const ResponsePtr& response) {
    response->headers().set("Content-Length", std::to_string(kTotal));
    response->begin(200);
    const std::string piece(64 * 1024, 'p');
    for (size_t sent = 0; sent < kTotal; sent += piece.size()) {
      response->write(piece);
      written = sent + piece.size();
    }
    response->end();
    refused = !response->tryWrite("x");
  });
  RawClient client(server.where, 64 * 1024);
  client.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  client.hearUntil("\r\n\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const size_t early = written;
  EXPECT_LT(early, kTotal) << "the writer must wait for the reader";
  size_t got = kTotal;
  client.say("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  got = client.hearAll().size();
  EXPECT_GT(got, 2 * kTotal - 200000);
  EXPECT_TRUE(eventually([&] { return refused.load(); }));
}

TEST_P(ServerOn, TryWriteRefusesWhatDoesNotFitAndTakesAgainLater) {
  std::promise<ResponsePtr> promise;
  TestServer server(GetParam(), [&](const Request&, const ResponsePtr& response) {
    response->begin(200);
    promise.set_value(response);
  });
  RawClient client(server.where, 64 * 1024);
  client.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  const ResponsePtr response = promise.get_future().get();
  const std::string piece(10000, 'p');
  size_t taken = 0;
  while (response->tryWrite(piece)) ++taken;
  EXPECT_GT(taken, Response::kBuffered / piece.size() / 2);
  EXPECT_LT(taken, 1000u);
  std::atomic<bool> done{false};
  std::thread reader([&] {
    client.hearAll();
    done = true;
  });
  EXPECT_TRUE(eventually([&] { return response->tryWrite("again"); }));
  response->end();
  ::shutdown(client.fd(), SHUT_RDWR);
  reader.join();
}

TEST_P(ServerOn, HalfCloseBehindARequestStillGetsTheAnswer) {
  TestServer server(GetParam(), [](const Request& request, const ResponsePtr& response) {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    echo(request, response);
  });
  RawClient client(server.where);
  client.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nz");
  client.closeWrite();
  EXPECT_THAT(client.hearAll(), EndsWith("POST / [z]"));
}

TEST_P(ServerOn, BodyCutShortIsCancelled) {
  std::promise<Code> code;
  TestServer server(GetParam(), [&](const Request& request, const ResponsePtr&) {
    try {
      request.body->readAll(1000);
      code.set_value(Code::kInternal);
    } catch (const base::Error& error) {
      code.set_value(error.code());
      throw;
    }
  });
  RawClient client(server.where);
  client.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  client.close();
  EXPECT_EQ(code.get_future().get(), Code::kCancelled);
}

TEST_P(ServerOn, BodyBeyondTheLimitIsRefused) {
  TestServer server(GetParam(),
                    [&](const Request& request, const ResponsePtr&) { request.body->readAll(10); });
  RawClient client(server.where);
  client.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n01234567890");
  EXPECT_THAT(client.hearUntil("large"), EndsWith("request body too large"));
}

TEST_P(ServerOn, AnswerMayComeFromAnotherThreadWithoutHoldingALane) {
  ServerOptions options;
  options.quickThreads = 1;
  std::mutex mutex;
  std::vector<ResponsePtr> waiting;
  TestServer server(
      GetParam(),
      [&](const Request& request, const ResponsePtr& response) {
        if (request.path == "/wait") {
          response->begin(200);
          const std::lock_guard lock(mutex);
          waiting.push_back(response);
        } else {
          response->send(200, "quick");
        }
      },
      options);
  std::vector<RawClient> waiters;
  for (int i = 0; i < 20; ++i) {
    waiters.emplace_back(server.where);
    waiters.back().say("POST /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(waiters.back().hearUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  }
  RawClient other(server.where);
  other.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  other.hearUntil("quick");
  std::thread answerer([&] {
    const std::lock_guard lock(mutex);
    for (const ResponsePtr& response : waiting) {
      EXPECT_TRUE(response->tryWrite("late"));
      response->end();
    }
  });
  for (RawClient& waiter : waiters)
    EXPECT_EQ(waiter.hearUntil("0\r\n\r\n"), "4\r\nlate\r\n0\r\n\r\n");
  answerer.join();
  waiters[0].say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  waiters[0].hearUntil("quick");
}

TEST_P(ServerOn, ReleaseGivesTheRawConnectionWithTheBytesBehindTheRequest) {
  constexpr std::string_view kHead =
      "HTTP/1.1 101 UPGRADED\r\nContent-Type: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
  TestServer server(GetParam(), [&](const Request& request, const ResponsePtr& response) {
    EXPECT_EQ(request.body->readAll(100), "{}");
    Released released = response->release(kHead);
    EXPECT_EQ(fcntl(released.socket.get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(fcntl(released.socket.get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(released.unread, "behind");
    char more[5];
    EXPECT_EQ(::recv(released.socket.get(), more, sizeof more, MSG_WAITALL), 5);
    EXPECT_EQ(::recv(released.socket.get(), more, sizeof more, 0), 0) << "half-close arrives";
    EXPECT_EQ(::send(released.socket.get(), "raw", 3, MSG_NOSIGNAL), 3);
  });
  RawClient client(server.where);
  client.say(
      "POST /attach HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
      "Content-Length: 2\r\n\r\n{}behind");
  EXPECT_EQ(client.hear(), kHead) << "the head is a segment of its own";
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
  client.say("stdin");
  client.closeWrite();
  EXPECT_EQ(client.hearAll(), "raw");
}

TEST_P(ServerOn, UpgradingClientThatHalfClosesEarlyIsNotGone) {
  TestServer server(GetParam(), [&](const Request&, const ResponsePtr& response) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_FALSE(response->gone().stopped());
    const Released released = response->release("HTTP/1.1 101 UPGRADED\r\n\r\n");
    EXPECT_EQ(released.unread, "all");
  });
  RawClient client(server.where);
  client.say("POST / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nall");
  client.closeWrite();
  EXPECT_EQ(client.hearAll(), "HTTP/1.1 101 UPGRADED\r\n\r\n");
}

struct BadCase {
  const char* name;
  std::string request;
  const char* answer;
};

TEST_P(ServerOn, BadRequestsAreRefusedAndTheConnectionEnds) {
  TestServer server(GetParam(), echo);
  const std::string host = "Host: h\r\n";
  const BadCase cases[] = {
      {"no version", "GET /\r\n\r\n", "400"},
      {"garbage", "\x16\x03\x01\x02\r\n\r\n", "400"},
      {"tls, which waits for an answer", "\x16\x03\x01\x02", "400"},
      {"h2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
      {"no host", "GET / HTTP/1.1\r\n\r\n", "400"},
      {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
      {"space before colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"},
      {"folded", "GET / HTTP/1.1\r\n" + host + "A: b\r\n c\r\n\r\n", "400"},
      {"bare lf", "GET / HTTP/1.1\r\n" + host + "A: b\nC: d\r\n\r\n", "400"},
      {"bad escape", "GET /%zz HTTP/1.1\r\n" + host + "\r\n", "400"},
      {"nul in path", "GET /%00 HTTP/1.1\r\n" + host + "\r\n", "400"},
      {"length and chunked",
       "POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       "400"},
      {"two lengths",
       "POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"},
      {"signed length", "POST / HTTP/1.1\r\n" + host + "Content-Length: +1\r\n\r\n", "400"},
      {"negative length", "POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", "400"},
      {"huge length", "POST / HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999\r\n\r\n",
       "400"},
      {"gzip coding", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n", "501"},
      {"expectation", "POST / HTTP/1.1\r\n" + host + "Expect: tea\r\n\r\n", "417"},
      {"large header", "GET / HTTP/1.1\r\n" + host + "A: " + std::string(70000, 'a') + "\r\n\r\n",
       "431"},
      {"endless header", "GET / HTTP/1.1\r\nA: " + std::string(100000, 'a'), "431"},
  };
  for (const BadCase& bad : cases) {
    RawClient client(server.where);
    client.say(bad.request);
    const std::string answer = client.hearAll();
    EXPECT_THAT(answer, StartsWith(std::string("HTTP/1.1 ") + bad.answer)) << bad.name;
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n")) << bad.name;
  }
}

TEST_P(ServerOn, MalformedChunkIsAnErrorOfTheBody) {
  TestServer server(GetParam(), echo);
  RawClient client(server.where);
  client.say("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  EXPECT_THAT(client.hearAll(), HasSubstr("malformed request body"));
}

TEST_P(ServerOn, HandlerThatThrowsOrForgetsIsAnswered500) {
  TestServer server(GetParam(), [](const Request& request, const ResponsePtr&) {
    if (request.path == "/error") base::fail(Code::kInternal, "broken");
    if (request.path == "/other") throw std::runtime_error("other");
  });
  RawClient client(server.where);
  for (const auto& [path, text] :
       {std::pair("/error", "broken"), {"/other", "other"}, {"/silent", "no answer was given"}}) {
    client.say(std::string("GET ") + path + " HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(client.hearUntil(text), StartsWith("HTTP/1.1 500 ")) << path;
    if (std::string_view(path) == "/silent") break;
  }
}

TEST_P(ServerOn, AnswerCutShortIsSeenAsCut) {
  TestServer server(GetParam(), [](const Request&, const ResponsePtr& response) {
    response->begin(200);
    response->write("part");
    base::fail(Code::kInternal, "broken in the middle");
  });
  RawClient client(server.where);
  client.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.hearAll(), EndsWith("4\r\npart\r\n"));
}

TEST(ServerOnUnix, KnowsThePeer) {
  TestServer server(Net::kUnix, [](const Request& request, const ResponsePtr& response) {
    response->send(200, std::to_string(request.peerUid) + ":" + std::to_string(request.peerPid) +
                            (request.unixSocket ? ":unix!" : "!"));
  });
  RawClient client(server.where);
  client.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.hearUntil("!"), EndsWith("\r\n\r\n" + std::to_string(getuid()) + ":" +
                                              std::to_string(getpid()) + ":unix!"));
}

TEST(ServerOnUnix, ManyClientsAtOnce) {
  TestServer server(Net::kUnix, echo);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        RawClient client(server.where);
        for (int i = 0; i < 40; ++i) {
          client.say("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nabcd");
          EXPECT_THAT(client.hearUntil("]"), EndsWith("[abcd]"));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace http
