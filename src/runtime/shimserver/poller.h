// epoll, with a tag for every descriptor that says what it belongs to.
#pragma once

#include <sys/epoll.h>

#include <cstdint>

#include "runtime/shimserver/kernel.h"

namespace shimserver {

enum class Source : std::uint8_t {
  kConversation = 1,
  kListener,
  kChildren,
  kOutput,
  kInput,
  kAttacher,
  kLaunch
};

// `serial` tells a slot's present user from an earlier one whose event is still in the batch.
struct Tag {
  Source source;
  std::uint8_t part;
  std::uint16_t index;
  std::uint32_t serial;
};

class Poller {
 public:
  bool open() noexcept {
    fd_ = static_cast<int>(sysraw::call(__NR_epoll_create1, EPOLL_CLOEXEC));
    return fd_ >= 0;
  }
  void add(int fd, std::uint32_t events, Tag tag) noexcept {
    control(EPOLL_CTL_ADD, fd, events, tag);
  }
  void modify(int fd, std::uint32_t events, Tag tag) noexcept {
    control(EPOLL_CTL_MOD, fd, events, tag);
  }
  void remove(int fd) noexcept { sysraw::call(__NR_epoll_ctl, fd_, EPOLL_CTL_DEL, fd, 0); }

  // How many events came; `timeoutMs` -1: waits for ever.
  int wait(epoll_event* events, int most, int timeoutMs) noexcept {
    const long n = sysraw::call(__NR_epoll_pwait, fd_, events, most, timeoutMs, 0, 8);
    return n < 0 ? 0 : static_cast<int>(n);
  }

  static Tag tagOf(const epoll_event& event) noexcept {
    Tag tag;
    __builtin_memcpy(&tag, &event.data, sizeof tag);
    return tag;
  }

 private:
  void control(int operation, int fd, std::uint32_t events, Tag tag) noexcept {
    epoll_event event{};
    event.events = events;
    __builtin_memcpy(&event.data, &tag, sizeof tag);
    sysraw::call(__NR_epoll_ctl, fd_, operation, fd, &event);
  }

  int fd_ = -1;
};

}  // namespace shimserver
