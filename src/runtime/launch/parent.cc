// The parent's side: clone, answer what the child asks, report how it ended.
#include <sys/wait.h>

#include "runtime/launch/child.h"
#include "runtime/launch/launch.h"

namespace launch {
namespace {

template <class... Pieces>
void say(Failure& failure, Step step, long error, Pieces... pieces) noexcept {
  const Piece all[] = {Piece(pieces)...};
  failure.step = step;
  failure.error = static_cast<int>(error < 0 ? -error : error);
  Line(failure.text, sizeof failure.text).add(all, sizeof...(pieces)).addError(error);
}

// A pid namespace is entered by the children of whoever joins it. For a container that shares one
// we join it for one clone and return: its procfs has to be mounted by a member.
class PidNamespace {
 public:
  ~PidNamespace() { kernel::close(own_); }
  long enter(long fd) noexcept {
    own_ = kernel::openAt(AT_FDCWD, "/proc/self/ns/pid", O_RDONLY);
    if (own_ < 0) return own_;
    const long joined = kernel::setns(fd, CLONE_NEWPID);
    entered_ = joined >= 0;
    return joined;
  }
  // False: we cannot make children of our own any more.
  bool leave() noexcept { return !entered_ || kernel::setns(own_, CLONE_NEWPID) >= 0; }

