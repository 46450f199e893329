// The server's one loop: one-shot epoll, so that a descriptor's next event is asked for by
// whichever thread knows what it waits for (a lane thread that finished an answer need not wake the
// loop to wait for the next request).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "platform/base/mutex.h"
#include "platform/sys/fd.h"

namespace http {

class Reactor {
 public:
  Reactor();

  // Loop thread. Calls `onEvent(id, events)` for each until stop(); `onTick` after each round and
  // at least every `tickMs` while ticking() says so.
  void run(const std::function<void(std::uint64_t id, std::uint32_t events)>& onEvent,
           const std::function<bool()>& onTick, int tickMs);
  void stop() noexcept;

  // Any thread. Never runs after run() has returned.
  void post(std::function<void()> task);

  // Any thread. One-shot: armed again by arm(). EPOLLHUP and EPOLLERR come whatever was asked.
  void add(int fd, std::uint64_t id, std::uint32_t events);
  void arm(int fd, std::uint64_t id, std::uint32_t events) noexcept;
  void remove(int fd) noexcept;

 private:
  void drainWake() noexcept;
  void runPosted();

  sys::Fd epoll_;
  sys::Fd wake_;
  base::Mutex mutex_;
  std::vector<std::function<void()>> posted_ GUARDED_BY(mutex_);
  bool stopped_ GUARDED_BY(mutex_) = false;
};

}  // namespace http
