#include "engine/container/strand.h"

namespace container {

Strands::Turn Strands::enter(const std::string& id) {
  base::Lock lock(mutex_);
  const std::uint64_t ticket = queues_[id].next++;
  // The entry cannot vanish while this ticket is outstanding, so the lookup stays valid after each
  // wait.
  while (queues_[id].serving != ticket) changed_.wait(mutex_);
  return Turn(this, id);
}

void Strands::leave(const std::string& id) {
  base::Lock lock(mutex_);
  const auto found = queues_.find(id);
  if (++found->second.serving == found->second.next) {
    queues_.erase(found);
    return;  // nobody waits for this id; the others need no wake-up
  }
  changed_.notifyAll();
}

}  // namespace container
