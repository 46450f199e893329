// Who is asked, with which credentials, and what becomes of refusals: challenges, tokens,
// redirects, certificates, proxies.
#include "storage/registry/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "platform/base/error_test_util.h"
#include "platform/base/strings.h"
#include "storage/registry/fake_registry.h"

namespace registry {
namespace {

using base::Code;
using base::test::errorOf;
using registry::testing::answering;
using registry::testing::FakeRegistry;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kPath = "team/app";

// Wants a token of its own token service at /token, which gives a new one to every request.
class TokenRegistry : public FakeRegistry {
 public:
  TokenRegistry() {
    setFault([this](http::Request& request, http::Response& response) {
      if (request.path == "/token") return giveToken(request, response);
      if (request.headers.get("Authorization") == "Bearer " + current()) return false;
      response.headers().set("WWW-Authenticate",
                             "Bearer realm=\"" + url() + "/token?x=1\",service=\"us\"" + more);
      response.send(401, R"({"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]})");
      return true;
    });
  }
  std::string current() const { return "token-" + std::to_string(number); }
  void expire() { ++number; }

  std::atomic<int> number{0};
  std::string more;                   // parameters of the challenge
  std::string password = "secret";    // of alice; everybody else may come without
  std::string refusedScope = "none";  // in words of the token service

 private:
  bool giveToken(http::Request& request, http::Response& response) {
    const std::string given = request.headers.get("Authorization");
    const bool wrong =
        !given.empty() && given != "Basic " + base::base64Encode("alice:" + password);
    if (wrong) {
      response.send(401, R"({"details":"incorrect username or password"})");
      return true;
    }
    for (const std::string& scope : request.query.list("scope")) {
      if (scope != refusedScope) continue;
      response.send(403, R"({"details":"not for you"})");
      return true;
    }
    ++number;
    const std::string identity =
        request.query.get("offline_token") == "true" ? R"(,"refresh_token":"identity")" : "";
    response.send(200, R"({"token":")" + current() + "\"" + identity + "}");
    return true;
  }
};

Config configOf() {
  Config config;
  config.certsDirectory = "/nonexistent";
  config.userAgent = "test/1";
  return config;
}

Credentials alice(const std::string& password = "secret") {
  Credentials credentials;
  credentials.username = "alice";
  credentials.password = password;
  return credentials;
}

std::unique_ptr<Repository> repositoryAt(Registries& registries, const std::string& host,
                                         const Credentials& credentials = {},
                                         Access access = Access::kPull) {
  return registries.repository(host, kPath, access, credentials);
}

// ---- tokens

TEST(Token, IsFetchedOnceForManyRequestsAndWithItsScope) {
  TokenRegistry server;
  const auto blob = server.blob(kPath, "bytes");
  Registries registries(configOf());
  const auto repository = repositoryAt(registries, server.host());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(repository->blobSize(blob, {}), 5u);
  const auto asked = server.seen("GET /token");
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked[0].query, "x=1&service=us&scope=repository:team/app:pull");
  EXPECT_FALSE(asked[0].headers.has("Authorization"));
  EXPECT_THAT(server.seen("HEAD /v2/team/app/blobs/"), SizeIs(4));  // the first was refused
  EXPECT_EQ(asked[0].headers.get("User-Agent"), "test/1");
}

TEST(Token, OfAPushAsksForBothAndAnotherSessionAsksAgain) {
  TokenRegistry server;
  const auto blob = server.blob(kPath, "bytes");
  Registries registries(configOf());
  repositoryAt(registries, server.host(), {}, Access::kPush)->blobSize(blob, {});
  repositoryAt(registries, server.host(), {}, Access::kPull)->blobSize(blob, {});
  const auto asked = server.seen("GET /token");
  ASSERT_THAT(asked, SizeIs(2));
  EXPECT_THAT(asked[0].query, HasSubstr("scope=repository:team/app:pull,push"));
  EXPECT_THAT(asked[1].query, HasSubstr("scope=repository:team/app:pull"));
}

TEST(Token, IsRenewedWhenItRanOutAndConcurrentRequestsShareIt) {
  TokenRegistry server;
  const auto blob = server.blob(kPath, "bytes");
  Registries registries(configOf());
  const auto repository = repositoryAt(registries, server.host());
  repository->blobSize(blob, {});
  server.expire();
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] { good += repository->blobSize(blob, {}) == 5u; });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
  EXPECT_THAT(server.seen("GET /token"), SizeIs(2));
}

