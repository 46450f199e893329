// The durable, numbered event bus behind GET /events. An event is appended in the transaction of
// the change that it tells of, so neither can exist without the other; subscribers hear of it after
// the commit.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "platform/base/time.h"
#include "state/store/store.h"

namespace events {

struct Event {
  std::int64_t seq = 0;  // set by append
  std::string type;      // container, image, network, volume, daemon…
  std::string action;    // create, start, "exec_create: sh -c x"
  std::string actorId;
  std::map<std::string, std::string> attributes;
  std::string scope = "local";
  base::Time time;  // set by append when zero
};

class Subscription {
 public:
  virtual ~Subscription() = default;  // no callback runs after this returns
};

// Thread-safe.
class Bus {
 public:
  // Keeps at least `keep` events on disk; older ones are dropped in batches.
  explicit Bus(store::Store& store, std::int64_t keep = 10'000);
  ~Bus();

  // Inside a writer closure.
  void append(store::Transaction& transaction, Event event);
  // An event without a change of its own (attach, exec_start, resize…): lazy, does not wait.
  void publish(Event event);

  // `each` runs on one dispatcher thread, in order, without gaps, starting behind `afterSeq` (0:
  // from now on). It must not block: false from it ends the subscription (a subscriber that cannot
  // keep up resumes by seq).
  std::unique_ptr<Subscription> subscribe(std::int64_t afterSeq,
                                          std::function<bool(const Event&)> each);

  // Events with since <= time < until from disk, in order.
  std::vector<Event> range(base::Time since, base::Time until);
  std::int64_t lastSeq() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with subscriptions, which may outlive the bus
};

}  // namespace events
