#include "runtime/shimserver/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace shimserver {

namespace {

constexpr std::size_t kRingBytes = 64 * 1024;
constexpr std::size_t kFrameHeader = 8;
// Less room than this is not worth a frame: the slow client gets a moment.
constexpr std::size_t kLeastRoom = 4096;
constexpr int kRoundsAWake = 8;

}  // namespace

int Channel::open(Hub& hub, std::uint16_t index, const Ends& ends, logfile::Writer* log) noexcept {
  *this = Channel{};
  hub_ = &hub;
  index_ = index;
  log_ = log;
  terminal_ = ends.terminal;
  stdin_once_ = ends.stdinOnce;
  in_ = ends.in;
  out_[0] = ends.out;
  out_[1] = ends.err;
  const int fds[] = {in_, out_[0], out_[1]};
  for (int fd : fds) {
    if (fd >= 0) sysraw::call(__NR_fcntl, fd, F_SETFL, O_NONBLOCK);
  }
  return ring_.open(kRingBytes) ? 0 : -ENOMEM;
}

void Channel::start(int master) noexcept {
  started_ = true;
  last_output_ = monotonicNs();
  if (terminal_) {
    out_[0] = master;
    sysraw::call(__NR_fcntl, master, F_SETFL, O_NONBLOCK);
    in_ = static_cast<int>(sysraw::call(__NR_fcntl, master, F_DUPFD_CLOEXEC, 3));
  }
  for (int part = 0; part < 2; ++part) {
    eof_[part] = out_[part] < 0;
    if (out_[part] >= 0) {
      hub_->poller.add(out_[part], EPOLLIN,
                       {Source::kOutput, static_cast<std::uint8_t>(part), index_, 0});
    }
  }
  if (in_ >= 0) {
    hub_->poller.add(in_, 0, {Source::kInput, 0, index_, 0});
    input_watched_ = true;
  }
  each([&](Attacher& attacher) {
    watch(attacher);
    if (attacher.in) pumpInput(attacher);
  });
}

void Channel::close() noexcept {
  closeInput();
  for (int part = 0; part < 2; ++part) {
    if (out_[part] >= 0) hub_->poller.remove(out_[part]);
    closeFd(out_[part]);
  }
  unmapPages(pending_, 4096);
  pending_ = nullptr;
  ring_.close();
}

int Channel::resize(std::uint16_t rows, std::uint16_t columns) noexcept {
  if (!terminal_ || out_[0] < 0) return -ENOTTY;
  struct winsize size {};
  size.ws_row = rows;
  size.ws_col = columns;
  return static_cast<int>(sysraw::call(__NR_ioctl, out_[0], TIOCSWINSZ, &size));
}

// -- output
// ----------------------------------------------------------------------------------------------------------

std::uint64_t Channel::tail() noexcept {
  std::uint64_t lowest = ring_.head();
  each([&](Attacher& attacher) {
    if (attacher.wantsOutput() && attacher.offset < lowest) lowest = attacher.offset;
  });
  return lowest;
}

void Channel::watchOutput(int part) noexcept {
  hub_->poller.modify(out_[part], paused_[part] ? 0 : EPOLLIN,
                      {Source::kOutput, static_cast<std::uint8_t>(part), index_, 0});
}

void Channel::onOutput(int part, std::uint32_t) noexcept {
  if (out_[part] < 0) return;
  if (paused_[part]) {
    // A writer that is gone is told in spite of the pause, and would be again and again.
    hub_->poller.remove(out_[part]);
    hub_->poller.add(out_[part], EPOLLET,
                     {Source::kOutput, static_cast<std::uint8_t>(part), index_, 0});
    return;
  }
  for (int round = 0; round < kRoundsAWake && readOnce(part); ++round) {
  }
  if (log_ != nullptr) log_->flush();
}

// True: there may be more.
bool Channel::readOnce(int part) noexcept {
  const std::size_t header = terminal_ ? 0 : kFrameHeader;
  const std::size_t space = ring_.space(tail());
  if (space < kLeastRoom) {
    paused_[part] = true;
    watchOutput(part);
    return false;
  }
  iovec to[2];
  const std::uint64_t at = ring_.head() + header;
  const int count = ring_.pieces(at, space - header, to);
  const long n = sysraw::retry([&] { return sysraw::call(__NR_readv, out_[part], to, count); });
  if (n == -EAGAIN) return false;
  if (n <= 0) {
    endOutput(part);
    return false;
  }
  const auto size = static_cast<std::size_t>(n);
  const auto stream = part == 0 ? logfile::Stream::kStdout : logfile::Stream::kStderr;
  last_output_ = monotonicNs();
  if (log_ != nullptr) {
    const std::int64_t now = wallNs();
    const std::size_t first = size < to[0].iov_len ? size : to[0].iov_len;
    log_->append(stream, static_cast<const std::uint8_t*>(to[0].iov_base), first, now);
    if (first < size)
      log_->append(stream, static_cast<const std::uint8_t*>(to[1].iov_base), size - first, now);
  }
  if (header > 0) {
    const std::uint8_t frame[kFrameHeader] = {static_cast<std::uint8_t>(part + 1),
                                              0,
                                              0,
                                              0,
                                              static_cast<std::uint8_t>(size >> 24),
                                              static_cast<std::uint8_t>(size >> 16),
                                              static_cast<std::uint8_t>(size >> 8),
                                              static_cast<std::uint8_t>(size)};
    ring_.write(ring_.head(), frame, sizeof frame);
  }
  ring_.advance(header + size);
  if (attached_ > 0) pumpAll();
  if (tail() == ring_.head()) ring_.rewind();
  return size == space - header;
}

