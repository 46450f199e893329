// Mutexes that clang's -Wthread-safety can check; libstdc++'s carry no annotations.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define SAMPAN_TSA(x) __attribute__((x))
#else
#define SAMPAN_TSA(x)
#endif
#define GUARDED_BY(x) SAMPAN_TSA(guarded_by(x))
#define REQUIRES(...) SAMPAN_TSA(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) SAMPAN_TSA(locks_excluded(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS SAMPAN_TSA(no_thread_safety_analysis)

namespace base {

class SAMPAN_TSA(capability("mutex")) Mutex {
 public:
  void lock() SAMPAN_TSA(acquire_capability()) { mutex_.lock(); }
  void unlock() SAMPAN_TSA(release_capability()) { mutex_.unlock(); }
  bool try_lock() SAMPAN_TSA(try_acquire_capability(true)) { return mutex_.try_lock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

class SAMPAN_TSA(scoped_lockable) Lock {
 public:
  explicit Lock(Mutex& mutex) SAMPAN_TSA(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~Lock() SAMPAN_TSA(release_capability()) { mutex_.unlock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits with the mutex held by the caller; always wait in a loop that tests the condition.
class Condition {
 public:
  void wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // False: the time came first.
  bool waitUntil(Mutex& mutex, std::chrono::steady_clock::time_point when) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const auto status = condition_.wait_until(lock, when);
    lock.release();
    return status == std::cv_status::no_timeout;
  }
  void notifyOne() noexcept { condition_.notify_one(); }
  void notifyAll() noexcept { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace base
