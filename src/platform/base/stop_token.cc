#include "platform/base/stop_token.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <list>
#include <mutex>

#include "platform/base/error.h"

namespace base {

struct StopToken::Registration {
  std::function<void()> callback;
};

struct StopToken::State {
  std::atomic<bool> stopped{false};
  int event = -1;
  // Recursive: a callback may drop its own registration or that of another token holder on its
  // thread.
  std::recursive_mutex mutex;
  std::list<Registration> callbacks;

  ~State() {
    if (event >= 0) ::close(event);
  }
};

bool StopToken::stopped() const noexcept {
  return state_ && state_->stopped.load();
}

int StopToken::fd() const noexcept {
  return state_ ? state_->event : -1;
}

void StopToken::throwIfStopped() const {
  if (stopped()) throw Error(Code::kCancelled, "context canceled");
}

std::shared_ptr<void> StopToken::onStop(std::function<void()> callback) const {
  if (!state_) return nullptr;
  std::unique_lock lock(state_->mutex);
  if (state_->stopped) {
    lock.unlock();
    callback();
    return nullptr;
  }
  state_->callbacks.push_back({std::move(callback)});
  auto where = std::prev(state_->callbacks.end());
  return std::shared_ptr<void>(nullptr, [state = state_, where](void*) {
    std::lock_guard guard(state->mutex);
    if (!state->stopped) state->callbacks.erase(where);
  });
}

StopSource::StopSource() : state_(std::make_shared<StopToken::State>()) {
  state_->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (state_->event < 0) failErrno(errno, "eventfd", "");
}

void StopSource::stop() const noexcept {
  std::lock_guard lock(state_->mutex);
  if (state_->stopped.exchange(true)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(state_->event, &one, sizeof one);
  for (auto& registration : state_->callbacks) {
    try {
      registration.callback();
    } catch (...) {
    }
  }
}

}  // namespace base
