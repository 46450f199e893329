// One operation at a time per container, in the order they came; views never wait for it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "platform/base/mutex.h"

namespace container {

// A fair queue per container id. An operation runs on the caller's thread: waking another one would
// cost as much as a step of the start itself. No operation under it waits for a process to end:
// those are continuations (Exits).
class Strands {
 public:
  class Turn {
   public:
    Turn(Turn&& other) noexcept : strands_(other.strands_), id_(std::move(other.id_)) {
      other.strands_ = nullptr;
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (strands_) strands_->leave(id_);
    }

   private:
    friend class Strands;
    Turn(Strands* strands, std::string id) : strands_(strands), id_(std::move(id)) {}
    Strands* strands_;
    std::string id_;
  };

  // Blocks until every earlier operation on `id` has left.
  [[nodiscard]] Turn enter(const std::string& id) EXCLUDES(mutex_);
  // Two containers at once (container:ID modes) are never entered by one thread: views are enough
  // for the other.

 private:
  struct Queue {
    std::uint64_t next = 0;     // ticket to give out
    std::uint64_t serving = 0;  // ticket whose turn it is
  };
  void leave(const std::string& id) EXCLUDES(mutex_);

  base::Mutex mutex_;
  base::Condition changed_;
  std::map<std::string, Queue> queues_ GUARDED_BY(mutex_);  // only ids somebody is in or waits for
};

}  // namespace container
