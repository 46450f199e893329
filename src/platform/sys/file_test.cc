#include "platform/sys/file.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "platform/base/error.h"
#include "platform/sys/mount.h"

namespace {

class Files : public testing::Test {
 protected:
  Files() {
    char name[] = "/tmp/sampan-file-XXXXXX";
    path_ = ::mkdtemp(name);
    dir_ = sys::openAt(AT_FDCWD, path_, O_RDONLY | O_DIRECTORY);
  }
  ~Files() override { std::filesystem::remove_all(path_); }

  template <class Body>
  static int errnoOf(Body&& body) {
    try {
      body();
      return 0;
    } catch (const base::Error& error) {
      return error.sysErrno();
    }
  }

  std::string path_;
  sys::Fd dir_;
};

TEST_F(Files, OpenNamesThePathItCouldNotOpen) {
  try {
    sys::openAt(dir_.get(), "missing", O_RDONLY);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.message(), "open missing: no such file or directory");
  }
  EXPECT_FALSE(sys::openAtIfExists(dir_.get(), "missing", O_RDONLY));
  EXPECT_FALSE(sys::readFileIfExists(dir_.get(), "missing/below"));
}

TEST_F(Files, WritesReplaceWholeFilesAndLeaveNothingBeside) {
  sys::writeDurable(dir_.get(), "state", "one", 0600);
  sys::writeAtomic(dir_.get(), "state", "two", 0640);
  EXPECT_EQ(sys::readFile(dir_.get(), "state"), "two");
  EXPECT_EQ(sys::statAt(dir_.get(), "state").st_mode & 07777, 0640u);
  EXPECT_EQ(sys::listDir(dir_.get()), std::vector<std::string>{"state"});
  sys::makeDirs(dir_.get(), "in", 0755);
  EXPECT_EQ(errnoOf([&] { sys::writeAtomic(dir_.get(), "in", "x", 0600); }), EISDIR);
  EXPECT_TRUE(sys::listDir(dir_.get(), "in").empty());
  EXPECT_EQ(sys::listDir(dir_.get()).size(), 2u);
}

