// Clients that attached before the container runs: they are handed to its shim at the start, so
// that no byte is missed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "platform/base/mutex.h"
#include "runtime/task/task.h"

namespace container {

// Thread-safe.
class Attachers {
 public:
  void add(const std::string& id, task::Attacher attacher) EXCLUDES(mutex_);
  std::vector<task::Attacher> take(const std::string& id) EXCLUDES(mutex_);

 private:
  base::Mutex mutex_;
  std::map<std::string, std::vector<task::Attacher>> waiting_ GUARDED_BY(mutex_);
};

}  // namespace container
