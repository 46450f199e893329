// From a process's death to the record of it.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstring>

#include "runtime/shimserver/server.h"

namespace shimserver {

namespace {
constexpr std::int64_t kSilence = 100 * kMillisecond;
constexpr std::int64_t kPatience = 2000 * kMillisecond;
}  // namespace

// Reaps all that died: our own children and, since this is a subreaper, what they left behind.
void Server::onChildren() noexcept {
  std::uint8_t discarded[128];
  sysraw::call(__NR_read, children_, discarded, sizeof discarded);
  while (true) {
    siginfo_t info{};
    // Looked at first: a child whose execve is not known yet belongs to launch::take(), which reaps
    // it.
    if (sysraw::call(__NR_waitid, P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT, 0) < 0 ||
        info.si_pid == 0)
      return;
    Target* target = nullptr;
    eachTarget([&](Target& candidate) {
      if (candidate.child.pid == info.si_pid && (candidate.phase == Target::Phase::kRunning ||
                                                 candidate.phase == Target::Phase::kLaunching)) {
        target = &candidate;
      }
    });
    if (target != nullptr && target->phase == Target::Phase::kLaunching) {
      // All its words are there by now, and then the end; or it was the first of the two processes
      // of an exec.
      while (target->phase == Target::Phase::kLaunching && target->child.pid == info.si_pid)
        onLaunch(*target);
      continue;
    }
    int status = 0;
    sysraw::call(__NR_wait4, info.si_pid, &status, WNOHANG, 0);
    if (target != nullptr) ended(*target, status);
  }
}

void Server::ended(Target& target, int status) noexcept {
  target.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  target.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  target.endedNs = wallNs();
  target.endedMonotonic = monotonicNs();
  target.phase = Target::Phase::kDraining;
  target.roomMade = false;
  faults_.at("shim.drain");
  settleEnded(target);
}

// Called again and again until the output has come to its end.
void Server::settleEnded(Target& target) noexcept {
  Channel& channel = target.channel;
  const std::int64_t now = monotonicNs();
  if (!channel.ended() && !channel.dormant()) {
    if (channel.heldBack()) {
      if (now < target.endedMonotonic + kPatience || target.roomMade) return;
      target.roomMade = true;
      channel.makeRoom();
      return;
    }
    const std::int64_t last = channel.lastOutputNs() > target.endedMonotonic
                                  ? channel.lastOutputNs()
                                  : target.endedMonotonic;
    if (now < last + kSilence) return;
  }
  if (&target == targets_) {
    channel.finish();
    finishTask();
  } else {
    finishExec(target);
  }
}

void Server::finishExec(Target& target) noexcept {
  target.phase = Target::Phase::kEnded;
  closeFd(target.child.pidfd);
  // The daemon hears first: a client that sees its stream end asks for the exit code next.
  tellExit(target);
  target.channel.finish();
  if (task().phase == Target::Phase::kEnded) finishTask();
}

// Execs of a container without a pid namespace of its own outlive its first process; they must not
// outlive the shim.
void Server::endExecs() noexcept {
  kill_execs_at_ = monotonicNs() + kPatience;
  eachTarget([&](Target& target) {
    if (&target == targets_) return;
    if (target.phase == Target::Phase::kPreparing) discard(target);
    if (target.phase == Target::Phase::kRunning || target.phase == Target::Phase::kLaunching) {
      sysraw::call(__NR_pidfd_send_signal, target.child.pidfd, SIGKILL, 0, 0);
    }
  });
}

void Server::finishTask() noexcept {
  if (over_) return;
  task().phase = Target::Phase::kEnded;
  log_.close();
  bool execs = false;
  eachTarget([&](Target& target) {
    if (&target != targets_ && target.phase != Target::Phase::kEnded) execs = true;
  });
  if (execs) {
    if (kill_execs_at_ == 0) endExecs();
    return;  // finishExec comes back here
  }
  kill_execs_at_ = 0;
  oom_killed_ = oom_ >= 0 && oomKills() > oom_before_;
  faults_.at("shim.record");
  writeRecord();
  faults_.at("shim.tell");
  tellExit(task());
  closeFd(mounts_);
  over_ = true;
  // Who connects now finds nobody, and reads the record.
  hub_.poller.remove(listener_);
  closeFd(listener_);
}

void Server::writeRecord() noexcept {
  static constexpr char kTemporary[] = "exit.new";
  const long fd = sysraw::call(__NR_openat, directory_, kTemporary,
                               O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  shimwire::ExitRecord record{};
  record.magic = shimwire::kExitMagic;
  record.version = shimwire::kVersion;
  record.size = sizeof record;
  record.execSize = sizeof(shimwire::ExecExit);
  record.code = task().code;
  record.signal = task().signal;
  record.flags = oom_killed_ ? shimwire::kExitOom : 0;
  record.timeNs = task().endedNs;
  record.startedNs = task().startedNs;
  eachTarget([&](Target& target) {
    if (&target == targets_ || target.phase != Target::Phase::kEnded) return;
    shimwire::ExecExit exec{};
    std::memcpy(exec.id, target.id, sizeof exec.id);
    exec.code = target.code;
    exec.signal = target.signal;
    exec.timeNs = target.endedNs;
    sysraw::call(__NR_pwrite64, fd, &exec, sizeof exec,
                 sizeof record + record.execCount * sizeof exec);
    ++record.execCount;
  });
  const long written = sysraw::call(__NR_pwrite64, fd, &record, sizeof record, 0);
  sysraw::call(__NR_close, fd);
  if (written != sizeof record) return;
  sysraw::call(__NR_renameat2, directory_, kTemporary, directory_, shimwire::kExitName, 0);
}

// The number behind "oom_kill " in memory.events or memory.oom_control.
std::uint64_t Server::oomKills() noexcept {
  char text[512];
  const long n = sysraw::call(__NR_pread64, oom_, text, sizeof text - 1, 0);
  if (n <= 0) return 0;
  text[n] = '\0';
  const char* at = std::strstr(text, "oom_kill ");
  if (at == nullptr) return 0;
  std::uint64_t kills = 0;
  for (at += 9; *at >= '0' && *at <= '9'; ++at)
    kills = kills * 10 + static_cast<std::uint64_t>(*at - '0');
  return kills;
}

}  // namespace shimserver
