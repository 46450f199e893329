#include "runtime/logfile/writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace logfile {
namespace {

class WriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/sampan-log-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    base_ = name;
    directory_ = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(directory_, 0);
  }
  void TearDown() override {
    writer_.close();
    close(directory_);
    const std::string remove = "rm -rf " + base_;
    ASSERT_EQ(std::system(remove.c_str()), 0);
  }
  Config config() {
    Config config;
    config.directory = directory_;
    std::strcpy(config.name, "log");
    config.publish = [](void* self, const Position& position) {
      static_cast<WriterTest*>(self)->published_.push_back(position);
    };
    config.context = this;
    return config;
  }
  void put(std::string_view text, Stream stream = Stream::kStdout) {
    writer_.append(stream, reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), kNow);
  }
  std::string read(const std::string& name = "log") {
    std::ifstream file(base_ + "/" + name);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  bool exists(const std::string& name) { return access((base_ + "/" + name).c_str(), F_OK) == 0; }
  static std::string line(const std::string& log, const char* stream = "stdout") {
    return "{\"log\":\"" + log + "\",\"stream\":\"" + stream +
           "\",\"time\":\"2026-11-22T02:15:42.5Z\"}\n";
  }

  static constexpr std::int64_t kNow = 1'795'313'742'500'000'000;
  std::string base_;
  int directory_ = -1;
  Writer writer_;
  std::vector<Position> published_;
};

TEST_F(WriterTest, LinesAreRecordsHoweverTheyArrive) {
  ASSERT_EQ(writer_.open(config()), 0);
  put("one\ntwo\nth");
  put("r");
  put("ee\n\nfour", Stream::kStdout);
  put("err\n", Stream::kStderr);
  writer_.flush();
  EXPECT_EQ(read(), line("one\\n") + line("two\\n") + line("three\\n") + line("\\n") +
                        line("err\\n", "stderr"));
  put(" and a half");
  writer_.finish(Stream::kStdout, kNow);
  writer_.finish(Stream::kStderr, kNow);
  writer_.flush();
  EXPECT_THAT(read(), ::testing::EndsWith(line("four and a half")));
  EXPECT_EQ(published_.back().offset, read().size());
}

TEST_F(WriterTest, EveryCutOfTheInputGivesTheSameRecords) {
  std::string text = "a\n" + std::string(kPieceBytes - 1, 'b') + "\n" +
                     std::string(kPieceBytes, 'c') + "\n" + std::string(2 * kPieceBytes + 5, 'd') +
                     "\nend";
  const std::string want = line("a\\n") + line(std::string(kPieceBytes - 1, 'b') + "\\n") +
                           line(std::string(kPieceBytes, 'c')) + line("\\n") +
                           line(std::string(kPieceBytes, 'd')) +
                           line(std::string(kPieceBytes, 'd')) + line("ddddd\\n") + line("end");
  for (const size_t step : {size_t{1}, size_t{7}, size_t{4096}, kPieceBytes - 1, kPieceBytes,
                            kPieceBytes + 1, size_t{65528}}) {
    unlink((base_ + "/log").c_str());
    ASSERT_EQ(writer_.open(config()), 0);
    for (size_t at = 0; at < text.size(); at += step) put(std::string_view(text).substr(at, step));
    writer_.finish(Stream::kStdout, kNow);
    writer_.close();
    EXPECT_TRUE(read() == want) << "in steps of " << step;
  }
}

TEST_F(WriterTest, AttributesStandBeforeTheTime) {
  Config with = config();
  const std::string attributes = "{\"env\":\"x\"}";
  with.attributes = attributes.data();
  with.attributeBytes = attributes.size();
  ASSERT_EQ(writer_.open(with), 0);
  put("x\n");
  writer_.flush();
  EXPECT_EQ(read(),
            "{\"log\":\"x\\n\",\"stream\":\"stdout\",\"attrs\":{\"env\":\"x\"},\"time\":\"2026-11-"
            "22T02:15:42.5Z\"}\n");
}

TEST_F(WriterTest, RotatesByRenameAndKeepsMaxFiles) {
  Config rotating = config();
  rotating.maxSize = 200;
  rotating.maxFiles = 3;
  ASSERT_EQ(writer_.open(rotating), 0);
  for (int i = 0; i < 20; ++i) put("line " + std::to_string(10 + i) + "\n");
  writer_.flush();
  // 72 bytes a record: the third reaches 200, the fourth begins the next file.
  EXPECT_EQ(read(), line("line 28\\n") + line("line 29\\n"));
  EXPECT_EQ(read("log.1"), line("line 25\\n") + line("line 26\\n") + line("line 27\\n"));
  EXPECT_EQ(read("log.2"), line("line 22\\n") + line("line 23\\n") + line("line 24\\n"));
  EXPECT_FALSE(exists("log.3"));
  EXPECT_FALSE(exists("log.new"));
  EXPECT_EQ(published_.back().generation, 7u);
  for (size_t i = 1; i < published_.size(); ++i) {
    const Position& a = published_[i - 1];
    const Position& b = published_[i];
    EXPECT_TRUE(b.generation > a.generation ||
                (b.generation == a.generation && b.offset >= a.offset));
    if (b.generation != a.generation) EXPECT_EQ(b.offset, 0u);
  }
}

