// The life of a container after its creation: start, stop, kill, restart, pause, rename, remove,
// and what happens when its process ends by itself or the daemon comes back.
//
// One operation at a time a container (Core::strands). Nothing here holds a thread while a process
// is asked to end: stop, kill, restart and forced removal go on when it has, and tell `done`.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/container/attachers.h"
#include "engine/container/core.h"
#include "platform/base/mutex.h"

namespace container {

// With the error, or nothing: done. Called once, on any thread; must not block.
using Done = std::function<void(std::optional<base::Error>)>;

struct StopOptions {
  std::optional<int>
      timeout;  // seconds; negative: never kill; nullopt: the container's own, else the daemon's
  std::optional<std::string> signal;  // nullopt: the container's own, else SIGTERM
};

class Lifecycle {
 public:
  Lifecycle(Core& core, Attachers& attachers);

  // Takes up what an earlier daemon left: running containers go on, those that ended meanwhile get
  // their exit codes, restart policies are honoured. Once, before any request.
  void restore(std::vector<task::Recovered> found);
  // From task::Tasks::onExit, for tasks (not execs); returns at once.
  void onExit(const task::Exit& exit);

  // kNotModified: runs already. task::StartError: with the exit code that `docker run` reports; the
  // record keeps it.
  void start(const std::string& reference);
  void stop(const std::string& reference, const StopOptions& options, Done done);
  void restart(const std::string& reference, const StopOptions& options, Done done);
  // SIGKILL is done when the process has ended; any other signal when it was sent.
  void kill(const std::string& reference, const std::string& signal, Done done);
  void pause(const std::string& reference);
  void unpause(const std::string& reference);
  void rename(const std::string& reference, const std::string& newName);
  // kConflict while it runs, unless `force`. `volumes`: its anonymous ones too.
  void remove(const std::string& reference, bool force, bool volumes, Done done);

 private:
  // In the container's strand.
  void startInStrand(const View& asked);
  void startFailed(const View& view, const base::Error& error);
  void exitInStrand(const View& view, const task::Exit& exit);
  void removeInStrand(const View& view, bool volumes);
  void endThenRemove(const View& view, bool volumes, Done done);
  void forbidStarts(const std::string& id) EXCLUDES(mutex_);
  void allowStarts(const std::string& id) EXCLUDES(mutex_);
  bool mayStart(const std::string& id) EXCLUDES(mutex_);
  void thaw(const std::string& id);
  void stopRunning(const View& view, int signal, int timeoutSeconds, Done done);

  void handleExit(const task::Exit& exit);
  void scheduleRestart(const std::string& id, std::int64_t delayNs) EXCLUDES(mutex_);
  bool cancelRestart(const std::string& id) EXCLUDES(mutex_);
  void keepForRestart(const std::string& id) EXCLUDES(mutex_);
  void endRestart(const std::string& id) EXCLUDES(mutex_);
  bool toStartAgain(const std::string& id) EXCLUDES(mutex_);
  void stopThen(const std::string& reference, const StopOptions& options, Done done);
  void restoreOne(const View& view, const task::Recovered* recovered);
  void restoreRunning(const View& view, const task::Running& running);
  void restoreEnded(const View& view, const task::Exit& exit);
  void restartAfterRestore(const View& view, bool wasRunning);
  void endRestore() EXCLUDES(mutex_);

  Core& core_;
  Attachers& attachers_;
  base::Mutex mutex_;
  std::map<std::string, std::uint64_t> restart_timers_ GUARDED_BY(mutex_);
  // Restarts that users asked for and that are under way: the end of the process removes nothing.
  std::map<std::string, int> restarting_ GUARDED_BY(mutex_);
  std::multiset<std::string> removing_ GUARDED_BY(mutex_);  // by force, and not yet gone
  // Until restore() is through, exits and restarts wait: they would see what is not taken up yet.
  bool restored_ GUARDED_BY(mutex_) = false;
  std::vector<task::Exit> held_exits_ GUARDED_BY(mutex_);
  std::map<std::string, std::int64_t> held_restarts_ GUARDED_BY(mutex_);  // id -> delay
};

}  // namespace container
