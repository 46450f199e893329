#include "runtime/shimserver/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>

#include <cstring>

namespace shimserver {

namespace {

constexpr std::int64_t kTrimAfter = 300 * kMillisecond;
constexpr std::int64_t kSilence = 100 * kMillisecond;
constexpr std::int64_t kPatience = 2000 * kMillisecond;  // with a client that does not read
constexpr std::int64_t kPokeEvery = 1000 * kMillisecond;

// A container must be killed before its shim when memory runs out.
void protectFromOom() noexcept {
  const long fd =
      sysraw::call(__NR_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  sysraw::call(__NR_write, fd, "-999", 4);
  sysraw::call(__NR_close, fd);
}

}  // namespace

bool Server::setUp() noexcept {
  sysraw::call(__NR_prctl, PR_SET_NAME, "sampan-shim");
  sysraw::call(__NR_prctl, PR_SET_CHILD_SUBREAPER, 1);
  for (int fd = shimwire::kFdConversation; fd <= shimwire::kFdDirectory; ++fd) {
    sysraw::call(__NR_fcntl, fd, F_SETFD, FD_CLOEXEC);
  }
  sysraw::call(__NR_fcntl, shimwire::kFdListener, F_SETFL, O_NONBLOCK);
  protectFromOom();
  // As the kernel has it. SIGPIPE is blocked as well: no write may end the shim.
  const std::uint64_t blocked = std::uint64_t{1} << (SIGCHLD - 1) | std::uint64_t{1}
                                                                        << (SIGPIPE - 1);
  const std::uint64_t awaited = std::uint64_t{1} << (SIGCHLD - 1);
  sysraw::call(__NR_rt_sigprocmask, SIG_BLOCK, &blocked, 0, sizeof blocked);
  targets_ = static_cast<Target*>(mapPages(sizeof(Target) * (1 + shimwire::kMaxExecs)));
  if (targets_ == nullptr || !hub_.attachers.open()) return false;
  children_ = static_cast<int>(
      sysraw::call(__NR_signalfd4, -1, &awaited, sizeof awaited, O_CLOEXEC | O_NONBLOCK));
  if (children_ < 0 || !hub_.poller.open()) return false;

  const long status =
      sysraw::call(__NR_openat, directory_, shimwire::kStatusName, O_RDWR | O_CLOEXEC);
  if (status < 0) return false;
  const long page = sysraw::call(__NR_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, status, 0);
  sysraw::call(__NR_close, status);
  if (isError(page)) return false;
  status_ = reinterpret_cast<shimwire::StatusPage*>(page);
  status_->shimPid = static_cast<std::int32_t>(sysraw::call(__NR_getpid));

  conversation_ = shimwire::kFdConversation;
  hub_.poller.add(conversation_, EPOLLIN, {Source::kConversation, 0, 0, conversation_serial_});
  hub_.poller.add(listener_, EPOLLIN, {Source::kListener, 0, 0, 0});
  hub_.poller.add(children_, EPOLLIN, {Source::kChildren, 0, 0, 0});
  return true;
}

int Server::run() noexcept {
  static Server* self;  // the one callback without a context
  self = this;
  hub_.detached = [](std::uint64_t number, bool byKeys) {
    auto message = shimwire::make<shimwire::Detached>();
    message.number = number;
    message.byKeys = byKeys ? 1 : 0;
    self->send(&message, sizeof message);
  };
  if (!setUp()) return 1;
  epoll_event events[8];
  while (!mayLeave()) {
    const int count = hub_.poller.wait(events, 8, timeoutMs());
    if (count > 0) trim_at_ = monotonicNs() + kTrimAfter;
    for (int i = 0; i < count; ++i) dispatch(events[i]);
    onTime();
  }
  return 0;
}

// Before a task runs the daemon is needed; after its end the shim stays only for clients that still
// read.
bool Server::mayLeave() noexcept {
  if (over_) return hub_.attachers.empty();
  return !was_started_ && conversation_ < 0;
}

void Server::dispatch(const epoll_event& event) noexcept {
  const Tag tag = Poller::tagOf(event);
  switch (tag.source) {
    case Source::kConversation:
      if (tag.serial == conversation_serial_) onConversation(event.events);
      return;
    case Source::kListener:
      onListener();
      return;
    case Source::kChildren:
      onChildren();
      return;
    case Source::kOutput:
      targets_[tag.index].channel.onOutput(tag.part, event.events);
      return;
    case Source::kInput:
      targets_[tag.index].channel.onInput(event.events);
      return;
    case Source::kAttacher: {
      Attacher& attacher = hub_.attachers[tag.index];
      if (attacher.phase == Attacher::Phase::kFree || attacher.serial != tag.serial) return;
      targets_[attacher.channel].channel.onAttacher(attacher, event.events);
      return;
    }
    case Source::kLaunch:
      if (targets_[tag.index].phase == Target::Phase::kLaunching) onLaunch(targets_[tag.index]);
      return;
  }
}

namespace {
void earlier(std::int64_t& deadline, std::int64_t candidate) noexcept {
  if (candidate != 0 && (deadline == 0 || candidate < deadline)) deadline = candidate;
}
}  // namespace

int Server::timeoutMs() noexcept {
  std::int64_t deadline = 0;
  earlier(deadline, trim_at_);
  earlier(deadline, poke_at_);
  earlier(deadline, kill_execs_at_);
  eachTarget([&](Target& target) {
    if (target.phase == Target::Phase::kLaunching && !target.overdue)
      earlier(deadline, target.launchDeadline);
    if (target.phase != Target::Phase::kDraining) return;
    const std::int64_t quiet = target.channel.lastOutputNs() > target.endedMonotonic
                                   ? target.channel.lastOutputNs()
                                   : target.endedMonotonic;
    earlier(deadline, target.channel.heldBack() && !target.roomMade
                          ? target.endedMonotonic + kPatience
                          : quiet + kSilence);
  });
  for (std::size_t i = 0; i < hub_.attachers.size(); ++i) {
    if (hub_.attachers[i].phase == Attacher::Phase::kLingering)
      earlier(deadline, hub_.attachers[i].deadlineNs);
  }
  if (deadline == 0) return -1;
  const std::int64_t left = deadline - monotonicNs();
  return left <= 0 ? 0 : static_cast<int>(left / kMillisecond) + 1;
}

void Server::onTime() noexcept {
  const std::int64_t now = monotonicNs();
  bool dormant = false;
  eachTarget([&](Target& target) {
    if (target.phase == Target::Phase::kDraining) settleEnded(target);
    if (target.phase == Target::Phase::kLaunching && !target.overdue &&
        now >= target.launchDeadline)
      giveUpLaunch(target);
    if (target.phase == Target::Phase::kRunning && target.channel.dormant()) dormant = true;
  });
  for (std::size_t i = 0; i < hub_.attachers.size(); ++i) {
    Attacher& attacher = hub_.attachers[i];
    if (attacher.phase != Attacher::Phase::kLingering || now < attacher.deadlineNs) continue;
    targets_[attacher.channel].channel.drop(attacher);
  }
  if (!dormant) {
    poke_at_ = 0;
  } else if (poke_at_ == 0) {
    poke_at_ = now + kPokeEvery;
  } else if (now >= poke_at_) {
    poke_at_ = 0;
    eachTarget([](Target& target) { target.channel.poke(); });
  }
  if (kill_execs_at_ != 0 && now >= kill_execs_at_) endExecs();
  if (trim_at_ != 0 && now >= trim_at_) {
    trim_at_ = 0;
    trim();
  }
}

// Gives back what a busy moment has touched: log buffer, rings, and the stack below this frame.
void Server::trim() noexcept {
  log_.trim();
  eachTarget([](Target& target) { target.channel.trim(); });
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  constexpr std::uintptr_t kDeepest = 256 * 1024;
  const std::uintptr_t top = (here - 1024) & ~std::uintptr_t{4095};
  // Below what is mapped the kernel answers ENOMEM after it has dropped what there is.
  sysraw::call(__NR_madvise, top - kDeepest, kDeepest, MADV_DONTNEED);
}

void Server::publishLog(void* self, const logfile::Position& position) noexcept {
  shimwire::StatusPage* page = static_cast<Server*>(self)->status_;
  const std::uint32_t sequence = page->logSequence;
  __atomic_store_n(&page->logSequence, sequence + 1, __ATOMIC_RELAXED);
  __atomic_thread_fence(__ATOMIC_RELEASE);
  page->logGeneration = position.generation;
  page->logOffset = position.offset;
  page->logInode = position.inode;
  page->logDropped = position.dropped;
  __atomic_store_n(&page->logSequence, sequence + 2, __ATOMIC_RELEASE);
}

}  // namespace shimserver