 private:
  long own_ = -1;
  bool entered_ = false;
};

long enterPidNamespace(const Plan& plan, const int* fds, PidNamespace& pids) noexcept {
  const PlanRoot& root = plan.root();
  for (std::uint32_t i = 0; i < root.joins.count; ++i) {
    const NamespaceJoin& join = plan.at(root.joins, i);
    if (join.type == CLONE_NEWPID) return pids.enter(fds[join.fd - 1]);
  }
  return 0;
}

long cloneChild(const Plan& plan, const int* fds, int& pidfd) noexcept {
  const PlanRoot& root = plan.root();
  clone_args args{};
  args.flags = CLONE_PIDFD | (root.newNamespaces & ~static_cast<std::uint64_t>(CLONE_NEWCGROUP));
  args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (root.cgroup != 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(fds[root.cgroup - 1]);
  }
  return sysraw::call(__NR_clone3, &args, sizeof args);
}

void closeAll(Child& child) noexcept {
  kernel::close(child.sync);
  kernel::close(child.pidfd);
  kernel::close(child.terminal);
  child = Child{};
}

// A signal that killed it, or 0.
int reap(Child& child) noexcept {
  siginfo_t info{};
  const long waited = sysraw::retry([&] {
    return sysraw::call(__NR_waitid, 3 /* P_PIDFD */, child.pidfd, &info, 4 /* WEXITED */, 0);
  });
  if (waited < 0) return 0;
  return info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED ? info.si_status : 0;
}

// /proc/PID/FILE of a child: the pid cannot be another's while we have not reaped it.
long writeProc(int pid, const char* file, const char* value, std::size_t size) noexcept {
  char path[64];
  Line(path, sizeof path).add("/proc/").add(static_cast<long>(pid)).add("/").add(file);
  const long fd = kernel::openAt(AT_FDCWD, path, O_WRONLY | O_NOFOLLOW);
  if (fd < 0) return fd;
  const long right = kernel::fileSystemType(fd) == kernel::kProcMagic ? 0 : -EXDEV;
  const long written = right < 0 ? right : kernel::write(fd, value, size);
  kernel::close(fd);
  return written;
}

// What a child in a new user namespace may not do for itself.
bool prepareUserNamespace(const Plan& plan, Child& child, const int* fds,
                          Failure& failure) noexcept {
  const PlanRoot& root = plan.root();
  char number[24];
  Line(number, sizeof number).add(static_cast<long>(child.pid));
  for (std::uint32_t i = 0; i < root.cgroupWrites.count; ++i) {
    const FileWrite& write = plan.at(root.cgroupWrites, i);
    const long done = writeCgroupFile(plan, write, fds[write.directory - 1], number);
    if (done < 0)
      return say(failure, Step::kCgroup, done, "write ", plan.text(write.file), " of the cgroup"),
             false;
  }
  if (plan.has(kFlagHasOomScore)) {
    char score[24];
    Line text(score, sizeof score);
    text.add(static_cast<long>(root.oomScore));
    const long done = writeProc(child.pid, "oom_score_adj", score, text.length());
    if (done < 0) return say(failure, Step::kLimits, done, "set oom_score_adj"), false;
  }
  if (plan.has(kFlagDenySetgroups)) {
    const long done = writeProc(child.pid, "setgroups", "deny", 4);
    if (done < 0) return say(failure, Step::kMaps, done, "write setgroups"), false;
  }
  const long users = writeProc(child.pid, "uid_map", plan.text(root.uidMap), root.uidMap.size);
  if (users < 0) return say(failure, Step::kMaps, users, "write uid_map"), false;
  const long groups = writeProc(child.pid, "gid_map", plan.text(root.gidMap), root.gidMap.size);
  if (groups < 0) return say(failure, Step::kMaps, groups, "write gid_map"), false;
  return true;
}

// One message; a descriptor that came with it goes to `received`. 0: end of file; -EAGAIN: none,
// for those who do not wait.
long receive(int sync, Message& message, int& received, bool wait) noexcept {
  struct {
    void* base;
    std::size_t size;
  } part{&message, sizeof message};
  struct alignas(8) {
    std::size_t size;
    int level, type;
    int fd, pad;
  } control{};
  struct {
    void* name;
    std::uint32_t nameSize, pad0;
    void* parts;
    std::size_t partCount;
    void* control;
    std::size_t controlSize;
    int flags;
  } header{nullptr, 0, 0, &part, 1, &control, sizeof control, 0};
  const int flags = 0x40000000 /* MSG_CMSG_CLOEXEC */ | (wait ? 0 : 0x40 /* MSG_DONTWAIT */);
  const long got = sysraw::retry([&] { return sysraw::call(__NR_recvmsg, sync, &header, flags); });
  if (got > 0 && header.controlSize >= 20 && control.level == 1 && control.type == 1)
    received = control.fd;
  return got;
}

void died(int signal, Failure& failure) noexcept {
  failure.step = Step::kExec;
  Line line(failure.text, sizeof failure.text);
  line.add("the process ended before it ran the program");
  if (signal != 0) line.add(" (killed by signal ").add(static_cast<long>(signal)).add(")");
}

}  // namespace

bool start(const Plan& plan, const int* fds, std::size_t fdCount, Child& child,
           Failure& failure) noexcept {
  child = Child{};
  if (fdCount != plan.root().fdCount)
    return say(failure, Step::kPlan, 0, "the plan came with the wrong descriptors"), false;
  int pair[2];
  const long made =
      sysraw::call(__NR_socketpair, 1 /* AF_UNIX */, 5 /* SEQPACKET */ | O_CLOEXEC, 0, pair);
  if (made < 0) return say(failure, Step::kClone, made, "make a socket pair"), false;
  PidNamespace pids;
  int pidfd = -1;
  long pid = enterPidNamespace(plan, fds, pids);
  if (pid < 0) {
    kernel::close(pair[0]);
    kernel::close(pair[1]);
    return say(failure, Step::kNamespaces, pid, "join the pid namespace"), false;
  }
  pid = cloneChild(plan, fds, pidfd);
  if (pid == 0) {
    kernel::close(pair[0]);
    childMain(plan, fds, pair[1]);
  }
  kernel::close(pair[1]);
  child.sync = pair[0];
  child.pid = static_cast<int>(pid);
  child.pidfd = pidfd;
  const bool back = pids.leave();
  if (pid < 0) {
    closeAll(child);
    return say(failure, Step::kClone, pid, "clone"), false;
  }
  if (!back) {
    abandon(child);
    return say(failure, Step::kNamespaces, 0, "cannot return from the pid namespace"), false;
  }
  if ((plan.root().newNamespaces & CLONE_NEWUSER) == 0) return true;
  // The exchange about the maps is part of the start: afterwards `fds` are no longer needed on this
  // side.
  Message message{};
  int none = -1;
  const long got = receive(child.sync, message, none, true);
  const bool asked = got >= static_cast<long>(kMessageHead) && message.kind == MessageKind::kMaps;
  if (!asked)
    say(failure, Step::kMaps, 0, "the process ended before its user namespace was set up");
  if (asked && prepareUserNamespace(plan, child, fds, failure) && proceed(child)) return true;
  abandon(child);
  return false;
}

namespace {

// The process that we cloned ends, and the one it made inside goes on.
void changeTo(Child& child, const Message& message, int pidfd) noexcept {
  sysraw::call(__NR_pidfd_send_signal, child.pidfd, SIGKILL, 0, 0);
  reap(child);
  kernel::close(child.pidfd);
  child.pidfd = pidfd;
  child.pid = message.pid;
  proceed(child);
}

// An end of file does not tell it alone: the process inside has the socket, too.
bool ended(const Child& child) noexcept {
  siginfo_t info{};
  const long looked = sysraw::retry([&] {
    return sysraw::call(__NR_waitid, 3 /* P_PIDFD */, child.pidfd, &info,
                        4 /* WEXITED */ | 1 /* WNOHANG */ | 0x1000000 /* WNOWAIT */, 0);
  });
  return looked < 0 || info.si_pid != 0;
}

Event lost(Child& child) noexcept {
  Event event;
  sysraw::call(__NR_pidfd_send_signal, child.pidfd, SIGKILL, 0, 0);
  died(reap(child), event.failure);
  closeAll(child);
  return event;
}

Event refused(Child& child, Message& message) noexcept {
  Event event;
  message.text[sizeof message.text - 1] = 0;
  event.failure.step = message.step;
  event.failure.error = message.error;
  Line(event.failure.text, sizeof event.failure.text).add(message.text);
  // It ends by itself, unless somebody inside stopped it.
  sysraw::call(__NR_pidfd_send_signal, child.pidfd, SIGKILL, 0, 0);
  reap(child);
  closeAll(child);
  return event;
}

}  // namespace

Event take(Child& child) noexcept {
  Event event;
  event.kind = EventKind::kProgress;
  Message message{};
  int received = -1;
  long got = receive(child.sync, message, received, false);
  if (got == -EAGAIN) {
    if (!ended(child)) return event;
    got = receive(child.sync, message, received, false);  // its last word may have come since
  }
  if (got == 0 && child.execing) {
    kernel::close(child.sync);
    child.sync = -1;
    event.kind = EventKind::kRunning;
    return event;
  }
  if (got < static_cast<long>(kMessageHead)) return lost(child);
  switch (message.kind) {
    case MessageKind::kInside:
      changeTo(child, message, received);
      break;
    case MessageKind::kTerminal:
      kernel::close(child.terminal);
      child.terminal = received;
      break;
    case MessageKind::kExecing:
      child.execing = true;
      break;
    case MessageKind::kBarrier:
      event.kind = EventKind::kBarrier;
      break;
    case MessageKind::kHeld:
      event.kind = EventKind::kHeld;
      break;
    case MessageKind::kFailed:
      return refused(child, message);
    case MessageKind::kMaps:
      break;
  }
  return event;
}

Event next(Child& child) noexcept {
  for (;;) {
    struct {
      int fd;
      short wanted, got;
    } both[2] = {{child.sync, 1 /* POLLIN */, 0}, {child.pidfd, 1, 0}};
    sysraw::call(__NR_ppoll, both, 2, 0, 0, 8);
    const Event event = take(child);
    if (event.kind != EventKind::kProgress) return event;
  }
}

bool proceed(Child& child) noexcept {
  const char byte = 1;
  return sysraw::retry(
             [&] { return sysraw::call(__NR_sendto, child.sync, &byte, 1, 0x4000, 0, 0); }) == 1;
}

bool run(const Plan& plan, const int* fds, std::size_t fdCount, Child& child,
         Failure& failure) noexcept {
  if (!start(plan, fds, fdCount, child, failure)) return false;
  Event event = next(child);
  if (event.kind == EventKind::kFailed) failure = event.failure;
  return event.kind == EventKind::kRunning || event.kind == EventKind::kHeld;
}

void abandon(Child& child) noexcept {
  if (child.pidfd >= 0) {
    sysraw::call(__NR_pidfd_send_signal, child.pidfd, SIGKILL, 0, 0);
    reap(child);
  }
  closeAll(child);
}

}  // namespace launch
