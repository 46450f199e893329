// Deletes directories in the background, so that removing a container costs a rename. Private to
// this library.
#pragma once

#include <deque>
#include <string>
#include <thread>

#include "platform/base/mutex.h"

namespace snapshot {

// The thread exists only while there is something to delete. Thread-safe.
class Deleter {
 public:
  // `directory` is borrowed; what is named below it is deleted.
  explicit Deleter(int directory) : directory_(directory) {}
  ~Deleter();

  void enqueue(std::string name);
  void settle();

 private:
  void run();
  std::string next() EXCLUDES(mutex_);

  const int directory_;
  base::Mutex mutex_;
  base::Condition changed_;
  std::deque<std::string> queue_ GUARDED_BY(mutex_);
  bool running_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;  // touched under mutex_ only, but joined without it
};

}  // namespace snapshot
