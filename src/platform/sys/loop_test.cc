#include "platform/sys/loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <future>
#include <thread>

#include "platform/base/error.h"
#include "platform/base/time.h"
#include "platform/sys/socket.h"

namespace {

constexpr std::int64_t kMs = 1'000'000;

TEST(Loop, PostedTasksRunInOrderOnItsThread) {
  sys::Loop loop;
  std::thread thread([&] { loop.run(); });
  std::vector<int> seen;
  std::promise<void> done;
  for (int i = 0; i < 1000; ++i) {
    loop.post([&, i] {
      EXPECT_TRUE(loop.onLoopThread());
      seen.push_back(i);
      if (i == 999) done.set_value();
    });
  }
  done.get_future().wait();
  EXPECT_FALSE(loop.onLoopThread());
  loop.stop();
  thread.join();
  ASSERT_EQ(seen.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], i);
}

TEST(Loop, TimersFireInOrderNotBeforeTheirTimeAndCanBeCancelled) {
  sys::Loop loop;
  const auto begin = base::monotonicNs();
  std::vector<int> order;
  loop.at(begin + 20 * kMs, [&] {
    EXPECT_GE(base::monotonicNs(), begin + 20 * kMs);
    order.push_back(2);
    loop.stop();
  });
  const auto cancelled = loop.at(begin + 15 * kMs, [&] { order.push_back(99); });
  loop.at(begin + 10 * kMs, [&] {
    order.push_back(1);
    loop.cancel(cancelled);
  });
  loop.run();
  loop.cancel(cancelled);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_LT(base::monotonicNs() - begin, 1000 * kMs);
}

TEST(Loop, AnEarlierTimerFromAnotherThreadWakesIt) {
  sys::Loop loop;
  std::thread thread([&] { loop.run(); });
  loop.at(base::monotonicNs() + 60'000 * kMs, [] {});
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::promise<void> done;
  loop.at(base::monotonicNs() + kMs, [&] { done.set_value(); });
  EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
  loop.stop();
  thread.join();
}

TEST(Loop, WatchesDescriptors) {
  sys::Loop loop;
  const auto [a, b] = sys::socketPair(SOCK_STREAM);
  std::string got;
  loop.watch(b.get(), EPOLLIN, [&, fd = b.get()](std::uint32_t events) {
    EXPECT_NE(events & EPOLLIN, 0u);
    char buffer[16];
    const auto n = ::read(fd, buffer, sizeof buffer);
    if (n > 0) got.append(buffer, static_cast<size_t>(n));
    if (n <= 0) {
      loop.unwatch(fd);
      loop.stop();
    }
  });
  std::thread writer([fd = a.get()] {
    for (const char* text : {"one ", "two ", "three"}) {
      [[maybe_unused]] const auto n = ::write(fd, text, strlen(text));
    }
    ::shutdown(fd, SHUT_WR);
  });
  loop.run();
  writer.join();
  EXPECT_EQ(got, "one two three");
}

TEST(Loop, AReusedNumberDoesNotInheritOldEvents) {
  sys::Loop loop;
  // All are ready in one round: the first handler puts a quiet socket in the place of every other.
  std::vector<std::pair<sys::Fd, sys::Fd>> pairs;
  auto quiet = sys::socketPair(SOCK_STREAM);
  int handled = 0;
  for (int i = 0; i < 4; ++i) pairs.push_back(sys::socketPair(SOCK_STREAM));
  for (auto& pair : pairs) {
    ASSERT_EQ(::write(pair.second.get(), "x", 1), 1);
    loop.watch(pair.first.get(), EPOLLIN, [&, own = pair.first.get()](std::uint32_t) {
      ++handled;
      for (auto& other : pairs) {
        const int number = other.first.get();
        loop.unwatch(number);
        if (number == own) continue;
        ASSERT_EQ(::dup3(quiet.first.get(), number, O_CLOEXEC), number);
        loop.watch(number, EPOLLIN,
                   [](std::uint32_t) { FAIL() << "event of a closed descriptor"; });
      }
      loop.at(base::monotonicNs() + 5 * kMs, [&] { loop.stop(); });
    });
  }
  loop.run();
  EXPECT_EQ(handled, 1);
}

TEST(Loop, AThrowingCallbackIsLoggedAndForgotten) {
  sys::Loop loop;
  int after = 0;
  loop.post([] { base::fail(base::Code::kInternal, "on purpose"); });
  loop.post([&] {
    ++after;
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(after, 1);
}

}  // namespace
