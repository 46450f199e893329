#include "engine/container/attachers.h"

namespace container {

void Attachers::add(const std::string& id, task::Attacher attacher) {
  base::Lock lock(mutex_);
  waiting_[id].push_back(std::move(attacher));
}

std::vector<task::Attacher> Attachers::take(const std::string& id) {
  base::Lock lock(mutex_);
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return {};
  std::vector<task::Attacher> attachers = std::move(found->second);
  waiting_.erase(found);
  return attachers;
}

}  // namespace container
