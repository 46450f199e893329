// Thread pools that grow on demand and shrink when idle: a daemon that does nothing keeps no
// threads.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace http {

// Up to `maxThreads` threads, then a queue of `maxQueue`. The thread that became idle last is used
// first, so that the others reach their end; a thread without work for `idleSeconds` ends.
// Thread-safe.
class Pool {
 public:
  Pool(const char* name, int maxThreads, size_t maxQueue, int idleSeconds = 5);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // False: full, or stopped; `task` was not taken. A task must not throw. With a `key` it waits,
  // without a thread, while `atOnce` others with this key run.
  bool submit(std::function<void()> task, const std::string& key = {}, int atOnce = 1);
  // Refuses new tasks, runs those in the queue, waits for all, or until that time. False: some
  // still run.
  bool stop(std::chrono::steady_clock::time_point until);
  void stop();
  int threads() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace http
