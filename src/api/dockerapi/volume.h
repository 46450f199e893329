// Volumes: list, inspect, create, prune.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/json/list.h"

namespace dockerapi {

struct VolumeUsage {
  std::int64_t refCount = 0;
  std::int64_t size = 0;  // -1: not counted
};

struct Volume {
  json::Raw clusterVolume;
  std::string createdAt;  // RFC 3339, whole seconds
  std::string driver;
  json::Map<std::string> labels;
  std::string mountpoint;
  std::string name;
  json::Map<std::string> options;
  std::string scope;  // "local"
  json::Raw status;
  std::optional<VolumeUsage> usageData;  // GET /system/df only
};

struct VolumeList {
  std::vector<Volume> volumes;
  std::vector<std::string> warnings;
};

struct VolumeCreateRequest {
  json::Raw clusterVolumeSpec;
  std::string driver;
  json::Map<std::string> driverOpts;
  json::Map<std::string> labels;
  std::string name;
};

struct VolumesPruneReport {
  json::List<std::string> volumesDeleted;
  std::uint64_t spaceReclaimed = 0;
};

}  // namespace dockerapi

JSON_TYPE_EXTERN(dockerapi::VolumeUsage);
JSON_TYPE_EXTERN(dockerapi::Volume);
JSON_TYPE_EXTERN(dockerapi::VolumeList);
JSON_TYPE_EXTERN(dockerapi::VolumeCreateRequest);
JSON_TYPE_EXTERN(dockerapi::VolumesPruneReport);
