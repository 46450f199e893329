#include "platform/archive/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "platform/base/error.h"

namespace archive {
namespace {

TEST(Streams, HashingPassesEverythingThrough) {
  StringSource text("hello");
  HashingSource source(text);
  StringSink sink;
  HashingSink hashed(&sink);
  EXPECT_EQ(copy(source, hashed), 5u);
  EXPECT_EQ(sink.text, "hello");
  EXPECT_EQ(source.finish(), crypto::digestOf("hello"));
  EXPECT_EQ(hashed.finish(), crypto::digestOf("hello"));
}

TEST(Streams, StringSinkIsBounded) {
  StringSink sink(3);
  sink.writeText("abc");
  EXPECT_THROW(sink.writeText("d"), base::Error);
}

TEST(Pipelined, KeepsBytesAndOrderWhateverTheSizes) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i) + ",";
  for (const size_t block : {1, 100, 4096, 1 << 20}) {
    if (block == 1) text.resize(3000);
    StringSource from(text);
    PipelinedSource piped(from, block, 3);
    StringSink out;
    // Both ways of reading, in turn.
    char small[17];
    for (;;) {
      const size_t got = piped.read(small);
      if (got == 0) break;
      out.write({small, got});
      const auto bytes = piped.block();
      if (bytes.empty()) break;
      out.write(bytes);
    }
    EXPECT_EQ(out.text, text) << block;
    EXPECT_TRUE(piped.block().empty());
  }
}

TEST(Pipelined, ErrorComesBehindTheBytesBeforeIt) {
  int reads = 0;
  FunctionSource failing([&](std::span<char> into) -> size_t {
    if (++reads == 4) base::fail(base::Code::kUnavailable, "connection lost");
    std::fill_n(into.begin(), 10, 'x');
    return 10;
  });
  PipelinedSource piped(failing, 20, 2);
  StringSink out;
  try {
    copy(piped, out);
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.message(), "connection lost");
  }
  EXPECT_EQ(out.text, std::string(30, 'x'));
}

TEST(Pipelined, CanBeDroppedHalfRead) {
  std::atomic<int> reads{0};
  FunctionSource endless([&](std::span<char> into) {
    ++reads;
    return into.size();
  });
  {
    PipelinedSource piped(endless, 1000, 4);
    EXPECT_EQ(piped.block().size(), 1000u);
  }
  const int after = reads;
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(reads, after) << "the thread outlived its owner";
  EXPECT_LE(after, 6);
}

}  // namespace
}  // namespace archive
