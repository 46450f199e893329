// What the services of this library share: the mechanisms below, made by engine/wiring, and the
// engine's own tables. Holds no behaviour.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/container/exits.h"
#include "engine/container/records.h"
#include "engine/container/strand.h"
#include "engine/container/workers.h"
#include "network/networks/networks.h"
#include "platform/sys/fd.h"
#include "platform/sys/host.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/task/task.h"
#include "state/events/events.h"
#include "state/store/store.h"
#include "storage/image/images.h"
#include "storage/snapshot/snapshotter.h"
#include "storage/volume/volumes.h"

namespace container {

struct Settings {
  std::string dataRoot;  // absolute
  std::string execRoot;
  std::string instance;      // prefixes the cgroup parent: "sampan-<instance>"
  std::string cgroupParent;  // "sampan" or "sampan-<instance>"
  std::vector<std::string> dns, dnsSearch, dnsOptions;  // daemon-wide
  std::string defaultLogDriver = "json-file";
  std::vector<std::pair<std::string, std::string>> logOptions;  // daemon.json log-opts
  std::vector<std::string> proxyEnvironment;  // NAME=value for containers: none unless configured
  bool initByDefault = false;
  int defaultStopTimeout = 10;  // seconds
};

struct Core {
  // Constant after construction.
  const Settings settings;
  const sys::HostFacts& host;
  const std::string bootId;
  sys::Fd containers;  // <dataRoot>/containers

  store::Store& store;
  events::Bus& events;
  image::Images& images;
  snapshot::Snapshotter& snapshots;
  volume::Volumes& volumes;
  networks::Networks& networks;
  sandbox::Sandboxes& sandboxes;
  task::Tasks& tasks;
  cgroup::Driver& cgroups;

  Records records;
  Strands strands;
  Exits exits;
  Workers workers;
  // Starts that nobody's thread waits for: one that hangs must not hold off the exits of others.
  Workers starters;

  std::string cgroupOf(const std::string& id) const { return settings.cgroupParent + "/" + id; }
  std::string directoryOf(const std::string& id) const {
    return settings.dataRoot + "/containers/" + id;
  }
};

// An event of a container, with the attributes that clients filter by.
events::Event containerEvent(const Record& record, std::string action,
                             const std::map<std::string, std::string>& extra = {});

// Reads, changes and writes a record in one writer closure, together with `alongside`. The caller
// is in its strand. Error kNotFound when it is gone.
void changeRecord(Core& core, store::Durability durability, const std::string& id,
                  const std::function<void(Record&)>& change,
                  const std::function<void(store::Transaction&, const Record&)>& alongside = {});

}  // namespace container