void Channel::endOutput(int part) noexcept {
  if (terminal_ && !finished_) {
    // Nobody has the terminal open: perhaps only for the moment.
    dormant_ = true;
    hub_->poller.remove(out_[part]);
    return;
  }
  hub_->poller.remove(out_[part]);
  closeFd(out_[part]);
  eof_[part] = true;
  paused_[part] = false;
  if (log_ != nullptr) {
    log_->finish(part == 0 ? logfile::Stream::kStdout : logfile::Stream::kStderr, wallNs());
    log_->flush();
  }
  // Clients of an exec ask for its exit code when their stream ends: not before there is one
  // (finish()).
  if (ended() && index_ == 0) endAttachers();
}

void Channel::poke() noexcept {
  if (!dormant_) return;
  dormant_ = false;
  paused_[0] = false;
  hub_->poller.add(out_[0], EPOLLIN, {Source::kOutput, 0, index_, 0});
}

void Channel::endAttachers() noexcept {
  each([&](Attacher& attacher) {
    if (attacher.phase == Attacher::Phase::kOpen) attacher.phase = Attacher::Phase::kFinishing;
    settle(attacher);
  });
}

void Channel::resumeOutput() noexcept {
  if (!heldBack() || ring_.space(tail()) < kLeastRoom) return;
  for (int part = 0; part < 2; ++part) {
    if (!paused_[part] || out_[part] < 0) continue;
    paused_[part] = false;
    watchOutput(part);
  }
}

void Channel::makeRoom() noexcept {
  std::size_t waiting = 0;
  for (int fd : out_) {
    int bytes = 0;
    if (fd >= 0 && sysraw::call(__NR_ioctl, fd, FIONREAD, &bytes) == 0)
      waiting += static_cast<std::size_t>(bytes);
  }
  std::size_t capacity = kRingBytes;
  while (capacity < kRingBytes + waiting + 8 * kLeastRoom) capacity *= 2;
  if (ring_.grow(tail(), capacity)) resumeOutput();
}

void Channel::finish() noexcept {
  if (finished_) return;
  finished_ = true;
  closeInput();
  for (int part = 0; part < 2; ++part) {
    if (out_[part] < 0) continue;
    paused_[part] = false;
    while (out_[part] >= 0 && !paused_[part] && readOnce(part)) {
    }
    if (out_[part] >= 0) endOutput(part);
  }
  endAttachers();
  if (attached_ == 0) close();
}

void Channel::disown() noexcept {
  each([&](Attacher& attacher) { drop(attacher); });
}

void Channel::trim() noexcept {
  if (tail() == ring_.head()) ring_.trim();
  if (pending_ != nullptr && pending_from_ == pending_to_) dropPages(pending_, 4096);
}

// -- attachers
// -------------------------------------------------------------------------------------------------------

void Channel::attach(Attacher& attacher) noexcept {
  attacher.channel = index_;
  attacher.offset = ring_.head();
  if (!terminal_) attacher.keyCount = 0;
  if (in_ < 0 && (started_ || !terminal_)) attacher.in = false;
  sysraw::call(__NR_fcntl, attacher.socket, F_SETFL, O_RDWR | O_NONBLOCK);
  ++attached_;
  if (!started_) return;
  watch(attacher);
  if (finished_ || ended()) {
    attacher.phase = Attacher::Phase::kFinishing;
    settle(attacher);
  } else if (attacher.in) {
    pumpInput(attacher);
  }
}

void Channel::watch(Attacher& attacher) noexcept {
  if (attacher.phase == Attacher::Phase::kFree || attacher.phase == Attacher::Phase::kGone) return;
  std::uint32_t events = 0;
  if (attacher.phase == Attacher::Phase::kLingering) events = EPOLLIN | EPOLLRDHUP;
  if (attacher.in && !input_blocked_) events |= EPOLLIN;
  if (attacher.outBlocked) events |= EPOLLOUT;
  const Tag tag{Source::kAttacher, 0, hub_->attachers.indexOf(attacher), attacher.serial};
  if (!attacher.watched) {
    hub_->poller.add(attacher.socket, events, tag);
  } else if (events != attacher.events) {
    hub_->poller.modify(attacher.socket, events, tag);
  }
  attacher.watched = true;
  attacher.events = events;
}

