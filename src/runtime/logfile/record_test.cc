#include "runtime/logfile/record.h"

#include <gtest/gtest.h>

#include <string>

namespace logfile {
namespace {

std::string escaped(std::string_view text) {
  std::string out(text.size() * 6 + 1, '\0');
  char* end = escape(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), out.data());
  out.resize(static_cast<std::size_t>(end - out.data()));
  return out;
}

std::string timeText(std::int64_t ns) {
  char out[kTimeBytes];
  return std::string(out, formatTime(ns, out));
}

TEST(Record, PlainTextIsCopied) {
  EXPECT_EQ(escaped("hello, world: a line longer than sixteen bytes, and then some"),
            "hello, world: a line longer than sixteen bytes, and then some");
  EXPECT_EQ(escaped(""), "");
}

TEST(Record, ControlCharactersAreEscapedAsGoDoes) {
  EXPECT_EQ(escaped(std::string_view("a\0b", 3)), "a\\u0000b");
  EXPECT_EQ(escaped("\b\t\v\f\x1b"), "\\u0008\\u0009\\u000b\\u000c\\u001b");
  EXPECT_EQ(escaped("\r\n"), "\\r\\n");
  EXPECT_EQ(escaped("\"\\/\x7f"), "\\\"\\\\/\x7f");
  EXPECT_EQ(escaped("<&>=;?"), "\\u003c\\u0026\\u003e=;?");
}

TEST(Record, EveryByteFindsItsEscapeAtEveryPlaceOfABlock) {
  for (int c = 0; c < 256; ++c) {
    const std::string alone = escaped(std::string(1, static_cast<char>(c)));
    for (std::size_t at = 0; at < 33; ++at) {
      std::string text(33, 'x');
      text[at] = static_cast<char>(c);
      EXPECT_EQ(escaped(text), std::string(at, 'x') + alone + std::string(32 - at, 'x'))
          << c << " at " << at;
    }
  }
}

TEST(Record, InvalidUtf8BecomesOneReplacementAByte) {
  EXPECT_EQ(
      escaped("\xc0\x80|\xed\xa0\x80|\xf4\x90\x80\x80|\xc3|\xc3\xa9|\xf0\x9f\x98\x80|\xf0\x9f\x98"),
      "\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd\\ufffd|\\ufffd|\xc3\xa9|"
      "\xf0\x9f\x98\x80|"
      "\\ufffd\\ufffd\\ufffd");
  EXPECT_EQ(escaped("\xe2\x80\xa8|\xe2\x80\xa9|\xe2\x80\xaa"), "\\u2028|\\u2029|\xe2\x80\xaa");
  EXPECT_EQ(escaped("\xe0\x80\x80\xf0\x80\x80\x80"),
            "\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd");
  EXPECT_EQ(escaped("\xff\xfe"), "\\ufffd\\ufffd");
}

TEST(Record, NewlineIsFoundAtEveryPlace) {
  for (std::size_t size = 0; size < 70; ++size) {
    std::string text(size, 'x');
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
    EXPECT_EQ(untilNewline(bytes, size), size);
    for (std::size_t at = 0; at < size; ++at) {
      text.assign(size, 'x');
      text[at] = '\n';
      EXPECT_EQ(untilNewline(reinterpret_cast<const std::uint8_t*>(text.data()), size), at);
    }
  }
}

TEST(Record, TimesAreRfc3339Nano) {
  EXPECT_EQ(timeText(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(timeText(1'000'000'000LL * 951'782'400), "2000-02-29T00:00:00Z");
  EXPECT_EQ(timeText(1'000'000'000LL * 1'795'313'742 + 267'393'740),
            "2026-11-22T02:15:42.26739374Z");
  EXPECT_EQ(timeText(1'000'000'000LL * 1'795'313'742 + 1), "2026-11-22T02:15:42.000000001Z");
  EXPECT_EQ(timeText(1'000'000'000LL * 4'102'444'799 + 999'999'999),
            "2099-12-31T23:59:59.999999999Z");
}

}  // namespace
}  // namespace logfile
