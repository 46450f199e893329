// docker exec: further processes in a running container.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/container/core.h"
#include "platform/base/mutex.h"

namespace container {

struct Exec {
  std::string id, containerId;
  dockerapi::ExecCreateRequest request;
  bool started = false, running = false;
  bool starting = false;  // started, and not known yet whether it could run
  std::optional<int> exitCode;
  int pid = 0;
  base::Time startedAt;
};

// Thread-safe. Execs live in memory and, while they run, in their container's shim: after a
// daemon's death the running ones are known again (restore), created and ended ones are not, as in
// Docker.
class Execs {
 public:
  explicit Execs(Core& core);

  // kConflict: the container does not run, or is paused. kInvalidArgument: no such user in it.
  std::string create(const std::string& containerReference,
                     const dockerapi::ExecCreateRequest& request) EXCLUDES(mutex_);
  // kNotFound, kConflict: what start() will say, without doing anything.
  Exec startable(const std::string& id) const EXCLUDES(mutex_);
  // task::StartError when it could not run; its exit code is on record then. `attachers` get the
  // output.
  void start(const std::string& id, const task::Stdio& stdio, std::vector<task::Attacher> attachers)
      EXCLUDES(mutex_);
  Exec get(const std::string& id) const EXCLUDES(mutex_);  // kNotFound "No such exec instance: x"
  std::string containerOf(const std::string& id) const EXCLUDES(mutex_);  // "": no such exec
  // As get(), after everything that its shim has told: a stream that has ended means an exit code
  // here.
  Exec settled(const std::string& id) EXCLUDES(mutex_);
  // Waits up to ten seconds for an exec that has not been started yet. kConflict: it has ended.
  void resize(const std::string& id, std::uint16_t rows, std::uint16_t columns) EXCLUDES(mutex_);
  std::vector<std::string> ofContainer(const std::string& containerId) const EXCLUDES(mutex_);

  void onExit(const task::Exit& exit) EXCLUDES(mutex_);  // with exit.exec set; does not block
  void restore(const std::string& containerId, const std::vector<std::string>& running)
      EXCLUDES(mutex_);
  void forgetContainer(const std::string& containerId) EXCLUDES(mutex_);

 private:
  void change(const std::string& id, const std::function<void(Exec&)>& edit) EXCLUDES(mutex_);
  Exec afterStart(const std::string& id) const EXCLUDES(mutex_);

  Core& core_;
  mutable base::Mutex mutex_;
  mutable base::Condition changed_;
  std::map<std::string, Exec> execs_ GUARDED_BY(mutex_);
};

}  // namespace container
