#include "platform/archive/compression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/base/error.h"
#include "platform/sys/spawn.h"

namespace archive {
namespace {

using ::testing::HasSubstr;

// Text that compresses, with noise in it, over many blocks of every codec.
std::string sample(size_t size) {
  std::string text;
  std::uint32_t state = 1;
  while (text.size() < size) {
    state = state * 1664525 + 1013904223;
    text += "line " + std::to_string(state >> (state % 20)) + "\n";
  }
  text.resize(size);
  return text;
}

// Gives its bytes in pieces of a size of one's choice.
class Pieces : public Source {
 public:
  Pieces(std::string_view text, size_t piece) : text_(text), piece_(piece) {}
  size_t read(std::span<char> into) override {
    const size_t taken = std::min({into.size(), text_.size(), piece_});
    std::copy_n(text_.data(), taken, into.data());
    text_.remove_prefix(taken);
    return taken;
  }

 private:
  std::string_view text_;
  size_t piece_;
};

std::string deflated(std::string_view text, Compression compression, int level = 0) {
  StringSink out;
  const auto deflater = deflate(out, compression, level);
  for (size_t at = 0; at < text.size(); at += 100'000)
    deflater->writeText(text.substr(at, 100'000));
  deflater->finish();
  return out.text;
}

std::string inflated(std::string_view bytes, const InflateLimits& limits = {},
                     size_t piece = SIZE_MAX) {
  Pieces source(bytes, piece);
  StringSink out;
  copy(*inflateDetected(source, limits).plain, out);
  return out.text;
}

std::string errorOf(std::string_view bytes, const InflateLimits& limits = {}) {
  try {
    inflated(bytes, limits);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kInvalidArgument);
    return error.message();
  }
  return "no error";
}

std::string tool(const std::vector<std::string>& argv, const std::string& input) {
  const auto output = sys::run(argv, input);
  EXPECT_EQ(output.status.code, 0) << output.err;
  return output.out;
}

TEST(Detect, ByMagic) {
  EXPECT_EQ(detect(""), Compression::kNone);
  EXPECT_EQ(detect("ustar"), Compression::kNone);
  EXPECT_EQ(detect("\x1f\x8b\x08"), Compression::kGzip);
  EXPECT_EQ(detect("\x28\xb5\x2f\xfd"), Compression::kZstd);
  EXPECT_EQ(detect("\x52\x2a\x4d\x18"), Compression::kZstd);
  EXPECT_EQ(detect(std::string_view("\xfd"
                                    "7zXZ\0",
                                    6)),
            Compression::kXz);
  EXPECT_EQ(detect("BZh9"), Compression::kBzip2);
  EXPECT_EQ(detect("BZhx"), Compression::kNone);
}

TEST(Compression, RoundTripsAtEveryLevelAndPiece) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{70'000}, size_t{700'000}}) {
    const auto text = sample(size);
    for (const int level : {1, 2, 3})
      EXPECT_EQ(inflated(deflated(text, Compression::kGzip, level)), text)
          << size << " gzip " << level;
    for (const int level : {1, 3, 19})
      EXPECT_EQ(inflated(deflated(text, Compression::kZstd, level)), text)
          << size << " zstd " << level;
    EXPECT_EQ(inflated(deflated(text, Compression::kNone)), text);
  }
  const auto text = sample(30'000);
  for (const auto compression : {Compression::kGzip, Compression::kZstd}) {
    for (const size_t piece : {1, 2, 7, 1000})
      EXPECT_EQ(inflated(deflated(text, compression), {}, piece), text) << piece;
  }
}

TEST(Compression, SameInputSameBytes) {
  const auto text = sample(500'000);
  EXPECT_EQ(deflated(text, Compression::kGzip), deflated(text, Compression::kGzip));
  EXPECT_EQ(deflated(text, Compression::kZstd), deflated(text, Compression::kZstd));
}

TEST(Compression, AgreesWithTheToolsOfTheHost) {
  const auto text = sample(600'000);
  EXPECT_EQ(tool({"/bin/gzip", "-dc"}, deflated(text, Compression::kGzip)), text);
  EXPECT_EQ(inflated(tool({"/bin/gzip", "-9c"}, text)), text);
  EXPECT_EQ(inflated(tool({"/bin/gzip", "-1cn"}, text), {}, 3), text);
  EXPECT_EQ(inflated(tool({"/usr/bin/xz", "-c"}, text)), text);
  EXPECT_EQ(inflated(tool({"/usr/bin/xz", "-c"}, text), {}, 5), text);
  EXPECT_EQ(inflated(tool({"/bin/bzip2", "-c"}, text)), text);
}

TEST(Compression, MembersAreOneStream) {
  const auto text = sample(50'000);
  for (const auto compression : {Compression::kGzip, Compression::kZstd}) {
    const auto both =
        deflated(text, compression) + deflated("", compression) + deflated("tail", compression);
    for (const size_t piece : {size_t{1}, size_t{13}, SIZE_MAX})
      EXPECT_EQ(inflated(both, {}, piece), text + "tail") << name(compression);
  }
  EXPECT_EQ(inflated(tool({"/usr/bin/xz", "-c"}, text) + tool({"/usr/bin/xz", "-c"}, "tail")),
            text + "tail");
  EXPECT_EQ(inflated(tool({"/bin/bzip2", "-c"}, text) + tool({"/bin/bzip2", "-c"}, "tail")),
            text + "tail");
}

TEST(Compression, ZerosBehindGzipAreIgnoredOtherBytesAreNot) {
  const auto gzip = deflated("text", Compression::kGzip);
  EXPECT_EQ(inflated(gzip + std::string(10'000, '\0')), "text");
  EXPECT_THAT(errorOf(gzip + "x"), HasSubstr("bytes behind its end"));
  EXPECT_THAT(errorOf(gzip + std::string(5, '\0') + gzip), HasSubstr("bytes behind its end"));
}

TEST(Compression, CutShortIsAnErrorAtEveryPlace) {
  const auto text = sample(20'000);
  for (const std::string& whole :
       {deflated(text, Compression::kGzip), deflated(text, Compression::kZstd),
        tool({"/usr/bin/xz", "-c"}, text), tool({"/bin/bzip2", "-c"}, text)}) {
    for (size_t size = 6; size < whole.size(); size += 1 + whole.size() / 60) {
      EXPECT_THAT(errorOf(whole.substr(0, size)), HasSubstr("unexpected EOF"))
          << size << " of " << whole.size();
    }
  }
}

TEST(Compression, FlippedBitsAreFound) {
  const auto text = sample(20'000);
  for (const std::string& whole :
       {deflated(text, Compression::kGzip), deflated(text, Compression::kZstd),
        tool({"/usr/bin/xz", "-c"}, text)}) {
    for (size_t at = 12; at < whole.size(); at += 1 + whole.size() / 50) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
      EXPECT_NE(errorOf(damaged), "no error") << at;
    }
  }
}

TEST(Compression, BombsAreCut) {
  std::string bomb = tool({"/bin/sh", "-c", "head -c 30000000 /dev/zero | xz -c"}, "");
  const InflateLimits limits{.bytes = 20'000'000, .freeBytes = 1'000'000, .ratio = 1100};
  EXPECT_THAT(errorOf(bomb, limits), HasSubstr("more than 1100 times its size"));
  EXPECT_THAT(errorOf(bomb, {.bytes = 20'000'000}), HasSubstr("more than 20000000 bytes"));
  EXPECT_EQ(inflated(bomb).size(), 30'000'000u)
      << "what is small in all may be as dense as it likes";
  const auto zstd = deflated(std::string(30'000'000, '\0'), Compression::kZstd);
  EXPECT_THAT(errorOf(zstd, limits), HasSubstr("more than 1100 times its size"));
  // gzip can never be denser than the ratio.
  EXPECT_EQ(inflated(deflated(std::string(15'000'000, '\0'), Compression::kGzip, 3), limits).size(),
            15'000'000u);
}

TEST(Compression, MemoryForDictionariesIsBounded) {
  const auto greedy = tool({"/usr/bin/xz", "-c", "--lzma2=dict=512MiB"}, "x");
  EXPECT_THAT(errorOf(greedy), HasSubstr("memory"));
}

TEST(Compression, XzIsNotWritten) {
  StringSink out;
  try {
    deflate(out, Compression::kXz);
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kNotImplemented);
  }
}

}  // namespace
}  // namespace archive
