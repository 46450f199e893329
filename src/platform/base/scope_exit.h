// Undo that stands beside what it undoes.
#pragma once

#include <utility>

namespace base {

// Runs `body` when the scope ends unless dismissed. `body` must not throw: undo has nobody to tell.
template <class Body>
class [[nodiscard]] ScopeExit {
 public:
  explicit ScopeExit(Body body) : body_(std::move(body)) {}
  ScopeExit(const ScopeExit&) = delete;
  ScopeExit& operator=(const ScopeExit&) = delete;
  ~ScopeExit() {
    if (!armed_) return;
    try {
      body_();
    } catch (...) {
    }
  }
  void dismiss() noexcept { armed_ = false; }

 private:
  Body body_;
  bool armed_ = true;
};

}  // namespace base
