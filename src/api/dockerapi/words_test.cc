// Filters, versions, timestamps, credentials, errors and regular expressions.
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "api/dockerapi/authconfig.h"
#include "api/dockerapi/error.h"
#include "api/dockerapi/filters.h"
#include "api/dockerapi/regex.h"
#include "api/dockerapi/timestamp.h"
#include "api/dockerapi/versions.h"
#include "platform/base/error_test_util.h"
#include "platform/base/strings.h"

namespace dockerapi {
namespace {

// Everything here is refused as an invalid argument.
template <class Body>
std::string errorOf(Body&& body) {
  return base::test::errorOf(body, base::Code::kInvalidArgument);
}

TEST(Filters, BothEncodingsMeanTheSame) {
  for (const char* text : {R"({"name":{"a":true,"b":false},"label":{"x=y":true}})",
                           R"({"name":["a","b"],"label":["x=y"]})"}) {
    const Filters filters = Filters::parse(text);
    EXPECT_EQ(filters.get("name"), (Filters::Values{"a", "b"}));
    EXPECT_EQ(filters.write(), R"({"label":{"x=y":true},"name":{"a":true,"b":true}})");
  }
  EXPECT_TRUE(Filters::parse("").empty());
  EXPECT_TRUE(Filters::parse("null").empty());
  EXPECT_TRUE(Filters::parse("{}").empty());
}

TEST(Filters, RefuseWhatDockerRefuses) {
  for (const char* text : {R"({"name":"x"})", R"(["x"])", "x", R"({"limit":3})",
                           R"({"name":{"a":"b"}})", R"({"name":[1]})"})
    EXPECT_EQ(errorOf([&] { Filters::parse(text); }), "invalid filter") << text;
  constexpr std::string_view kKnown[] = {"name", "id"};
  EXPECT_EQ(errorOf([&] { Filters::parse(R"({"foo":["x"]})").validate(kKnown); }),
            "invalid filter 'foo'");
  EXPECT_EQ(errorOf([&] { Filters::parse(R"({"is-task":["yes"]})").boolean("is-task", false); }),
            "invalid filter 'is-task=[yes]'");
  EXPECT_EQ(
      errorOf([&] { Filters::parse(R"({"is-task":["true","false"]})").boolean("is-task", false); }),
      "invalid filter 'is-task=[false true]'");
  EXPECT_TRUE(Filters::parse(R"({"dangling":["1"]})").boolean("dangling", false));
  EXPECT_TRUE(Filters().boolean("dangling", true));
}

TEST(Filters, MatchExactlyByPrefixByPatternAndByLabel) {
  Filters filters;
  EXPECT_TRUE(filters.matchExact("status", "running"));
  filters.add("status", "exited");
  EXPECT_FALSE(filters.matchExact("status", "running"));
  filters.add("id", "abc");
  EXPECT_TRUE(filters.matchPrefix("id", "abcdef"));
  EXPECT_FALSE(filters.matchPrefix("id", "ab"));
  filters.add("name", "^/?we.$");
  filters.add("name", "[");
  EXPECT_TRUE(filters.matchRegex("name", "/web"));
  EXPECT_TRUE(filters.matchRegex("name", "["));
  EXPECT_FALSE(filters.matchRegex("name", "xweb"));
  filters.add("label", "a");
  filters.add("label", "b=2");
  EXPECT_TRUE(filters.matchLabels("label", {{"a", "1"}, {"b", "2"}}));
  EXPECT_FALSE(filters.matchLabels("label", {{"a", "1"}, {"b", "3"}}));
  EXPECT_FALSE(filters.matchLabels("label", {}));
  filters.add("label!", "keep");
  EXPECT_FALSE(filters.matchNoLabels("label!", {{"keep", ""}}));
  EXPECT_TRUE(filters.matchNoLabels("label!", {{"other", ""}}));
}

TEST(Filters, UntilIsATimeOrADurationBeforeNow) {
  const base::Time now = base::Time::fromUnix(1'700'000'000);
  EXPECT_EQ(Filters::parse(R"({"until":["1h"]})").until(now)->unixSeconds(), 1'700'000'000 - 3600);
  EXPECT_FALSE(Filters().until(now));
  EXPECT_EQ(errorOf([&] { Filters::parse(R"({"until":["1h","2h"]})").until(now); }),
            "more than one until filter specified");
  EXPECT_EQ(errorOf([&] { Filters::parse(R"({"until":["x"]})").until(now); }),
            "failed to parse value as time or duration: \"x\"");
}

TEST(Timestamp, AllTheFormsOfSince) {
  ::setenv("TZ", "UTC-2", 1);  // two hours east
  ::tzset();
  const base::Time now = base::Time::fromUnix(1'700'000'000, 5);
  const std::pair<const char*, const char*> cases[] = {
      {"1s", "1699999999.000000005"},
      {"1h30m", "1699994600.000000005"},
      {"1136073845", "1136073845"},
      {"1136073845.000000001", "1136073845.000000001"},
      {"2006-01-02T15:04:05Z", "1136214245.000000000"},
      {"2006-01-02T15:04:05.999999999+07:00", "1136189045.999999999"},
      {"2006-01-02T15:04:05", "1136207045.000000000"},
      {"2006-01-02T15:04", "1136207040.000000000"},
      {"2006-01-02T15Z", "1136214000.000000000"},
      {"2006-01-02", "1136152800.000000000"},
      {"2006-01-02Z", "1136160000.000000000"},
      {"2006-01-02-07:00", "1136185200.000000000"},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(resolveTimestamp(text, now), expected) << text;
  for (const char* text :
       {"", "x", "2006-13-01", "2006-02-29", "2006-01-02T25:00", "1.2.3", "2006-01-02T"})
    EXPECT_NE(errorOf([&] { resolveTimestamp(text, now); }), "no error") << text;
  ::unsetenv("TZ");
  ::tzset();
}

TEST(Versions, RangeAndTexts) {
  EXPECT_EQ(checkVersion("1.41"), (ApiVersion{1, 41}));
  EXPECT_EQ(checkVersion("1.24"), kMinVersion);
  EXPECT_EQ(checkVersion("1.024"), kMinVersion);
  EXPECT_LT((ApiVersion{1, 9}), (ApiVersion{1, 24}));
  EXPECT_EQ(errorOf([] { checkVersion("1.23"); }),
            "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade "
            "your client to a newer version");
  EXPECT_EQ(errorOf([] { checkVersion("1.52"); }),
            "client version 1.52 is too new. Maximum supported API version is 1.51");
  EXPECT_EQ(errorOf([] { checkVersion("9"); }),
            "client version 9 is too new. Maximum supported API version is 1.51");
}

TEST(Error, BodyStatusAndBack) {
  EXPECT_EQ(errorBody("no <such> \"x\""), "{\"message\":\"no <such> \\\"x\\\"\"}\n");
  EXPECT_EQ(httpStatus(base::Code::kNotModified), 304);
  EXPECT_EQ(httpStatus(base::Code::kDataLoss), 500);
  EXPECT_EQ(codeOf(409), base::Code::kConflict);
  EXPECT_EQ(codeOf(418), base::Code::kInvalidArgument);
  EXPECT_EQ(codeOf(500), base::Code::kInternal);
  EXPECT_EQ(errorFromResponse(404, "Not Found", "application/json",
                              R"({"message":"No such image: x"})", "u")
                .message(),
            "No such image: x");
  EXPECT_EQ(errorFromResponse(502, "Bad Gateway", "text/html", " <html>\n", "u").message(),
            "<html>");
  EXPECT_EQ(
      errorFromResponse(500, "Internal Server Error", "", "", "http://d/v1.51/info").message(),
      "request returned Internal Server Error for API route and version http://d/v1.51/info, check "
      "if the server "
      "supports the requested API version");
}

TEST(AuthConfig, HeadersInEitherAlphabet) {
  AuthConfig config;
  config.username = "user";
  config.password = "p>?ss";  // makes both '+', '/' and '-', '_' appear
  config.serverAddress = "127.0.0.1:5000";
  const std::string text = json::write(config);
  for (const std::string& header :
       {base::base64Encode(text), base::base64UrlEncode(text), encodeRegistryAuth(config)}) {
    const AuthConfig decoded = decodeRegistryAuth(header);
    EXPECT_EQ(decoded.username, "user");
    EXPECT_EQ(decoded.password, "p>?ss");
    EXPECT_EQ(decoded.serverAddress, "127.0.0.1:5000");
  }
  EXPECT_EQ(decodeRegistryAuth("").username, "");
  EXPECT_EQ(decodeRegistryAuth("e30=").username, "");
  EXPECT_EQ(decodeRegistryAuth("%%%").username, "");
  EXPECT_EQ(decodeRegistryAuth(base::base64Encode(R"({"auth":"dTpw"})")).password, "p");
  const auto configs = decodeRegistryConfig(encodeRegistryConfig({{"host", config}}));
  EXPECT_EQ(configs.at("host").username, "user");
}

TEST(Regex, FollowsGosSyntax) {
  struct Case {
    const char* pattern;
    const char* text;
    bool matches;
  };
  const Case cases[] = {
      {"", "anything", true},
      {"web", "my-web-1", true},
      {"^web", "my-web", false},
      {"^(web|db)-[0-9]+$", "db-12", true},
      {"^(web|db)-[0-9]+$", "db-", false},
      {"^a*$", "", true},
      {"^(a*|b)$", "ab", false},
      {"^(?:a*)*$", "aaa", true},
      {"^(a|b)*c$", "ababc", true},
      {"a.c", "a\nc", false},
      {"(?s)a.c", "a\nc", true},
      {"(?i)WEB", "my-web", true},
      {"(?i)[^a]", "A", false},
      {"^[^a-c]+$", "xyz", true},
      {"^[^a-c]+$", "xbz", false},
      {"^[]a]+$", "]a", true},
      {"^[a-]+$", "a-a", true},
      {"^\\d{2,3}$", "1", false},
      {"^\\d{2,3}$", "123", true},
      {"^\\d{2,3}$", "1234", false},
      {"^x{2}$", "xx", true},
      {"^x{2,}$", "xxxx", true},
      {"^x{,2}$", "x{,2}", true},
      {"^\\w+\\s\\S$", "ab c", true},
      {"\\bfoo\\b", "a foo b", true},
      {"\\bfoo\\b", "afoo", false},
      {"^[[:alpha:]_]+$", "a_B", true},
      {"^[[:^digit:]]+$", "a1", false},
      {"^.$", "\xc3\xa9", true},
      {"^\\x41\\x{e9}$", "A\xc3\xa9", true},
      {"^\\Qa.b\\E$", "a.b", true},
      {"^\\Qa.b\\E$", "axb", false},
      {"(?m)^b$", "a\nb\nc", true},
      {"^b$", "a\nb\nc", false},
      {"^(|a)b$", "b", true},
      {"^a??b+?$", "abb", true},
      {"\\.", "ab", false},
      {"^/?we.*$", "/web", true},
      {"a|b|c|d", "d", true},
      {"^(a|b|cd|e)f$", "cdf", true},
      {"^(a|b|cd|e)f$", "cf", false},
  };
  for (const Case& test : cases)
    EXPECT_EQ(Regex(test.pattern).search(test.text), test.matches) << test.pattern;
}

TEST(Regex, RefusesWhatIsNone) {
  for (const char* pattern : {"[", "(", ")", "*", "a**", "a{2}{3}", "[b-a]", "\\", "\\pL", "(?z)",
                              "a{1001}", "[[:foo:]]", "x{3,2}"})
    EXPECT_TRUE(errorOf([&] { Regex{pattern}; }).starts_with("error parsing regexp: ")) << pattern;
  EXPECT_NE(errorOf([] { Regex("((a{1000}){1000}){1000}"); }), "no error");
  EXPECT_NE(errorOf([] { Regex(std::string(100'000, '(')); }), "no error");
}

TEST(Regex, TakesLinearTimeWhateverThePattern) {
  const std::string text(20'000, 'a');
  EXPECT_FALSE(Regex("^(a+)+(a|aa)*b$").search(text));
  EXPECT_FALSE(Regex("(x+x+)+y").search(std::string(20'000, 'x')));
}

}  // namespace
}  // namespace dockerapi