TEST(Token, WithAPasswordAndWithAWrongOne) {
  TokenRegistry server;
  const auto blob = server.blob(kPath, "bytes");
  Registries registries(configOf());
  EXPECT_EQ(repositoryAt(registries, server.host(), alice())->blobSize(blob, {}), 5u);
  const auto asked = server.seen("GET /token");
  EXPECT_EQ(asked.at(0).headers.get("Authorization"),
            "Basic " + base::base64Encode("alice:secret"));
  EXPECT_THAT(asked.at(0).query, HasSubstr("account=alice"));
  for (const auto& request : server.seen("HEAD /v2/"))
    EXPECT_THAT(request.headers.get("Authorization"), ::testing::Not(HasSubstr("Basic")));
  const std::string text =
      errorOf([&] { repositoryAt(registries, server.host(), alice("wrong"))->blobSize(blob, {}); },
              Code::kUnauthorized);
  EXPECT_THAT(text, AllOf(HasSubstr("Head \"" + server.url() + "/v2/team/app/blobs/"),
                          HasSubstr("unauthorized: incorrect username or password")));
}

TEST(Token, ThatIsRefusedAgainAndAgainEndsInTheRegistrysWords) {
  TokenRegistry server;
  server.more = ",error=\"insufficient_scope\"";
  const auto fault = [&](http::Request& request, http::Response& response) {
    if (request.path == "/token") {
      response.send(200, R"({"access_token":"other"})");
    } else {
      response.headers().set("WWW-Authenticate", "Bearer realm=\"" + server.url() +
                                                     "/token\",error=\"insufficient_scope\"");
      response.send(401, R"({"errors":[{"code":"UNAUTHORIZED","message":"no"}]})");
    }
    return true;
  };
  server.setFault(fault);
  Registries registries(configOf());
  EXPECT_EQ(errorOf([&] { repositoryAt(registries, server.host())->manifest("1", {}); },
                    Code::kUnauthorized),
            "denied: requested access to the resource is denied");
  EXPECT_LE(server.seen("GET /v2/").size(), 3u);
}

TEST(Token, ServicesThatSayNothingUseful) {
  FakeRegistry server;
  Registries registries(configOf());
  std::string challenge = "Bearer service=\"us\"", answer = "{}";
  server.setFault([&](http::Request& request, http::Response& response) {
    if (request.path == "/token") {
      response.send(200, answer);
    } else {
      response.headers().set("WWW-Authenticate", challenge);
      response.send(401, "");
    }
    return true;
  });
  const auto ask = [&] { repositoryAt(registries, server.host())->manifest("1", {}); };
  EXPECT_THAT(errorOf(ask, Code::kUnauthorized), HasSubstr("names no token service"));
  challenge = "Bearer realm=\"" + server.url() + "/token\"";
  EXPECT_EQ(errorOf(ask, Code::kUnauthorized),
            "authorization server did not include a token in the response");
  answer = "<html>";
  EXPECT_THAT(errorOf(ask), HasSubstr("invalid character"));
  answer = R"({"token":7})";
  EXPECT_THAT(errorOf(ask), HasSubstr("did not include a token"));
  challenge = "Bearer realm=\"nonsense\"";
  EXPECT_NE(errorOf(ask), "no error");
}

TEST(Token, GivenByTheUserIsUsedAsItIs) {
  TokenRegistry server;
  const auto blob = server.blob(kPath, "bytes");
  server.number = 41;
  Credentials credentials;
  credentials.registryToken = server.current();
  Registries registries(configOf());
  EXPECT_EQ(repositoryAt(registries, server.host(), credentials)->blobSize(blob, {}), 5u);
  EXPECT_THAT(server.seen("/token"), IsEmpty());
  server.expire();
  EXPECT_NE(
      errorOf([&] { repositoryAt(registries, server.host(), credentials)->blobSize(blob, {}); },
              Code::kUnauthorized),
      "no error");
}

TEST(Token, PasswordsAreNotShownToAnotherPartysTokenService) {
  FakeRegistry server, stranger;
  stranger.setFault(answering(200, R"({"token":"t"})"));
  server.setFault([&](http::Request& request, http::Response& response) {
    if (request.headers.get("Authorization") == "Bearer t") return false;
    // Another address: for all that anybody can tell another party's.
    response.headers().set("WWW-Authenticate", "Bearer realm=\"http://localhost:" +
                                                   std::to_string(stranger.port()) + "/token\"");
    response.send(401, "");
    return true;
  });
  Registries registries(configOf());
  EXPECT_EQ(repositoryAt(registries, server.host(), alice())->blobSize(server.blob(kPath, "x"), {}),
            1u);
  ASSERT_THAT(stranger.log(), SizeIs(1));
  EXPECT_FALSE(stranger.log()[0].headers.has("Authorization"));
  EXPECT_THAT(stranger.log()[0].query, ::testing::Not(HasSubstr("alice")));
}

