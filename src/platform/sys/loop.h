// A small epoll loop for one thread: descriptors, timers, tasks posted from other threads. What the
// shim clients, DNS and exit watchers of the daemon run on; HTTP has its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "platform/sys/fd.h"

namespace sys {

class Loop {
 public:
  using Callback = std::function<void()>;
  using FdCallback = std::function<void(std::uint32_t events)>;

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until stop(). One thread only; every callback runs on it. A callback that throws is logged
  // and forgotten.
  void run();
  void stop() noexcept;  // any thread

  // Any thread.
  void post(Callback callback);

  // Loop thread only (or before run()). Level-triggered EPOLL* bits. The descriptor is borrowed:
  // unwatch before closing.
  void watch(int fd, std::uint32_t events, FdCallback callback);
  void modify(int fd, std::uint32_t events);
  void unwatch(int fd);

  // Any thread. Once, at the monotonic instant (base::monotonicNs). The id cancels; cancelling a
  // past one is harmless.
  std::uint64_t at(std::int64_t monotonicNs, Callback callback);
  void cancel(std::uint64_t timer);

  bool onLoopThread() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sys
