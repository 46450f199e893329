// What the engine knows of a container, as it stands in the database: one JSON document a row.
// Everything that must survive is here; what can be asked of the kernel or another library is not.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/dockerapi/container.h"
#include "api/dockerapi/container_config.h"
#include "platform/base/time.h"

namespace container {

enum class Status { kCreated, kRunning, kPaused, kRestarting, kRemoving, kExited, kDead };

// The API's word: "created", "running"…
std::string_view statusName(Status status) noexcept;

// One mount of the container, decided at create: where it comes from and how it is attached.
struct MountRecord {
  std::string type;          // bind, volume, tmpfs
  std::string name;          // volume
  std::string source;        // bind: host path
  std::string destination;   // clean absolute path
  std::string driver;        // volume
  std::string mode;          // as given behind the second colon of -v
  std::string propagation;   // bind: rprivate…
  std::string subpath;       // volume
  std::string tmpfsOptions;  // "rw,noexec,size=64m"
  bool readWrite = true;
  bool recursive = true;      // bind: with the mounts below it
  bool noCopy = false;        // volume: no copy-up
  bool createSource = false;  // bind by -v: the host directory is made when missing
  bool readOnlyNonRecursive = false;
  bool readOnlyForceRecursive = false;
  bool fromMounts = false;  // asked for by --mount, not -v
  bool anonymous = false;   // volume made for this container: goes with `rm -v`
};

struct State {
  Status status = Status::kCreated;
  int pid = 0;
  int exitCode = 0;
  std::string error;
  bool oomKilled = false;
  base::Time startedAt, finishedAt;
  int restartCount = 0;
  std::int64_t restartDelayNs = 0;  // what the last restart waited
  bool stoppedByUser = false;       // stop or kill since the last start
  bool restartCancelled = false;  // one of them ended the restart policy's say until the next start
  std::string bootId;             // of the host when it was started: tells a reboot from a crash
};

struct Record {
  std::string id;
  std::string name;           // without the slash
  std::string owner = "api";  // api, build, cri, swarm, plugin
  base::Time created;
  std::string path;  // argv[0]
  std::vector<std::string> args;
  dockerapi::Config config;  // merged with the image's
  dockerapi::HostConfig hostConfig;
  json::Map<dockerapi::EndpointSettings> networks;  // asked for, by the name or id given
  std::string imageId;                              // "sha256:…"
  std::string imageName;                            // as given
  std::vector<std::string> layers;                  // the stack below the writable layer
  std::vector<MountRecord> mounts;
  std::string storageDriver;
  // What the kernel of a running container is being told (updater.h); a daemon that finds it does
  // so again.
  std::optional<dockerapi::UpdateRequest> updating;
  State state;

  bool running() const noexcept {
    return state.status == Status::kRunning || state.status == Status::kPaused;
  }
};

// Views are immutable: whoever holds one reads without a lock.
using View = std::shared_ptr<const Record>;

std::string encode(const Record& record);
Record decode(const std::string& text);

}  // namespace container

JSON_TYPE_EXTERN(container::MountRecord);
JSON_TYPE_EXTERN(container::State);
JSON_TYPE_EXTERN(container::Record);
