// What a registry says in WWW-Authenticate, whom a password may be shown to, and which hosts count
// as insecure.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/base/error.h"
#include "storage/registry/address.h"
#include "storage/registry/registry.h"

namespace registry {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(Challenge, BearerWithItsParameters) {
  const auto list =
      parseChallenges(R"(Bearer realm="https://auth.docker.io/token",service="registry.docker.io",)"
                      R"(scope="repository:library/busybox:pull,push",error="insufficient_scope")");
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list[0].scheme, "bearer");
  EXPECT_EQ(list[0].realm, "https://auth.docker.io/token");
  EXPECT_EQ(list[0].service, "registry.docker.io");
  EXPECT_EQ(list[0].scope, "repository:library/busybox:pull,push");
  EXPECT_EQ(list[0].error, "insufficient_scope");
}

TEST(Challenge, SeveralSchemesInOneHeader) {
  const auto list = parseChallenges(
      R"(Negotiate, bAsIc REALM = "a \"quoted\" name" , Bearer realm="https://x/t" ,service=s)");
  ASSERT_THAT(list, SizeIs(3));
  EXPECT_EQ(list[0].scheme, "negotiate");
  EXPECT_EQ(list[1].scheme, "basic");
  EXPECT_EQ(list[1].realm, R"(a "quoted" name)");
  EXPECT_EQ(list[2].scheme, "bearer");
  EXPECT_EQ(list[2].service, "s");
}

TEST(Challenge, UnknownParametersAndWhatIsCutShort) {
  EXPECT_THAT(parseChallenges(""), IsEmpty());
  EXPECT_THAT(parseChallenges(" , ,"), IsEmpty());
  EXPECT_THAT(parseChallenges("\"quoted\""), IsEmpty());
  const auto list = parseChallenges(R"(Bearer charset="UTF-8",realm="never ended)");
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list[0].realm, "never ended");
  // A parameter before any scheme belongs to nobody.
  EXPECT_EQ(parseChallenges("realm=\"x\"").front().realm, "");
}

TEST(Challenge, TheirNumberIsBounded) {
  std::string header;
  for (int i = 0; i < 1000; ++i) header += "a, ";
  EXPECT_THAT(parseChallenges(header), SizeIs(16));
}

bool mayShow(const std::string& registry, const std::string& realm) {
  return mayShowCredentials(http::Url::parse(registry), http::Url::parse(realm));
}

TEST(Credentials, GoToTheSameHostAndToItsDomainOverTls) {
  EXPECT_TRUE(mayShow("https://registry-1.docker.io/", "https://auth.docker.io/token"));
  EXPECT_TRUE(mayShow("https://registry.example.co.uk/", "https://auth.example.co.uk/token"));
  EXPECT_TRUE(mayShow("http://127.0.0.1:5000/", "http://127.0.0.1:5001/token"));
  EXPECT_TRUE(mayShow("https://Registry.Example.org/", "https://registry.example.ORG:8443/token"));
  EXPECT_TRUE(mayShow("http://registry.example.org/", "https://auth.example.org/token"));
}

TEST(Credentials, NeverGoToAnotherPartyOrAWeakerScheme) {
  EXPECT_FALSE(mayShow("https://registry-1.docker.io/", "http://auth.docker.io/token"));
  EXPECT_FALSE(mayShow("https://registry.example.org/", "http://registry.example.org/token"));
  EXPECT_FALSE(mayShow("https://registry-1.docker.io/", "https://docker.io.evil.example/token"));
  EXPECT_FALSE(mayShow("https://registry.example.org/", "https://auth.example.com/token"));
  EXPECT_FALSE(mayShow("http://127.0.0.1:5000/", "https://127.0.0.2/token"));
  EXPECT_FALSE(mayShow("https://[::1]/", "https://[::2]/token"));
  EXPECT_FALSE(mayShow("https://a.co.uk/", "https://b.co.uk/token"));
  EXPECT_FALSE(mayShow("https://localhost/", "https://otherhost/token"));
}

TEST(Insecure, LoopbackAlwaysOthersByEntry) {
  for (const char* host :
       {"localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:5000", "[::1]:5000", "[::1]"})
    EXPECT_TRUE(matchesInsecure(host, {})) << host;
  for (const char* host : {"example.org", "example.org:5000", "10.0.0.1:5000", "128.0.0.1",
                           "localhost.example.org", "[::2]:5000"})
    EXPECT_FALSE(matchesInsecure(host, {})) << host;
}

TEST(Insecure, EntriesAreNamesHostsWithPortAndNetworks) {
  EXPECT_TRUE(matchesInsecure("example.org:5000", {"EXAMPLE.org:5000"}));
  EXPECT_TRUE(matchesInsecure("example.org:5000", {"example.org"}));
  EXPECT_FALSE(matchesInsecure("example.org:5001", {"example.org:5000"}));
  EXPECT_FALSE(matchesInsecure("a.example.org", {"example.org"}));
  EXPECT_TRUE(matchesInsecure("10.1.2.3:5000", {"10.0.0.0/8"}));
  EXPECT_FALSE(matchesInsecure("11.1.2.3", {"10.0.0.0/8"}));
  EXPECT_TRUE(matchesInsecure("10.1.2.129", {"10.1.2.128/25"}));
  EXPECT_FALSE(matchesInsecure("10.1.2.127", {"10.1.2.128/25"}));
  EXPECT_TRUE(matchesInsecure("8.8.8.8", {"0.0.0.0/0"}));
  EXPECT_TRUE(matchesInsecure("[fd00::5]:443", {"fd00::/8"}));
  EXPECT_FALSE(matchesInsecure("[fe00::5]:443", {"fd00::/8"}));
}

TEST(Insecure, NonsenseMatchesNothing) {
  for (const char* entry : {"10.0.0.0/33", "10.0.0.0/x", "10.0.0.0/", "/8", "", "fd00::/129"}) {
    EXPECT_FALSE(matchesInsecure("10.0.0.1", {entry})) << entry;
    EXPECT_FALSE(matchesInsecure("[fd00::1]:1", {entry})) << entry;
  }
  // A name is never looked up: whoever answers for it could make itself insecure.
  EXPECT_FALSE(matchesInsecure("ten.example.org", {"10.0.0.0/8"}));
  EXPECT_FALSE(matchesInsecure("[", {"10.0.0.0/8"}));
}

}  // namespace
}  // namespace registry
