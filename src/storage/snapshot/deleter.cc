#include "storage/snapshot/deleter.h"

#include <utility>

#include "platform/base/error.h"
#include "platform/base/log.h"
#include "platform/sys/file.h"

namespace snapshot {

Deleter::~Deleter() {
  std::thread last;
  {
    base::Lock lock(mutex_);
    stopping_ = true;
    last = std::move(thread_);
  }
  if (last.joinable()) last.join();
}

void Deleter::enqueue(std::string name) {
  std::thread ended;
  {
    base::Lock lock(mutex_);
    queue_.push_back(std::move(name));
    if (running_ || stopping_) return;
    running_ = true;
    ended = std::move(thread_);
    thread_ = std::thread([this] { run(); });
  }
  if (ended.joinable()) ended.join();  // it had left its loop when running_ became false
}

void Deleter::settle() {
  base::Lock lock(mutex_);
  while (running_) changed_.wait(mutex_);
}

// Empty: nothing left to do.
std::string Deleter::next() {
  base::Lock lock(mutex_);
  if (queue_.empty() || stopping_) {
    running_ = false;
    changed_.notifyAll();
    return {};
  }
  std::string name = std::move(queue_.front());
  queue_.pop_front();
  return name;
}

void Deleter::run() {
  for (std::string name = next(); !name.empty(); name = next()) {
    try {
      sys::removeTree(directory_, name);
    } catch (const base::Error& error) {
      // It stays below removed/, and the next start tries again.
      base::log::warn("cannot delete a removed snapshot",
                      {{"name", name}, {"error", error.message()}});
    }
  }
}

}  // namespace snapshot
