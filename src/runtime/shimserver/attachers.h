// The table of attached clients, of the task and of all execs. Its pages are zeroes until used: an
// all-zero Attacher is a free one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "runtime/shimserver/kernel.h"
#include "runtime/shimwire/wire.h"

namespace shimserver {

// One client. Its socket is never blocking.
struct Attacher {
  enum class Phase : std::uint8_t {
    kFree = 0,
    kOpen,       // gets output as it comes
    kFinishing,  // gets what is in the ring, then nothing more
    kLingering,  // our side is shut; waits a moment for the client's end, since closing before
                 // would reset the connection
    kGone,       // the client closed; its stdin is still being delivered
  };

  Phase phase = Phase::kFree;
  bool in = false;
  bool out = false;
  bool err = false;
  bool framed = false;
  bool outBlocked = false;  // its socket is full
  bool byKeys = false;
  bool told = false;  // Detached was sent
  bool watched = false;
  std::uint8_t keyCount = 0;
  std::uint8_t keyMatch = 0;  // how many of the keys have come
  std::uint16_t channel = 0;
  int socket = -1;
  int unread = -1;  // stdin read ahead of the socket
  std::uint32_t serial = 0;
  std::uint32_t events = 0;  // as epoll has them
  std::uint64_t number = 0;
  std::uint64_t offset = 0;     // in the channel's ring
  std::uint64_t left = 0;       // of the bytes from `offset` that are known to be wanted
  std::int64_t deadlineNs = 0;  // kLingering
  std::uint8_t keys[shimwire::kMaxDetachKeys] = {};

  bool wantsOutput() const noexcept {
    return (out || err) && (phase == Phase::kOpen || phase == Phase::kFinishing);
  }
};

class Attachers {
 public:
  bool open() noexcept {
    all_ = static_cast<Attacher*>(mapPages(sizeof(Attacher) * shimwire::kMaxAttachers));
    return all_ != nullptr;
  }
  // nullptr: the table is full.
  Attacher* allocate() noexcept {
    for (std::size_t i = 0; i < shimwire::kMaxAttachers; ++i) {
      if (all_[i].phase != Attacher::Phase::kFree) continue;
      if (i + 1 > high_) high_ = i + 1;
      const std::uint32_t serial = all_[i].serial + 1;
      new (&all_[i]) Attacher{};
      all_[i].serial = serial;
      all_[i].phase = Attacher::Phase::kOpen;
      return &all_[i];
    }
    return nullptr;
  }
  void free(Attacher& attacher) noexcept {
    closeFd(attacher.socket);
    closeFd(attacher.unread);
    attacher.phase = Attacher::Phase::kFree;
    attacher.in = attacher.out = attacher.err = false;
    while (high_ > 0 && all_[high_ - 1].phase == Attacher::Phase::kFree) --high_;
  }

  // Slots that may be in use: loops touch no memory beyond them.
  std::size_t size() const noexcept { return high_; }
  Attacher& operator[](std::size_t index) noexcept { return all_[index]; }
  std::uint16_t indexOf(const Attacher& attacher) const noexcept {
    return static_cast<std::uint16_t>(&attacher - all_);
  }
  bool empty() const noexcept { return high_ == 0; }

 private:
  Attacher* all_ = nullptr;
  std::size_t high_ = 0;
};

}  // namespace shimserver
