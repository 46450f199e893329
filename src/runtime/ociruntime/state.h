// What the runtime remembers of a container between two of its own runs: <root>/<id>/state.json,
// written atomically, and exec.fifo while it waits for start.
#pragma once

#include <optional>
#include <string>

#include "api/oci/runtime_spec.h"
#include "platform/base/time.h"
#include "platform/sys/fd.h"

namespace ociruntime {

enum class Status { kCreating, kCreated, kRunning, kPaused, kStopped };
const char* statusName(Status status);

// state.json, version 1.
struct Record {
  int version = 1;
  std::string id;
  std::string ociVersion;
  int pid = 0;
  unsigned long long startTime =
      0;  // of the pid: tells it from a later process with the same number
  std::string bundle;
  std::string rootfs;
  std::string cgroupPath;
  base::Time created;
  std::map<std::string, std::string> annotations;
  std::optional<oci::Hooks> hooks;
};

class StateDir {
 public:
  // Opens <root>, made with mode 0700 where missing.
  explicit StateDir(const std::string& root);

  // An id may stand in a path: letters, digits and _+-. only. Error kInvalidArgument in runc's
  // words.
  static void checkId(const std::string& id);

  // A new directory for `id`. Error kConflict: there is one.
  sys::Fd create(const std::string& id);
  // Error kNotFound "container does not exist".
  sys::Fd open(const std::string& id) const;
  void remove(const std::string& id);

  static void save(int dir, const Record& record);
  static Record load(int dir);  // Error kDataLoss; kNotImplemented for a newer version

  // exec.fifo of a container: made by create, written to by start, removed then.
  static sys::Fd makeFifo(int dir);
  // Sends the byte. False: nobody waits (any more).
  static bool release(int dir);
  static bool waits(int dir);

 private:
  sys::Fd root_;
};

// By the process itself and the fifo; never kPaused, which the cgroup knows.
Status statusOf(const Record& record, int dir);

}  // namespace ociruntime
