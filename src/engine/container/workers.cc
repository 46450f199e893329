#include "engine/container/workers.h"

#include <pthread.h>

#include <chrono>

#include "platform/base/error.h"
#include "platform/base/log.h"
#include "platform/base/time.h"

namespace container {
namespace {

constexpr auto kLinger = std::chrono::seconds(1);
constexpr size_t kStack = 256 * 1024;

// Detached with a small stack; the owner counts it in and waits for it to count itself out.
void startThread(std::function<void()> body) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStack);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  auto* owned = new std::function<void()>(std::move(body));
  pthread_t thread;
  const int rc = pthread_create(
      &thread, &attributes,
      [](void* raw) -> void* {
        const std::unique_ptr<std::function<void()>> run(static_cast<std::function<void()>*>(raw));
        (*run)();
        return nullptr;
      },
      owned);
  pthread_attr_destroy(&attributes);
  if (rc != 0) {
    delete owned;
    base::failErrno(rc, "pthread_create", "worker");
  }
}

}  // namespace

Workers::Workers(int maxThreads) : max_threads_(maxThreads) {}

Workers::~Workers() {
  stop();
}

void Workers::grow() {
  if (idle_ >= static_cast<int>(jobs_.size()) || threads_ >= max_threads_) return;
  ++threads_;
  try {
    startThread([this] { serve(); });
  } catch (...) {
    --threads_;
    if (threads_ == 0) throw;  // with one thread left the work is late, not lost
  }
}

void Workers::post(Job job) {
  base::Lock lock(mutex_);
  if (stopping_) return;
  jobs_.push_back(std::move(job));
  grow();
  work_.notifyOne();
}

std::uint64_t Workers::after(std::int64_t delayNs, Job job) {
  base::Lock lock(mutex_);
  if (stopping_) return 0;
  const std::uint64_t id = next_timer_++;
  timed_.emplace(base::monotonicNs() + delayNs, Timed{id, std::move(job)});
  if (!timer_runs_) {
    timer_runs_ = true;
    startThread([this] { keepTime(); });
  }
  timing_.notifyAll();
  return id;
}

void Workers::cancel(std::uint64_t timer) {
  base::Lock lock(mutex_);
  for (auto it = timed_.begin(); it != timed_.end(); ++it) {
    if (it->second.id != timer) continue;
    timed_.erase(it);
    return;
  }
}

void Workers::stop() {
  while (!stop(std::chrono::steady_clock::now() + std::chrono::hours(1))) {
  }
}

bool Workers::stop(std::chrono::steady_clock::time_point until) {
  base::Lock lock(mutex_);
  stopping_ = true;
  timed_.clear();
  work_.notifyAll();
  timing_.notifyAll();
  while (threads_ > 0 || timer_runs_) {
    if (!quiet_.waitUntil(mutex_, until)) break;
  }
  return threads_ == 0 && !timer_runs_;
}

void Workers::perform(const Job& job) noexcept {
  try {
    job();
  } catch (const std::exception& error) {
    base::log::error("background task failed", {{"error", error.what()}});
  }
}

void Workers::serve() {
  base::Lock lock(mutex_);
  for (;;) {
    while (!jobs_.empty()) {
      Job job = std::move(jobs_.front());
      jobs_.pop_front();
      mutex_.unlock();
      perform(job);
      job = nullptr;  // what it holds may want the lock when it goes
      mutex_.lock();
    }
    if (stopping_) break;
    ++idle_;
    const bool woken = work_.waitUntil(mutex_, std::chrono::steady_clock::now() + kLinger);
    --idle_;
    if (!woken && jobs_.empty()) break;
  }
  --threads_;
  quiet_.notifyAll();
}

void Workers::keepTime() {
  base::Lock lock(mutex_);
  while (!stopping_ && !timed_.empty()) {
    const auto next = timed_.begin();
    const std::int64_t wait = next->first - base::monotonicNs();
    if (wait > 0) {
      timing_.waitUntil(mutex_, std::chrono::steady_clock::now() + std::chrono::nanoseconds(wait));
      continue;
    }
    jobs_.push_back(std::move(next->second.job));
    timed_.erase(next);
    grow();
    work_.notifyOne();
  }
  timer_runs_ = false;
  quiet_.notifyAll();
}

}  // namespace container
