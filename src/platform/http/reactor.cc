#include "platform/http/reactor.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <limits>

#include "platform/base/error.h"

namespace http {
namespace {

constexpr std::uint64_t kWakeId = std::numeric_limits<std::uint64_t>::max();

sys::Fd owned(int fd, const char* call) {
  if (fd < 0) base::failErrno(errno, call, "");
  return sys::Fd(fd);
}

}  // namespace

Reactor::Reactor()
    : epoll_(owned(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(owned(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeId;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) < 0) {
    base::failErrno(errno, "epoll_ctl", "eventfd");
  }
}

void Reactor::run(const std::function<void(std::uint64_t, std::uint32_t)>& onEvent,
                  const std::function<bool()>& onTick, int tickMs) {
  std::array<epoll_event, 64> events;
  for (;;) {
    runPosted();
    const bool ticking = onTick();
    {
      const base::Lock lock(mutex_);
      if (stopped_) {
        posted_.clear();
        return;
      }
    }
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), ticking ? tickMs : -1);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      if (event.data.u64 == kWakeId) {
        drainWake();
      } else {
        onEvent(event.data.u64, event.events);
      }
    }
  }
}

void Reactor::stop() noexcept {
  const base::Lock lock(mutex_);
  stopped_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void Reactor::post(std::function<void()> task) {
  const base::Lock lock(mutex_);
  if (stopped_) return;
  posted_.push_back(std::move(task));
  if (posted_.size() > 1) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void Reactor::drainWake() noexcept {
  std::uint64_t count;
  [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof count);
}

void Reactor::runPosted() {
  std::vector<std::function<void()>> tasks;
  {
    const base::Lock lock(mutex_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks) task();
}

void Reactor::add(int fd, std::uint64_t id, std::uint32_t events) {
  epoll_event event{};
  event.events = events | EPOLLONESHOT;
  event.data.u64 = id;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) {
    base::failErrno(errno, "epoll_ctl", "socket");
  }
}

void Reactor::arm(int fd, std::uint64_t id, std::uint32_t events) noexcept {
  epoll_event event{};
  event.events = events | EPOLLONESHOT;
  event.data.u64 = id;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void Reactor::remove(int fd) noexcept {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

}  // namespace http
