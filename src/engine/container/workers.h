// Threads for what happens by itself: exits, restarts, timeouts, deletions. They appear with work
// and leave after a quiet second, so that an idle daemon holds none of them (a blocked thread costs
// some 50 kB).
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "platform/base/mutex.h"

namespace container {

class Workers {
 public:
  using Job = std::function<void()>;

  explicit Workers(int maxThreads);
  ~Workers();  // = stop()

  // Runs `job` soon on some worker. What it throws is logged.
  void post(Job job) EXCLUDES(mutex_);
  // Runs `job` after `delayNs`. The id cancels; cancelling a past one is harmless.
  std::uint64_t after(std::int64_t delayNs, Job job) EXCLUDES(mutex_);
  void cancel(std::uint64_t timer) EXCLUDES(mutex_);
  // Runs what was posted, drops what is timed, waits for all, or until that time. Later posts are
  // dropped. False: some still run.
  bool stop(std::chrono::steady_clock::time_point until) EXCLUDES(mutex_);
  void stop() EXCLUDES(mutex_);

 private:
  struct Timed {
    std::uint64_t id;
    Job job;
  };
  void serve() EXCLUDES(mutex_);
  void keepTime() EXCLUDES(mutex_);
  void grow() REQUIRES(mutex_);
  static void perform(const Job& job) noexcept;

  const int max_threads_;
  base::Mutex mutex_;
  base::Condition work_;    // for workers
  base::Condition timing_;  // for the timer thread
  base::Condition quiet_;   // for stop()
  std::deque<Job> jobs_ GUARDED_BY(mutex_);
  std::multimap<std::int64_t, Timed> timed_ GUARDED_BY(mutex_);  // by monotonic instant
  std::uint64_t next_timer_ GUARDED_BY(mutex_) = 1;
  int threads_ GUARDED_BY(mutex_) = 0;
  int idle_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool timer_runs_ GUARDED_BY(mutex_) = false;
};

}  // namespace container
