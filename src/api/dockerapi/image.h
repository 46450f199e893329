// Images as the API shows them: list, inspect, history, delete, prune, search, commit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/dockerapi/container.h"
#include "api/dockerapi/container_config.h"
#include "platform/base/time.h"
#include "platform/json/list.h"

namespace dockerapi {

// One element of GET /images/json.
struct ImageSummary {
  std::int64_t containers = 0;  // -1: not counted (before 1.51)
  std::int64_t created = 0;     // Unix seconds
  std::string id;
  json::Map<std::string> labels;
  std::string parentId;
  json::Raw descriptor;  // since 1.48, containerd image store only
  json::Raw manifests;   // since 1.47, ?manifests=1, containerd image store only
  json::List<std::string> repoDigests;
  json::List<std::string> repoTags;
  std::int64_t sharedSize = -1;  // -1: not counted
  std::int64_t size = 0;
  std::int64_t virtualSize = 0;  // before 1.44
};

struct RootFs {
  std::string type;                 // "layers"
  std::vector<std::string> layers;  // diff ids, base first
};

struct ImageMetadata {
  base::Time lastTagTime;
};

// Config of GET /images/{name}/json. The optional fields at the end of the alphabet's list are
// shown before 1.50 only.
struct ImageConfig {
  bool argsEscaped = false;
  std::optional<bool> attachStderr;
  std::optional<bool> attachStdin;
  std::optional<bool> attachStdout;
  StrSlice cmd;
  std::optional<std::string> domainname;
  StrSlice entrypoint;
  json::List<std::string> env;
  json::Set exposedPorts;
  std::optional<HealthConfig> healthcheck;
  std::optional<std::string> hostname;
  std::optional<std::string> image;
  json::Map<std::string> labels;
  json::List<std::string> onBuild;
  std::optional<bool> openStdin;
  StrSlice shell;
  std::optional<bool> stdinOnce;
  std::string stopSignal;
  std::optional<bool> tty;
  std::string user;
  json::Set volumes;
  std::string workingDir;
};

// GET /images/{name}/json.
struct ImageInspect {
  std::string id;
  std::vector<std::string> repoTags;
  std::vector<std::string> repoDigests;
  std::string parent;
  std::string comment;
  std::string created;    // RFC 3339 with nanoseconds
  std::string container;  // before 1.45, as the next
  std::optional<Config> containerConfig;
  std::string dockerVersion;
  std::string author;
  std::string architecture;
  std::string variant;
  std::string os;
  std::string osVersion;
  std::int64_t size = 0;
  std::int64_t virtualSize = 0;  // before 1.44
  GraphDriverData graphDriver;
  RootFs rootFs;
  ImageMetadata metadata;
  json::Raw descriptor;
  json::Raw manifests;
  ImageConfig config;
};

// One element of GET /images/{name}/history.
struct ImageHistoryItem {
  std::string comment;
  std::int64_t created = 0;  // Unix seconds
  std::string createdBy;
  std::string id;  // "<missing>": a layer without an image of its own
  std::int64_t size = 0;
  std::vector<std::string> tags;
};

// One element of the answer to DELETE /images/{name}: one of the two.
struct ImageDeleted {
  std::string deleted;
  std::string untagged;
};

struct ImagesPruneReport {
  std::vector<ImageDeleted> imagesDeleted;
  std::uint64_t spaceReclaimed = 0;
};

struct SearchResult {
  int starCount = 0;
  bool isOfficial = false;
  std::string name;
  bool isAutomated = false;
  std::string description;
};

struct DistributionInspect {
  json::Raw descriptor;
  json::Raw platforms;
};

}  // namespace dockerapi

JSON_TYPE_EXTERN(dockerapi::ImageSummary);
JSON_TYPE_EXTERN(dockerapi::RootFs);
JSON_TYPE_EXTERN(dockerapi::ImageMetadata);
JSON_TYPE_EXTERN(dockerapi::ImageConfig);
JSON_TYPE_EXTERN(dockerapi::ImageInspect);
JSON_TYPE_EXTERN(dockerapi::ImageHistoryItem);
JSON_TYPE_EXTERN(dockerapi::ImageDeleted);
JSON_TYPE_EXTERN(dockerapi::ImagesPruneReport);
JSON_TYPE_EXTERN(dockerapi::SearchResult);
JSON_TYPE_EXTERN(dockerapi::DistributionInspect);