TEST(Token, ARefusedMountDoesNotSpoilWhatFollows) {
  TokenRegistry server;
  const auto blob = server.blob("team/closed", "bytes");
  server.refusedScope = "repository:team/closed:pull";
  Registries registries(configOf());
  const auto repository = repositoryAt(registries, server.host(), {}, Access::kPush);
  EXPECT_THAT(errorOf([&] { repository->mount(blob, "team/closed", {}); }, Code::kForbidden),
              HasSubstr("not for you"));
  EXPECT_EQ(repository->blobSize(blob, {}), std::nullopt);
  EXPECT_THAT(server.seen("GET /token").back().query, ::testing::Not(HasSubstr("closed")));
}

// ---- logins

TEST(Login, TriesTheCredentialsAndKeepsAnIdentityToken) {
  TokenRegistry server;
  Registries registries(configOf());
  EXPECT_EQ(registries.login("http://" + server.host() + "/v1/", alice(), {}), "identity");
  EXPECT_EQ(server.seen("GET /v2/").back().headers.get("Authorization"),
            "Bearer " + server.current());
  EXPECT_THAT(
      errorOf([&] { registries.login(server.host(), alice("wrong"), {}); }, Code::kUnauthorized),
      HasSubstr("incorrect username or password"));
  Credentials identity;
  identity.username = "<token>";
  identity.identityToken = "identity";
  server.setFault([&](http::Request& request, http::Response& response) {
    if (request.path == "/token") {
      EXPECT_EQ(request.method, "POST");
      EXPECT_THAT(request.body->readAll(1 << 16),
                  AllOf(HasSubstr("grant_type=refresh_token"), HasSubstr("refresh_token=identity"),
                        HasSubstr("service=us")));
      response.send(200, R"({"access_token":"by-identity"})");
      return true;
    }
    if (request.headers.get("Authorization") == "Bearer by-identity") return false;
    response.headers().set("WWW-Authenticate",
                           "Bearer realm=\"" + server.url() + "/token\",service=\"us\"");
    response.send(401, "");
    return true;
  });
  EXPECT_EQ(registries.login(server.host(), identity, {}), "");
}

TEST(Login, Basic) {
  FakeRegistry server;
  server.setFault([](http::Request& request, http::Response& response) {
    if (request.headers.get("Authorization") == "Basic " + base::base64Encode("alice:secret"))
      return false;
    response.headers().set("WWW-Authenticate", "Basic realm=\"test\"");
    response.send(401, "");
    return true;
  });
  Registries registries(configOf());
  EXPECT_EQ(registries.login(server.host(), alice(), {}), "");
  EXPECT_EQ(errorOf([&] { registries.login(server.host(), alice("wrong"), {}); }, Code::kInternal),
            "login attempt to " + server.url() + "/v2/ failed with status: 401 Unauthorized");
  // Who never said a name is told so, and not asked for a login.
  EXPECT_THAT(
      errorOf([&] { repositoryAt(registries, server.host())->manifest("1", {}); }, Code::kInternal),
      HasSubstr("no basic auth credentials"));
}

// ---- redirects

TEST(Redirect, ToAnotherHostGoesWithoutTheToken) {
  TokenRegistry server;
  FakeRegistry storage;
  const auto blob = storage.blob(kPath, "bytes");
  const auto tokens = [&](http::Request& request, http::Response& response) {
    if (request.path == "/token") {
      response.send(200, R"({"token":"mine"})");
    } else if (request.headers.get("Authorization") != "Bearer mine") {
      response.headers().set("WWW-Authenticate", "Bearer realm=\"" + server.url() + "/token\"");
      response.send(401, "");
    } else {
      response.headers().set("Location", storage.url() + request.rawPath + "?signature=1");
      response.send(307, "");
    }
    return true;
  };
  server.setFault(tokens);
  Registries registries(configOf());
  const auto repository = repositoryAt(registries, server.host());
  const auto reader = repository->blob(blob, 2, {});
  EXPECT_EQ(reader->offset(), 2u);
  EXPECT_EQ(reader->size(), 5u);
  ASSERT_THAT(storage.log(), SizeIs(1));
  EXPECT_FALSE(storage.log()[0].headers.has("Authorization"));
  EXPECT_EQ(storage.log()[0].headers.get("Range"), "bytes=2-");
  EXPECT_EQ(storage.log()[0].query, "signature=1");
}

