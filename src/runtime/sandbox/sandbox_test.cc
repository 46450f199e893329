#include "runtime/sandbox/sandbox.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "platform/base/error.h"
#include "platform/sys/file.h"
#include "platform/sys/mount.h"

namespace sandbox {
namespace {

class SandboxTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_FAIL() << "these tests need root";
    char name[] = "/dev/shm/sampan-sandbox-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    base_ = name;
    ASSERT_EQ(mkdir((base_ + "/state").c_str(), 0700), 0);
    ASSERT_EQ(mkdir((base_ + "/run").c_str(), 0700), 0);
    open();
  }
  void TearDown() override {
    if (sandboxes_) {
      for (const Sandbox& sandbox : sandboxes_->list())
        ::umount2(sandbox.netns.c_str(), MNT_DETACH);
    }
    sandboxes_.reset();
    store_.reset();
    while (::umount2((base_ + "/run/netns").c_str(), MNT_DETACH) == 0) {
    }
    sys::removeTree(AT_FDCWD, base_);
  }
  void open() {
    sandboxes_.reset();
    store_.reset();
    store_ = std::make_unique<store::Store>(base_ + "/state");
    sandboxes_ = std::make_unique<Sandboxes>(
        *store_, sys::openAt(AT_FDCWD, base_ + "/run", O_PATH | O_DIRECTORY));
  }
  int pins() const {
    int count = 0;
    for (const sys::MountInfo& mount : sys::readMounts()) {
      if (mount.mountPoint.starts_with(base_ + "/run/netns/")) ++count;
    }
    return count;
  }
  static ino_t inodeOf(int fd) {
    struct stat st {};
    EXPECT_EQ(fstat(fd, &st), 0);
    return st.st_ino;
  }
  static ino_t ownNamespace() {
    return inodeOf(sys::openAt(AT_FDCWD, "/proc/self/ns/net", O_RDONLY).get());
  }

  std::string base_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Sandboxes> sandboxes_;
};

constexpr char kId[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

TEST_F(SandboxTest, HasANamespaceOfItsOwnWithLoopbackUp) {
  const ino_t before = ownNamespace();
  const Sandbox sandbox = sandboxes_->create(kId);
  EXPECT_EQ(sandbox.netns, base_ + "/run/netns/0123456789ab");
  const sys::Fd netns = sandboxes_->netns(kId);
  EXPECT_NE(inodeOf(netns.get()), before);
  std::vector<std::string> links;
  bool up = false;
  inNamespace(netns.get(), [&] {
    ifaddrs* all = nullptr;
    ASSERT_EQ(getifaddrs(&all), 0);
    for (ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
      if (std::string(one->ifa_name) == "lo") up |= (one->ifa_flags & IFF_UP) != 0;
      links.push_back(one->ifa_name);
    }
    freeifaddrs(all);
  });
  EXPECT_TRUE(up);
  EXPECT_THAT(links, ::testing::Each("lo"));
  EXPECT_EQ(ownNamespace(), before) << "the caller was moved";
  sandboxes_->release(kId, kId);
}

TEST_F(SandboxTest, LastReleaseUnpinsAndUnknownIsFine) {
  sandboxes_->create(kId);
  sandboxes_->create(kId);  // the same again is not a second user
  sandboxes_->addReference(kId, "other");
  EXPECT_EQ(pins(), 1);
  sandboxes_->release(kId, kId);
  sandboxes_->release(kId, kId);  // the same once more takes nobody else's place away
  EXPECT_EQ(pins(), 1);
  sandboxes_->release(kId, "other");
  EXPECT_EQ(pins(), 0);
  EXPECT_THAT(sys::listDir(AT_FDCWD, base_ + "/run/netns"), ::testing::IsEmpty());
  sandboxes_->release(kId, kId);
  sandboxes_->release("unknown", kId);
  try {
    sandboxes_->netns(kId);
    FAIL() << "still there";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kNotFound);
  }
  EXPECT_THROW(sandboxes_->addReference(kId, "other"), base::Error);
}

TEST_F(SandboxTest, SurvivesTheDaemonWithItsUsers) {
  sandboxes_->create(kId);
  sandboxes_->create("fedcba9876543210");
  sandboxes_->create("0000000000000000");
  const ino_t before = inodeOf(sandboxes_->netns(kId).get());
  open();
  EXPECT_EQ(inodeOf(sandboxes_->netns(kId).get()), before);
  sandboxes_->release(kId, kId);
  EXPECT_EQ(pins(), 3) << "nobody has said yet who uses what";
  sandboxes_->retain({{kId, {kId, "other"}}, {"fedcba9876543210", {}}});
  EXPECT_EQ(pins(), 1);
  sandboxes_->release(kId, kId);
  EXPECT_EQ(pins(), 1);
  sandboxes_->release(kId, "other");
  EXPECT_EQ(pins(), 0);
}

TEST_F(SandboxTest, SweepsPinsWithoutARowAndRowsWithoutAPin) {
  sandboxes_->create(kId);
  sandboxes_->create("fedcba9876543210");
  store_->write(store::Durability::kLazy, [](store::Transaction& transaction) {
    transaction.run("DELETE FROM sandboxes WHERE id = 'fedcba9876543210'");
    transaction.run("INSERT INTO sandboxes VALUES ('aaaaaaaaaaaaaaaa', 'an earlier boot')");
  });
  open();
  ASSERT_EQ(sandboxes_->list().size(), 1u);
  EXPECT_EQ(sandboxes_->list()[0].id, kId);
  EXPECT_EQ(pins(), 1);
  sandboxes_->retain({});
  EXPECT_EQ(pins(), 0);
}

TEST_F(SandboxTest, RemovalReachesOtherMountNamespaces) {
  sandboxes_->create(kId);
  int ready[2], look[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC) | pipe2(look, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    // As systemd does for a service with a private /tmp.
    if (unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
      _exit(9);
    char byte = 0;
    if (write(ready[1], &byte, 1) != 1 || read(look[0], &byte, 1) != 1) _exit(9);
    int count = 0;
    for (const sys::MountInfo& mount : sys::readMounts())
      count += mount.mountPoint.starts_with(base_ + "/run/netns/");
    _exit(count);
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  sandboxes_->release(kId, kId);
  ASSERT_EQ(write(look[1], &byte, 1), 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0) << "a pin stayed behind";
}

TEST_F(SandboxTest, ManyAtATime) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5; ++i) {
        const std::string id = std::to_string(t) + "-" + std::to_string(i) + "-with-a-long-rest";
        sandboxes_->create(id);
        sandboxes_->addReference(id, "other");
        sandboxes_->release(id, "other");
        sandboxes_->release(id, id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pins(), 0);
}

TEST_F(SandboxTest, InNamespaceRethrows) {
  const sys::Fd own = sys::openAt(AT_FDCWD, "/proc/self/ns/net", O_RDONLY);
  EXPECT_THROW(inNamespace(own.get(), [] { base::fail(base::Code::kConflict, "as told"); }),
               base::Error);
}

TEST_F(SandboxTest, CreateCost) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) sandboxes_->create("cost-" + std::to_string(100 + i) + "-xxxxxxxx");
  const auto each =
      std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() /
      20;
  RecordProperty("create_us", static_cast<int>(each));
  printf("create: %.0f us\n", each);
  sandboxes_->retain({});
  EXPECT_LT(each, 20000);
}

}  // namespace
}  // namespace sandbox
