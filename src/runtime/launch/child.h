// The child's side of a launch: what its files share. Included by the launch library only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/launch/kernel.h"
#include "runtime/launch/launch.h"
#include "runtime/launch/plan.h"
#include "runtime/launch/text.h"

namespace launch {

// What parent and child say to each other: one SOCK_SEQPACKET message each.
enum class MessageKind : std::uint32_t {
  kMaps = 1,
  kInside,  // with a pidfd: who goes on from here, and waits for a byte
  kBarrier,
  kTerminal,
  kHeld,
  kExecing,
  kFailed
};

struct Message {
  MessageKind kind;
  Step step;
  std::int32_t error;
  std::int32_t pid;  // kInside, as the parent sees it
  char text[sizeof(Failure::text)];
};
inline constexpr std::size_t kMessageHead = offsetof(Message, text);

// The child, from clone to execve. Each step is a function over it that returns only when it
// succeeded; a failed one reports {step, errno, sentence} and ends the process.
class ChildState {
 public:
  ChildState(const Plan& plan, const int* fds, int sync) noexcept
      : plan(plan), root(plan.root()), sync(sync), fds_(fds) {}

  const Plan& plan;
  const PlanRoot& root;
  int sync;
  long hold = -1;
  long procFd = -1;    // the host's own procfs, checked to be one (CVE-2025-52881); -1: none
  long rootFd = -1;    // the rootfs; until the pivot for a container, "/" for an exec
  long nullFd = -1;    // the host's /dev/null, checked to be it (CVE-2025-31133); -1: not needed
  long terminal = -1;  // slave
  std::uint64_t available = 0;  // capabilities of the bounding set we started with

  int fd(FdRef ref) const noexcept { return ref == 0 ? -1 : fds_[ref - 1]; }
  const char* text(Text value) const noexcept { return plan.text(value); }

  // Names the step, for messages and fault points.
  void enter(Step step) noexcept;

  // "pieces…: errno text" (without the latter when `error` is 0); never returns.
  template <class... Pieces>
  [[noreturn]] void fail(long error, Pieces... pieces) noexcept {
    const Piece all[] = {Piece(pieces)...};
    failWith(error, all, sizeof...(pieces));
  }
  // `result` unless it is a negative errno.
  template <class... Pieces>
  long check(long result, Pieces... pieces) noexcept {
    if (result < 0) [[unlikely]]
      fail(result, pieces...);
    return result;
  }

  void send(MessageKind kind) noexcept;
  // `pid`: of kInside.
  void sendDescriptor(MessageKind kind, long fd, long pid) noexcept;
  // Waits for the parent's byte; ends the process when the parent is gone.
  void awaitParent() noexcept;

 private:
  [[noreturn]] void failWith(long error, const Piece* pieces, std::size_t count) noexcept;
  void tell(const Message& message, std::size_t size) noexcept;

  const int* fds_;
  Step step_ = Step::kPlan;
#ifdef SAMPAN_FAULTS
  std::uint32_t passages_[32] = {};
#endif
};

// -- walking inside the rootfs (walk.cc)
// -----------------------------------------------------------------------------

// openat2 confined to `root`: absolute links and ".." stay inside, magic links are refused.
// Negative errno.
long openInside(long root, const char* path, std::uint64_t flags, std::uint64_t mode = 0,
                bool noLinks = false) noexcept;
// mkdir -p; the last directory, O_PATH. Negative errno.
long makeDirsInside(long root, const char* path, unsigned mode) noexcept;
// The parent directory, made where missing, as O_PATH; `name` points to the last component inside
// `path`.
long makeParentInside(long root, const char* path, const char*& name) noexcept;

// -- steps
// -----------------------------------------------------------------------------------------------------------

[[noreturn]] void childMain(const Plan& plan, const int* fds, int sync) noexcept;

// namespaces.cc
// One write of the plan, by either side; `process` stands for an empty value. Negative errno.
long writeCgroupFile(const Plan& plan, const FileWrite& write, int directory,
                     const char* process) noexcept;
void lookAround(ChildState& state) noexcept;
void resetSignals() noexcept;
void awaitMaps(ChildState& state) noexcept;
void setOomScore(ChildState& state) noexcept;
void joinCgroup(ChildState& state) noexcept;
void joinNamespaces(ChildState& state) noexcept;
// Returns in a new process, a member of the container's pid namespace; this one ends.
void enterPidNamespace(ChildState& state) noexcept;
void joinKeyring(ChildState& state) noexcept;
void applySysctls(ChildState& state) noexcept;
// The container's own null device where it has one (what it does to its mode stays inside), else
// the host's.
long openNull(ChildState& state) noexcept;
void setNames(ChildState& state) noexcept;

// mounts.cc, rootfs.cc, copy_up.cc
void attachRootfs(ChildState& state) noexcept;
void mountAll(ChildState& state) noexcept;
void makeDevices(ChildState& state) noexcept;
void makeSymlink(ChildState& state, const char* target, const char* path) noexcept;
void hidePaths(ChildState& state) noexcept;
void makeCwd(ChildState& state) noexcept;
void pivot(ChildState& state) noexcept;
// Copies the tree below directory `from` into the empty `to`. Negative errno.
long copyUp(long from, long to) noexcept;

// process.cc
void openTerminal(ChildState& state) noexcept;
void applyStdio(ChildState& state) noexcept;
void applyLabels(ChildState& state) noexcept;
void applyLimits(ChildState& state) noexcept;
void applyMisc(ChildState& state) noexcept;
void placeDescriptors(ChildState& state) noexcept;
void loadSeccomp(ChildState& state) noexcept;

// user.cc
struct Identity {
  std::uint32_t uid = 0, gid = 0;
  std::uint32_t* gids = nullptr;  // supplementary
  std::uint32_t gidCount = 0;
  bool hasHome = false;
  char home[4096] = {};
};
inline constexpr std::uint32_t kMaxGids = 65536;
// Out of the container's own passwd and group, read through descriptors, bounded.
void resolveUser(ChildState& state, Identity& identity) noexcept;
void becomeUser(ChildState& state, const Identity& identity) noexcept;

// exec.cc
struct Program {
  char path[4096] = {};
  char** argv = nullptr;
  char** env = nullptr;
};
void enterCwd(ChildState& state) noexcept;
void prepareProgram(ChildState& state, const Identity& identity, Program& program) noexcept;
void findProgram(ChildState& state, Program& program) noexcept;
void hold(ChildState& state) noexcept;
[[noreturn]] void execute(ChildState& state, Program& program) noexcept;

}  // namespace launch
