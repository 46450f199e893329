#include "state/events/events.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "platform/base/error.h"

namespace {

using events::Bus;
using events::Event;
using store::Durability;

class EventsTest : public testing::Test {
 protected:
  EventsTest() {
    char name[] = "/tmp/sampan-events-XXXXXX";
    path_ = ::mkdtemp(name);
    store_ = std::make_unique<store::Store>(path_);
  }
  ~EventsTest() override {
    store_.reset();
    std::filesystem::remove_all(path_);
  }

  static Event event(const std::string& action) {
    Event e;
    e.type = "container";
    e.action = action;
    e.actorId = "id";
    e.attributes = {{"name", "web"}, {"empty", ""}, {"image", "a=b,c \"d\"\n"}};
    return e;
  }
  void append(Bus& bus, const std::string& action) {
    store_->write(Durability::kLazy, [&](store::Transaction& t) { bus.append(t, event(action)); });
  }
  void append(Bus& bus, int from, int to) {
    for (int i = from; i <= to; ++i) append(bus, std::to_string(i));
  }

  std::string path_;
  std::unique_ptr<store::Store> store_;
};

// Collects what a subscription hears.
class Ear {
 public:
  bool operator()(const Event& e) {
    const std::lock_guard lock(mutex_);
    heard_.push_back(e);
    changed_.notify_all();
    return true;
  }
  std::vector<Event> waitFor(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return heard_.size() >= count; });
    return heard_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Event> heard_;
};

void expectRun(const std::vector<Event>& events, std::int64_t first, std::int64_t last) {
  ASSERT_EQ(events.size(), static_cast<size_t>(last - first + 1));
  for (size_t i = 0; i < events.size(); ++i) {
    ASSERT_EQ(events[i].seq, first + static_cast<std::int64_t>(i));
    ASSERT_EQ(events[i].action, std::to_string(events[i].seq));
  }
}

TEST_F(EventsTest, EverythingAnEventSaysIsKeptAlsoOverARestart) {
  const base::Time before = base::Time::now();
  {
    Bus bus(*store_);
    append(bus, "create");
    EXPECT_EQ(bus.lastSeq(), 1);
  }
  store_.reset();
  store_ = std::make_unique<store::Store>(path_);
  Bus bus(*store_);
  EXPECT_EQ(bus.lastSeq(), 1);
  const auto all = bus.range(before, {INT64_MAX});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].seq, 1);
  EXPECT_EQ(all[0].type, "container");
  EXPECT_EQ(all[0].action, "create");
  EXPECT_EQ(all[0].actorId, "id");
  EXPECT_EQ(all[0].scope, "local");
  EXPECT_EQ(all[0].attributes, event("").attributes);
  EXPECT_GE(all[0].time, before);
  EXPECT_LE(all[0].time, base::Time::now());
}

TEST_F(EventsTest, RangeIsHalfOpen) {
  Bus bus(*store_);
  for (int i = 1; i <= 5; ++i) {
    Event e = event(std::to_string(i));
    e.time = base::Time::fromUnix(i);
    store_->write(Durability::kLazy, [&](store::Transaction& t) { bus.append(t, e); });
  }
  expectRun(bus.range(base::Time::fromUnix(2), base::Time::fromUnix(4)), 2, 3);
  EXPECT_TRUE(bus.range(base::Time::fromUnix(6), base::Time::fromUnix(9)).empty());
}

TEST_F(EventsTest, AChangeThatFailedHasNoEventAndLeavesNoGap) {
  Bus bus(*store_);
  Ear ear;
  const auto subscription = bus.subscribe(0, std::ref(ear));
  append(bus, "1");
  EXPECT_THROW(store_->write(Durability::kLazy,
                             [&](store::Transaction& t) {
                               bus.append(t, event("lost"));
                               base::fail(base::Code::kConflict, "on purpose");
                             }),
               base::Error);
  append(bus, "2");
  expectRun(ear.waitFor(2), 1, 2);
}

TEST_F(EventsTest, ASubscriberHearsAllFromNowOnInOrder) {
  Bus bus(*store_);
  append(bus, 1, 3);
  Ear ear;
  const auto subscription = bus.subscribe(0, std::ref(ear));
  append(bus, 4, 500);
  expectRun(ear.waitFor(497), 4, 500);
}

