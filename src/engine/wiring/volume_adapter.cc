#include "engine/wiring/volume_adapter.h"

#include <array>

#include "platform/base/error.h"
#include "platform/base/log.h"

namespace wiring {
namespace {

dockerapi::Volume shown(const volume::Volume& volume) {
  dockerapi::Volume result;
  result.createdAt = base::formatRfc3339(volume.created);
  result.driver = volume.driver;
  result.labels = volume.labels;
  result.mountpoint = volume.mountpoint;
  result.name = volume.name;
  result.options = volume.options;
  result.scope = volume.scope;
  return result;
}

std::map<std::string, std::string> labelsOf(const volume::Volume& volume) {
  return {volume.labels.begin(), volume.labels.end()};
}

}  // namespace

dockerapi::VolumeList VolumeAdapter::listVolumes(const dockerapi::Filters& filters) {
  constexpr std::array<std::string_view, 4> kAccepted{"dangling", "driver", "label", "name"};
  filters.validate(kAccepted);
  const bool dangling = filters.boolean("dangling", false);
  dockerapi::VolumeList list;
  for (const volume::Volume& volume : volumes_.list()) {
    if (filters.has("dangling") && dangling != volume.users.empty()) continue;
    if (!filters.matchExact("driver", volume.driver) || !filters.matchRegex("name", volume.name))
      continue;
    if (filters.matchLabels("label", labelsOf(volume))) list.volumes.push_back(shown(volume));
  }
  return list;
}

dockerapi::Volume VolumeAdapter::inspectVolume(const std::string& name) {
  return shown(volumes_.get(name));
}

dockerapi::Volume VolumeAdapter::createVolume(const dockerapi::VolumeCreateRequest& request) {
  if (!request.clusterVolumeSpec.empty() && request.clusterVolumeSpec.text != "null") {
    base::fail(base::Code::kNotImplemented, "ClusterVolumeSpec is not implemented");
  }
  volume::Spec spec;
  spec.name = request.name;
  spec.driver = request.driver;
  spec.options = request.driverOpts;
  spec.labels = request.labels;
  return shown(volumes_.create(spec));
}

void VolumeAdapter::removeVolume(const std::string& name, bool force) {
  volumes_.remove(name, force);
}

dockerapi::VolumesPruneReport VolumeAdapter::pruneVolumes(bool all,
                                                          const dockerapi::Filters& filters) {
  constexpr std::array<std::string_view, 3> kAccepted{"all", "label", "label!"};
  filters.validate(kAccepted);
  const volume::Pruned pruned = volumes_.prune([&](const volume::Volume& volume) {
    return (all || volume.anonymous) && filters.matchLabels("label", labelsOf(volume)) &&
           filters.matchNoLabels("label!", labelsOf(volume));
  });
  dockerapi::VolumesPruneReport report;
  report.volumesDeleted = pruned.names;
  report.spaceReclaimed = pruned.bytes;
  return report;
}

// -1: not known, which must not keep anybody from hearing of the other volumes.
std::int64_t VolumeAdapter::bytesOf(const volume::Volume& volume) const {
  if (volume.mounts) return -1;
  try {
    return static_cast<std::int64_t>(volumes_.bytes(volume.name));
  } catch (const base::Error& error) {
    base::log::warn("the size of a volume is not known",
                    {{"volume", volume.name}, {"error", error.message()}});
    return -1;
  }
}

std::vector<dockerapi::Volume> VolumeAdapter::listWithUsage() {
  std::vector<dockerapi::Volume> list;
  for (const volume::Volume& volume : volumes_.list()) {
    dockerapi::Volume line = shown(volume);
    line.usageData =
        dockerapi::VolumeUsage{static_cast<std::int64_t>(volume.users.size()), bytesOf(volume)};
    list.push_back(std::move(line));
  }
  return list;
}

}  // namespace wiring
