// Who waits for a container's end: wait requests, stop timers, restart, rm -f. Continuations, never
// blocked threads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "platform/base/mutex.h"

namespace container {

enum class WaitFor {
  kNotRunning,  // now, if it does not run
  kNextExit,    // the next end, also of a container that does not run yet
  kRemoved,     // its removal
};

struct WaitResult {
  int exitCode = 0;
  std::string error;  // why the start or the removal failed
};

// Thread-safe. Callbacks run on the thread that reports, in the order of registration, outside any
// lock; they must not block.
class Exits {
 public:
  using Callback = std::function<void(const WaitResult&)>;

  // The registration; 0 is never one.
  std::uint64_t add(const std::string& id, WaitFor condition, Callback callback) EXCLUDES(mutex_);
  // False: it ran already, or is running right now.
  bool cancel(const std::string& id, std::uint64_t registration) EXCLUDES(mutex_);

  // The container ended: not-running and next-exit waiters.
  void ended(const std::string& id, const WaitResult& result) EXCLUDES(mutex_);
  // Its record is gone: every waiter that is left. Those of next-exit hear the last exit code.
  void removed(const std::string& id, const WaitResult& result) EXCLUDES(mutex_);

 private:
  struct Waiter {
    std::uint64_t registration;
    WaitFor condition;
    Callback callback;
  };
  base::Mutex mutex_;
  std::map<std::string, std::vector<Waiter>> waiters_ GUARDED_BY(mutex_);
  std::uint64_t next_ GUARDED_BY(mutex_) = 1;
};

}  // namespace container
