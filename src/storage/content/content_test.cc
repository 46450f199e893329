#include "storage/content/content.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/crypto/hash.h"
#include "platform/sys/file.h"

namespace content {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string bytesOf(size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 12345;
  for (auto& c : bytes) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

std::string errorOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const base::Error& error) {
    return std::string(base::codeName(error.code())) + ": " + error.message();
  }
  return "none";
}

class ContentTest : public ::testing::Test {
 protected:
  ContentTest() {
    char path[] = "/tmp/sampan-content-XXXXXX";
    path_ = ::mkdtemp(path);
    reopen();
  }
  ~ContentTest() override {
    content_.reset();
    store_.reset();
    sys::removeTree(AT_FDCWD, path_);
  }
  void close() {
    content_.reset();
    store_.reset();
  }
  void reopen() {
    close();
    store_ = std::make_unique<store::Store>(path_);
    content_ = std::make_unique<Store>(path_, *store_);
  }
  void record(const Finished& blob, const std::string& owner = "image") {
    content_->sync();
    store_->write(store::Durability::kDurable, [&](store::Transaction& t) {
      content_->record(t, blob);
      if (!owner.empty()) content_->addReference(t, owner, blob.digest);
    });
  }
  base::Digest add(const std::string& bytes, const std::string& owner = "image") {
    const auto lease = content_->lease("test");
    const auto blob = content_->put(*lease, bytes);
    record(blob, owner);
    return blob.digest;
  }
  std::vector<std::string> partials() { return sys::listDir(AT_FDCWD, path_ + "/content/partial"); }
  std::vector<std::string> blobs() {
    return sys::listDir(AT_FDCWD, path_ + "/content/blobs/sha256");
  }

  std::string path_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Store> content_;
};

