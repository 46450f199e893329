#include "platform/base/stop_token.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>

#include "platform/base/error.h"

namespace {

bool readable(int fd) {
  pollfd poll{fd, POLLIN, 0};
  return ::poll(&poll, 1, 0) == 1;
}

TEST(StopToken, ADefaultOneNeverStops) {
  const base::StopToken token;
  EXPECT_FALSE(token.stopped());
  EXPECT_EQ(token.fd(), -1);
  EXPECT_NO_THROW(token.throwIfStopped());
  EXPECT_EQ(token.onStop([] { FAIL(); }), nullptr);
}

TEST(StopToken, StopIsSeenByFlagDescriptorAndCallback) {
  const base::StopSource source;
  const base::StopToken token = source.token();
  int calls = 0;
  const auto guard = token.onStop([&] { ++calls; });
  EXPECT_FALSE(readable(token.fd()));
  source.stop();
  source.stop();
  EXPECT_TRUE(token.stopped());
  EXPECT_TRUE(readable(token.fd()));
  EXPECT_EQ(calls, 1);
  EXPECT_THROW(token.throwIfStopped(), base::Error);
  const auto late = token.onStop([&] { ++calls; });
  EXPECT_EQ(calls, 2);
}

TEST(StopToken, AnUnregisteredCallbackDoesNotRun) {
  const base::StopSource source;
  auto guard = source.token().onStop([] { FAIL(); });
  guard.reset();
  source.stop();
}

TEST(StopToken, UnregisteringWaitsForARunningCallback) {
  const base::StopSource source;
  std::atomic<bool> entered{false};
  std::atomic<bool> finished{false};
  auto guard = source.token().onStop([&] {
    entered = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    finished = true;
  });
  std::thread stopper([&] { source.stop(); });
  while (!entered) std::this_thread::yield();
  guard.reset();
  EXPECT_TRUE(finished);
  stopper.join();
}

}  // namespace
