// Executes a plan (plan.h): clones a child, which walks the steps below and becomes the container's
// program. The same code runs in the shim and in the OCI runtime. No heap, no exceptions, no libc
// state: one thread at a time.
//
// clang-format off
//   parent                                   child
//   start(): clone3 ───────────────────────> cgroup, namespaces …
//            <── kMaps ───────────────────── a new user namespace: waits until the maps are written
//   next():  <── kInside, pid, pidfd ─────── an exec: from here on a second process, which is a member of the
//            ─── one byte ─────────────────> container's pid namespace and was made when all else was the container's
//   next():  <── kBarrier ────────────────── before the pivot, if asked: namespaces exist, mounts are done
//   proceed(): ─ one byte ─────────────────>
//   next():  <── kTerminal, master ───────── the pty, if asked (stored in Child::terminal, not an event)
//   next():  <── kHeld ───────────────────── if asked: everything done but the filter and execve
//   next():  <── kExecing ────────────────── (not an event)
//   next():  <── end of file ─────────────── execve closed the socket: kRunning
//   next():  <── kFailed, step, errno, text  at any time; an end of file without kExecing as well
// clang-format on
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/launch/plan.h"

namespace launch {

// Every step of the child and parent, in order. Names (stepName) appear in messages, fault points
// are "launch.<name>".
enum class Step : std::uint32_t {
  kPlan = 1,  // the plan itself
  kClone,
  kMaps,
  kCgroup,
  kNamespaces,
  kRootfs,
  kMount,
  kDevice,
  kMask,
  kBarrier,
  kPivot,
  kSysctl,
  kHostname,
  kTerminal,
  kStdio,
  kSession,
  kLimits,
  kLabel,
  kCwd,
  kUser,
  kSeccomp,
  kCapabilities,
  kDescriptors,
  kLookup,  // finding the program
  kHold,
  kExec,
};
const char* stepName(Step step) noexcept;

struct Failure {
  Step step = Step::kPlan;
  int error = 0;  // errno; 0: none fits
  // The sentence for users, in runc's words where scripts read them, without a prefix, e.g.
  // `exec: "foo": executable file not found in $PATH`. NUL-terminated, cut to size.
  char text[1024] = {};
};

struct Child {
  int pid = -1;  // as this process sees it
  int pidfd = -1;
  int sync = -1;      // poll it for POLLIN, then call next(); closed by kRunning and kFailed
  int terminal = -1;  // master side of the pty, once kRunning or kHeld came; the caller closes it
  bool execing = false;
};

enum class EventKind { kProgress, kBarrier, kHeld, kRunning, kFailed };

struct Event {
  EventKind kind = EventKind::kFailed;
  Failure failure;  // kFailed
};

// Clones the child. `fds[i]` is descriptor i+1 of the plan; all stay the caller's, who closes them
// once the child is kRunning, kHeld or kFailed. False: nothing runs, `failure` says why. All
// descriptors of the caller must be CLOEXEC; none is seen by the program. SIGCHLD comes for the
// child, and the caller reaps it after kRunning or kHeld.
bool start(const Plan& plan, const int* fds, std::size_t fdCount, Child& child,
           Failure& failure) noexcept;

// Takes one message of the child and never blocks: call it when `sync` can be read and when the
// child has died. kProgress: there was none, or none of the others. For those who may not block,
// since processes inside can stop the child. As an exec enters the container, pid and pidfd change
// once.
Event take(Child& child) noexcept;

// Blocks for the next event but kProgress. After kFailed the child was killed and reaped, and every
// descriptor of `child` is closed. After kHeld the socket stays open: a later next() reports
// kRunning or kFailed (or the caller closes it).
Event next(Child& child) noexcept;

// Lets a child at its barrier go on. False: it is gone.
bool proceed(Child& child) noexcept;

// start and next, up to kRunning or kHeld (true) or a failure (false). For plans without a barrier.
bool run(const Plan& plan, const int* fds, std::size_t fdCount, Child& child,
         Failure& failure) noexcept;

// Kills, reaps and closes; for callers that give up between events.
void abandon(Child& child) noexcept;

}  // namespace launch
