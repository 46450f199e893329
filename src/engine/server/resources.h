// The resources of the API, one file each: what routes they add. Internal to engine/server.
#pragma once

#include <vector>

#include "engine/server/router.h"
#include "engine/server/server.h"

namespace server {

std::vector<Route> systemRoutes(SystemBackend& system, const ApiOptions& options);
std::vector<Route> eventRoutes(SystemBackend& system);
std::vector<Route> containerRoutes(ContainerBackend& containers);
std::vector<Route> containerStreamRoutes(ContainerBackend& containers);
std::vector<Route> archiveRoutes(ContainerBackend& containers);
std::vector<Route> execRoutes(ExecBackend& execs);
std::vector<Route> imageRoutes(ImageBackend& images);
std::vector<Route> imageStreamRoutes(ImageBackend& images);
std::vector<Route> networkRoutes(NetworkBackend& networks);
std::vector<Route> volumeRoutes(VolumeBackend& volumes);
// Resources that nothing stands behind yet: what a client learns from them is true all the same.
std::vector<Route> absentRoutes();

}  // namespace server
