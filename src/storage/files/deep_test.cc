// Trees deeper than any path.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <climits>

#include "platform/base/scope_exit.h"
#include "storage/files/pack.h"
#include "storage/files/test_tree.h"

namespace files {
namespace {

using files::testing::TemporaryDirectory;

constexpr int kDepth = 2200;

class DeepTest : public ::testing::Test {
 protected:
  // d/d/d/…, an empty directory and a file of 3 bytes beside every hundredth; one file has a name
  // at the top and one at the bottom.
  DeepTest() {
    sys::Fd at = sys::openAt(root_.fd(), ".", O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < kDepth; ++i) {
      if (i % 100 == 0) {
        EXPECT_EQ(::mkdirat(at.get(), "a", 0755), 0);
        EXPECT_EQ(::mkdirat(at.get(), "z", 0755), 0);
        sys::writeAtomic(at.get(), "file", "abc", 0600);
      }
      EXPECT_EQ(::mkdirat(at.get(), "d", 0755), 0);
      at = sys::openAt(at.get(), "d", O_RDONLY | O_DIRECTORY);
    }
    EXPECT_EQ(::linkat(root_.fd(), "file", at.get(), "same", 0), 0);
  }

  TemporaryDirectory root_;
};

TEST_F(DeepTest, UsageCountsAllWithFewDescriptors) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  base::ScopeExit restore{[&] { ::setrlimit(RLIMIT_NOFILE, &before); }};
  const rlimit few{200, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  const Usage total = usage(root_.fd());
  EXPECT_EQ(total.inodes, static_cast<std::uint64_t>(kDepth + 3 * kDepth / 100));
  EXPECT_EQ(total.bytes, 3u * kDepth / 100);
}

TEST_F(DeepTest, ChangesListWhatAPathCanName) {
  TemporaryDirectory lower;
  const auto changes = overlayChanges(root_.fd(), {lower.fd()}, {});
  size_t longest = 0;
  for (const auto& change : changes) longest = std::max(longest, change.path.size());
  EXPECT_LT(longest, static_cast<size_t>(PATH_MAX));
  EXPECT_GT(longest, static_cast<size_t>(PATH_MAX) - 4);
  EXPECT_GT(changes.size(), 2000u);
}

}  // namespace
}  // namespace files
