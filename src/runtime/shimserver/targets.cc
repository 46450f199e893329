// From Start or Exec to a running process.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cstring>
#include <new>

#include "runtime/launch/text.h"
#include "runtime/shimserver/server.h"

namespace shimserver {

Target* Server::find(std::uint32_t number) noexcept {
  for (std::size_t i = 0; i < targets_high_; ++i) {
    if (targets_[i].phase != Target::Phase::kFree && targets_[i].number == number)
      return &targets_[i];
  }
  return nullptr;
}

// A slot for an exec: one that no client is still reading from.
Target* Server::freeTarget() noexcept {
  for (std::size_t i = 1; i <= shimwire::kMaxExecs; ++i) {
    if (targets_[i].phase != Target::Phase::kFree || !targets_[i].channel.deserted()) continue;
    if (i + 1 > targets_high_) targets_high_ = i + 1;
    return new (&targets_[i]) Target{};
  }
  return nullptr;
}

long Server::startMessage(Packet& packet) noexcept {
  shimwire::Start start;
  if (!shimwire::decode(packet.bytes, packet.size, start)) return -EBADMSG;
  if (was_started_ || task().phase != Target::Phase::kFree) return -EALREADY;
  faults_.set(start.fault);
  targets_high_ = 1;
  Target& target = *new (targets_) Target{};
  target.number = shimwire::kTask;
  std::memcpy(target.id, start.id, sizeof target.id);
  int error = prepare(target, packet, start.flags, start.planBytes, start.planFds);
  if (error == 0) error = faults_.at("shim.start");
  if (target.preparation == nullptr) return error;
  if (error == 0) error = openLog(packet, start);
  if (error == 0) error = openChannel(target, packet, start.flags);
  collectFds(target, packet);
  if (error != 0 && target.preparation->error == 0) target.preparation->error = error;
  return 0;
}

long Server::execMessage(Packet& packet) noexcept {
  shimwire::Exec exec;
  if (!shimwire::decode(packet.bytes, packet.size, exec)) return -EBADMSG;
  if (exec.target >= next_target_) next_target_ = exec.target + 1;
  if (task().phase != Target::Phase::kRunning) return -ESRCH;
  if (exec.target == shimwire::kTask || find(exec.target) != nullptr) return -EEXIST;
  Target* target = freeTarget();
  if (target == nullptr) return -ENOSPC;
  target->number = exec.target;
  std::memcpy(target->id, exec.id, sizeof target->id);
  int error = prepare(*target, packet, exec.flags, exec.planBytes, exec.planFds);
  if (target->preparation == nullptr) return error;
  if (error == 0) error = openChannel(*target, packet, exec.flags);
  collectFds(*target, packet);
  if (error != 0 && target->preparation->error == 0) target->preparation->error = error;
  return 0;
}

int Server::prepare(Target& target, Packet& packet, std::uint32_t, std::uint32_t planBytes,
                    std::uint32_t planFds) noexcept {
  target.preparation = static_cast<Preparation*>(mapPages(sizeof(Preparation)));
  if (target.preparation == nullptr) return -ENOMEM;
  target.phase = Target::Phase::kPreparing;
  target.child = launch::Child{};
  Preparation& preparation = *target.preparation;
  preparation.text = "";
  preparation.expected = planFds;
  int plan = packet.take();
  const long at = sysraw::call(__NR_mmap, 0, planBytes, PROT_READ, MAP_PRIVATE, plan, 0);
  closeFd(plan);
  if (isError(at)) return static_cast<int>(at);
  preparation.plan = reinterpret_cast<const void*>(at);
  preparation.planBytes = planBytes;
  if (planFds > launch::kMaxPlanFds) return -E2BIG;
  if (const char* wrong = launch::openPlan(preparation.plan, planBytes, preparation.opened)) {
    preparation.text = wrong;
    return -EINVAL;
  }
  return 0;
}

int Server::openChannel(Target& target, Packet& packet, std::uint32_t flags) noexcept {
  Channel::Ends ends;
  ends.terminal = (flags & shimwire::kTerminal) != 0;
  ends.stdinOnce = (flags & shimwire::kStdinOnce) != 0;
  if (!ends.terminal) {
    if ((flags & shimwire::kOpenStdin) != 0) ends.in = packet.take();
    ends.out = packet.take();
    ends.err = packet.take();
  }
  const bool isTask = &target == targets_;
  const int error =
      target.channel.open(hub_, indexOf(target), ends, isTask && log_.isOpen() ? &log_ : nullptr);
  return error;
}

// Takes log directory, OOM counter and attributes, which come behind the pipes.
int Server::openLog(Packet& packet, const shimwire::Start& start) noexcept {
  std::size_t at = packet.taken;
  if ((start.flags & shimwire::kTerminal) == 0)
    at += (start.flags & shimwire::kOpenStdin) != 0 ? 3 : 2;
  const auto next = [&](std::uint32_t flag) noexcept {
    if ((start.flags & flag) == 0 || at >= packet.fdCount) return -1;
    const int fd = packet.fds[at];
    // Out of the packet; what comes behind moves up.
    std::memmove(packet.fds + at, packet.fds + at + 1, (packet.fdCount - at - 1) * sizeof(int));
    --packet.fdCount;
    return fd;
  };
  log_directory_ = next(shimwire::kLog);
  oom_ = next(shimwire::kOomCount);
  int attributes = next(shimwire::kAttributes);
  if (oom_ >= 0) oom_before_ = oomKills();
  if (log_directory_ < 0) return 0;
  logfile::Config config;
  config.directory = log_directory_;
  std::memcpy(config.name, start.logName, sizeof config.name - 1);
  config.maxSize = start.logSize;
  config.maxFiles = start.logFiles;
  config.generation = start.logGeneration;
  config.publish = &Server::publishLog;
  config.context = this;
  struct stat st {};
  if (attributes >= 0 && sysraw::call(__NR_newfstatat, attributes, "", &st, AT_EMPTY_PATH) == 0 &&
      st.st_size > 0 && static_cast<std::size_t>(st.st_size) <= shimwire::kMaxAttributes) {
    const long mapped =
        sysraw::call(__NR_mmap, 0, st.st_size, PROT_READ, MAP_PRIVATE, attributes, 0);
    if (!isError(mapped)) {
      config.attributes = reinterpret_cast<const char*>(mapped);
      config.attributeBytes = static_cast<std::size_t>(st.st_size);
    }
  }
  closeFd(attributes);
  const int error = log_.open(config);
  if (error != 0) task().preparation->text = "open the log file";
  return error;
}

void Server::collectFds(Target& target, Packet& packet) noexcept {
  Preparation& preparation = *target.preparation;
  while (packet.taken < packet.fdCount && preparation.fdCount < launch::kMaxPlanFds) {
    preparation.fds[preparation.fdCount++] = packet.take();
  }
}

long Server::fdsMessage(Packet& packet) noexcept {
  shimwire::Fds message;
  if (!shimwire::decode(packet.bytes, packet.size, message)) return -EBADMSG;
  Target* target = find(message.target);
  if (target == nullptr || target->phase != Target::Phase::kPreparing) return -ESRCH;
  collectFds(*target, packet);
  return 0;
}

namespace {

void freePreparation(Target& target) noexcept {
  Preparation* preparation = target.preparation;
  if (preparation == nullptr) return;
  for (std::uint32_t i = 0; i < preparation->fdCount; ++i) closeFd(preparation->fds[i]);
  unmapPages(const_cast<void*>(preparation->plan), preparation->planBytes);
  unmapPages(preparation, sizeof *preparation);
  target.preparation = nullptr;
}

}  // namespace

bool Server::go(Target& target, std::uint32_t sequence) noexcept {
  Preparation& preparation = *target.preparation;
  target.goSequence = sequence;
  launch::Failure failure;
  if (preparation.error == 0 && preparation.fdCount != preparation.expected) {
    preparation.error = -EBADMSG;
    preparation.text = "descriptors are missing";
  }
  if (preparation.error == 0) preparation.error = faults_.at("shim.go");
  if (preparation.error != 0) {
    failure.error = -preparation.error;
    std::strncpy(failure.text, preparation.text, sizeof failure.text - 1);
    refused(target, failure);
    return false;
  }
  if (!launch::start(preparation.opened, preparation.fds, preparation.fdCount, target.child,
                     failure)) {
    refused(target, failure);
    return false;
  }
  target.phase = Target::Phase::kLaunching;
  target.launchDeadline = monotonicNs() + shimwire::kLaunchSeconds * 1000 * kMillisecond;
  if (&target == targets_) was_started_ = true;
  hub_.poller.add(target.child.sync, EPOLLIN, {Source::kLaunch, 0, indexOf(target), 0});
  return true;
}

void Server::onLaunch(Target& target) noexcept {
  hub_.poller.remove(target.child.sync);
  launch::Event event = launch::take(target.child);
  if (event.kind == launch::EventKind::kRunning) {
    launched(target);
  } else if (event.kind == launch::EventKind::kFailed) {
    if (target.overdue) {
      event.failure.step = launch::Step::kExec;
      event.failure.error = ETIMEDOUT;
      launch::Line(event.failure.text, sizeof event.failure.text)
          .add("the process did not come to execve within ")
          .add(static_cast<long>(shimwire::kLaunchSeconds))
          .add(
              " seconds and was killed: a process of its PID namespace stops it, or its memory "
              "group is full");
    }
    refused(target, event.failure);
  } else {
    hub_.poller.add(target.child.sync, EPOLLIN, {Source::kLaunch, 0, indexOf(target), 0});
  }
}

// Its end comes as that of any launch: the socket closes.
void Server::giveUpLaunch(Target& target) noexcept {
  target.overdue = true;
  sysraw::call(__NR_pidfd_send_signal, target.child.pidfd, SIGKILL, 0, 0);
}

// For a daemon that has just come: waits for a launch that is about to end, and ends one that is
// not.
void Server::settleLaunch(Target& target) noexcept {
  constexpr std::int64_t kMoment = 400 * kMillisecond;
  for (int round = 0; round < 2; ++round) {
    const std::int64_t until = monotonicNs() + kMoment;
    while (target.phase == Target::Phase::kLaunching) {
      const std::int64_t left = until - monotonicNs();
      if (left <= 0) break;
      struct pollfd query {
        target.child.sync, POLLIN, 0
      };
      const struct timespec patience {
        0, left
      };
      if (sysraw::call(__NR_ppoll, &query, 1, &patience, 0, 0) > 0) onLaunch(target);
    }
    if (round == 0 && target.phase == Target::Phase::kLaunching) giveUpLaunch(target);
  }
}

void Server::launched(Target& target) noexcept {
  freePreparation(target);
  target.phase = Target::Phase::kRunning;
  target.startedNs = wallNs();
  if (&target == targets_) {
    status_->startedNs = target.startedNs;
    __atomic_store_n(&status_->pid, target.child.pid, __ATOMIC_RELEASE);
    holdMounts(target.child.pid);
  }
  const int master = target.child.terminal;
  target.child.terminal = -1;
  auto reply = shimwire::make<shimwire::Reply>(target.goSequence);
  reply.pid = target.child.pid;
  reply.timeNs = target.startedNs;
  faults_.at("shim.running");
  send(&reply, sizeof reply);
  target.channel.start(master);
}

// Else the kernel takes all the mounts away before it says that the process died, and waits for a
// grace period of RCU meanwhile: a fifth of a short run. finishTask lets go.
void Server::holdMounts(int pid) noexcept {
  char path[40];
  launch::Line(path, sizeof path).add("/proc/").add(static_cast<long>(pid)).add("/ns/mnt");
  const long fd = sysraw::call(__NR_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  mounts_ = fd < 0 ? -1 : static_cast<int>(fd);
}

void Server::refused(Target& target, const launch::Failure& failure) noexcept {
  fail(target.goSequence, failure);
  discard(target);
  if (&target == targets_) over_ = true;
}

// Clients of what never ran get their end.
void Server::discard(Target& target) noexcept {
  freePreparation(target);
  // The daemon tells an exec's client why; a task's is told by the answer to its start.
  if (&target != targets_) target.channel.disown();
  target.channel.start(-1);
  target.channel.finish();
  release(target);
}

void Server::release(Target& target) noexcept {
  closeFd(target.child.pidfd);
  target.phase = Target::Phase::kFree;
  while (targets_high_ > 1 && targets_[targets_high_ - 1].phase == Target::Phase::kFree &&
         targets_[targets_high_ - 1].channel.deserted()) {
    --targets_high_;
  }
}

long Server::signal(Target* target, int number) noexcept {
  // What is being launched has set nothing up that another signal could be for.
  const bool hears =
      target != nullptr && (target->phase == Target::Phase::kRunning ||
                            (target->phase == Target::Phase::kLaunching && number == SIGKILL));
  if (!hears) return -ESRCH;
  return sysraw::call(__NR_pidfd_send_signal, target->child.pidfd, number, 0, 0);
}

}  // namespace shimserver
