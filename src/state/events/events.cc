#include "state/events/events.h"

#include <pthread.h>

#include <algorithm>
#include <deque>
#include <list>
#include <thread>

#include "platform/base/error.h"
#include "platform/base/log.h"
#include "platform/base/mutex.h"
#include "state/events/bounds.h"

namespace events {
namespace {

using EventPtr = std::shared_ptr<const Event>;

// Events read from disk at once.
constexpr int kRowsAtOnce = 64;
// Of actions and attributes on disk; what is newer than the last look comes on top.
constexpr std::int64_t kMostBytes = 64 << 20, kBytesBetweenLooks = 8 << 20;

const store::Schema kSchema{
    "events",
    {"CREATE TABLE event (seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, type TEXT NOT NULL, "
     "action TEXT NOT NULL,"
     " actor TEXT NOT NULL, scope TEXT NOT NULL, attributes TEXT NOT NULL)"}};

#define EVENT_COLUMNS "seq,time,type,action,actor,scope,attributes"

// "key\0value\0": nothing in them needs escaping, since neither can hold a NUL.
std::string pack(const std::map<std::string, std::string>& attributes) {
  std::string packed;
  for (const auto& [key, value] : attributes) {
    packed += key.substr(0, key.find('\0'));
    packed += '\0';
    packed += value.substr(0, value.find('\0'));
    packed += '\0';
  }
  return packed;
}

std::map<std::string, std::string> unpack(std::string_view packed) {
  std::map<std::string, std::string> attributes;
  const auto next = [&] {
    const auto end = std::min(packed.find('\0'), packed.size());
    std::string piece(packed.substr(0, end));
    packed.remove_prefix(std::min(end + 1, packed.size()));
    return piece;
  };
  while (!packed.empty()) {
    std::string key = next();
    attributes[std::move(key)] = next();
  }
  return attributes;
}

void cut(std::string& text) {
  if (text.size() <= kMostText) return;
  constexpr std::string_view kRest = "…";
  size_t end = kMostText - kRest.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // UTF-8
  text.resize(end);
  text += kRest;
}

Event eventOf(const store::Row& row) {
  Event event;
  event.seq = row.integer(0);
  event.time.ns = row.integer(1);
  event.type = row.text(2);
  event.action = row.text(3);
  event.actorId = row.text(4);
  event.scope = row.text(5);
  event.attributes = unpack(row.text(6));
  return event;
}

std::vector<Event> some(store::Store& store, const Span& span) {
  std::vector<Event> events;
  store.read([&](store::Reader& reader) {
    reader.query("SELECT " EVENT_COLUMNS
                 " FROM event WHERE seq>?1 AND seq<=?2 AND time>=?3 AND time<?4"
                 " ORDER BY seq LIMIT ?5",
                 {span.after, span.upTo, span.since.ns, span.until.ns, std::int64_t{kRowsAtOnce}},
                 [&](const store::Row& row) { events.push_back(eventOf(row)); });
  });
  return events;
}

struct Subscriber {
  std::function<bool(const Event&)> each;
  std::int64_t cursor = 0;  // delivered up to here
};

}  // namespace

struct Bus::Impl : std::enable_shared_from_this<Bus::Impl> {
  Impl(store::Store& store, std::int64_t keep)
      : store(store), keep(std::max<std::int64_t>(keep, 1)) {}

  store::Store& store;
  const std::int64_t keep;

  // Bytes since the last look at their sum; of the writer thread. The first look is due at once.
  std::int64_t written = kBytesBetweenLooks;

  base::Mutex mutex;
  base::Condition changed;   // for the dispatcher
  base::Condition finished;  // a callback returned
  std::int64_t last GUARDED_BY(mutex) = 0;
  std::deque<EventPtr> queue GUARDED_BY(mutex);  // filled only while somebody listens
  std::list<std::shared_ptr<Subscriber>> subscribers GUARDED_BY(mutex);
  const Subscriber* running GUARDED_BY(mutex) = nullptr;
  bool stopping GUARDED_BY(mutex) = false;
  std::thread dispatcher;  // started by the first subscription: an idle engine has none

