#include "engine/logs/json_file_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include "platform/sys/file.h"

namespace logs {
namespace {

std::string line(int number, const std::string& stream = "stdout") {
  return "{\"log\":\"line " + std::to_string(number) + "\\n\",\"stream\":\"" + stream +
         "\",\"time\":\"2026-01-02T03:04:" + (number % 60 < 10 ? "0" : "") +
         std::to_string(number % 60) + ".5Z\"}\n";
}

class JsonFileReaderTest : public ::testing::Test {
 protected:
  JsonFileReaderTest() {
    char name[] = "/tmp/sampan-logs-XXXXXX";
    path_ = mkdtemp(name);
    directory_ = sys::openAt(AT_FDCWD, path_, O_RDONLY | O_DIRECTORY);
  }
  ~JsonFileReaderTest() override { sys::removeTree(AT_FDCWD, path_); }

  void append(const std::string& name, const std::string& text) {
    const sys::Fd file = sys::openAt(directory_.get(), name, O_WRONLY | O_CREAT | O_APPEND, 0600);
    sys::writeAll(file.get(), text);
  }
  void rotate() {
    renameat(directory_.get(), "c.log.1", directory_.get(), "c.log.2");
    renameat(directory_.get(), "c.log", directory_.get(), "c.log.1");
  }
  std::vector<std::string> read(const Query& query) {
    std::vector<std::string> texts;
    JsonFileReader(directory_.get(), "c.log")
        .read(query,
              [&](const Entry& entry) {
                texts.emplace_back(entry.text);
                return true;
              },
              {});
    return texts;
  }

  std::string path_;
  sys::Fd directory_;
};

TEST_F(JsonFileReaderTest, MissingFileIsAnEmptyLog) {
  EXPECT_TRUE(read({}).empty());
}

TEST_F(JsonFileReaderTest, ReadsAcrossRotationsOldestFirst) {
  append("c.log.2", line(1) + line(2));
  append("c.log.1", line(3));
  append("c.log", line(4));
  EXPECT_EQ(read({}), std::vector<std::string>({"line 1\n", "line 2\n", "line 3\n", "line 4\n"}));
}

TEST_F(JsonFileReaderTest, TailCountsBackAcrossFiles) {
  append("c.log.1", line(1) + line(2) + line(3));
  append("c.log", line(4));
  Query query;
  query.tail = 2;
  EXPECT_EQ(read(query), std::vector<std::string>({"line 3\n", "line 4\n"}));
  query.tail = 1;
  EXPECT_EQ(read(query), std::vector<std::string>({"line 4\n"}));
  query.tail = 0;
  EXPECT_TRUE(read(query).empty());
  query.tail = 99;
  EXPECT_EQ(read(query).size(), 4u);
}

TEST_F(JsonFileReaderTest, SinceUntilAndStreamsSelect) {
  append("c.log", line(1) + line(2, "stderr") + line(3) + line(4));
  Query query;
  query.standardError = false;
  query.since = *base::parseRfc3339("2026-01-02T03:04:02Z");
  query.until = *base::parseRfc3339("2026-01-02T03:04:04Z");
  EXPECT_EQ(read(query), std::vector<std::string>({"line 3\n"}));
}

TEST_F(JsonFileReaderTest, TornLineIsSkipped) {
  append("c.log", line(1) + "{\"log\":\"ha\n" + line(2) + "{\"log\":\"unfinished");
  EXPECT_EQ(read({}), std::vector<std::string>({"line 1\n", "line 2\n"}));
}

TEST_F(JsonFileReaderTest, EscapesComeBackAsBytes) {
  std::string scratch;
  const auto entry = parseEntry(
      R"({"log":"a\"b\\\t\u003c\ud83d\ude00\n","stream":"stderr","attrs":{"k":"v"},"time":"2026-01-02T03:04:05.000000006Z"})",
      scratch);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->text, "a\"b\\\t<\xF0\x9F\x98\x80\n");
  EXPECT_TRUE(entry->standardError);
  EXPECT_EQ(entry->attributes, R"({"k":"v"})");
  EXPECT_EQ(entry->time.ns % 1000, 6);
}

TEST_F(JsonFileReaderTest, AnAttributeMayBeCalledTime) {
  std::string scratch;
  const auto entry = parseEntry(
      R"({"log":"x\n","stream":"stdout","attrs":{"time":"noon","z":"1"},"time":"2026-01-02T03:04:05.000000006Z"})",
      scratch);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->attributes, R"({"time":"noon","z":"1"})");
  EXPECT_EQ(entry->time.ns % 1000, 6);
}

TEST_F(JsonFileReaderTest, FollowLosesNoLineAcrossManyRotations) {
  constexpr int kLines = 3000;
  append("c.log", line(0));
  base::StopSource ended;
  std::atomic<int> given{0};
  std::thread writer([&] {
    for (int i = 1; i < kLines; ++i) {
      append("c.log", line(i));
      if (i % 100 == 0) {
        // The oldest file goes for good: not before the reader has left it.
        while (given < i - 150) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        rotate();
        append("c.log", "");
      }
    }
    ended.stop();
  });
  std::vector<std::string> texts;
  JsonFileReader(directory_.get(), "c.log")
      .follow(
          {},
          [&](const Entry& entry) {
            texts.emplace_back(entry.text);
            ++given;
            return true;
          },
          [] {}, ended.token(), {});
  writer.join();
  ASSERT_EQ(texts.size(), static_cast<size_t>(kLines));
  for (int i = 0; i < kLines; ++i)
    ASSERT_EQ(texts[static_cast<size_t>(i)], "line " + std::to_string(i) + "\n");
}

TEST_F(JsonFileReaderTest, FollowEndsWhenTheClientGoes) {
  append("c.log", line(1));
  base::StopSource client;
  std::promise<void> idle;
  std::thread leaver([&] {
    idle.get_future().wait();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    client.stop();
  });
  int count = 0;
  std::once_flag told;
  JsonFileReader(directory_.get(), "c.log")
      .follow(
          {}, [&](const Entry&) { return ++count > 0; },
          [&] { std::call_once(told, [&] { idle.set_value(); }); }, {}, client.token());
  leaver.join();
  EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace logs
