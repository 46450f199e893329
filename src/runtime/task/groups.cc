#include "runtime/task/groups.h"

#include <fcntl.h>

#include "platform/base/time.h"
#include "platform/sys/file.h"

namespace task {

namespace {

constexpr std::int64_t kQuiet = 500'000'000;  // ns without a task
constexpr int kAttempts = 20;                 // while the last shim is still dying

}  // namespace

Groups::Groups(cgroup::Driver& driver, sys::Loop& loop, std::string shims, std::string parent)
    : driver_(driver), loop_(loop), shims_(std::move(shims)), parent_(std::move(parent)) {}

void Groups::makeLocked() {
  auto home = std::make_shared<shim::Program::Cgroup>();
  if (!shims_.empty()) {
    cgroup::Group group = driver_.create(shims_, {});
    home->directory = std::move(group.into);
    for (const auto& join : group.joins)
      home->files.push_back(sys::openAt(join.directory.get(), join.file, O_WRONLY));
  }
  home_ = std::move(home);
}

void Groups::enter() {
  const base::Lock lock(mutex_);
  ++tasks_;
}

std::shared_ptr<const shim::Program::Cgroup> Groups::home() {
  const base::Lock lock(mutex_);
  if (!home_) makeLocked();
  return home_;
}

void Groups::leave() {
  {
    const base::Lock lock(mutex_);
    if (--tasks_ > 0) return;
  }
  tidyLater();
}

void Groups::tidyLater() {
  const base::Lock lock(mutex_);
  if (tidying_ || tasks_ > 0) return;
  tidying_ = true;
  loop_.at(base::monotonicNs() + kQuiet, [this] { tidy(1); });
}

void Groups::tidy(int attempt) {
  const base::Lock lock(mutex_);
  tidying_ = false;
  if (tasks_ > 0) return;
  home_ = nullptr;
  bool gone = shims_.empty() || driver_.prune(shims_);
  if (!parent_.empty()) gone &= driver_.prune(parent_);
  if (gone || attempt == kAttempts) return;
  tidying_ = true;
  loop_.at(base::monotonicNs() + kQuiet, [this, attempt] { tidy(attempt + 1); });
}

}  // namespace task
