#include "platform/http/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/base/error.h"
#include "platform/http/client.h"

namespace http {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Headers, NamesCompareWithoutCaseAndSetReplacesAll) {
  Headers headers;
  headers.add("Accept", "a");
  headers.add("X", "1");
  headers.add("accept", "b");
  EXPECT_EQ(headers.get("ACCEPT"), "a");
  headers.set("aCCept", "c");
  EXPECT_THAT(headers.all(), ElementsAre(Pair("Accept", "c"), Pair("X", "1")));
  headers.remove("x");
  EXPECT_FALSE(headers.has("X"));
  EXPECT_EQ(headers.get("X"), "");
}

TEST(Headers, ContainsLooksIntoCommaListsOfEveryField) {
  Headers headers;
  headers.add("Connection", "keep-alive, Upgrade");
  headers.add("Connection", "x");
  EXPECT_TRUE(headers.contains("connection", "upgrade"));
  EXPECT_TRUE(headers.contains("connection", "X"));
  EXPECT_FALSE(headers.contains("connection", "up"));
}

TEST(Query, DecodesAndKeepsOrder) {
  const Query query = Query::parse("a=1&b=x%20y+z&a=2&&c&d=%zz&e=%4");
  EXPECT_EQ(query.get("b"), "x y z");
  EXPECT_THAT(query.list("a"), ElementsAre("1", "2"));
  EXPECT_TRUE(query.has("c"));
  EXPECT_EQ(query.get("d"), "%zz");
  EXPECT_EQ(query.get("e"), "%4");
  EXPECT_FALSE(query.has(""));
}

TEST(Query, FlagsFollowDocker) {
  const Query query = Query::parse("a=&b=0&c=no&d=False&e=%20NONE%20&f=1&g=yes&h=x");
  for (const char* off : {"a", "b", "c", "d", "e"}) EXPECT_FALSE(query.flag(off, true)) << off;
  for (const char* on : {"f", "g", "h"}) EXPECT_TRUE(query.flag(on)) << on;
  EXPECT_TRUE(query.flag("absent", true));
  EXPECT_FALSE(query.flag("absent"));
}

TEST(Percent, EncodesWhatIsReserved) {
  EXPECT_EQ(percentEncode("a b/ü"), "a%20b%2F%C3%BC");
  EXPECT_EQ(percentEncodePath("a b/c:d@e"), "a%20b/c:d@e");
  EXPECT_EQ(percentDecode("a%20b+c"), "a b+c");
  EXPECT_EQ(percentDecode("%4"), "%4");
}

TEST(Url, Parses) {
  const Url url = Url::parse("HTTPS://us%40er:p%3Aw@Example.com:5000/v2/?n=1#frag");
  EXPECT_EQ(url.scheme, "https");
  EXPECT_EQ(url.user, "us@er");
  EXPECT_EQ(url.password, "p:w");
  EXPECT_EQ(url.host, "Example.com");
  EXPECT_EQ(url.port, 5000);
  EXPECT_EQ(url.target, "/v2/?n=1");
  EXPECT_EQ(url.str(), "https://Example.com:5000/v2/?n=1");
  EXPECT_EQ(Url::parse("http://h").target, "/");
  EXPECT_EQ(Url::parse("http://h?x").target, "/?x");
  EXPECT_EQ(Url::parse("http://h").port, 80);
  EXPECT_EQ(Url::parse("https://[::1]/x").host, "::1");
  EXPECT_EQ(Url::parse("https://[::1]:8/x").origin(), "https://[::1]:8");
  EXPECT_EQ(Url::parse("unix:///run/x.sock").target, "/run/x.sock");
  EXPECT_EQ(Url::parse("http://h/a b").target, "/a%20b");
}

TEST(Url, RefusesWhatIsNone) {
  for (const char* bad :
       {"", "h", "h/path", "http://", "http:///x", "http://h:99999/", "http://h:x/", "http://[::1/",
        "http://h/\n", "1http://h", "http://a<b/", "http://a%0d%0aX:%20y/", "http://a%2fb/",
        "http://a%40b/", "http://a::1]:0", "http://[a/b]/", "http://a%zz/"}) {
    EXPECT_THROW(Url::parse(bad), base::Error) << bad;
  }
}

TEST(Url, ResolvesReferencesAsRfc3986) {
  const Url base = Url::parse("http://a/b/c/d;p?q");
  const std::pair<const char*, const char*> cases[] = {
      {"g", "/b/c/g"},      {"./g", "/b/c/g"},    {"g/", "/b/c/g/"},
      {"/g", "/g"},         {"?y", "/b/c/d;p?y"}, {"g?y", "/b/c/g?y"},
      {"", "/b/c/d;p?q"},   {".", "/b/c/"},       {"./", "/b/c/"},
      {"..", "/b/"},        {"../g", "/b/g"},     {"../..", "/"},
      {"../../g", "/g"},    {"../../../g", "/g"}, {"/./g", "/g"},
      {"/../g", "/g"},      {"./../g", "/b/g"},   {"g;x=1/../y", "/b/c/y"},
      {"#s", "/b/c/d;p?q"},
  };
  for (const auto& [reference, target] : cases) {
    EXPECT_EQ(base.resolve(reference).target, target) << reference;
  }
  EXPECT_EQ(base.resolve("//g/x").str(), "http://g/x");
  EXPECT_EQ(base.resolve("https://h:1/x").str(), "https://h:1/x");
}

struct ProxyCase {
  const char* noProxy;
  const char* target;
  bool direct;
};

TEST(ProxyConfig, NoProxyFollowsGo) {
  const ProxyCase cases[] = {
      {"", "http://example.com/", false},
      {"", "http://localhost:5000/", true},
      {"", "http://127.9.9.9/", true},
      {"", "http://[::1]:80/", true},
      {"*", "http://example.com/", true},
      {"example.com", "http://example.com/", true},
      {"example.com", "http://www.example.com/", true},
      {"example.com", "http://notexample.com/", false},
      {".example.com", "http://example.com/", false},
      {".example.com", "http://a.example.com/", true},
      {"*.example.com", "http://a.b.example.com/", true},
      {"EXAMPLE.com , other", "http://Example.COM./", true},
      {"example.com:8080", "http://example.com/", false},
      {"example.com:8080", "http://example.com:8080/", true},
      {"10.0.0.0/8", "http://10.1.2.3/", true},
      {"10.0.0.0/8", "http://11.1.2.3/", false},
      {"10.0.0.0/8", "http://example.com/", false},
      {"192.168.1.1", "http://192.168.1.1:99/", true},
      {"192.168.1.1:98", "http://192.168.1.1:99/", false},
      {"fd00::/8", "http://[fd12::1]/", true},
      {"::2", "http://[0::2]/", true},
      {"/8", "http://10.1.2.3/", false},
  };
  for (const ProxyCase& one : cases) {
    ProxyConfig config;
    config.httpProxy = "proxy:3128";
    config.noProxy = one.noProxy;
    EXPECT_EQ(!config.forTarget(Url::parse(one.target)), one.direct)
        << one.noProxy << " " << one.target;
  }
}

TEST(ProxyConfig, SchemeChoosesTheProxy) {
  ProxyConfig config;
  config.httpsProxy = "http://u:p@secure:1";
  EXPECT_FALSE(config.forTarget(Url::parse("http://example.com/")));
  const auto proxy = config.forTarget(Url::parse("https://example.com/"));
  ASSERT_TRUE(proxy);
  EXPECT_EQ(proxy->origin(), "http://secure:1");
  EXPECT_EQ(proxy->user, "u");
}

}  // namespace
}  // namespace http