TEST_F(EventsTest, APastOneIsCaughtUpWithoutGapWhileOthersWrite) {
  Bus bus(*store_);
  append(bus, 1, 1000);
  std::thread writer([&] { append(bus, 1001, 2000); });
  Ear from10;
  Ear from990;
  const auto a = bus.subscribe(10, std::ref(from10));
  const auto b = bus.subscribe(990, std::ref(from990));
  writer.join();
  expectRun(from10.waitFor(1990), 11, 2000);
  expectRun(from990.waitFor(1010), 991, 2000);
}

TEST_F(EventsTest, ANumberFromTheFutureMeansNow) {
  Bus bus(*store_);
  append(bus, 1, 3);
  Ear ear;
  const auto subscription = bus.subscribe(1000, std::ref(ear));
  append(bus, 4, 4);
  expectRun(ear.waitFor(1), 4, 4);
}

TEST_F(EventsTest, PublishDoesNotWaitAndArrives) {
  Bus bus(*store_);
  Ear ear;
  const auto subscription = bus.subscribe(0, std::ref(ear));
  for (int i = 1; i <= 50; ++i) bus.publish(event(std::to_string(i)));
  expectRun(ear.waitFor(50), 1, 50);
  EXPECT_EQ(bus.lastSeq(), 50);
}

TEST_F(EventsTest, FalseEndsASubscriptionAndItCanResume) {
  Bus bus(*store_);
  std::atomic<std::int64_t> last{0};
  auto subscription = bus.subscribe(0, [&](const Event& e) {
    last = e.seq;
    return e.seq < 5;
  });
  append(bus, 1, 20);
  Ear ear;
  const auto other = bus.subscribe(5, std::ref(ear));
  expectRun(ear.waitFor(15), 6, 20);
  EXPECT_EQ(last, 5);
}

TEST_F(EventsTest, NoCallbackRunsAfterUnsubscribing) {
  Bus bus(*store_);
  for (int round = 0; round < 50; ++round) {
    auto gone = std::make_shared<std::atomic<bool>>(false);
    std::atomic<bool> heard{false};
    auto subscription = bus.subscribe(0, [&heard, gone](const Event&) {
      EXPECT_FALSE(*gone);
      heard = true;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      EXPECT_FALSE(*gone);
      return true;
    });
    for (int i = 0; i < 5; ++i) bus.publish(event("x"));
    while (!heard) std::this_thread::yield();
    subscription.reset();
    *gone = true;
  }
}

TEST_F(EventsTest, ACallbackMayDropItsOwnSubscription) {
  Bus bus(*store_);
  std::unique_ptr<events::Subscription> subscription;
  std::mutex ready;
  std::atomic<int> calls{0};
  {
    const std::lock_guard lock(ready);
    subscription = bus.subscribe(0, [&](const Event&) {
      const std::lock_guard inner(ready);
      ++calls;
      subscription.reset();
      return true;
    });
  }
  append(bus, 1, 5);
  Ear ear;
  const auto other = bus.subscribe(1, std::ref(ear));
  expectRun(ear.waitFor(4), 2, 5);
  EXPECT_EQ(calls, 1);
}

TEST_F(EventsTest, ASubscriptionMayOutliveTheBus) {
  std::unique_ptr<events::Subscription> subscription;
  {
    Bus bus(*store_);
    subscription = bus.subscribe(0, [](const Event&) { return true; });
  }
  subscription.reset();
}

TEST_F(EventsTest, OldOnesAreDroppedInBatchesNewOnesAreKept) {
  Bus bus(*store_, 100);
  append(bus, 1, 1234);
  const auto left = bus.range({0}, {INT64_MAX});
  EXPECT_GE(left.size(), 100u);
  EXPECT_LE(left.size(), 110u);
  EXPECT_EQ(left.back().seq, 1234);
  Ear ear;
  const auto subscription =
      bus.subscribe(5, std::ref(ear));  // what is gone is gone, what is there comes
  expectRun(ear.waitFor(left.size()), left.front().seq, 1234);
}

}  // namespace
