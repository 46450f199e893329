#include "engine/container/exits.h"

#include <gtest/gtest.h>

namespace container {
namespace {

TEST(Exits, EndWakesNotRunningAndNextExitButNotRemoved) {
  Exits exits;
  std::vector<int> heard;
  exits.add("a", WaitFor::kNextExit, [&](const WaitResult& r) { heard.push_back(r.exitCode); });
  exits.add("a", WaitFor::kRemoved,
            [&](const WaitResult& r) { heard.push_back(100 + r.exitCode); });
  exits.add("b", WaitFor::kNotRunning, [&](const WaitResult&) { heard.push_back(-1); });
  exits.ended("a", {7, ""});
  EXPECT_EQ(heard, std::vector<int>({7}));
  exits.ended("a", {8, ""});
  EXPECT_EQ(heard.size(), 1u);
  exits.removed("a", {9, ""});
  EXPECT_EQ(heard, std::vector<int>({7, 109}));
}

TEST(Exits, CancelledWaiterHearsNothing) {
  Exits exits;
  bool heard = false;
  const auto registration =
      exits.add("a", WaitFor::kNextExit, [&](const WaitResult&) { heard = true; });
  EXPECT_TRUE(exits.cancel("a", registration));
  EXPECT_FALSE(exits.cancel("a", registration));
  exits.ended("a", {});
  EXPECT_FALSE(heard);
}

TEST(Exits, CallbackMayRegisterAgain) {
  Exits exits;
  int count = 0;
  exits.add("a", WaitFor::kNextExit, [&](const WaitResult&) {
    ++count;
    exits.add("a", WaitFor::kNextExit, [&](const WaitResult&) { ++count; });
  });
  exits.ended("a", {});
  EXPECT_EQ(count, 1);
  exits.ended("a", {});
  EXPECT_EQ(count, 2);
}

}  // namespace
}  // namespace container