  void append(store::Transaction& transaction, Event event) {
    if (event.time.zero()) event.time = base::Time::now();
    cut(event.action);
    for (auto& [key, value] : event.attributes) cut(value);
    const std::string attributes = pack(event.attributes);
    transaction.run(
        "INSERT INTO event(time,type,action,actor,scope,attributes) VALUES(?1,?2,?3,?4,?5,?6)",
        {event.time.ns, event.type, event.action, event.actorId, event.scope, attributes});
    event.seq = transaction.lastRowId();
    grow(transaction, static_cast<std::int64_t>(event.action.size() + attributes.size()));
    // The newest is never deleted, so no number is given twice.
    const std::int64_t batch = std::max<std::int64_t>(keep / 10, 1);
    if (event.seq % batch == 0)
      transaction.run("DELETE FROM event WHERE seq<=?1", {event.seq - keep});
    transaction.afterCommit(
        [self = shared_from_this(), shared = std::make_shared<const Event>(std::move(event))] {
          self->committed(shared);
        });
  }

  // On the writer thread: drops the oldest where all together are too large, which is rarely so.
  void grow(store::Transaction& transaction, std::int64_t bytes) {
    written += bytes;
    if (written < kBytesBetweenLooks) return;
    written = 0;
    transaction.run(
        "DELETE FROM event WHERE seq<=(SELECT max(seq) FROM (SELECT seq,"
        "sum(length(CAST(action AS BLOB))+length(CAST(attributes AS BLOB)))"
        " OVER (ORDER BY seq DESC) AS total FROM event) WHERE total>?1)",
        {kMostBytes});
  }

  // On the writer thread, after the commit.
  void committed(const EventPtr& event) {
    const base::Lock lock(mutex);
    last = event->seq;
    if (subscribers.empty()) return;
    queue.push_back(event);
    changed.notifyOne();
  }

  bool present(const Subscriber* subscriber) REQUIRES(mutex) {
    return std::any_of(subscribers.begin(), subscribers.end(),
                       [&](const auto& s) { return s.get() == subscriber; });
  }

  // Removes it and waits for its callback, unless called by that callback itself.
  void remove(const Subscriber* subscriber) {
    const base::Lock lock(mutex);
    subscribers.remove_if([&](const auto& s) { return s.get() == subscriber; });
    if (subscribers.empty()) queue.clear();
    if (std::this_thread::get_id() == dispatcher.get_id()) return;
    while (running == subscriber) finished.wait(mutex);
  }

  // Dispatcher thread. False: the subscription is over.
  bool deliver(const std::shared_ptr<Subscriber>& subscriber, const Event& event) {
    {
      const base::Lock lock(mutex);
      if (!present(subscriber.get())) return false;
      running = subscriber.get();
    }
    bool more = false;
    try {
      more = subscriber->each(event);
    } catch (const std::exception& error) {
      base::log::error("event subscriber failed", {{"error", error.what()}});
    }
    subscriber->cursor = event.seq;
    const base::Lock lock(mutex);
    running = nullptr;
    finished.notifyAll();
    if (!more) subscribers.remove(subscriber);
    return more;
  }

  // Brings one that lags up to `until`, from disk.
  void catchUp(const std::shared_ptr<Subscriber>& subscriber, std::int64_t until) {
    while (subscriber->cursor < until) {
      const auto events = some(store, {.after = subscriber->cursor, .upTo = until});
      for (const Event& event : events) {
        if (!deliver(subscriber, event)) return;
      }
      if (events.empty()) subscriber->cursor = until;
    }
  }

  void dispatch() {
    ::pthread_setname_np(::pthread_self(), "events");
    for (;;) {
      std::vector<std::shared_ptr<Subscriber>> all;
      EventPtr event;
      std::int64_t reached = 0;
      {
        const base::Lock lock(mutex);
        while (!stopping && queue.empty() && !anyLags()) changed.wait(mutex);
        if (stopping) return;
        all.assign(subscribers.begin(), subscribers.end());
        if (!queue.empty()) {
          event = std::move(queue.front());
          queue.pop_front();
        }
        reached = event ? event->seq - 1 : last;
      }
      for (const auto& subscriber : all) {
        try {
          catchUp(subscriber, reached);
        } catch (const base::Error& error) {
          base::log::error("events cannot be read, subscription ended",
                           {{"error", error.message()}});
          remove(subscriber.get());
        }
        if (event && subscriber->cursor < event->seq) deliver(subscriber, *event);
      }
    }
  }

