#include "storage/files/copy.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <thread>

#include "platform/base/error.h"
#include "storage/files/special.h"
#include "storage/files/test_tree.h"

namespace files {
namespace {

using testing::TemporaryDirectory;

class CopyTest : public ::testing::Test {
 protected:
  mode_t modeOf(int directory, const std::string& name) {
    return sys::statAt(directory, name).st_mode & 07777;
  }

  TemporaryDirectory from_, to_, aside_;
};

TEST_F(CopyTest, KeepsOwnersModesAndTimesOfLinksAndFifos) {
  ASSERT_EQ(::mkfifoat(from_.fd(), "fifo", 0600), 0);
  ASSERT_EQ(::chmod((from_.path() + "/fifo").c_str(), 04622), 0);
  ASSERT_EQ(::symlinkat("/nowhere", from_.fd(), "link"), 0);
  ASSERT_EQ(::fchownat(from_.fd(), "link", 7, 8, AT_SYMLINK_NOFOLLOW), 0);
  const struct timespec times[2] = {{1000, 1}, {2000, 2}};
  ASSERT_EQ(::utimensat(from_.fd(), "link", times, AT_SYMLINK_NOFOLLOW), 0);
  copyTree(from_.fd(), to_.fd(), {});
  EXPECT_EQ(modeOf(to_.fd(), "fifo"), 04622U);
  const auto link = sys::statAt(to_.fd(), "link");
  EXPECT_TRUE(S_ISLNK(link.st_mode));
  EXPECT_EQ(link.st_uid, 7U);
  EXPECT_EQ(link.st_gid, 8U);
  EXPECT_EQ(link.st_mtim.tv_sec, 2000);
  EXPECT_EQ(link.st_mtim.tv_nsec, 2);
}

TEST_F(CopyTest, WhatTookTheNamesPlaceIsNotTouched) {
  sys::writeAtomic(aside_.fd(), "file", "x", 0600);
  ASSERT_EQ(::symlinkat((aside_.path() + "/file").c_str(), to_.fd(), "fifo"), 0);
  EXPECT_THROW(Special(to_.fd(), "fifo", S_IFIFO, "fifo"), base::Error);
  // A descriptor goes on meaning what it was opened on.
  ASSERT_EQ(::mkfifoat(to_.fd(), "other", 0600), 0);
  const Special held(to_.fd(), "other", S_IFIFO, "other");
  ASSERT_EQ(::renameat2(to_.fd(), "fifo", to_.fd(), "other", RENAME_EXCHANGE), 0);
  held.mode(0666);
  held.owner(5, 5);
  EXPECT_EQ(modeOf(aside_.fd(), "file"), 0600U);
  EXPECT_EQ(sys::statAt(aside_.fd(), "file").st_uid, 0U);
  EXPECT_EQ(modeOf(to_.fd(), "fifo"), 0666U);
}

// Somebody who has the directory too exchanges what is made there for links to a file elsewhere.
TEST_F(CopyTest, LinksPutInPlaceOfFifosLeadNowhere) {
  constexpr int kCount = 1500;
  for (int i = 0; i < kCount; ++i)
    ASSERT_EQ(::mkfifoat(from_.fd(), ("f" + std::to_string(i)).c_str(), 0666), 0);
  sys::writeAtomic(aside_.fd(), "file", "x", 0600);
  ASSERT_EQ(::symlinkat((aside_.path() + "/file").c_str(), aside_.fd(), "link"), 0);
  for (int round = 0; round < 5 && modeOf(aside_.fd(), "file") == 0600; ++round) {
    TemporaryDirectory copy;
    std::atomic<bool> done = false;
    std::thread hostile([&] {
      while (!done) {
        for (const auto& name : sys::listDir(copy.fd())) {
          ::renameat2(aside_.fd(), "link", copy.fd(), name.c_str(), RENAME_EXCHANGE);
          ::renameat2(aside_.fd(), "link", copy.fd(), name.c_str(), RENAME_EXCHANGE);
        }
      }
    });
    std::thread racer([&] {
      for (int i = 0; i < kCount && !done;) {
        const std::string name = "f" + std::to_string(i);
        if (::renameat2(aside_.fd(), "link", copy.fd(), name.c_str(), RENAME_EXCHANGE) == 0)
          ::renameat2(aside_.fd(), "link", copy.fd(), name.c_str(), RENAME_EXCHANGE);
        if (sys::statAtIfExists(copy.fd(), name)) i += 3;
      }
    });
    try {
      copyTree(from_.fd(), copy.fd(), {});
    } catch (const base::Error&) {  // it may say that something was exchanged
    }
    done = true;
    hostile.join();
    racer.join();
  }
  EXPECT_EQ(modeOf(aside_.fd(), "file"), 0600U);
}

}  // namespace
}  // namespace files
