#include "api/dockerapi/volume.h"

namespace dockerapi {

// Order, names and null rules are those of Docker Engine 28.5.
constexpr auto jsonFields(const VolumeUsage*) {
  return json::fields(json::goName("volume.UsageData"),
                      json::field("RefCount", &VolumeUsage::refCount),
                      json::field("Size", &VolumeUsage::size));
}

constexpr auto jsonFields(const Volume*) {
  return json::fields(
      json::goName("volume.Volume"),
      json::field("ClusterVolume", &Volume::clusterVolume, json::kOmitEmpty),
      json::field("CreatedAt", &Volume::createdAt, json::kOmitEmpty),
      json::field("Driver", &Volume::driver), json::field("Labels", &Volume::labels),
      json::field("Mountpoint", &Volume::mountpoint), json::field("Name", &Volume::name),
      json::field("Options", &Volume::options), json::field("Scope", &Volume::scope),
      json::field("Status", &Volume::status, json::kOmitEmpty),
      json::field("UsageData", &Volume::usageData, json::kOmitEmpty));
}

constexpr auto jsonFields(const VolumeList*) {
  return json::fields(json::goName("volume.ListResponse"),
                      json::field("Volumes", &VolumeList::volumes),
                      json::field("Warnings", &VolumeList::warnings, json::kNullIfEmpty));
}

constexpr auto jsonFields(const VolumeCreateRequest*) {
  return json::fields(
      json::goName("volume.CreateOptions"),
      json::field("ClusterVolumeSpec", &VolumeCreateRequest::clusterVolumeSpec, json::kOmitEmpty),
      json::field("Driver", &VolumeCreateRequest::driver, json::kOmitEmpty),
      json::field("DriverOpts", &VolumeCreateRequest::driverOpts, json::kOmitEmpty),
      json::field("Labels", &VolumeCreateRequest::labels, json::kOmitEmpty),
      json::field("Name", &VolumeCreateRequest::name, json::kOmitEmpty));
}

constexpr auto jsonFields(const VolumesPruneReport*) {
  return json::fields(json::goName("volume.PruneReport"),
                      json::field("VolumesDeleted", &VolumesPruneReport::volumesDeleted),
                      json::field("SpaceReclaimed", &VolumesPruneReport::spaceReclaimed));
}

}  // namespace dockerapi

JSON_TYPE(dockerapi::VolumeUsage);
JSON_TYPE(dockerapi::Volume);
JSON_TYPE(dockerapi::VolumeList);
JSON_TYPE(dockerapi::VolumeCreateRequest);
JSON_TYPE(dockerapi::VolumesPruneReport);
