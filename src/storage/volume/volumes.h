// Volumes of the local driver: directories that outlive containers, or mounts that are made on
// first use.
//
//   create -> acquire (container created) -> openMount ... closeMount (started, ended) -> release
//   -> remove
//
// On disk, Docker's layout: <dataRoot>/volumes/<name>/_data; beside the names .new, .removed, .copy
// and .copied hold what is under way, and a restart finishes or sweeps it. A directory of Docker's
// shape without a row (brought there by hand, or the database was lost) is taken in as a named
// volume: data is never thrown away for want of a row. Rows: volume, volume_user (containers that
// refer to it), volume_mount (containers that run with it). Thread-safe; calls on one volume wait
// for each other, so a network file system that hangs holds up nobody else.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/base/time.h"
#include "platform/json/list.h"
#include "platform/sys/fd.h"
#include "state/events/events.h"
#include "state/store/store.h"

namespace volume {

struct Spec {
  std::string name;    // empty: 64 hex digits and the label com.docker.volume.anonymous=""
  std::string driver;  // empty: local
  json::Map<std::string> options;  // type, device, o as of mount(8); size
  json::Map<std::string> labels;
  bool unfinished = false;  // part of a container's creation: goes at the next start unless a
                            // container has acquired it by then
};

struct Volume {
  std::string name, driver = "local", mountpoint, scope = "local";
  json::Map<std::string> options, labels;  // nil or empty as they were given
  base::Time created;
  bool anonymous = false;
  bool mounts =
      false;  // its options name a file system; disk usage and prune leave it out, as Docker's
  std::vector<std::string> users;  // container ids
};

struct Pruned {
  std::vector<std::string> names;
  std::uint64_t bytes = 0;
};

// What the event of a mount tells.
struct Use {
  std::string destination;
  bool readWrite = true;
  std::string propagation;
};

class Volumes {
 public:
  // Finishes or sweeps what was half made. `dataRoot` is absolute.
  Volumes(const std::string& dataRoot, store::Store& store, events::Bus& events);
  ~Volumes();

  // One that exists is returned as it is, whatever options and labels are asked for: Docker does so
  // too. kInvalidArgument: name, options; kNotFound: driver; both in Docker's words. Event
  // "create".
  Volume create(const Spec& spec);
  Volume get(const std::string& name) const;  // kNotFound "get x: no such volume"
  bool exists(const std::string& name) const;
  std::vector<Volume> list() const;  // by name
  // kConflict "remove x: volume is in use - [ids]". With `force` a missing one is fine. Event
  // "destroy".
  void remove(const std::string& name, bool force);
  // Unused ones that keep their data here and that `matches` accepts. Events "destroy" and one
  // "prune".
  Pruned prune(const std::function<bool(const Volume&)>& matches);
  std::uint64_t bytes(const std::string& name) const;  // walks it

  // A container refers to it from its creation to its removal. Inside a writer closure. kNotFound.
  void acquire(store::Transaction& transaction, const std::string& name,
               const std::string& containerId);
  void release(store::Transaction& transaction,
               const std::string& containerId);  // all of that container's
  // It goes with the container whose removal this transaction is: at the latest at the next start,
  // and not when others use it.
  void condemn(store::Transaction& transaction, const std::string& name);

  // The directory to bind, O_PATH; mounts it first when its options say so. Counts uses until as
  // many closeMount. Event "mount". kInternal in Docker's words when the mount is refused.
  sys::Fd openMount(const std::string& name, const std::string& containerId, const Use& use = {});
  // Event "unmount"; with the last use the mount goes. One that is not open is fine.
  void closeMount(const std::string& name, const std::string& containerId);

  // Fills an empty volume with the contents of the image's directory: owners, modes, attributes,
  // links, devices; through directory descriptors only (CVE-2022-23648). The directory itself takes
  // over owner and mode even when both are empty. With a container that has acquired the volume:
  // once for it, whatever comes later. After openMount. A kill in the middle is finished or undone
  // by the next start.
  void copyUp(const std::string& name, int imageDirectory, const std::string& containerId = {});

 private:
  void sweepUnfinished();

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace volume
