// The two cgroups that all tasks have in common: the parent of theirs, and the one of the shims.
// They are there while tasks are. Private to this library.
#pragma once

#include <memory>

#include "platform/base/mutex.h"
#include "platform/sys/loop.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/shim/client.h"

namespace task {

// Thread-safe. `driver` and `loop` outlive it, and the loop has ended before its end.
class Groups {
 public:
  // `shims` empty: the shims stay in the daemon's cgroup. `parent` empty: it is somebody else's.
  Groups(cgroup::Driver& driver, sys::Loop& loop, std::string shims, std::string parent);

  // One task more, before anything of it is made.
  void enter();
  // Where the shim of a task that entered belongs; the first one makes it.
  std::shared_ptr<const shim::Program::Cgroup> home();
  // One less. A moment after the last one both groups go, so that starts in a row do not make them
  // anew each time.
  void leave();
  // What a daemon that was killed may have left: goes as after a leave, unless a task comes.
  void tidyLater();

 private:
  void makeLocked() REQUIRES(mutex_);
  void tidy(int attempt);

  cgroup::Driver& driver_;
  sys::Loop& loop_;
  const std::string shims_, parent_;
  base::Mutex mutex_;
  int tasks_ GUARDED_BY(mutex_) = 0;
  bool tidying_ GUARDED_BY(mutex_) = false;  // a timer is on its way
  std::shared_ptr<const shim::Program::Cgroup> home_ GUARDED_BY(mutex_);
};

}  // namespace task