  bool anyLags() REQUIRES(mutex) {
    return std::any_of(subscribers.begin(), subscribers.end(),
                       [&](const auto& s) REQUIRES(mutex) { return s->cursor < last; });
  }
};

namespace {

class Handle final : public Subscription {
 public:
  explicit Handle(std::function<void()> remove) : remove_(std::move(remove)) {}
  ~Handle() override { remove_(); }

 private:
  std::function<void()> remove_;
};

}  // namespace

void addLabels(Event& event, const std::map<std::string, std::string>& labels) {
  using Label = std::map<std::string, std::string>::const_pointer;
  constexpr size_t kEach = 32;  // many tiny ones cost memory too
  const auto size = [](Label label) {
    return kEach + label->first.size() + std::min(label->second.size(), kMostText);
  };
  size_t total = 0;
  std::vector<Label> all;
  for (const auto& label : labels) {
    all.push_back(&label);
    total += size(&label);
  }
  if (total > kMostLabels)
    std::stable_sort(all.begin(), all.end(), [&](Label a, Label b) { return size(a) < size(b); });
  size_t left = kMostLabels;
  for (const Label label : all) {
    if (size(label) > left) break;
    left -= size(label);
    event.attributes[label->first] = label->second;
  }
}

Bus::Bus(store::Store& store, std::int64_t keep) : impl_(std::make_shared<Impl>(store, keep)) {
  store.ensure(kSchema);
  store.read([&](store::Reader& reader) {
    const base::Lock lock(impl_->mutex);
    impl_->last = reader.integer("SELECT max(seq) FROM event").value_or(0);
  });
}

Bus::~Bus() {
  {
    const base::Lock lock(impl_->mutex);
    impl_->stopping = true;
    impl_->changed.notifyAll();
  }
  if (impl_->dispatcher.joinable()) impl_->dispatcher.join();
}

void Bus::append(store::Transaction& transaction, Event event) {
  impl_->append(transaction, std::move(event));
}

void Bus::publish(Event event) {
  if (event.time.zero()) event.time = base::Time::now();
  impl_->store.writeAsync(
      store::Durability::kLazy,
      [impl = impl_, event = std::move(event)](store::Transaction& transaction) {
        impl->append(transaction, event);
      },
      [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);  // the writer logs it
      });
}

std::unique_ptr<Subscription> Bus::subscribe(std::int64_t afterSeq,
                                             std::function<bool(const Event&)> each) {
  const auto subscriber = std::make_shared<Subscriber>();
  subscriber->each = std::move(each);
  const base::Lock lock(impl_->mutex);
  // A number from before a power cut may be ahead of ours: lazy events were lost with it.
  subscriber->cursor = afterSeq <= 0 ? impl_->last : std::min(afterSeq, impl_->last);
  impl_->subscribers.push_back(subscriber);
  if (!impl_->dispatcher.joinable())
    impl_->dispatcher = std::thread([impl = impl_.get()] { impl->dispatch(); });
  impl_->changed.notifyOne();
  return std::make_unique<Handle>([impl = impl_, subscriber] { impl->remove(subscriber.get()); });
}

void replay(store::Store& store, const Span& span, const std::function<bool(const Event&)>& each) {
  Span rest = span;
  for (;;) {
    const auto events = some(store, rest);
    for (const Event& event : events) {
      if (!each(event)) return;
    }
    if (events.size() < kRowsAtOnce) return;
    rest.after = events.back().seq;
  }
}

std::vector<Event> Bus::range(base::Time since, base::Time until) {
  std::vector<Event> events;
  replay(impl_->store, {.since = since, .until = until}, [&](const Event& event) {
    events.push_back(event);
    return true;
  });
  return events;
}

std::int64_t Bus::lastSeq() const {
  const base::Lock lock(impl_->mutex);
  return impl_->last;
}

}  // namespace events