TEST_F(WriterTest, CompressedFilesMoveAlong) {
  std::ofstream(base_ + "/log.1.gz") << "old";
  Config rotating = config();
  rotating.maxSize = 10;
  rotating.maxFiles = 4;
  ASSERT_EQ(writer_.open(rotating), 0);
  put("x\nx\n");
  writer_.flush();
  EXPECT_EQ(read("log.2.gz"), "old");
  put("x\nx\nx\n");
  writer_.flush();
  EXPECT_FALSE(exists("log.2.gz"));
  EXPECT_FALSE(exists("log.4.gz"));
}

TEST_F(WriterTest, ManyTinyFilesAreNotMovedForEveryRecord) {
  Config rotating = config();
  rotating.maxSize = 1;
  rotating.maxFiles = 1000;
  ASSERT_EQ(writer_.open(rotating), 0);
  const auto generation = writer_.position().generation;
  for (int i = 0; i < 10'000; ++i) put("x\n");
  writer_.flush();
  const std::uint64_t rotations = writer_.position().generation - generation;
  EXPECT_GE(rotations, 1u);
  EXPECT_LE(rotations, 10'000u * 80 / 256'000 + 1);
  EXPECT_TRUE(exists("log.1"));
}

TEST_F(WriterTest, OneFileIsReplacedAndReadersOfTheOldOneFinish) {
  Config rotating = config();
  rotating.maxSize = 100;
  rotating.maxFiles = 1;
  ASSERT_EQ(writer_.open(rotating), 0);
  put("a\nb\n");
  writer_.flush();
  std::ifstream reader(base_ + "/log");
  put("c\n");
  writer_.flush();
  EXPECT_EQ(read(), line("c\\n"));
  EXPECT_FALSE(exists("log.1"));
  std::ostringstream old;
  old << reader.rdbuf();
  EXPECT_EQ(old.str(), line("a\\n") + line("b\\n"));
}

TEST_F(WriterTest, ARecordThatAPowerCutLeftHalfIsCutOff) {
  std::ofstream(base_ + "/log") << line("whole\\n") << "{\"log\":\"ha" << std::string(5000, 'x');
  ASSERT_EQ(writer_.open(config()), 0);
  put("next\n");
  writer_.flush();
  EXPECT_EQ(read(), line("whole\\n") + line("next\\n"));
  EXPECT_EQ(published_.back().offset, read().size());
}

TEST_F(WriterTest, TruncationByOthersIsANewGeneration) {
  ASSERT_EQ(writer_.open(config()), 0);
  put("before\n");
  writer_.flush();
  const auto generation = writer_.position().generation;
  ASSERT_EQ(truncate((base_ + "/log").c_str(), 0), 0);
  put("after\n");
  writer_.flush();
  EXPECT_EQ(read(), line("after\\n"));
  EXPECT_EQ(writer_.position().generation, generation + 1);
  EXPECT_EQ(writer_.position().offset, read().size());
}

TEST_F(WriterTest, AFullDiskLosesWholeRecordsOnlyAndIsCounted) {
  if (geteuid() != 0) GTEST_FAIL() << "needs root";
  ASSERT_EQ(mount("tmpfs", base_.c_str(), "tmpfs", 0, "size=64k"), 0);
  const int small = open(base_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  Config full = config();
  full.directory = small;
  full.maxSize = 30000;
  full.maxFiles = 5;
  ASSERT_EQ(writer_.open(full), 0);
  for (int i = 0; i < 2000; ++i) {
    put("line " + std::to_string(i) + " with some text to fill the disk sooner\n");
    if (i % 10 == 0) writer_.flush();
  }
  writer_.flush();
  EXPECT_GT(writer_.position().dropped, 0u);
  const std::string all = read("log.1") + read();
  EXPECT_THAT(all, ::testing::EndsWith("}\n"));
  ASSERT_EQ(unlink((base_ + "/log.1").c_str()), 0);
  put("room again\n");
  writer_.flush();
  EXPECT_THAT(read(), ::testing::EndsWith(line("room again\\n")));
  writer_.close();
  close(small);
  umount(base_.c_str());
}

TEST_F(WriterTest, TwoHundredMegabytesOfShortLines) {
  ASSERT_EQ(writer_.open(config()), 0);
  const std::string text = [] {
    std::string all;
    while (all.size() + 80 <= 65528) all += std::string(79, 'x') + "\n";
    return all;
  }();
  const auto start = std::chrono::steady_clock::now();
  for (size_t written = 0; written < 200'000'000; written += text.size()) {
    put(text);
    writer_.flush();
    if (writer_.position().offset > 100'000'000) {
      ASSERT_EQ(ftruncate(open((base_ + "/log").c_str(), O_WRONLY | O_CLOEXEC), 0), 0);
    }
  }
  const auto seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  printf("200 MB of 80-byte lines: %.2f s\n", seconds);
  RecordProperty("seconds_x100", static_cast<int>(seconds * 100));
}

}  // namespace
}  // namespace logfile
