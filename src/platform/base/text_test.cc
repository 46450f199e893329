// strings.h, units.h, ids.h, digest.h and error.h.
#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "platform/base/digest.h"
#include "platform/base/error.h"
#include "platform/base/ids.h"
#include "platform/base/scope_exit.h"
#include "platform/base/strings.h"
#include "platform/base/units.h"

namespace {

TEST(Units, HumanSizesOfGoUnits) {
  EXPECT_EQ(base::humanSize(0), "0B");
  EXPECT_EQ(base::humanSize(1000), "1kB");
  EXPECT_EQ(base::humanSize(1024), "1.024kB");
  EXPECT_EQ(base::humanSize(1'000'000), "1MB");
  EXPECT_EQ(base::humanSize(1'048'576), "1.049MB");
  EXPECT_EQ(base::humanSize(1'234'567), "1.235MB");
  EXPECT_EQ(base::humanSize(2e6), "2MB");
  EXPECT_EQ(base::humanSize(3.42 * 1e9), "3.42GB");
  EXPECT_EQ(base::humanSize(5.372 * 1e12), "5.372TB");
  EXPECT_EQ(base::humanSize(2.22 * 1e15), "2.22PB");
  EXPECT_EQ(base::humanSize(1e24), "1YB");
  EXPECT_EQ(base::humanSize(1'234'567, 3), "1.23MB");
  EXPECT_EQ(base::humanSize(999.5, 3), "1e+03B");  // go-units formats with %.3g, exponent and all
}

TEST(Units, BytesSizesOfGoUnits) {
  EXPECT_EQ(base::bytesSize(1024), "1KiB");
  EXPECT_EQ(base::bytesSize(1024 * 1024), "1MiB");
  EXPECT_EQ(base::bytesSize(2 * 1024 * 1024), "2MiB");
  EXPECT_EQ(base::bytesSize(3.42 * 1024 * 1024 * 1024), "3.42GiB");
  EXPECT_EQ(base::bytesSize(5.372 * 1024 * 1024 * 1024 * 1024), "5.372TiB");
}

TEST(Units, ReadsRamSizes) {
  EXPECT_EQ(base::parseRamBytes("32"), 32);
  EXPECT_EQ(base::parseRamBytes("32b"), 32);
  EXPECT_EQ(base::parseRamBytes("32B"), 32);
  EXPECT_EQ(base::parseRamBytes("32k"), 32 * 1024);
  EXPECT_EQ(base::parseRamBytes("32KB"), 32 * 1024);
  EXPECT_EQ(base::parseRamBytes("32Kib"), 32 * 1024);
  EXPECT_EQ(base::parseRamBytes("512m"), 512LL << 20);
  EXPECT_EQ(base::parseRamBytes("1.5GiB"), 3LL << 29);
  EXPECT_EQ(base::parseRamBytes("32 mb"), 32LL << 20);
  EXPECT_EQ(base::parseRamBytes("32.5kB"), 32 * 1024 + 512);
  EXPECT_EQ(base::parseRamBytes("0.3 K"), 307);
  EXPECT_EQ(base::parseRamBytes(".3kB"), 307);
  EXPECT_EQ(base::parseRamBytes("1e3"), 1000);
  EXPECT_EQ(base::parseRamBytes("2T"), 2LL << 40);
  EXPECT_EQ(base::parseHumanSize("32kb"), 32'000);
  EXPECT_EQ(base::parseHumanSize("10G"), 10'000'000'000);
  for (const char* text :
       {"", "hello", " 32", "32  mb", "-32", "32bb", "32km", "1.2.3", "32mmb", "99999999P"}) {
    EXPECT_THROW(base::parseRamBytes(text), base::Error) << text;
  }
}

TEST(Strings, SplitCutJoinTrim) {
  using Pieces = std::vector<std::string>;
  EXPECT_EQ(base::split("", ','), Pieces{""});
  EXPECT_EQ(base::split("a,,b", ','), (Pieces{"a", "", "b"}));
  EXPECT_EQ(base::split("a,", ','), (Pieces{"a", ""}));
  EXPECT_EQ(base::join({"a", "b"}, "::"), "a::b");
  EXPECT_EQ(base::join({}, ","), "");
  EXPECT_EQ(base::cut("k=v=w", '=').first, "k");
  EXPECT_EQ(base::cut("k=v=w", '=').second, "v=w");
  EXPECT_EQ(base::cut("k", '=').second, std::nullopt);
  EXPECT_EQ(base::cut("k=", '=').second, "");
  EXPECT_EQ(base::trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(base::trim("  "), "");
  EXPECT_EQ(base::lower("AbZ-9"), "abz-9");
  EXPECT_TRUE(base::equalsIgnoreCase("CpuShares", "cpushares"));
  EXPECT_FALSE(base::equalsIgnoreCase("a", "ab"));
}

TEST(Strings, Numbers) {
  EXPECT_EQ(base::parseInt("-12"), -12);
  EXPECT_EQ(base::parseInt("+12"), 12);
  EXPECT_EQ(base::parseInt("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(base::parseUint("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", "x", "1x", " 1", "1 ", "9223372036854775808", "+", "+-1", "1.0"}) {
    EXPECT_FALSE(base::parseInt(text)) << text;
  }
  EXPECT_FALSE(base::parseUint("-1"));
  EXPECT_FALSE(base::parseUint("18446744073709551616"));
}

TEST(Strings, QuotesAsStrconvQuote) {
  EXPECT_EQ(base::quote("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(base::quote("\a\b\f\n\r\t\v"), R"("\a\b\f\n\r\t\v")");
  EXPECT_EQ(base::quote(std::string_view("\0\x1b\x7f", 3)), R"("\x00\x1b\x7f")");
  EXPECT_EQ(base::quote("h\xC3\xA9llo"), "\"h\xC3\xA9llo\"");
  EXPECT_EQ(base::quote("\xff"), R"("\xff")");
}

TEST(Strings, BoolsOfGo) {
  for (const char* text : {"1", "t", "T", "TRUE", "true", "True"})
    EXPECT_EQ(base::parseBool(text), true);
  for (const char* text : {"0", "f", "F", "FALSE", "false", "False"})
    EXPECT_EQ(base::parseBool(text), false);
  for (const char* text : {"", "yes", "tRUE", "2"}) EXPECT_EQ(base::parseBool(text), std::nullopt);
}

TEST(Strings, Base64) {
  EXPECT_EQ(base::base64Encode(""), "");
  EXPECT_EQ(base::base64Encode("f"), "Zg==");
  EXPECT_EQ(base::base64Encode("fo"), "Zm8=");
  EXPECT_EQ(base::base64Encode("foo"), "Zm9v");
  EXPECT_EQ(base::base64Encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base::base64Encode("\xfb\xff"), "+/8=");
  EXPECT_EQ(base::base64UrlEncode("\xfb\xff"), "-_8=");
  for (const char* text : {"+/8=", "-_8=", "+/8", "-_8"})
    EXPECT_EQ(base::base64Decode(text), "\xfb\xff");
  EXPECT_EQ(base::base64Decode(""), "");
  EXPECT_FALSE(base::base64Decode("Z"));
  EXPECT_FALSE(base::base64Decode("Zg=x"));
  EXPECT_FALSE(base::base64Decode("Z g="));
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(base::base64Decode(base::base64Encode(all)), all);
}

TEST(Ids, AreHexAndNeverLookLikeNumbers) {
  std::set<std::string> seen;
  for (int i = 0; i < 5000; ++i) {
    const std::string id = base::randomId();
    EXPECT_EQ(id.size(), 64u);
    EXPECT_TRUE(base::isHex(id));
    EXPECT_FALSE(base::parseInt(id.substr(0, 12))) << id;
    EXPECT_TRUE(seen.insert(id).second);
  }
  EXPECT_EQ(base::shortId("sha256:0123456789abcdef"), "0123456789ab");
  EXPECT_EQ(base::shortId("0123"), "0123");
  EXPECT_EQ(base::randomHex(6).size(), 12u);
  EXPECT_FALSE(base::isHex(""));
  EXPECT_FALSE(base::isHex("AB"));
}

TEST(Digests, OnlyWholeLowerCaseHexPasses) {
  const std::string hex(64, 'a');
  const auto digest = base::Digest::parse("sha256:" + hex);
  EXPECT_EQ(digest.algorithm(), "sha256");
  EXPECT_EQ(digest.hex(), hex);
  EXPECT_EQ(digest, base::Digest::sha256(hex));
  EXPECT_TRUE(base::Digest::tryParse("sha512:" + std::string(128, '0')));
  for (const std::string& bad :
       {std::string(), hex, "sha256:" + hex + "a", "sha256:" + std::string(64, 'A'),
        "sha256:" + std::string(63, 'a'), "md5:" + std::string(32, 'a'), "sha512:" + hex,
        "sha256:../../" + std::string(58, 'a')}) {
    EXPECT_FALSE(base::Digest::tryParse(bad)) << bad;
    EXPECT_THROW(base::Digest::parse(bad), base::Error);
  }
  EXPECT_TRUE(base::Digest().empty());
  EXPECT_EQ(base::Digest().hex(), "");
}

TEST(Errors, ReadAsGosAndKeepTheirCode) {
  EXPECT_EQ(base::errnoText(ENOENT), "no such file or directory");
  EXPECT_EQ(base::errnoText(EPERM), "operation not permitted");
  try {
    base::within("start", [] { base::failErrno(ENOENT, "open", "/x"); });
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.message(), "start: open /x: no such file or directory");
    EXPECT_EQ(error.code(), base::Code::kInternal);
    EXPECT_EQ(error.sysErrno(), ENOENT);
  }
  EXPECT_EQ(base::within("step", [] { return 5; }), 5);
}

TEST(ScopeExit, RunsUnlessDismissed) {
  int runs = 0;
  {
    base::ScopeExit undo{[&] { ++runs; }};
  }
  {
    base::ScopeExit undo{[&] { ++runs; }};
    undo.dismiss();
  }
  {
    base::ScopeExit undo{[&] { ++runs, throw 1; }};
  }
  EXPECT_EQ(runs, 2);
}

}  // namespace
