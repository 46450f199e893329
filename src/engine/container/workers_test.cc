#include "engine/container/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <stdexcept>

namespace container {
namespace {

TEST(Workers, JobsRunAndAThrowingOneHurtsNoOther) {
  Workers workers(4);
  std::atomic<int> count{0};
  std::promise<void> all;
  for (int i = 0; i < 100; ++i) {
    workers.post([&] {
      if (++count == 100) all.set_value();
      if (count == 50) throw std::runtime_error("ignored");
    });
  }
  EXPECT_EQ(all.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
}

TEST(Workers, AJobMayPostAnotherWhenItIsDropped) {
  std::promise<void> posted;
  Workers workers(2);
  const auto last = [&] { posted.set_value(); };
  workers.post([held = std::shared_ptr<void>(nullptr, [&](void*) { workers.post(last); })] {});
  EXPECT_EQ(posted.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
}

TEST(Workers, TimersRunInTheirOrderAndCancelledOnesNever) {
  Workers workers(1);
  std::promise<void> last;
  std::vector<int> order;
  workers.after(30'000'000, [&] {
    order.push_back(3);
    last.set_value();
  });
  workers.after(10'000'000, [&] { order.push_back(1); });
  const auto cancelled = workers.after(20'000'000, [&] { order.push_back(2); });
  workers.cancel(cancelled);
  ASSERT_EQ(last.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
  EXPECT_EQ(order, std::vector<int>({1, 3}));
}

TEST(Workers, StopRunsWhatWasPostedAndDropsWhatIsTimed) {
  std::atomic<int> count{0};
  Workers workers(2);
  workers.after(3'600'000'000'000, [&] { count = 1000; });
  for (int i = 0; i < 50; ++i) workers.post([&] { ++count; });
  workers.stop();
  EXPECT_EQ(count, 50);
}

}  // namespace
}  // namespace container