TEST(Redirect, WithinTheHostKeepsItAndComesToAnEnd) {
  TokenRegistry server;
  const auto blob = server.blob(kPath, "bytes");
  Registries registries(configOf());
  const auto ask = [&] {
    return repositoryAt(registries, server.host(), alice())->blobSize(blob, {});
  };
  ASSERT_EQ(ask(), 5u);
  const std::string token = "Bearer " + server.current();
  std::atomic<int> hops{0};
  int most = 3;
  server.setFault([&](http::Request& request, http::Response& response) {
    if (request.path == "/token") {
      response.send(200, R"({"token":"mine"})");
    } else if (request.headers.get("Authorization") != "Bearer mine") {
      response.headers().set("WWW-Authenticate", "Bearer realm=\"" + server.url() + "/token\"");
      response.send(401, "");
    } else if (hops++ < most) {
      response.headers().set("Location", request.rawPath);
      response.send(302, "");
    } else {
      return false;
    }
    return true;
  });
  EXPECT_EQ(ask(), 5u);
  EXPECT_EQ(hops, 4);
  hops = 0;
  most = 1000;
  EXPECT_THAT(errorOf([&] { ask(); }, Code::kUnavailable),
              HasSubstr("stopped after 10 redirects at " + server.url()));
}

TEST(Redirect, FromAnUploadThatHasBegunIsRefused) {
  FakeRegistry server;
  server.setFault([&](http::Request& request, http::Response& response) {
    if (request.method != "PATCH") return false;
    request.body->readAll(1 << 20);
    response.headers().set("Location", "http://127.0.0.1:1/elsewhere");
    response.send(307, "");
    return true;
  });
  Registries registries(configOf());
  const auto repository = repositoryAt(registries, server.host(), {}, Access::kPush);
  bool given = false;
  const auto source = [&](std::span<char> into) -> size_t {
    if (std::exchange(given, true)) return 0;
    into[0] = 'x';
    return 1;
  };
  EXPECT_THAT(
      errorOf([&] { repository->upload(source, 1, [] { return crypto::digestOf("x"); }, {}); },
              Code::kUnavailable),
      HasSubstr("redirects an upload that has begun"));
}

// ---- errors and retries

RegistryError refusalOf(int status, const std::string& body,
                        const std::map<std::string, std::string>& headers = {}) {
  FakeRegistry server;
  server.setFault(answering(status, body, headers));
  Registries registries(configOf());
  try {
    repositoryAt(registries, server.host())->manifest("1", {});
  } catch (const RegistryError& error) {
    return error;
  }
  return RegistryError(Code::kInternal, "no error", 0, "", 0);
}

TEST(Refusal, IsToldInTheRegistrysWords) {
  const auto unknown =
      refusalOf(404, R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]})");
  EXPECT_EQ(unknown.message(), "manifest unknown: manifest unknown");
  EXPECT_EQ(unknown.code(), Code::kNotFound);
  EXPECT_EQ(unknown.word, "MANIFEST_UNKNOWN");
  EXPECT_FALSE(unknown.temporary());
  const auto page = refusalOf(502, "<html>bad gateway</html>");
  EXPECT_THAT(page.message(), AllOf(HasSubstr("received unexpected HTTP status: 502 Bad Gateway"),
                                    HasSubstr("GET /v2/team/app/manifests/1")));
  EXPECT_TRUE(page.temporary());
  EXPECT_EQ(refusalOf(403, R"({"message":"go away"})").message(), "go away");
  for (const char* odd : {R"({"errors":[]})", R"({"errors":[7]})", R"({"errors":{}})", "[]", "7",
                          R"({"errors":[{"code":7,"message":[]}]})", ""})
    EXPECT_THAT(refusalOf(500, odd).message(), HasSubstr("HTTP status: 500")) << odd;
  EXPECT_THAT(refusalOf(500, std::string(1 << 20, 'x')).message(), HasSubstr("HTTP status: 500"));
}

TEST(Refusal, RetryAfterInSecondsOrAsADate) {
  const auto after = [](const std::string& value) {
    return refusalOf(429, "", {{"Retry-After", value}}).retryAfter;
  };
  EXPECT_EQ(after("7"), 7);
  EXPECT_EQ(after("-7"), 0);
  EXPECT_EQ(after("soon"), 0);
  EXPECT_EQ(after("99999999999999999999"), 0);
  EXPECT_EQ(after("1000000"), 3600);
  EXPECT_EQ(after("Wed, 21 Oct 2015 07:28:00 GMT"), 0);
  const std::time_t then = ::time(nullptr) + 100;
  std::tm parts{};
  ::gmtime_r(&then, &parts);
  char text[64];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  EXPECT_GT(after(text), 50);
  EXPECT_LE(after(text), 100);
  EXPECT_TRUE(refusalOf(429, "").temporary());
}

}  // namespace
}  // namespace registry
