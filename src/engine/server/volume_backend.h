// What the volume resource asks of the engine. Volumes are known by their exact name.
#pragma once

#include <string>

#include "api/dockerapi/filters.h"
#include "api/dockerapi/volume.h"

namespace server {

class VolumeBackend {
 public:
  virtual ~VolumeBackend() = default;
  virtual dockerapi::VolumeList listVolumes(const dockerapi::Filters& filters) = 0;
  virtual dockerapi::Volume inspectVolume(const std::string& name) = 0;
  // An existing volume of the same name and driver is the answer, too.
  virtual dockerapi::Volume createVolume(const dockerapi::VolumeCreateRequest& request) = 0;
  virtual void removeVolume(const std::string& name, bool force) = 0;
  // `all`: named ones as well, not only anonymous.
  virtual dockerapi::VolumesPruneReport pruneVolumes(bool all,
                                                     const dockerapi::Filters& filters) = 0;
};

}  // namespace server
