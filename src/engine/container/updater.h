// docker update: limits and the restart policy of a container that exists.
#pragma once

#include <string>
#include <vector>

#include "api/dockerapi/container.h"
#include "engine/container/core.h"

namespace container {

// Takes over what `request` sets (zero and empty leave a limit as it is), in the record and, when
// it runs, in the kernel; when it returns both are so and the record is durable. When the kernel
// refuses, both are as before. kConflict: it is being removed, or the limits that stand exclude the
// new ones; kInvalidArgument: values out of range; kNotImplemented: names the field. Returns
// warnings. In the container's strand by itself.
std::vector<std::string> updateContainer(Core& core, const std::string& reference,
                                         const dockerapi::UpdateRequest& request);

// At the daemon's start, in the container's strand: an update that a death cut short is carried out
// where the container still runs (in part it may have been), and dropped where it does not. Nothing
// of it had been acknowledged.
void finishUpdate(Core& core, const Record& record);
void dropUpdate(Core& core, const std::string& id);

}  // namespace container
