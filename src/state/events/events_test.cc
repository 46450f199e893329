#include "state/events/events.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "platform/base/error.h"
#include "state/events/bounds.h"

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

  std::vector<Event> all(const events::Span& span = {}) {
    std::vector<Event> found;
    events::replay(*store_, span, [&](const Event& e) {
      found.push_back(e);
      return true;
    });
    return found;
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
  const auto kept = all({.since = before});
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].seq, 1);
  EXPECT_EQ(kept[0].type, "container");
  EXPECT_EQ(kept[0].action, "create");
  EXPECT_EQ(kept[0].actorId, "id");
  EXPECT_EQ(kept[0].scope, "local");
  EXPECT_EQ(kept[0].attributes, event("").attributes);
  EXPECT_GE(kept[0].time, before);
  EXPECT_LE(kept[0].time, base::Time::now());
}

TEST_F(EventsTest, SpanOfTimeIsHalfOpen) {
  Bus bus(*store_);
  for (int i = 1; i <= 5; ++i) {
    Event e = event(std::to_string(i));
    e.time = base::Time::fromUnix(i);
    store_->write(Durability::kLazy, [&](store::Transaction& t) { bus.append(t, e); });
  }
  const auto from = [](std::int64_t seconds) { return base::Time::fromUnix(seconds); };
  expectRun(all({.since = from(2), .until = from(4)}), 2, 3);
  expectRun(all({.after = 1, .upTo = 4}), 2, 4);
  EXPECT_TRUE(all({.since = from(6), .until = from(9)}).empty());
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
  const auto left = all();
  EXPECT_GE(left.size(), 100u);
  EXPECT_LE(left.size(), 110u);
  EXPECT_EQ(left.back().seq, 1234);
  Ear ear;
  const auto subscription =
      bus.subscribe(5, std::ref(ear));  // what is gone is gone, what is there comes
  expectRun(ear.waitFor(left.size()), left.front().seq, 1234);
}

TEST_F(EventsTest, ReplayReadsAFewAtATimeAndEndsWhenTold) {
  Bus bus(*store_);
  append(bus, 1, 1000);
  expectRun(all(), 1, 1000);
  std::int64_t seen = 0;
  events::replay(*store_, {.after = 100}, [&](const Event& e) {
    seen = e.seq;
    append(bus, "meanwhile");  // nothing is held while it is told
    return seen < 300;
  });
  EXPECT_EQ(seen, 300);
}

TEST_F(EventsTest, LongTextsAreCutBetweenCharacters) {
  Bus bus(*store_);
  Event e = event("exec_create: sh");
  e.attributes["note"] = std::string(events::kMostText, 'x');
  store_->write(Durability::kLazy, [&](store::Transaction& t) { bus.append(t, e); });
  for (int i = 0; i < 1'000'000; ++i) e.action += "ä";
  e.attributes["note"] += "y";
  store_->write(Durability::kLazy, [&](store::Transaction& t) { bus.append(t, e); });
  const auto kept = all();
  EXPECT_EQ(kept[0].action, "exec_create: sh");
  EXPECT_EQ(kept[0].attributes.at("note"), std::string(events::kMostText, 'x'));
  EXPECT_LE(kept[1].action.size(), events::kMostText);
  EXPECT_GT(kept[1].action.size(), events::kMostText - 8);
  EXPECT_TRUE(kept[1].action.starts_with("exec_create: shää")) << kept[1].action.substr(0, 40);
  EXPECT_TRUE(kept[1].action.ends_with("ä…"));
  EXPECT_EQ(kept[1].attributes.at("note"), std::string(events::kMostText - 3, 'x') + "…");
}

TEST_F(EventsTest, ShortLabelsAreKeptWhereAllAreTooMany) {
  Event few = event("create");
  const std::map<std::string, std::string> usual = {{"com.docker.compose.project", "shop"},
                                                    {"built", std::string(12'000, 'b')}};
  events::addLabels(few, usual);
  EXPECT_EQ(few.attributes.at("built").size(), 12'000u);
  EXPECT_EQ(few.attributes.at("name"), "web");
  Event many = event("create");
  std::map<std::string, std::string> labels = usual;
  for (int i = 0; i < 100'000; ++i)
    labels["a.long.name.of.no.use." + std::to_string(i)] = std::string(70, 'x');
  events::addLabels(many, labels);
  EXPECT_EQ(many.attributes.at("com.docker.compose.project"), "shop");
  EXPECT_FALSE(many.attributes.contains("built"));
  EXPECT_GT(many.attributes.size(), 50u);
  EXPECT_LT(many.attributes.size(), 1000u);
}

TEST_F(EventsTest, ManyLargeOnesAreDroppedBeforeTheirNumberIsReached) {
  Bus bus(*store_);
  Event large = event("large");
  for (int i = 0; i < 100; ++i)
    large.attributes["k" + std::to_string(i)] = std::string(events::kMostText, 'x');
  store_->write(Durability::kLazy, [&](store::Transaction& t) {
    for (int i = 0; i < 250; ++i) bus.append(t, large);
  });
  const auto left = all({.upTo = 250});
  EXPECT_GT(left.size(), 100u);
  EXPECT_LT(left.size(), 200u);
  EXPECT_EQ(left.back().seq, 250);
}

}  // namespace