TEST_F(ContentTest, WhatWasPutIsReadBackAlsoAfterRestart) {
  const auto bytes = bytesOf(300'000);
  const auto digest = add(bytes);
  EXPECT_EQ(digest, crypto::digestOf(bytes));
  reopen();
  EXPECT_EQ(content_->read(digest), bytes);
  const auto reader = content_->open(digest);
  EXPECT_EQ(reader->size(), bytes.size());
  std::string part(10, '\0');
  EXPECT_EQ(reader->readAt(1000, part), 10u);
  EXPECT_EQ(part, bytes.substr(1000, 10));
  EXPECT_EQ(reader->readAt(bytes.size(), part), 0u);
  const auto info = content_->info(digest);
  ASSERT_TRUE(info);
  EXPECT_TRUE(info->present);
  EXPECT_EQ(info->size, bytes.size());
  EXPECT_EQ(content_->bytes(), bytes.size());
}

TEST_F(ContentTest, EmptyBlob) {
  const auto digest = add("");
  EXPECT_EQ(content_->read(digest), "");
}

TEST_F(ContentTest, Sha512) {
  const auto bytes = bytesOf(1000);
  const auto digest = crypto::digestOf(bytes, crypto::Algorithm::kSha512);
  const auto lease = content_->lease("test");
  const auto in = content_->ingest(*lease, digest, bytes.size());
  in->writeText(bytes);
  record(in->finish());
  EXPECT_EQ(content_->read(digest), bytes);
}

TEST_F(ContentTest, WrongBytesAreNeverThere) {
  const auto wanted = crypto::digestOf("good");
  const auto lease = content_->lease("test");
  {
    const auto in = content_->ingest(*lease, wanted, 4);
    in->writeText("evil");
    EXPECT_THAT(
        errorOf([&] { in->finish(); }),
        HasSubstr("data loss: filesystem layer verification failed for digest " + wanted.str()));
  }
  EXPECT_FALSE(content_->has(wanted));
  EXPECT_THAT(partials(), IsEmpty());
  EXPECT_THAT(blobs(), IsEmpty());
  const auto again = content_->ingest(*lease, wanted, 4);
  EXPECT_EQ(again->offset(), 0u);
  again->writeText("good");
  again->finish();
  EXPECT_TRUE(content_->has(wanted));
}

TEST_F(ContentTest, MoreBytesThanAnnouncedAreRefusedAtOnce) {
  const auto lease = content_->lease("test");
  const auto in = content_->ingest(*lease, crypto::digestOf("abc"), 3);
  in->writeText("ab");
  EXPECT_THAT(errorOf([&] { in->writeText("cd"); }), HasSubstr("more than the 3 bytes"));
  EXPECT_THAT(partials(), IsEmpty());
}

TEST_F(ContentTest, CutShortIsResumedByByteAfterRestart) {
  const auto bytes = bytesOf(1 << 20);
  const auto digest = crypto::digestOf(bytes);
  {
    const auto lease = content_->lease("test");
    const auto in = content_->ingest(*lease, digest, bytes.size());
    in->writeText(std::string_view(bytes).substr(0, 700'001));
    EXPECT_THAT(errorOf([&] { in->finish(); }),
                HasSubstr("700001 of 1048576 bytes: unexpected EOF"));
  }
  reopen();
  const auto lease = content_->lease("test");
  const auto in = content_->ingest(*lease, digest, bytes.size());
  ASSERT_EQ(in->offset(), 700'001u);
  in->writeText(std::string_view(bytes).substr(700'001));
  record(in->finish());
  EXPECT_EQ(content_->read(digest), bytes);
  EXPECT_THAT(partials(), IsEmpty());
}

TEST_F(ContentTest, RestartBeginsAnew) {
  const auto lease = content_->lease("test");
  const auto digest = crypto::digestOf("right");
  const auto in = content_->ingest(*lease, digest);
  in->writeText("wrong beginning");
  in->restart();
  EXPECT_EQ(in->offset(), 0u);
  in->writeText("right");
  EXPECT_EQ(in->finish().size, 5u);
}

TEST_F(ContentTest, UnknownDigestIsToldAtTheEndAndNeverResumed) {
  const auto lease = content_->lease("test");
  {
    const auto dropped = content_->ingestUnknown(*lease);
    dropped->writeText("half");
    EXPECT_EQ(partials().size(), 1u);
  }
  EXPECT_THAT(partials(), IsEmpty());
  const auto in = content_->ingestUnknown(*lease);
  in->writeText("whole");
  EXPECT_EQ(in->finish().digest, crypto::digestOf("whole"));
}

TEST_F(ContentTest, SecondIngestWaitsAndFindsTheBlob) {
  const auto bytes = bytesOf(1000);
  const auto digest = crypto::digestOf(bytes);
  const auto lease = content_->lease("test");
  auto first = content_->ingest(*lease, digest, bytes.size());
  std::atomic<bool> came{false};
  std::thread second([&] {
    const auto mine = content_->lease("other");
    EXPECT_EQ(content_->ingest(*mine, digest, bytes.size()), nullptr);
    came = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(came);
  first->writeText(bytes);
  first->finish();
  first.reset();
  second.join();
}

TEST_F(ContentTest, WaitingIngestCanBeStopped) {
  const auto digest = crypto::digestOf("x");
  const auto lease = content_->lease("test");
  const auto first = content_->ingest(*lease, digest, 1);
  base::StopSource stop;
  std::thread second([&] {
    EXPECT_THAT(errorOf([&] { content_->ingest(*lease, digest, 1, stop.token()); }),
                HasSubstr("cancelled"));
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  stop.stop();
  second.join();
}

TEST_F(ContentTest, KilledInTheMiddleTheNextRunGoesOn) {
  const auto bytes = bytesOf(4 << 20);
  const auto digest = crypto::digestOf(bytes);
  close();
  const pid_t child = ::fork();
  if (child == 0) {
    reopen();
    const auto lease = content_->lease("test");
    const auto in = content_->ingest(*lease, digest, bytes.size());
    in->writeText(std::string_view(bytes).substr(0, 3 << 20));
    const auto whole = content_->put(*lease, "finished but never recorded");
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  reopen();
  EXPECT_THAT(blobs(), IsEmpty()) << "a blob without a row is garbage";
  const auto lease = content_->lease("test");
  const auto in = content_->ingest(*lease, digest, bytes.size());
  EXPECT_EQ(in->offset(), 3u << 20);
  in->writeText(std::string_view(bytes).substr(3 << 20));
  record(in->finish());
  EXPECT_EQ(content_->read(digest), bytes);
}

#if SAMPAN_FAULTS
TEST_F(ContentTest, KilledAnywhereABlobIsWholeOrAbsent) {
  const auto bytes = bytesOf(100'000);
  const auto digest = crypto::digestOf(bytes);
  for (const char* point : {"content.write:1", "content.verified:1", "content.published:1"}) {
    close();
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("SAMPAN_FAULT", (std::string(point) + ":kill").c_str(), 1);
      base::fault::reload();
      reopen();
      add(bytes);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << point;
    reopen();
    EXPECT_FALSE(content_->has(digest)) << point;
    EXPECT_THAT(blobs(), IsEmpty()) << point;
  }
  add(bytes);
  EXPECT_EQ(content_->read(digest), bytes);
}
#endif

TEST_F(ContentTest, PartialThatWasDamagedOnDiskIsFoundOut) {
  const auto bytes = bytesOf(10'000);
  const auto digest = crypto::digestOf(bytes);
  {
    const auto lease = content_->lease("test");
    content_->ingest(*lease, digest, bytes.size())
        ->writeText(std::string_view(bytes).substr(0, 5000));
  }
  const sys::Fd fd =
      sys::openAt(AT_FDCWD, path_ + "/content/partial/" + partials().at(0), O_WRONLY);
  ASSERT_EQ(::pwrite(fd.get(), "?", 1, 100), 1);
  const auto lease = content_->lease("test");
  {
    const auto in = content_->ingest(*lease, digest, bytes.size());
    in->writeText(std::string_view(bytes).substr(in->offset()));
    EXPECT_THAT(errorOf([&] { in->finish(); }), HasSubstr("verification failed"));
  }
  EXPECT_EQ(content_->ingest(*lease, digest, bytes.size())->offset(), 0u);
}

TEST_F(ContentTest, WholeBlobsWithoutARowAreTakenUpAgainAfterRestart) {
  const auto big = bytesOf(100'000);
  {
    const auto lease = content_->lease("pull");
    content_->put(*lease, big);
    content_->put(*lease, "small");
  }
  reopen();
  EXPECT_THAT(blobs(), IsEmpty());
  EXPECT_EQ(partials().size(), 1u);
  const auto lease = content_->lease("pull");
  const auto in = content_->ingest(*lease, crypto::digestOf(big), big.size());
  EXPECT_EQ(in->offset(), big.size());
  record(in->finish());
  EXPECT_EQ(content_->read(crypto::digestOf(big)), big);
}

TEST_F(ContentTest, OldPartialsGo) {
  content_->ingest(*content_->lease("test"), crypto::digestOf("y"), 1);
  EXPECT_THAT(partials(), IsEmpty());  // nothing to go on from
  content_->ingest(*content_->lease("test"), crypto::digestOf("xy"), 2)->writeText("x");
  const timespec old[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (path_ + "/content/partial/" + partials().at(0)).c_str(), old, 0),
            0);
  reopen();
  EXPECT_THAT(partials(), IsEmpty());
}

TEST_F(ContentTest, GarbageIsWhatNothingRefersToOrHolds) {
  const auto kept = add("kept", "a");
  const auto shared = add("shared", "a");
  const auto lost = add("lost", "b");
  const auto loose = add("loose", "");
  store_->write(store::Durability::kDurable, [&](store::Transaction& t) {
    content_->addReference(t, "b", shared);
    content_->removeReferences(t, "a");
    content_->addReference(t, "c", kept);
  });
  auto lease = content_->lease("test");
  const auto held = content_->put(*lease, "held").digest;
  const auto collected = content_->collect();
  EXPECT_EQ(collected.blobs, 1u);
  EXPECT_EQ(collected.bytes, 5u);
  EXPECT_TRUE(content_->has(kept) && content_->has(shared) && content_->has(lost) &&
              content_->has(held));
  EXPECT_FALSE(content_->has(loose));
  lease.reset();
  store_->write(store::Durability::kDurable,
                [&](store::Transaction& t) { content_->removeReferences(t, "b"); });
  EXPECT_EQ(content_->collect().blobs, 3u);
  EXPECT_TRUE(content_->has(kept));
  EXPECT_FALSE(content_->info(shared));
}

TEST_F(ContentTest, DroppedBlobIsKnownByItsOrigins) {
  const auto digest = add("layer");
  EXPECT_FALSE(content_->drop(digest)) << "without an origin nobody could bring it back";
  store_->write(store::Durability::kLazy, [&](store::Transaction& t) {
    content_->addOrigin(t, digest, "registry.example/app");
    content_->addOrigin(t, digest, "registry.example/app");
  });
  const auto reader = content_->open(digest);
  EXPECT_TRUE(content_->drop(digest));
  EXPECT_FALSE(content_->has(digest));
  std::string text(5, '\0');
  EXPECT_EQ(reader->readAt(0, text), 5u) << "who reads, reads on";
  EXPECT_EQ(errorOf([&] { content_->open(digest); }),
            "not found: content " + digest.str() +
                " is not here; it can be had from registry.example/app");
  reopen();
  EXPECT_THAT(content_->info(digest)->origins, ElementsAre("registry.example/app"));
  EXPECT_FALSE(content_->info(digest)->present);
  add("layer");
  EXPECT_TRUE(content_->info(digest)->present);
}

TEST_F(ContentTest, DamageOnDiskIsFoundByRead) {
  const auto digest = add("manifest");
  const sys::Fd fd =
      sys::openAt(AT_FDCWD, path_ + "/content/blobs/sha256/" + std::string(digest.hex()), O_WRONLY);
  ASSERT_EQ(::pwrite(fd.get(), "M", 1, 0), 1);
  EXPECT_THAT(errorOf([&] { content_->read(digest); }), HasSubstr("data loss"));
}

TEST_F(ContentTest, ReadIsBounded) {
  const auto digest = add(std::string(1000, 'x'));
  EXPECT_THAT(errorOf([&] { content_->read(digest, 999); }), HasSubstr("larger than 999"));
}

TEST_F(ContentTest, IngestsAndCollectionsTogether) {
  std::vector<std::thread> threads;
  std::atomic<bool> stop{false};
  std::thread collector([&] {
    while (!stop) content_->collect();
  });
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 15; ++i) {
        // Two threads each fight for the same digests.
        const auto digest = add("blob " + std::to_string(t / 2) + " " + std::to_string(i), "owner");
        EXPECT_EQ(content_->read(digest).substr(0, 5), "blob ");
      }
    });
  }
  for (auto& thread : threads) thread.join();
  stop = true;
  collector.join();
  EXPECT_EQ(blobs().size(), 30u);
}

}  // namespace
}  // namespace content
