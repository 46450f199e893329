// Volumes of the local driver: directories that outlive containers, or mounts that are made on first use.
//
// On disk: <dataRoot>/volumes/<name>/_data (Docker's layout). Rows: volume, volume_user. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "platform/base/time.h"
#include "platform/sys/fd.h"
#include "state/events/events.h"
#include "state/store/store.h"

namespace volume {

struct Spec {
  std::string name;    // empty: 64 hex digits and the label com.docker.volume.anonymous=""
  std::string driver;  // empty: local
  std::map<std::string, std::string> options;  // type, device, o
  std::map<std::string, std::string> labels;
};

struct Volume {
  std::string name, driver = "local", mountpoint, scope = "local";
  std::map<std::string, std::string> options, labels;
  base::Time created;
  bool anonymous = false;
  std::vector<std::string> users;  // container ids
};

struct Pruned {
  std::vector<std::string> names;
  std::uint64_t bytes = 0;
};

class Volumes {
 public:
  // Sweeps what was half made. `dataRoot` is absolute.
  Volumes(const std::string& dataRoot, store::Store& store, events::Bus& events);
  ~Volumes();

  // An existing one with the same driver and options is returned. kConflict: other options; kInvalidArgument: name;
  // kNotFound: driver, in Docker's words.
  Volume create(const Spec& spec);
  Volume get(const std::string& name) const;  // kNotFound "get x: no such volume"
  bool exists(const std::string& name) const;
  std::vector<Volume> list() const;
  // kConflict "remove x: volume is in use - [ids]". With `force` a missing one is fine.
  void remove(const std::string& name, bool force);
  Pruned prune(const std::function<bool(const Volume&)>& matches);  // unused ones only
  std::uint64_t bytes(const std::string& name) const;               // walks it

  // A container refers to it from its creation to its removal. Inside a writer closure.
  void acquire(store::Transaction& transaction, const std::string& name, const std::string& containerId);
  void release(store::Transaction& transaction, const std::string& containerId);  // all of that container's

  // The directory to bind, O_PATH; mounts it first when its options say so. Counts users until closeMount.
  sys::Fd openMount(const std::string& name, const std::string& containerId);
  void closeMount(const std::string& name, const std::string& containerId);

  // Copies the image's directory into the volume when that is empty and was never filled: owners, modes, attributes,
  // links, devices; through directory descriptors only. A kill in the middle repeats it.
  void copyUp(const std::string& name, int imageDirectory);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace volume
