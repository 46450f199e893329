// The stdin half of Channel.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>

#include "runtime/shimserver/channel.h"

namespace shimserver {

namespace {

constexpr std::size_t kPendingBytes = 4096;
// Held back detach keys come out with what follows them.
constexpr std::size_t kTypedBytes = kPendingBytes - shimwire::kMaxDetachKeys;
constexpr std::size_t kSpliceBytes = 64 * 1024;
constexpr int kRoundsAWake = 8;

bool writable(int fd) noexcept {
  struct pollfd query {};
  query.fd = fd;
  query.events = POLLOUT;
  struct timespec none {};
  return sysraw::call(__NR_ppoll, &query, 1, &none, 0, 8) == 1;
}

}  // namespace

void Channel::closeInput() noexcept {
  if (in_ < 0) return;
  if (input_watched_) hub_->poller.remove(in_);
  input_watched_ = false;
  closeFd(in_);
  input_blocked_ = false;
  each([&](Attacher& attacher) {
    attacher.in = false;
    if (attacher.phase == Attacher::Phase::kGone) {
      drop(attacher);
    } else if (attacher.watched) {
      watch(attacher);
    }
  });
}

void Channel::onInput(std::uint32_t events) noexcept {
  if (in_ < 0) return;
  if ((events & EPOLLERR) != 0 && !terminal_) {
    closeInput();  // the process has closed its end
    return;
  }
  if ((events & (EPOLLHUP | EPOLLERR)) != 0 && (events & EPOLLOUT) == 0) {
    // A terminal without users; what is typed now waits in the clients' sockets.
    hub_->poller.remove(in_);
    input_watched_ = false;
    return;
  }
  if (!input_blocked_) return;
  flushPending();
  if (pending_from_ != pending_to_) return;
  blockInput(false);
  each([&](Attacher& attacher) {
    if (attacher.in && !input_blocked_) pumpInput(attacher);
  });
}

void Channel::blockInput(bool blocked) noexcept {
  if (in_ < 0 || input_blocked_ == blocked) return;
  input_blocked_ = blocked;
  const Tag tag{Source::kInput, 0, index_, 0};
  if (input_watched_) {
    hub_->poller.modify(in_, blocked ? EPOLLOUT : 0, tag);
  } else {
    hub_->poller.add(in_, blocked ? EPOLLOUT : 0, tag);
    input_watched_ = true;
  }
  each([&](Attacher& attacher) {
    if (attacher.watched) watch(attacher);
  });
}

void Channel::pumpInput(Attacher& attacher) noexcept {
  if (in_ < 0 || input_blocked_) return;
  const std::uint32_t serial = attacher.serial;
  for (int round = 0; round < kRoundsAWake; ++round) {
    const bool more = terminal_ ? typeTerminal(attacher) : splicePipe(attacher);
    if (!more || attacher.serial != serial || !attacher.in || in_ < 0 || input_blocked_) return;
  }
}

// The bytes read ahead came to their end: the socket follows. True: go on reading.
bool Channel::sourceEnded(Attacher& attacher) noexcept {
  if (attacher.unread >= 0) {
    closeFd(attacher.unread);
    return true;
  }
  inputEnded(attacher);
  return false;
}

bool Channel::splicePipe(Attacher& attacher) noexcept {
  const int from = attacher.unread >= 0 ? attacher.unread : attacher.socket;
  const long n = sysraw::retry([&] {
    return sysraw::call(__NR_splice, from, 0, in_, 0, kSpliceBytes,
                        1 | 2 /* SPLICE_F_MOVE | SPLICE_F_NONBLOCK */);
  });
  if (n > 0) return true;
  if (n == -EAGAIN) {
    if (!writable(in_)) blockInput(true);
    return false;
  }
  if (n == -EPIPE) {
    closeInput();
    return false;
  }
  return sourceEnded(attacher);
}

bool Channel::typeTerminal(Attacher& attacher) noexcept {
  if (pending_ == nullptr) pending_ = static_cast<std::uint8_t*>(mapPages(kPendingBytes));
  if (pending_ == nullptr) return false;
  std::uint8_t typed[kTypedBytes / 4];
  const long n = sysraw::retry([&] {
    if (attacher.unread >= 0) return sysraw::call(__NR_read, attacher.unread, typed, sizeof typed);
    return sysraw::call(__NR_recvfrom, attacher.socket, typed, sizeof typed, MSG_DONTWAIT, 0, 0);
  });
  if (n == -EAGAIN) return false;
  if (n <= 0) return sourceEnded(attacher);
  const bool leaves = scanKeys(attacher, typed, static_cast<std::size_t>(n));
  flushPending();
  if (pending_from_ != pending_to_) blockInput(true);
  if (!leaves) return true;
  attacher.byKeys = true;
  attacher.in = false;
  attacher.phase = Attacher::Phase::kFinishing;
  settle(attacher);
  return false;
}

// Appends what was typed to the pending bytes, without detach keys. True: the whole sequence came.
bool Channel::scanKeys(Attacher& attacher, const std::uint8_t* bytes, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    if (attacher.keyCount > 0 && bytes[i] == attacher.keys[attacher.keyMatch]) {
      if (++attacher.keyMatch == attacher.keyCount) return true;
      continue;
    }
    if (attacher.keyMatch > 0) {
      std::memcpy(pending_ + pending_to_, attacher.keys, attacher.keyMatch);
      pending_to_ = static_cast<std::uint16_t>(pending_to_ + attacher.keyMatch);
      attacher.keyMatch = 0;
      --i;  // it may begin the sequence anew
      continue;
    }
    pending_[pending_to_++] = bytes[i];
  }
  return false;
}

void Channel::flushPending() noexcept {
  while (pending_from_ < pending_to_) {
    const long n = sysraw::retry([&] {
      return sysraw::call(__NR_write, in_, pending_ + pending_from_, pending_to_ - pending_from_);
    });
    if (n == -EAGAIN) return;
    if (n <= 0) break;
    pending_from_ = static_cast<std::uint16_t>(pending_from_ + n);
  }
  pending_from_ = pending_to_ = 0;
}

// Docker's rule: with StdinOnce the process sees the end, otherwise this client has left.
void Channel::inputEnded(Attacher& attacher) noexcept {
  attacher.in = false;
  const bool gone = attacher.phase == Attacher::Phase::kGone;
  const bool closes = stdin_once_ && !terminal_;
  const std::uint32_t serial = attacher.serial;
  if (closes) closeInput();
  if (attacher.serial != serial || attacher.phase == Attacher::Phase::kFree) return;
  if (gone) {
    drop(attacher);
  } else if (closes) {
    if (attacher.watched) watch(attacher);
  } else {
    attacher.phase = Attacher::Phase::kFinishing;
    settle(attacher);
  }
}

}  // namespace shimserver