void Channel::pumpAll() noexcept {
  each([&](Attacher& attacher) { pump(attacher); });
}

// How many bytes from attacher.offset go to this client as they are; steps over what it does not
// want.
std::uint64_t Channel::nextWanted(Attacher& attacher) noexcept {
  const std::uint64_t head = ring_.head();
  if (terminal_ || (attacher.framed && attacher.out && attacher.err)) return head - attacher.offset;
  while (attacher.offset < head) {
    std::uint8_t frame[kFrameHeader];
    ring_.read(attacher.offset, frame, sizeof frame);
    const std::uint64_t size =
        std::uint64_t{frame[4]} << 24 | frame[5] << 16 | frame[6] << 8 | frame[7];
    const bool wanted = frame[0] == 1 ? attacher.out : attacher.err;
    if (wanted && attacher.framed) return kFrameHeader + size;
    attacher.offset += kFrameHeader;
    if (wanted && size > 0) return size;
    attacher.offset += size;
  }
  return 0;
}

void Channel::pump(Attacher& attacher) noexcept {
  while (attacher.wantsOutput()) {
    if (attacher.left == 0) attacher.left = nextWanted(attacher);
    if (attacher.left == 0) break;
    iovec from[2];
    struct msghdr message {};
    message.msg_iov = from;
    message.msg_iovlen = static_cast<unsigned>(
        ring_.pieces(attacher.offset, static_cast<std::size_t>(attacher.left), from));
    const long n = sysraw::retry([&] {
      return sysraw::call(__NR_sendmsg, attacher.socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    });
    if (n == -EAGAIN || n == -ENOBUFS) {
      attacher.outBlocked = true;
      watch(attacher);
      return;
    }
    if (n <= 0) {
      drop(attacher);
      return;
    }
    attacher.offset += static_cast<std::uint64_t>(n);
    attacher.left -= static_cast<std::uint64_t>(n);
  }
  if (attacher.outBlocked) {
    attacher.outBlocked = false;
    watch(attacher);
  }
}

// Sends what can be sent; ends a client that has everything it was still to get.
void Channel::settle(Attacher& attacher) noexcept {
  if (attacher.phase != Attacher::Phase::kOpen && attacher.phase != Attacher::Phase::kFinishing)
    return;
  const std::uint32_t serial = attacher.serial;
  pump(attacher);
  if (attacher.serial != serial || attacher.phase != Attacher::Phase::kFinishing) return;
  if (!attacher.outBlocked) linger(attacher);
}

void Channel::linger(Attacher& attacher) noexcept {
  attacher.phase = Attacher::Phase::kLingering;
  attacher.in = false;
  attacher.deadlineNs = monotonicNs() + 1000 * kMillisecond;
  sysraw::call(__NR_shutdown, attacher.socket, SHUT_WR);
  if (!attacher.told) hub_->detached(attacher.number, attacher.byKeys);
  attacher.told = true;
  watch(attacher);
  discardInput(attacher);
}

void Channel::discardInput(Attacher& attacher) noexcept {
  std::uint8_t bytes[512];
  while (true) {
    const long n = sysraw::retry([&] {
      return sysraw::call(__NR_recvfrom, attacher.socket, bytes, sizeof bytes, MSG_DONTWAIT, 0, 0);
    });
    if (n == -EAGAIN) return;
    if (n <= 0) {
      drop(attacher);
      return;
    }
  }
}

void Channel::drop(Attacher& attacher) noexcept {
  if (attacher.watched) hub_->poller.remove(attacher.socket);
  if (!attacher.told) hub_->detached(attacher.number, attacher.byKeys);
  const bool held = heldBack();
  hub_->attachers.free(attacher);
  --attached_;
  if (held) resumeOutput();
  if (finished_ && attached_ == 0) close();
}

void Channel::onAttacher(Attacher& attacher, std::uint32_t events) noexcept {
  const std::uint32_t serial = attacher.serial;
  const auto alive = [&] {
    return attacher.serial == serial && attacher.phase != Attacher::Phase::kFree;
  };
  if (attacher.phase == Attacher::Phase::kLingering) {
    discardInput(attacher);
    return;
  }
  if ((events & EPOLLOUT) != 0) {
    pump(attacher);
    if (alive()) settle(attacher);
    resumeOutput();
    if (!alive() || attacher.phase == Attacher::Phase::kLingering) return;
  }
  if ((events & EPOLLIN) != 0 && attacher.in) pumpInput(attacher);
  if (!alive() || (events & (EPOLLERR | EPOLLHUP)) == 0) return;
  if (!attacher.in || (events & EPOLLERR) != 0) {
    drop(attacher);
    return;
  }
  // Closed by the client, but what it typed before has not all been taken.
  hub_->poller.remove(attacher.socket);
  attacher.watched = false;
  attacher.phase = Attacher::Phase::kGone;
  resumeOutput();
  if (!input_blocked_) pumpInput(attacher);
}

}  // namespace shimserver
