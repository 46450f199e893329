// Cancellation that blocking code can poll(2) for: a flag, an eventfd that becomes readable, and
// callbacks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace base {

class StopToken {
 public:
  StopToken() = default;  // never stops

  bool stopped() const noexcept;
  // Readable once stopped; -1 for a token that never stops. Borrowed: valid while the token lives.
  int fd() const noexcept;
  // Error kCancelled once stopped.
  void throwIfStopped() const;

  // Runs `callback` once, at stop() and on its thread, or at once when already stopped. The
  // returned guard unregisters; its destructor waits for a callback that is running on another
  // thread.
  [[nodiscard]] std::shared_ptr<void> onStop(std::function<void()> callback) const;

 private:
  friend class StopSource;
  struct State;
  struct Registration;
  explicit StopToken(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

// Copies share one state. Thread-safe.
class StopSource {
 public:
  StopSource();
  StopToken token() const { return StopToken(state_); }
  void stop() const noexcept;

 private:
  std::shared_ptr<StopToken::State> state_;
};

}  // namespace base
