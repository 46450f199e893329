#include "engine/server/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <future>
#include <thread>

#include "engine/server/fake_backends_test.h"
#include "platform/base/strings.h"
#include "platform/http/client.h"
#include "platform/sys/check.h"

namespace server {
namespace {

using base::Code;
using testing::_;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Invoke;
using testing::NiceMock;
using testing::Return;
using testing::StartsWith;
using testing::Throw;

struct Answer {
  int status = 0;
  http::Headers headers;
  std::string body;
};

class ApiTest : public testing::Test {
 protected:
  ApiTest()
      : path_("/tmp/sampan_api_" + std::to_string(getpid()) + ".sock"),
        api_({"28.5.2-test", false}, {system, containers, execs, images, networks, volumes}),
        server_(http::ServerOptions()) {
    ::unlink(path_.c_str());
    sys::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    sys::check(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
    sys::check(::listen(socket.get(), 16), "listen");
    server_.listen(std::move(socket));
    server_.start(api_.handler(), api_.laneOf(), api_.onError());
    ON_CALL(system, swarmState()).WillByDefault(Return("inactive"));
  }
  ~ApiTest() override {
    server_.stop();
    ::unlink(path_.c_str());
  }

  std::unique_ptr<http::ClientResponse> send(const std::string& method, const std::string& target,
                                             const std::string& body = {},
                                             const std::string& type = "application/json",
                                             const http::Headers& more = {}) {
    http::ClientRequest request;
    request.method = method;
    request.url = http::Url::parse("http://d" + target);
    request.headers = more;
    request.body = body;
    if (!body.empty() && !type.empty()) request.headers.set("Content-Type", type);
    http::ClientOptions options;
    options.unixPath = path_;
    return http::Client(options).send(std::move(request));
  }
  Answer ask(const std::string& method, const std::string& target, const std::string& body = {},
             const std::string& type = "application/json", const http::Headers& more = {}) {
    const auto response = send(method, target, body, type, more);
    return {response->status, response->headers, response->readAll()};
  }

  NiceMock<test::FakeSystem> system;
  NiceMock<test::FakeContainers> containers;
  NiceMock<test::FakeExecs> execs;
  NiceMock<test::FakeImages> images;
  NiceMock<test::FakeNetworks> networks;
  NiceMock<test::FakeVolumes> volumes;

 private:
  std::string path_;
  Api api_;
  http::Server server_;
};

TEST_F(ApiTest, Ping) {
  const Answer get = ask("GET", "/_ping");
  EXPECT_EQ(get.status, 200);
  EXPECT_EQ(get.body, "OK");
  EXPECT_EQ(get.headers.get("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(get.headers.get("Api-Version"), "1.51");
  EXPECT_EQ(get.headers.get("Builder-Version"), "1");
  EXPECT_EQ(get.headers.get("Docker-Experimental"), "false");
  EXPECT_EQ(get.headers.get("Ostype"), "linux");
  EXPECT_EQ(get.headers.get("Swarm"), "inactive");
  EXPECT_EQ(get.headers.get("Server"), "Docker/28.5.2-test (linux)");
  EXPECT_EQ(get.headers.get("Cache-Control"), "no-cache, no-store, must-revalidate");
  EXPECT_EQ(get.headers.get("Pragma"), "no-cache");
  const Answer head = ask("HEAD", "/v1.24/_ping");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.get("Content-Length"), "0");
}

TEST_F(ApiTest, UnknownPagesAndWrongMethodsAreNotFoundWithoutVersionHeaders) {
  for (const auto& [method, target] : {std::pair("GET", "/nope"),
                                       {"PUT", "/_ping"},
                                       {"GET", "/v1.99/nope"},
                                       {"GET", "/vx/info"}}) {
    const Answer answer = ask(method, target);
    EXPECT_EQ(answer.status, 404) << target;
    EXPECT_EQ(answer.body, "{\"message\":\"page not found\"}\n");
    EXPECT_EQ(answer.headers.get("Content-Type"), "application/json");
    EXPECT_FALSE(answer.headers.has("Api-Version"));
  }
}

TEST_F(ApiTest, VersionsOutsideTheRange) {
  const Answer fresh = ask("GET", "/v1.52/_ping");
  EXPECT_EQ(fresh.status, 400);
  EXPECT_EQ(fresh.body,
            "{\"message\":\"client version 1.52 is too new. Maximum supported API version is "
            "1.51\"}\n");
  EXPECT_EQ(fresh.headers.get("Api-Version"), "1.51");
  const Answer old = ask("GET", "/v1.23/_ping");
  EXPECT_EQ(old.status, 400);
  EXPECT_EQ(old.headers.get("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(old.body,
            "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade "
            "your client to a newer version\n");
}

TEST_F(ApiTest, UncleanPathsAreRedirected) {
  const Answer answer = ask("GET", "//_ping");
  EXPECT_EQ(answer.status, 301);
  EXPECT_EQ(answer.headers.get("Location"), "/_ping");
  EXPECT_EQ(ask("OPTIONS", "/containers/json").status, 200);
}

struct BodyCase {
  const char* body;
  const char* type;
  const char* message;
};

TEST_F(ApiTest, JsonBodiesAreCheckedAsDockerDoes) {
  const BodyCase cases[] = {
      {"", "", "invalid JSON: got EOF while reading request body"},
      {"x", "text/plain",
       "unsupported Content-Type header (text/plain): must be 'application/json'"},
      {"x", "", "malformed Content-Type header (): mime: no media type"},
      {"{}", "application/json", "config cannot be empty in order to create a container"},
      {"{\"HostConfig\":{}}", "application/json",
       "config cannot be empty in order to create a container"},
      {"{\"Image\":\"a\"}x", "application/json; charset=utf-8", "unexpected content after JSON"},
      {"{\"Image\":\"a\"} {}", "application/json", "unexpected content after JSON"},
      {"{", "application/json", "invalid JSON: unexpected EOF"},
      {"{]", "application/json",
       "invalid JSON: invalid character ']' looking for beginning of object key string"},
  };
  EXPECT_CALL(containers, create(_)).Times(0);
  for (const BodyCase& one : cases) {
    const Answer answer = ask("POST", "/containers/create", one.body, one.type);
    EXPECT_EQ(answer.status, 400) << one.body;
    EXPECT_EQ(answer.body, "{\"message\":" + base::quote(one.message) + "}\n") << one.body;
  }
}

TEST_F(ApiTest, CreateAnswersWithIdAndWarnings) {
  EXPECT_CALL(containers, create(_)).WillOnce(Invoke([](const ContainerCreateRequest& request) {
    EXPECT_EQ(request.name, "web");
    EXPECT_EQ(request.platform, "linux/amd64");
    EXPECT_EQ(request.body.config.image, "busybox");
    EXPECT_TRUE(request.body.config.macAddress.empty());
    EXPECT_TRUE(request.body.hostConfig.has_value());
    EXPECT_EQ(request.body.networkingConfig->endpointsConfig.at("bridge").macAddress,
              "02:42:ac:11:00:02");
    return dockerapi::CreateResponse{"abc", {"first"}};
  }));
  const Answer answer =
      ask("POST", "/containers/create?name=web&platform=linux%2Famd64",
          "{\"image\":\"busybox\",\"MacAddress\":\"02:42:ac:11:00:02\",\"unknown\":[1]}");
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.headers.get("Content-Type"), "application/json");
  EXPECT_EQ(answer.body,
            "{\"Id\":\"abc\",\"Warnings\":[\"first\",\"The container-wide MacAddress field is now "
            "deprecated. It should be specified in EndpointsConfig instead.\"]}\n");
}

TEST_F(ApiTest, OldClientsCreateAsTheyAlwaysDid) {
  EXPECT_CALL(containers, create(_)).WillOnce(Invoke([](const ContainerCreateRequest& request) {
    EXPECT_EQ(request.body.hostConfig->ipcMode, "shareable");
    EXPECT_EQ(request.body.hostConfig->consoleSize[0], 0u);
    EXPECT_EQ(request.platform, "");
    EXPECT_TRUE(request.readOnlyNonRecursive);
    EXPECT_FALSE(request.body.hostConfig->mounts.at(0).volumeOptions.has_value());
    return dockerapi::CreateResponse{"abc", {}};
  }));
  EXPECT_EQ(ask("POST", "/v1.39/containers/create?platform=x",
                "{\"Image\":\"a\",\"HostConfig\":{\"ConsoleSize\":[3,4],\"Mounts\":[{\"Type\":"
                "\"bind\",\"Target\":\"/x\",\"VolumeOptions\":{}}]}}")
                .body,
            "{\"Id\":\"abc\",\"Warnings\":[]}\n");
  EXPECT_THAT(
      ask("POST", "/v1.43/containers/create",
          "{\"Image\":\"a\",\"NetworkingConfig\":{\"EndpointsConfig\":{\"b\":{},\"a\":{}}}}")
          .body,
      HasSubstr("Container cannot be created with multiple network endpoints: a, b"));
}

TEST_F(ApiTest, ErrorsBecomeTheirStatus) {
  const std::pair<Code, int> cases[] = {
      {Code::kInvalidArgument, 400}, {Code::kUnauthorized, 401}, {Code::kForbidden, 403},
      {Code::kNotFound, 404},        {Code::kConflict, 409},     {Code::kNotImplemented, 501},
      {Code::kUnavailable, 503},     {Code::kInternal, 500},     {Code::kDataLoss, 500},
  };
  for (const auto& [code, status] : cases) {
    EXPECT_CALL(containers, inspect("x", true)).WillOnce(Throw(base::Error(code, "a <b>")));
    const Answer answer = ask("GET", "/v1.30/containers/x/json?size=1");
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.body, "{\"message\":\"a <b>\"}\n");
    EXPECT_EQ(answer.headers.get("Api-Version"), "1.51");
  }
}

TEST_F(ApiTest, StartOfARunningContainerIsNotModified) {
  EXPECT_CALL(containers, start("x")).WillOnce(Throw(base::Error(Code::kNotModified, "")));
  const Answer answer = ask("POST", "/containers/x/start");
  EXPECT_EQ(answer.status, 304);
  EXPECT_EQ(answer.body, "");
  EXPECT_THAT(ask("POST", "/containers/x/start", "{\"Binds\":[]}").body,
              HasSubstr("starting container with non-empty request body was deprecated"));
}

TEST_F(ApiTest, StopIsAnsweredLaterFromAnotherThread) {
  Done kept;
  std::promise<void> asked;
  EXPECT_CALL(containers, stop("x", _, _))
      .WillOnce(Invoke([&](const std::string&, const ContainerStopRequest& request, Done done) {
        EXPECT_EQ(request.timeout, -1);
        EXPECT_EQ(request.signal, "INT");
        kept = std::move(done);
        asked.set_value();
      }));
  std::thread answerer([&] {
    asked.get_future().wait();
    kept(std::nullopt);
    kept = nullptr;
  });
  EXPECT_EQ(ask("POST", "/containers/x/stop?t=-1&signal=INT").status, 204);
  answerer.join();
  EXPECT_CALL(containers, kill("x", "", _))
      .WillOnce(Invoke([](const std::string&, const std::string&, const Done& done) {
        done(base::Error(Code::kConflict, "container x is not running"));
      }));
  EXPECT_EQ(ask("POST", "/containers/x/kill").status, 409);
  EXPECT_EQ(ask("POST", "/containers/x/stop?t=soon").body,
            "{\"message\":\"strconv.Atoi: parsing \\\"soon\\\": invalid syntax\"}\n");
}

TEST_F(ApiTest, WaitSendsItsHeadOnceItWaits) {
  ContainerBackend::WaitDone kept;
  EXPECT_CALL(containers, wait("x", WaitCondition::kNextExit, _))
      .WillOnce(Invoke([&](const std::string&, WaitCondition, ContainerBackend::WaitDone done) {
        kept = std::move(done);
        return [] {};
      }));
  const auto response = send("POST", "/containers/x/wait?condition=next-exit");
  EXPECT_EQ(response->status, 200);
  kept({std::nullopt, 7});
  EXPECT_EQ(response->readAll(), "{\"StatusCode\":7}\n");

  EXPECT_CALL(containers, wait("x", WaitCondition::kNotRunning, _))
      .WillOnce(
          Invoke([](const std::string&, WaitCondition, const ContainerBackend::WaitDone& done) {
            done({std::nullopt, 0});
            return [] {};
          }));
  EXPECT_EQ(ask("POST", "/containers/x/wait").body, "{\"StatusCode\":0}\n");
  EXPECT_EQ(ask("POST", "/containers/x/wait?condition=bad").body,
            "{\"message\":\"invalid condition: \\\"bad\\\"\"}\n");
}

TEST_F(ApiTest, WaitIsTakenBackWhenTheClientGoes) {
  // Kept as a backend keeps it: who drops it says that no answer will come, and the wait is over.
  ContainerBackend::WaitDone kept;
  std::promise<void> cancelled;
  EXPECT_CALL(containers, wait(_, _, _))
      .WillOnce(Invoke([&](const std::string&, WaitCondition, ContainerBackend::WaitDone done) {
        kept = std::move(done);
        return [&] { cancelled.set_value(); };
      }));
  send("POST", "/containers/x/wait").reset();
  EXPECT_EQ(cancelled.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

TEST_F(ApiTest, LogsAreFramedStampedAndDetailed) {
  EXPECT_CALL(containers, logs("x", _, _, _))
      .WillRepeatedly(Invoke([](const std::string&, const LogsRequest& request, LogSink& sink,
                                const base::StopToken&) {
        EXPECT_EQ(request.tail, 5);
        EXPECT_EQ(request.since.ns, 1'500'000'000);
        sink.begin(false);
        sink.write(LogSink::Stream::kStdout, base::Time::fromUnix(1, 5), {}, "out\n");
        sink.write(LogSink::Stream::kStderr, base::Time::fromUnix(2), {{"k", "a b"}}, "err");
        base::fail(Code::kInternal, "broken");
      }));
  const Answer answer =
      ask("GET", "/containers/x/logs?stdout=1&stderr=1&timestamps=1&details=1&tail=5&since=1.5");
  EXPECT_EQ(answer.headers.get("Content-Type"), "application/vnd.docker.multiplexed-stream");
  const std::string first = "1970-01-01T00:00:01.000000005Z  out\n";
  const std::string second = "1970-01-01T00:00:02.000000000Z k=a+b err";
  const std::string third = "Error grabbing logs: broken\n";
  const auto frame = [](char type, const std::string& text) {
    return std::string({type, 0, 0, 0, 0, 0, 0, static_cast<char>(text.size())}) + text;
  };
  EXPECT_EQ(answer.body, frame(1, first) + frame(2, second) + frame(3, third));
  EXPECT_EQ(
      ask("GET", "/v1.41/containers/x/logs?stdout=1&tail=5&since=1.5").headers.get("Content-Type"),
      "application/vnd.docker.raw-stream");
  EXPECT_EQ(ask("GET", "/containers/x/logs").status, 400);
}

TEST_F(ApiTest, AttachHijacksWithTheRightHead) {
  for (const bool tty : {false, true}) {
    EXPECT_CALL(containers, attach("x", _, _))
        .WillOnce(
            Invoke([&](const std::string&, const AttachRequest& request, const Hijack& hijack) {
              EXPECT_TRUE(request.stream && request.useStdin && !request.useStdout);
              const http::Released released = hijack(tty);
              ::send(released.socket.get(), "hello", 5, MSG_NOSIGNAL);
            }));
    http::Headers upgrade;
    upgrade.add("Connection", "Upgrade");
    upgrade.add("Upgrade", "tcp");
    const auto response = send("POST", "/containers/x/attach?stream=1&stdin=1", "", "", upgrade);
    EXPECT_EQ(response->status, 101);
    EXPECT_EQ(response->reason, "UPGRADED");
    EXPECT_EQ(
        response->headers.get("Content-Type"),
        tty ? "application/vnd.docker.raw-stream" : "application/vnd.docker.multiplexed-stream");
    EXPECT_EQ(response->readAll(), "hello");
  }
  EXPECT_CALL(containers, attach("x", _, _))
      .WillOnce(Throw(base::Error(Code::kNotFound, "No such container: x")));
  EXPECT_EQ(ask("POST", "/containers/x/attach").status, 404);
}

TEST_F(ApiTest, ExecWithoutUpgradeIsAPlainStreamWithTheVersionHeaders) {
  EXPECT_CALL(execs, startExec("e", _, _))
      .WillOnce(
          Invoke([](const std::string&, const dockerapi::ExecStartRequest&, const Hijack* hijack) {
            const http::Released released = (*hijack)(false);
            ::send(released.socket.get(), "out", 3, MSG_NOSIGNAL);
          }))
      .WillOnce(Invoke(
          [](const std::string&, const dockerapi::ExecStartRequest& request, const Hijack* hijack) {
            EXPECT_TRUE(request.detach);
            EXPECT_EQ(hijack, nullptr);
          }));
  const Answer answer = ask("POST", "/exec/e/start", "{\"Detach\":false}");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("Content-Type"), "application/vnd.docker.raw-stream");
  EXPECT_EQ(answer.headers.get("Api-Version"), "1.51");
  EXPECT_EQ(answer.body, "out");
  EXPECT_EQ(ask("POST", "/exec/e/start", "{\"Detach\":true}").status, 200);
  EXPECT_EQ(ask("POST", "/containers/x/exec", "{}").body,
            "{\"message\":\"No exec command specified\"}\n");
}

TEST_F(ApiTest, PullReportsErrorsBeforeAndInTheStream) {
  EXPECT_CALL(images, pullImage(_, _, _))
      .WillOnce(Invoke([](const ImagePullRequest& request, const ProgressSink& progress,
                          const base::StopToken&) {
        EXPECT_EQ(request.reference, "h:5000/a/b:1");
        EXPECT_FALSE(request.allTags);
        EXPECT_EQ(request.platform->architecture, "arm64");
        EXPECT_EQ(request.auth.username, "u");
        dockerapi::ProgressMessage message;
        message.status = "Pulling from a/b";
        message.id = "1";
        progress(message);
        base::fail(Code::kDataLoss, "wrong digest");
      }))
      .WillOnce(Throw(base::Error(Code::kNotFound, "pull access denied for x")));
  http::Headers auth;
  auth.add("X-Registry-Auth", base::base64UrlEncode("{\"username\":\"u\",\"password\":\"p\"}"));
  const Answer answer = ask(
      "POST", "/images/create?fromImage=h:5000/a/b:old&tag=1&platform=linux/arm64", "", "", auth);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("Transfer-Encoding"), "chunked");
  EXPECT_EQ(answer.body,
            "{\"status\":\"Pulling from a/b\",\"id\":\"1\"}\r\n"
            "{\"errorDetail\":{\"message\":\"wrong digest\"},\"error\":\"wrong digest\"}\r\n");
  const Answer denied = ask("POST", "/images/create?fromImage=x&tag=sha256:12");
  EXPECT_EQ(denied.status, 404);
}

TEST_F(ApiTest, PullWithoutATagMeansAllOfThem) {
  EXPECT_CALL(images, pullImage(_, _, _))
      .WillOnce(
          Invoke([](const ImagePullRequest& request, const ProgressSink&, const base::StopToken&) {
            EXPECT_EQ(request.reference, "h:5000/a");
            EXPECT_TRUE(request.allTags);
          }))
      .WillOnce(
          Invoke([](const ImagePullRequest& request, const ProgressSink&, const base::StopToken&) {
            EXPECT_EQ(request.reference, "a@sha256:12");
            EXPECT_FALSE(request.allTags);
          }));
  EXPECT_EQ(ask("POST", "/images/create?fromImage=h:5000/a").status, 200);
  EXPECT_EQ(ask("POST", "/images/create?fromImage=a:b&tag=sha256:12").status, 200);
  EXPECT_EQ(ask("POST", "/images/create?fromImage=a&platform=a/b/c/d/e").body,
            "{\"message\":\"\\\"d/e\\\" is an invalid component of \\\"a/b/c/d/e\\\": platform "
            "specifier component must match \\\"^[A-Za-z0-9_.-]+$\\\": invalid argument\"}\n");
}

TEST_F(ApiTest, LoadErrorsAreAlwaysInTheStream) {
  EXPECT_CALL(images, loadImages(_, true, _, _, _))
      .WillOnce(Throw(base::Error(Code::kInvalidArgument, "no tar")));
  const Answer answer = ask("POST", "/images/load", "zz", "application/x-tar");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "{\"errorDetail\":{\"message\":\"no tar\"},\"error\":\"no tar\"}\r\n");
}

TEST_F(ApiTest, BodiesStreamIntoImportAndOutOfSave) {
  EXPECT_CALL(images, importImage(_, _, _, _))
      .WillOnce(Invoke([](const ImageImportRequest& request, const ByteSource& tar,
                          const ProgressSink& progress, const base::StopToken&) {
        EXPECT_EQ(request.source, "-");
        EXPECT_THAT(request.changes, ElementsAre("CMD x", "ENV a=b"));
        char buffer[100];
        EXPECT_EQ(tar(buffer), 3u);
        dockerapi::ProgressMessage message;
        message.status = "sha256:1";
        progress(message);
      }));
  EXPECT_EQ(ask("POST", "/images/create?fromSrc=-&repo=r&changes=CMD+x&changes=ENV+a%3Db", "tar",
                "application/x-tar")
                .body,
            "{\"status\":\"sha256:1\"}\r\n");
  EXPECT_CALL(images, saveImages(ElementsAre("a", "h/b:1"), _, _, _))
      .WillOnce(Invoke([](const auto&, const auto&, const ByteSink& tar, const auto&) {
        tar("one");
        tar("two");
      }));
  const Answer saved = ask("GET", "/images/get?names=a&names=h/b:1");
  EXPECT_EQ(saved.headers.get("Content-Type"), "application/x-tar");
  EXPECT_EQ(saved.body, "onetwo");
  EXPECT_CALL(images, saveImages(ElementsAre("h/b"), _, _, _))
      .WillOnce(Throw(base::Error(Code::kNotFound, "No such image: h/b")));
  EXPECT_EQ(ask("GET", "/images/h/b/get").status, 404);
}

dockerapi::EventMessage event(const char* type, const char* action, const char* id,
                              std::map<std::string, std::string> attributes) {
  dockerapi::EventMessage message;
  message.type = type;
  message.action = action;
  message.actor = {id, std::move(attributes)};
  message.scope = "local";
  message.time = 7;
  return message;
}

struct FilterCase {
  const char* filters;
  const char* actions;
};

TEST_F(ApiTest, EventsAreFiltered) {
  ON_CALL(system, events(_, _, _, _))
      .WillByDefault(Invoke([](const EventsRequest&, const std::function<void()>& ready,
                               const auto& each, const base::StopToken&) {
        ready();
        each(event("container", "start", "c1",
                   {{"image", "busybox:1"}, {"name", "web"}, {"l", "v"}}));
        each(
            event("container", "exec_start: sh -c x", "c2", {{"image", "debian"}, {"name", "db"}}));
        each(event("image", "pull", "busybox:1", {{"name", "busybox"}}));
        each(event("network", "connect", "n1", {{"name", "net"}, {"container", "c1"}}));
      }));
  const FilterCase cases[] = {
      {"", "start,exec_start: sh -c x,pull,connect"},
      {"{\"type\":[\"container\"]}", "start,exec_start: sh -c x"},
      {"{\"event\":[\"start\"]}", "start"},
      {"{\"event\":[\"exec_start\"]}", "exec_start: sh -c x"},
      {"{\"container\":[\"c1\"]}", "start"},
      {"{\"container\":[\"web\",\"db\"]}", "start,exec_start: sh -c x"},
      {"{\"image\":[\"busybox\"]}", "start,pull"},
      {"{\"network\":{\"net\":true}}", "connect"},
      {"{\"label\":[\"l=v\"]}", "start"},
      {"{\"label\":[\"l=v\",\"m\"]}", ""},
      {"{\"type\":[\"container\"],\"event\":[\"pull\"]}", ""},
      {"{\"scope\":[\"swarm\"]}", ""},
  };
  for (const FilterCase& one : cases) {
    const Answer answer = ask("GET", "/events?filters=" + http::percentEncode(one.filters));
    std::vector<std::string> actions;
    for (const std::string& line : base::split(base::trim(answer.body), '\n')) {
      if (!line.empty()) actions.push_back(json::parse<dockerapi::EventMessage>(line).action);
    }
    EXPECT_EQ(base::join(actions, ","), one.actions) << one.filters;
  }
  const std::string first = base::split(ask("GET", "/events").body, '\n')[0];
  EXPECT_THAT(first, HasSubstr("\"status\":\"start\",\"id\":\"c1\",\"from\":\"busybox:1\""));
}

TEST_F(ApiTest, EventsHeadComesBeforeTheFirstEvent) {
  std::promise<void> go;
  EXPECT_CALL(system, events(_, _, _, _))
      .WillOnce(Invoke([&](const EventsRequest& request, const std::function<void()>& ready,
                           const auto& each, const base::StopToken&) {
        EXPECT_EQ(request.since.ns, 5'000'000'000);
        ready();
        go.get_future().wait();
        each(event("daemon", "reload", "d", {}));
      }));
  const auto response = send("GET", "/events?since=5");
  EXPECT_EQ(response->status, 200);
  go.set_value();
  EXPECT_THAT(response->readAll(), HasSubstr("\"Action\":\"reload\""));
  EXPECT_EQ(ask("GET", "/events?since=20&until=10").body,
            "{\"message\":\"`since` time (20) cannot be after `until` time (10)\"}\n");
}

TEST_F(ApiTest, FiltersAndSizesAreChecked) {
  for (const char* target : {"/containers/json", "/images/json", "/networks", "/volumes"}) {
    EXPECT_EQ(ask("GET", std::string(target) + "?filters=%7B%22x%22%3A%5B%22y%22%5D%7D").body,
              "{\"message\":\"invalid filter 'x'\"}\n")
        << target;
  }
  EXPECT_EQ(ask("GET", "/containers/json?filters=x").body, "{\"message\":\"invalid filter\"}\n");
  EXPECT_EQ(ask("POST", "/containers/x/resize?h=x&w=1").body,
            "{\"message\":\"invalid resize height \\\"x\\\": invalid syntax\"}\n");
  EXPECT_CALL(containers, resize("x", 24, 80));
  EXPECT_EQ(ask("POST", "/containers/x/resize?h=24&w=80").status, 200);
}

TEST_F(ApiTest, ArchiveTellsThePathBeforeTheBytes) {
  dockerapi::PathStat stat;
  stat.name = "etc";
  stat.mode = 2147484141u;
  EXPECT_CALL(containers, statPath("x", "/etc")).WillOnce(Return(stat));
  EXPECT_CALL(containers, archiveGet("x", "/etc", _, _, _))
      .WillOnce(Invoke(
          [&](const auto&, const auto&, const auto& begin, const ByteSink& tar, const auto&) {
            begin(stat);
            tar("bytes");
          }));
  const Answer head = ask("HEAD", "/containers/x/archive?path=/etc");
  const std::string header = head.headers.get("X-Docker-Container-Path-Stat");
  EXPECT_THAT(base::base64Decode(header).value_or(""),
              StartsWith("{\"name\":\"etc\",\"size\":0,\"mode\":2147484141,"));
  const Answer get = ask("GET", "/containers/x/archive?path=/etc");
  EXPECT_EQ(get.headers.get("X-Docker-Container-Path-Stat"), header);
  EXPECT_EQ(get.body, "bytes");
  EXPECT_EQ(ask("PUT", "/containers/x/archive", "tar", "application/x-tar").status, 400);
}

TEST_F(ApiTest, StatsAreOneObjectALine) {
  EXPECT_CALL(containers, stats("x", _, _, _))
      .WillOnce(Invoke([](const auto&, const StatsRequest& request, const auto& each, const auto&) {
        EXPECT_TRUE(request.stream);
        each(dockerapi::ContainerStats{});
        each(dockerapi::ContainerStats{});
      }));
  EXPECT_EQ(base::split(ask("GET", "/containers/x/stats").body, '\n').size(), 3u);
  EXPECT_EQ(ask("GET", "/containers/x/stats?stream=1&one-shot=1").status, 400);
}

TEST_F(ApiTest, WhatIsAbsentIsSaid) {
  EXPECT_THAT(ask("GET", "/swarm").body, HasSubstr("This node is not a swarm manager."));
  EXPECT_EQ(ask("GET", "/services").status, 503);
  EXPECT_EQ(ask("GET", "/plugins").body, "[]\n");
  EXPECT_EQ(ask("POST", "/build", "x", "application/x-tar").status, 501);
  EXPECT_EQ(ask("POST", "/swarm/init", "{}").status, 501);
}

TEST_F(ApiTest, VolumesPruneNamedOnesForOldClientsOnly) {
  EXPECT_CALL(volumes, pruneVolumes(true, _)).Times(2);
  EXPECT_CALL(volumes, pruneVolumes(false, _));
  ask("POST", "/v1.41/volumes/prune");
  ask("POST", "/volumes/prune?filters=%7B%22all%22%3A%5B%22true%22%5D%7D");
  EXPECT_EQ(ask("POST", "/volumes/prune").status, 200);
}

}  // namespace
}  // namespace server
