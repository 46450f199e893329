// What the API server asks of volumes, answered by storage/volume. Translates; decides nothing.
#pragma once

#include "engine/server/volume_backend.h"
#include "storage/volume/volumes.h"

namespace wiring {

class VolumeAdapter : public server::VolumeBackend {
 public:
  explicit VolumeAdapter(volume::Volumes& volumes) : volumes_(volumes) {}

  dockerapi::VolumeList listVolumes(const dockerapi::Filters& filters) override;
  dockerapi::Volume inspectVolume(const std::string& name) override;
  dockerapi::Volume createVolume(const dockerapi::VolumeCreateRequest& request) override;
  void removeVolume(const std::string& name, bool force) override;
  dockerapi::VolumesPruneReport pruneVolumes(bool all, const dockerapi::Filters& filters) override;

  std::vector<dockerapi::Volume> listWithUsage();  // for disk usage

 private:
  std::int64_t bytesOf(const volume::Volume& volume) const;

  volume::Volumes& volumes_;
};

}  // namespace wiring
