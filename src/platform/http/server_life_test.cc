// Clients that leave, lanes that are full, and the end of the server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "platform/http/server.h"
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
using testing::StartsWith;

class ServerLife : public testing::TestWithParam<Net> {};
INSTANTIATE_TEST_SUITE_P(Nets, ServerLife, testing::Values(Net::kUnix, Net::kTcp),
                         [](const auto& p) { return p.param == Net::kUnix ? "Unix" : "Tcp"; });

TEST_P(ServerLife, ClientGoneIsToldWhileTheHandlerThinks) {
  std::promise<void> told;
  TestServer server(GetParam(), [&](const Request&, const ResponsePtr& response) {
    const base::StopToken gone = response->gone();
    pollfd wait = {gone.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&wait, 1, 10000), 1);
    EXPECT_TRUE(gone.stopped());
    EXPECT_TRUE(eventually([&] {
      try {
        response->begin(200);
      } catch (const base::Error&) {
      }
      try {
        response->write("x");
        return false;
      } catch (const base::Error& error) {
        return error.code() == Code::kCancelled;
      }
    }));
    told.set_value();
  });
  RawClient client(server.where);
  client.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  client.close();
  EXPECT_EQ(told.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
}

TEST_P(ServerLife, ClientThatLeftBeforeItsHandlerBeganIsGone) {
  ServerOptions options;
  options.quickThreads = 1;
  std::promise<void> running, open, told;
  TestServer server(
      GetParam(),
      [&](const Request& request, const ResponsePtr& response) {
        if (request.path == "/first") {
          running.set_value();
          return open.get_future().wait();
        }
        pollfd wait = {response->gone().fd(), POLLIN, 0};
        EXPECT_EQ(::poll(&wait, 1, 10000), 1);
        told.set_value();
      },
      options);
  RawClient first(server.where), client(server.where);
  first.say("GET /first HTTP/1.1\r\nHost: h\r\n\r\n");
  running.get_future().wait();
  client.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  client.close();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  open.set_value();
  EXPECT_EQ(told.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

TEST_P(ServerLife, FullLaneAnswers503AndOtherLanesGoOn) {
  ServerOptions options;
  options.mayHangThreads = 1;
  options.queuePerLane = 1;
  std::promise<void> open;
  std::shared_future<void> opened = open.get_future().share();
  std::atomic<int> started{0};
  TestServer server(
      GetParam(),
      [&](const Request& request, const ResponsePtr& response) {
        if (request.path == "/hang") {
          ++started;
          opened.wait();
        }
        response->send(200, "done");
      },
      options,
      [](const Request& request) {
        return request.path == "/hang" ? Lane::kMayHang : Lane::kQuick;
      });
  RawClient first(server.where), second(server.where), third(server.where), quick(server.where);
  const std::string_view hang = "GET /hang HTTP/1.1\r\nHost: h\r\n\r\n";
  first.say(hang);
  ASSERT_TRUE(eventually([&] { return started == 1; }));
  second.say(hang);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  third.say(hang);
  EXPECT_THAT(third.hearUntil("later"), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  quick.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  quick.hearUntil("done");
  open.set_value();
  first.hearUntil("done");
  second.hearUntil("done");
}

TEST_P(ServerLife, OneKeyHoldsAFewThreadsAndLeavesTheLaneToTheOthers) {
  ServerOptions options;
  options.mayHangThreads = 4;
  options.perKey = 2;
  std::promise<void> open;
  std::shared_future<void> opened = open.get_future().share();
  std::atomic<int> started{0};
  TestServer server(
      GetParam(),
      [&](const Request& request, const ResponsePtr& response) {
        if (request.path == "/hang") {
          ++started;
          opened.wait();
        }
        response->send(200, "done");
      },
      options, [](const Request& request) { return Place(Lane::kMayHang, request.path); });
  std::vector<std::unique_ptr<RawClient>> hanging;
  for (int i = 0; i < 6; ++i) {
    hanging.push_back(std::make_unique<RawClient>(server.where));
    hanging.back()->say("GET /hang HTTP/1.1\r\nHost: h\r\n\r\n");
  }
  ASSERT_TRUE(eventually([&] { return started == 2; }));
  RawClient other(server.where);
  other.say("GET /other HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(other.hearUntil("done"), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(started, 2);
  open.set_value();
  for (const auto& client : hanging)
    EXPECT_THAT(client->hearUntil("done"), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(started, 6);
}

TEST_P(ServerLife, TooManyConnectionsAreToldSo) {
  ServerOptions options;
  options.maxConnections = 2;
  TestServer server(GetParam(), echo, options);
  RawClient one(server.where), two(server.where);
  for (RawClient* client : {&one, &two}) {
    client->say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    client->hearUntil("[]");
  }
  RawClient three(server.where);
  EXPECT_THAT(three.hearAll(), StartsWith("HTTP/1.1 503 "));
  one.close();
  EXPECT_TRUE(eventually([&] { return server->connections() == 1; }));
  RawClient four(server.where);
  four.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(four.hearUntil("[]"), StartsWith("HTTP/1.1 200 "));
}

TEST_P(ServerLife, StopFiresGoneAndWaitsForHandlers) {
  std::atomic<bool> finished{false};
  std::promise<void> running;
  auto server =
      std::make_unique<TestServer>(GetParam(), [&](const Request&, const ResponsePtr& response) {
        running.set_value();
        pollfd wait = {response->gone().fd(), POLLIN, 0};
        ::poll(&wait, 1, 10000);
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        response->send(200, "last words");
        finished = true;
      });
  RawClient client(server->where), idle(server->where), body(server->where);
  client.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  running.get_future().wait();
  server.reset();
  EXPECT_TRUE(finished);
  EXPECT_THAT(client.hearAll(), EndsWith("last words"));
  EXPECT_EQ(idle.hearAll(), "");
}

TEST_P(ServerLife, StopLeavesHandlersBehindThatDoNotEnd) {
  std::promise<void> running, open;
  TestServer server(GetParam(), [&](const Request&, const ResponsePtr& response) {
    running.set_value();
    open.get_future().wait();
    response->send(200, "too late");
  });
  RawClient client(server.where);
  client.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  running.get_future().wait();
  EXPECT_FALSE(server->stop(std::chrono::milliseconds(50)));
  EXPECT_EQ(client.hearAll(), "");
  open.set_value();
}

TEST_P(ServerLife, StopEndsHandlersThatHangOnTheirClient) {
  std::promise<void> running;
  TestServer server(GetParam(), [&](const Request& request, const ResponsePtr& response) {
    response->begin(200);
    running.set_value();
    if (request.hasBody) {
      request.body->readAll(1 << 20);
    } else {
      for (;;) response->write(std::string(1 << 16, 'x'));  // which nobody reads
    }
  });
  RawClient body(server.where);
  body.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
  running.get_future().wait();
  running = {};
  RawClient deaf(server.where);
  deaf.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  running.get_future().wait();
  EXPECT_TRUE(server->stop(std::chrono::seconds(10)));
}

TEST_P(ServerLife, ResponseThatOutlivesTheServerIsHarmless) {
  ResponsePtr kept;
  std::promise<void> taken;
  {
    TestServer server(GetParam(), [&](const Request&, const ResponsePtr& response) {
      kept = response;
      taken.set_value();
    });
    RawClient client(server.where);
    client.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    taken.get_future().wait();
  }
  EXPECT_TRUE(kept->gone().stopped());
  kept->send(200, "too late");
  kept.reset();
}

// Each would hold the other: what is left behind shows in a build with a leak checker.
TEST_P(ServerLife, StopPartsAConnectionFromItsUnreadBody) {
  ResponsePtr kept;
  std::weak_ptr<Body> body;
  std::promise<void> taken;
  {
    TestServer server(GetParam(), [&](const Request& request, const ResponsePtr& response) {
      kept = response;
      body = request.body;
      taken.set_value();
    });
    RawClient client(server.where);
    client.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n");
    taken.get_future().wait();
  }
  EXPECT_TRUE(body.expired());
}

}  // namespace
}  // namespace http
