#include "platform/sys/loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <unordered_map>
#include <vector>

#include "platform/base/log.h"
#include "platform/base/mutex.h"
#include "platform/base/time.h"
#include "platform/sys/check.h"

namespace sys {

struct Loop::Impl {
  struct Watch {
    std::uint32_t
        generation;  // tells a new watch of a reused number from the closed one that epoll reported
    FdCallback callback;
  };

  Fd epoll;
  Fd wake;
  std::atomic<bool> stopped{false};
  std::atomic<pthread_t> thread{};
  std::unordered_map<int, std::shared_ptr<Watch>> watches;
  std::uint32_t nextGeneration = 1;

  base::Mutex mutex;
  std::vector<Callback> posted GUARDED_BY(mutex);
  std::map<std::pair<std::int64_t, std::uint64_t>, Callback> timers GUARDED_BY(mutex);
  std::unordered_map<std::uint64_t, std::int64_t> timerTimes GUARDED_BY(mutex);
  std::uint64_t nextTimer GUARDED_BY(mutex) = 1;

  void interrupt() noexcept {
    const std::uint64_t one = 1;
    retry([&] { return ::write(wake.get(), &one, sizeof one); });
  }

  static void guarded(const char* what, const std::function<void()>& body) {
    try {
      body();
    } catch (const std::exception& error) {
      base::log::error("loop callback failed", {{"kind", what}, {"error", error.what()}});
    }
  }

  // The time until the next timer, nullopt for none; taking what was posted on the way.
  std::optional<std::int64_t> untilTimer() {
    const base::Lock lock(mutex);
    if (!posted.empty()) return 0;
    if (timers.empty()) return std::nullopt;
    return std::max<std::int64_t>(0, timers.begin()->first.first - base::monotonicNs());
  }

  void runPosted() {
    std::vector<Callback> batch;
    {
      const base::Lock lock(mutex);
      batch.swap(posted);
    }
    for (const Callback& callback : batch) guarded("posted", callback);
  }

  // One at a time: a callback may cancel the next.
  void runTimers() {
    const std::int64_t now = base::monotonicNs();
    for (;;) {
      Callback callback;
      {
        const base::Lock lock(mutex);
        if (timers.empty() || timers.begin()->first.first > now) return;
        auto node = timers.extract(timers.begin());
        timerTimes.erase(node.key().second);
        callback = std::move(node.mapped());
      }
      guarded("timer", callback);
    }
  }

  void dispatch(const epoll_event& event) {
    const int fd = static_cast<int>(event.data.u64 & 0xffffffff);
    if (fd == wake.get()) {
      std::uint64_t count;
      retry([&] { return ::read(wake.get(), &count, sizeof count); });
      return;
    }
    const auto found = watches.find(fd);
    if (found == watches.end() || found->second->generation != event.data.u64 >> 32) return;
    const auto watch = found->second;  // the callback may unwatch itself
    guarded("descriptor", [&] { watch->callback(event.events); });
  }
};

namespace {

epoll_event eventFor(int fd, std::uint32_t generation, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = static_cast<std::uint64_t>(generation) << 32 | static_cast<std::uint32_t>(fd);
  return event;
}

}  // namespace

Loop::Loop() : impl_(std::make_unique<Impl>()) {
  impl_->epoll = Fd(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create"));
  impl_->wake = Fd(check(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
  epoll_event event = eventFor(impl_->wake.get(), 0, EPOLLIN);
  check(::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_ADD, impl_->wake.get(), &event), "epoll_ctl");
}

Loop::~Loop() = default;

void Loop::run() {
  impl_->thread = ::pthread_self();
  std::array<epoll_event, 64> events;
  while (!impl_->stopped) {
    timespec timeout{};
    const auto wait = impl_->untilTimer();
    if (wait) timeout = {.tv_sec = *wait / 1'000'000'000, .tv_nsec = *wait % 1'000'000'000};
    const int n = ::epoll_pwait2(impl_->epoll.get(), events.data(), events.size(),
                                 wait ? &timeout : nullptr, nullptr);
    if (n < 0 && errno != EINTR) base::failErrno(errno, "epoll_wait", "");
    for (int i = 0; i < n; ++i) impl_->dispatch(events[static_cast<size_t>(i)]);
    impl_->runTimers();
    impl_->runPosted();
  }
  impl_->thread = pthread_t{};
}

void Loop::stop() noexcept {
  impl_->stopped = true;
  impl_->interrupt();
}

void Loop::post(Callback callback) {
  bool first;
  {
    const base::Lock lock(impl_->mutex);
    first = impl_->posted.empty();
    impl_->posted.push_back(std::move(callback));
  }
  if (first) impl_->interrupt();
}

void Loop::watch(int fd, std::uint32_t events, FdCallback callback) {
  const std::uint32_t generation = impl_->nextGeneration++;
  epoll_event event = eventFor(fd, generation, events);
  check(::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl", "add");
  impl_->watches[fd] = std::make_shared<Impl::Watch>(Impl::Watch{generation, std::move(callback)});
}

void Loop::modify(int fd, std::uint32_t events) {
  const auto found = impl_->watches.find(fd);
  if (found == impl_->watches.end()) base::failErrno(ENOENT, "epoll_ctl", "modify");
  epoll_event event = eventFor(fd, found->second->generation, events);
  check(::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_MOD, fd, &event), "epoll_ctl", "modify");
}

void Loop::unwatch(int fd) {
  if (impl_->watches.erase(fd) == 0) return;
  ::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_DEL, fd, nullptr);
}

std::uint64_t Loop::at(std::int64_t monotonicNs, Callback callback) {
  std::uint64_t id;
  bool earliest;
  {
    const base::Lock lock(impl_->mutex);
    id = impl_->nextTimer++;
    earliest = impl_->timers.empty() || monotonicNs < impl_->timers.begin()->first.first;
    impl_->timers.emplace(std::pair(monotonicNs, id), std::move(callback));
    impl_->timerTimes.emplace(id, monotonicNs);
  }
  if (earliest && !onLoopThread()) impl_->interrupt();
  return id;
}

void Loop::cancel(std::uint64_t timer) {
  Callback dropped;  // destroyed outside the lock: it may own anything
  const base::Lock lock(impl_->mutex);
  const auto found = impl_->timerTimes.find(timer);
  if (found == impl_->timerTimes.end()) return;
  const auto at = impl_->timers.find({found->second, timer});
  dropped = std::move(at->second);
  impl_->timers.erase(at);
  impl_->timerTimes.erase(found);
}

bool Loop::onLoopThread() const noexcept {
  return impl_->thread.load() == ::pthread_self();
}

}  // namespace sys
