// What one event may carry, and the past in pieces.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "state/events/events.h"

namespace events {

// Bytes of an action or of an attribute's value; Bus cuts what is longer. Commands and labels come
// from clients and images, every event of a container repeats them, and thousands of events are
// kept.
constexpr size_t kMostText = 4096;
// Bytes of labels that an event repeats.
constexpr size_t kMostLabels = 16 << 10;

// Adds labels as attributes. Where they are too many, the shortest are taken: what tools find their
// containers by is short, what builders leave behind is long.
void addLabels(Event& event, const std::map<std::string, std::string>& labels);

// What of the past is asked for.
struct Span {
  std::int64_t after = 0;  // a number
  std::int64_t upTo = INT64_MAX;
  base::Time since, until{INT64_MAX};  // since <= time < until
};

// Events from disk, in order, until there are no more or `each` says false. It may block for as
// long as it likes: a few are read at a time, and nothing is held meanwhile.
void replay(store::Store& store, const Span& span, const std::function<bool(const Event&)>& each);

}  // namespace events
