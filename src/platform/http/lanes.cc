#include "platform/http/lanes.h"

#include <pthread.h>

#include <chrono>
#include <deque>
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

  const char* name;
  int maxThreads;
  size_t maxQueue;
  std::chrono::seconds idle;

  base::Mutex mutex;
  base::Condition ended;
  std::deque<std::function<void()>> queue GUARDED_BY(mutex);
  std::vector<Waiter*> waiters GUARDED_BY(mutex);  // a stack: the last is the warmest
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

bool Pool::submit(std::function<void()> task) {
  const base::Lock lock(state_->mutex);
  if (state_->stopped) return false;
  if (!state_->waiters.empty()) {
    State::Waiter* const waiter = state_->waiters.back();
    state_->waiters.pop_back();
    waiter->task = std::move(task);
    waiter->wake.notifyOne();
    return true;
  }
  const bool mayGrow = state_->threads < state_->maxThreads;
  if (!mayGrow && state_->queue.size() >= state_->maxQueue) return false;
  state_->queue.push_back(std::move(task));
  if (!mayGrow) return true;
  ++state_->threads;
  if (State::spawn(state_)) return true;
  // No thread to be had: those that run will come to it; without any nobody would.
  if (--state_->threads > 0) return true;
  state_->queue.pop_back();
  base::log::error("cannot start a thread", {{"pool", state_->name}});
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
