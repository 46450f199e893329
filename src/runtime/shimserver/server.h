// The shim: one process above one container. It clones the container's first process, owns its
// stdio, log, execs and attached clients, and records how it ended. What it hears and says is
// shimwire/wire.h.
//
// One thread, one epoll loop, fixed tables, no heap. Whatever becomes of the daemon, the container
// goes on; the container's end is the shim's end.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/launch/launch.h"
#include "runtime/shimserver/channel.h"
#include "runtime/shimserver/fault.h"
#include "runtime/shimwire/wire.h"

namespace shimserver {

// A message and its descriptors; what is not taken out closes with the message.
struct Packet {
  alignas(8) std::uint8_t bytes[shimwire::kMaxMessage];
  std::size_t size = 0;
  int fds[shimwire::kMaxFds];
  std::size_t fdCount = 0;
  std::size_t taken = 0;

  int take() noexcept { return taken < fdCount ? fds[taken++] : -1; }
  void closeRest() noexcept {
    while (taken < fdCount) sysraw::call(__NR_close, fds[taken++]);
  }
};

// What is gathered before a Go, in pages of its own that go away with it.
struct Preparation {
  std::uint32_t fdCount = 0;
  std::uint32_t expected = 0;
  int fds[launch::kMaxPlanFds];
  const void* plan = nullptr;
  std::size_t planBytes = 0;
  launch::Plan opened;
  int error = 0;  // of an earlier message; the Go reports it
  const char* text = "";
};

// The task or an exec.
struct Target {
  enum class Phase : std::uint8_t {
    kFree = 0,   // also an all-zero Target, as fresh pages are
    kPreparing,  // Start or Exec came
    kLaunching,  // cloned, not executed yet
    kRunning,
    kDraining,  // dead, its output is not at its end
    kEnded,     // an exec that the daemon has not been told of
  };

  Phase phase = Phase::kFree;
  std::uint32_t number = 0;
  std::uint32_t goSequence = 0;
  std::int32_t code = 0;
  std::int32_t signal = 0;
  launch::Child child;
  Preparation* preparation = nullptr;
  std::int64_t launchDeadline = 0;  // monotonic
  bool overdue = false;             // killed for it
  std::int64_t startedNs = 0;
  std::int64_t endedNs = 0;  // wall clock
  std::int64_t endedMonotonic = 0;
  bool roomMade = false;
  char id[64] = {};
  Channel channel;
};

class Server {
 public:
  // The whole life of the shim. Returns the exit code for main.
  int run() noexcept;

 private:
  // server.cc: the loop
  bool setUp() noexcept;
  void dispatch(const epoll_event& event) noexcept;
  int timeoutMs() noexcept;
  void onTime() noexcept;
  void trim() noexcept;
  bool mayLeave() noexcept;

  // conversation.cc
  void onListener() noexcept;
  void onConversation(std::uint32_t events) noexcept;
  void hangUp() noexcept;
  bool receive(Packet& packet) noexcept;
  void handle(Packet& packet) noexcept;
  void send(const void* message, std::size_t size, const int* fds = nullptr,
            std::size_t fdCount = 0) noexcept;
  void answer(const shimwire::Header& request, long result) noexcept;
  void fail(std::uint32_t sequence, const launch::Failure& failure) noexcept;
  void tellExit(const Target& target) noexcept;
  long hello(const shimwire::Header& header) noexcept;
  long attach(Packet& packet) noexcept;
  long store(Packet& packet) noexcept;
  bool takeStored(const shimwire::Header& header, std::uint32_t key) noexcept;

  // targets.cc
  Target* find(std::uint32_t number) noexcept;
  Target* freeTarget() noexcept;
  long startMessage(Packet& packet) noexcept;
  long execMessage(Packet& packet) noexcept;
  int prepare(Target& target, Packet& packet, std::uint32_t flags, std::uint32_t planBytes,
              std::uint32_t planFds) noexcept;
  int openChannel(Target& target, Packet& packet, std::uint32_t flags) noexcept;
  int openLog(Packet& packet, const shimwire::Start& start) noexcept;
  void collectFds(Target& target, Packet& packet) noexcept;
  long fdsMessage(Packet& packet) noexcept;
  bool go(Target& target, std::uint32_t sequence) noexcept;
  void holdMounts(int pid) noexcept;
  void release(Target& target) noexcept;
  void onLaunch(Target& target) noexcept;
  void giveUpLaunch(Target& target) noexcept;
  void settleLaunch(Target& target) noexcept;
  void launched(Target& target) noexcept;
  void refused(Target& target, const launch::Failure& failure) noexcept;
  long signal(Target* target, int signal) noexcept;
  void discard(Target& target) noexcept;

  // ending.cc
  void onChildren() noexcept;
  void ended(Target& target, int status) noexcept;
  void settleEnded(Target& target) noexcept;
  void finishExec(Target& target) noexcept;
  void finishTask() noexcept;
  void endExecs() noexcept;
  void writeRecord() noexcept;
  std::uint64_t oomKills() noexcept;

  Target& task() noexcept { return targets_[0]; }
  template <class Body>
  void eachTarget(Body&& body) noexcept {
    for (std::size_t i = 0; i < targets_high_; ++i) {
      if (targets_[i].phase != Target::Phase::kFree) body(targets_[i]);
    }
  }
  std::uint16_t indexOf(const Target& target) const noexcept {
    return static_cast<std::uint16_t>(&target - targets_);
  }
  static void publishLog(void* self, const logfile::Position& position) noexcept;

  Hub hub_;
  Faults faults_;
  logfile::Writer log_;
  shimwire::StatusPage* status_ = nullptr;
  int conversation_ = -1;
  int mounts_ = -1;  // the container's mount namespace, while it runs
  std::uint32_t conversation_serial_ = 0;
  int listener_ = shimwire::kFdListener;
  int directory_ = shimwire::kFdDirectory;
  int children_ = -1;  // signalfd
  int oom_ = -1;
  int log_directory_ = -1;
  std::uint64_t oom_before_ = 0;
  const void* attributes_ = nullptr;
  std::uint32_t next_target_ = 1;
  std::uint64_t next_attacher_ = 1;
  std::int64_t trim_at_ = 0;  // monotonic; 0: nothing to give back
  std::int64_t poke_at_ = 0;
  std::int64_t kill_execs_at_ = 0;
  bool was_started_ = false;
  bool over_ = false;  // the task has ended, everything is told
  bool oom_killed_ = false;
  struct Stored {
    std::uint32_t key = 0;
    int fds[4] = {-1, -1, -1, -1};
    std::size_t count = 0;
  } stored_[shimwire::kMaxStored];
  std::size_t targets_high_ = 0;
  Target* targets_ = nullptr;  // 1 + kMaxExecs
};

}  // namespace shimserver
