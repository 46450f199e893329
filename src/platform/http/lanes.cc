#include "platform/http/lanes.h"

#include <pthread.h>

#include <chrono>
#include <deque>
#include <unordered_map>
#include <vector>

#include "platform/base/log.h"
#include "platform/base/mutex.h"

namespace http {
namespace {

// Handlers keep large buffers on the heap; untouched stack costs address space only.
constexpr size_t kStackBytes = 1024 * 1024;

}  // namespace

struct Pool::State {
  struct Waiter {
    base::Condition wake;
    std::function<void()> task;
  };

  // The tasks of one key.
  struct Kind {
    int running = 0;  // or in the queue
    std::deque<std::function<void()>> waiting;
  };

  const char* name;
  int maxThreads;
  size_t maxQueue;
  std::chrono::seconds idle;

  base::Mutex mutex;
  base::Condition ended;
  std::deque<std::function<void()>> queue GUARDED_BY(mutex);
  std::vector<Waiter*> waiters GUARDED_BY(mutex);  // a stack: the last is the warmest
  std::unordered_map<std::string, Kind> kinds GUARDED_BY(mutex);  // only those with a task
  size_t waiting GUARDED_BY(mutex) = 0;                           // in all kinds
  int threads GUARDED_BY(mutex) = 0;
  bool stopped GUARDED_BY(mutex) = false;

  // The next task for this thread; empty: the thread is to end, and is no longer counted.
  std::function<void()> next() {
    const base::Lock lock(mutex);
    if (queue.empty() && !stopped) {
      Waiter self;
      waiters.push_back(&self);
      const auto until = std::chrono::steady_clock::now() + idle;
      while (!self.task && !stopped && self.wake.waitUntil(mutex, until)) {
      }
      std::erase(waiters, &self);
      if (self.task) return std::move(self.task);
    }
    if (!queue.empty()) {
      std::function<void()> task = std::move(queue.front());
      queue.pop_front();
      return task;
    }
    --threads;
    ended.notifyAll();
    return {};
  }

  // Runs `task` and, on the same thread, what has waited for it.
  void runKind(const std::string& key, std::function<void()> task) {
    while (task) {
      task();
      task = nullptr;  // what it holds may want the lock when it goes
      const base::Lock lock(mutex);
      Kind& kind = kinds[key];
      if (kind.waiting.empty()) {
        leaveKind(key);
      } else {
        task = std::move(kind.waiting.front());
        kind.waiting.pop_front();
        --waiting;
      }
    }
  }
  void leaveKind(const std::string& key) REQUIRES(mutex) {
    if (const auto found = kinds.find(key); --found->second.running == 0) kinds.erase(found);
  }

  static void* main(void* argument) {
    const std::unique_ptr<std::shared_ptr<State>> owner(
        static_cast<std::shared_ptr<State>*>(argument));
    State& state = **owner;
    pthread_setname_np(pthread_self(), state.name);
    while (auto task = state.next()) task();
    return nullptr;
  }

  static bool spawn(const std::shared_ptr<State>& state) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kStackBytes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    auto owner = std::make_unique<std::shared_ptr<State>>(state);
    pthread_t thread;
    const int error = pthread_create(&thread, &attributes, &State::main, owner.get());
    pthread_attr_destroy(&attributes);
    if (error != 0) return false;
    [[maybe_unused]] auto* const theirs = owner.release();
    return true;
  }

  static bool submit(const std::shared_ptr<State>& state, std::function<void()> task)
      REQUIRES(state->mutex) {
    if (!state->waiters.empty()) {
      Waiter* const waiter = state->waiters.back();
      state->waiters.pop_back();
      waiter->task = std::move(task);
      waiter->wake.notifyOne();
      return true;
    }
    const bool mayGrow = state->threads < state->maxThreads;
    if (!mayGrow && state->queue.size() >= state->maxQueue) return false;
    state->queue.push_back(std::move(task));
    if (!mayGrow) return true;
    ++state->threads;
    if (spawn(state)) return true;
    // No thread to be had: those that run will come to it; without any nobody would.
    if (--state->threads > 0) return true;
    state->queue.pop_back();
    base::log::error("cannot start a thread", {{"pool", state->name}});
    return false;
  }
};

Pool::Pool(const char* name, int maxThreads, size_t maxQueue, int idleSeconds)
    : state_(std::make_shared<State>()) {
  state_->name = name;
  state_->maxThreads = maxThreads;
  state_->maxQueue = maxQueue;
  state_->idle = std::chrono::seconds(idleSeconds);
}

Pool::~Pool() {
  stop();
}

bool Pool::submit(std::function<void()> task, const std::string& key, int atOnce) {
  const base::Lock lock(state_->mutex);
  if (state_->stopped) return false;
  if (key.empty()) return State::submit(state_, std::move(task));
  State::Kind& kind = state_->kinds[key];
  if (kind.running >= atOnce) {
    // One key may not take all of the room either.
    if (state_->waiting >= state_->maxQueue || kind.waiting.size() >= state_->maxQueue / 8)
      return false;
    ++state_->waiting;
    kind.waiting.push_back(std::move(task));
    return true;
  }
  ++kind.running;
  // The state outlives its threads.
  State* const state = state_.get();
  if (State::submit(state_, [state, key, task = std::move(task)]() mutable {
        state->runKind(key, std::move(task));
      }))
    return true;
  state_->leaveKind(key);
  return false;
}

bool Pool::stop(std::chrono::steady_clock::time_point until) {
  const base::Lock lock(state_->mutex);
  state_->stopped = true;
  for (State::Waiter* waiter : state_->waiters) waiter->wake.notifyOne();
  while (state_->threads > 0 && state_->ended.waitUntil(state_->mutex, until)) {
  }
  return state_->threads == 0;
}

void Pool::stop() {
  while (!stop(std::chrono::steady_clock::now() + std::chrono::hours(1))) {
  }
}

int Pool::threads() const {
  const base::Lock lock(state_->mutex);
  return state_->threads;
}

}  // namespace http
