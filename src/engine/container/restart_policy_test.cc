#include "engine/container/restart_policy.h"

#include <gtest/gtest.h>

namespace container {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;

TEST(RestartPolicy, NoNeverRestarts) {
  EXPECT_FALSE(decideRestart("no", 0, 0, 1, {}, kSecond, 0).restart);
}

TEST(RestartPolicy, AlwaysRestartsUnlessAUserStoppedIt) {
  EXPECT_TRUE(decideRestart("always", 0, 9, 0, {}, kSecond, 0).restart);
  EXPECT_FALSE(decideRestart("always", 0, 0, 0, {true, true}, kSecond, 0).restart);
}

TEST(RestartPolicy, ASignalThatDoesNotStopMattersToUnlessStoppedOnly) {
  constexpr Stopped kSignalled{.cancelled = false, .byUser = true};
  EXPECT_TRUE(decideRestart("always", 0, 0, 3, kSignalled, kSecond, 0).restart);
  EXPECT_TRUE(decideRestart("on-failure", 0, 0, 3, kSignalled, kSecond, 0).restart);
  EXPECT_FALSE(decideRestart("unless-stopped", 0, 0, 3, kSignalled, kSecond, 0).restart);
}

TEST(RestartPolicy, OnFailureCountsItsRetries) {
  EXPECT_FALSE(decideRestart("on-failure", 0, 0, 0, {}, kSecond, 0).restart);
  EXPECT_TRUE(decideRestart("on-failure", 0, 1000, 1, {}, kSecond, 0).restart);
  EXPECT_TRUE(decideRestart("on-failure", 3, 2, 1, {}, kSecond, 0).restart);
  EXPECT_FALSE(decideRestart("on-failure", 3, 3, 1, {}, kSecond, 0).restart);
}

TEST(RestartPolicy, DelayDoublesToAMinuteAndStartsAnewAfterTenSecondsOfLife) {
  std::int64_t delay = 0;
  for (const std::int64_t expected :
       {100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000}) {
    delay = decideRestart("always", 0, 0, 1, {}, kMs, delay).delayNs;
    EXPECT_EQ(delay, expected * kMs);
  }
  EXPECT_EQ(decideRestart("always", 0, 0, 1, {}, 10 * kSecond, delay).delayNs, 100 * kMs);
}

TEST(RestartPolicy, DaemonStartHonoursTheUsersStop) {
  EXPECT_TRUE(startsWithDaemon("always", true, 0, false));
  EXPECT_FALSE(startsWithDaemon("unless-stopped", true, 0, true));
  EXPECT_TRUE(startsWithDaemon("unless-stopped", false, 0, true));
  EXPECT_FALSE(startsWithDaemon("no", false, 1, true));
}

}  // namespace
}  // namespace container