TEST_F(Files, ReadingStopsAtItsLimit) {
  sys::writeAtomic(dir_.get(), "big", std::string(100'000, 'x'), 0600);
  EXPECT_EQ(sys::readFile(dir_.get(), "big", 100'000).size(), 100'000u);
  EXPECT_EQ(errnoOf([&] { sys::readFile(dir_.get(), "big", 99'999); }), EFBIG);
}

TEST_F(Files, WriteExistingMakesNothing) {
  EXPECT_EQ(errnoOf([&] { sys::writeExisting(dir_.get(), "none", "x"); }), ENOENT);
  sys::writeAtomic(dir_.get(), "there", "", 0600);
  sys::writeExisting(dir_.get(), "there", "abc");
  EXPECT_EQ(sys::readFile(dir_.get(), "there"), "abc");
}

TEST_F(Files, MakeDirsGivesTheLastOne) {
  const auto made = sys::makeDirs(dir_.get(), "a//b/./c", 0700);
  EXPECT_EQ(sys::pathOf(made.get()), path_ + "/a/b/c");
  EXPECT_EQ(sys::statAt(dir_.get(), "a/b").st_mode & 07777, 0700u);
  EXPECT_EQ(sys::pathOf(sys::makeDirs(dir_.get(), path_ + "/x/y", 0700).get()), path_ + "/x/y");
  sys::writeAtomic(dir_.get(), "file", "", 0600);
  EXPECT_EQ(errnoOf([&] { sys::makeDirs(dir_.get(), "file/x", 0700); }), ENOTDIR);
}

TEST_F(Files, RemoveFileSaysWhetherThereWasOne) {
  sys::writeAtomic(dir_.get(), "f", "", 0600);
  EXPECT_TRUE(sys::removeFile(dir_.get(), "f"));
  EXPECT_FALSE(sys::removeFile(dir_.get(), "f"));
}

TEST_F(Files, RemoveTreeTakesAllAndFollowsNoLink) {
  sys::makeDirs(dir_.get(), "keep", 0755);
  sys::writeAtomic(dir_.get(), "keep/file", "x", 0600);
  sys::makeDirs(dir_.get(), "tree/a/b", 0755);
  sys::makeDirs(dir_.get(), "tree/unreadable", 0);
  for (int i = 0; i < 300; ++i)
    sys::writeAtomic(dir_.get(), "tree/a/f" + std::to_string(i), "", 0600);
  ASSERT_EQ(::symlinkat("../keep", dir_.get(), "tree/link"), 0);
  sys::removeTree(dir_.get(), "tree/");
  sys::removeTree(dir_.get(), "tree");
  sys::removeTree(dir_.get(), "missing/below");
  EXPECT_EQ(sys::listDir(dir_.get()), std::vector<std::string>{"keep"});
  ASSERT_EQ(::symlinkat("keep", dir_.get(), "link"), 0);
  sys::removeTree(dir_.get(), "link");
  EXPECT_EQ(sys::listDir(dir_.get(), "keep").size(), 1u);
  for (const char* path : {"", ".", "..", "keep/..", "/"}) {
    EXPECT_EQ(errnoOf([&] { sys::removeTree(dir_.get(), path); }), EINVAL) << path;
  }
}

TEST_F(Files, RemoveTreeManagesAnyDepthWithFewDescriptors) {
  sys::Fd at = sys::makeDirs(dir_.get(), "deep", 0755);
  for (int i = 0; i < 400; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "directory", 0755), 0);
    at = sys::openAt(at.get(), "directory", O_PATH | O_DIRECTORY);
  }
  at.reset();
  sys::removeTree(dir_.get(), "deep");
  EXPECT_TRUE(sys::listDir(dir_.get()).empty());
}

TEST_F(Files, RemoveTreeStopsAtMountPoints) {
  sys::makeDirs(dir_.get(), "tree/mnt", 0755);
  sys::makeDirs(dir_.get(), "precious", 0755);
  sys::writeAtomic(dir_.get(), "precious/file", "x", 0600);
  const auto bind = sys::cloneMount(sys::openAt(dir_.get(), "precious", O_PATH).get(), false);
  sys::attachMount(bind.get(), sys::openAt(dir_.get(), "tree/mnt", O_PATH).get());
  EXPECT_EQ(errnoOf([&] { sys::removeTree(dir_.get(), "tree"); }), EBUSY);
  // A mount namespace of another process hides it from rmdir's check, not from ours.
  EXPECT_TRUE(sys::statAtIfExists(dir_.get(), "precious/file"));
  EXPECT_TRUE(sys::detachMount(path_ + "/tree/mnt"));
  sys::removeTree(dir_.get(), "tree");
  EXPECT_TRUE(sys::statAtIfExists(dir_.get(), "precious/file"));
}

TEST_F(Files, LocksExcludeOtherHolders) {
  auto first = sys::tryLock(dir_.get(), "lock");
  ASSERT_TRUE(first);
  EXPECT_FALSE(sys::tryLock(dir_.get(), "lock"));
  first.reset();
  EXPECT_TRUE(sys::tryLock(dir_.get(), "lock"));
}

TEST_F(Files, LongPathsOfDescriptors) {
  std::string path;
  for (int i = 0; i < 30; ++i) path += "a-directory-with-a-long-name/";
  path.pop_back();
  EXPECT_EQ(sys::pathOf(sys::makeDirs(dir_.get(), path, 0755).get()), path_ + "/" + path);
}

TEST_F(Files, FdsMoveAndDuplicate) {
  sys::Fd a = sys::openAt(dir_.get(), ".", O_PATH);
  const int number = a.get();
  sys::Fd b = std::move(a);
  EXPECT_FALSE(a.valid());
  EXPECT_EQ(b.get(), number);
  const sys::Fd copy = b.dup();
  EXPECT_NE(copy.get(), number);
  EXPECT_NE(::fcntl(copy.get(), F_GETFD) & FD_CLOEXEC, 0);
  b.reset();
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

}  // namespace
