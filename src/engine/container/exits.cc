#include "engine/container/exits.h"

#include <algorithm>
#include <iterator>

namespace container {

std::uint64_t Exits::add(const std::string& id, WaitFor condition, Callback callback) {
  base::Lock lock(mutex_);
  waiters_[id].push_back({next_, condition, std::move(callback)});
  return next_++;
}

bool Exits::cancel(const std::string& id, std::uint64_t registration) {
  base::Lock lock(mutex_);
  const auto found = waiters_.find(id);
  if (found == waiters_.end()) return false;
  auto& list = found->second;
  const auto it = std::find_if(list.begin(), list.end(),
                               [&](const Waiter& w) { return w.registration == registration; });
  if (it == list.end()) return false;
  list.erase(it);
  if (list.empty()) waiters_.erase(found);
  return true;
}

void Exits::ended(const std::string& id, const WaitResult& result) {
  std::vector<Waiter> due;
  {
    base::Lock lock(mutex_);
    const auto found = waiters_.find(id);
    if (found == waiters_.end()) return;
    auto& list = found->second;
    const auto stay = std::stable_partition(
        list.begin(), list.end(), [](const Waiter& w) { return w.condition == WaitFor::kRemoved; });
    due.assign(std::make_move_iterator(stay), std::make_move_iterator(list.end()));
    list.erase(stay, list.end());
    if (list.empty()) waiters_.erase(found);
  }
  for (const Waiter& waiter : due) waiter.callback(result);
}

void Exits::removed(const std::string& id, const WaitResult& result) {
  std::vector<Waiter> due;
  {
    base::Lock lock(mutex_);
    const auto found = waiters_.find(id);
    if (found == waiters_.end()) return;
    due = std::move(found->second);
    waiters_.erase(found);
  }
  for (const Waiter& waiter : due) waiter.callback(result);
}

}  // namespace container
