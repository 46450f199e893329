// What a container uses, from its cgroup and its network namespace.
#pragma once

#include <functional>
#include <string>

#include "api/dockerapi/stats.h"
#include "engine/container/core.h"
#include "platform/base/stop_token.h"

namespace container {

// One sample without precpuStats; zeros and names for a container that does not run.
dockerapi::ContainerStats sample(Core& core, const Record& record);

// Calls `each` once a second until `stop` fires, the container is removed, or, without `stream`,
// once: after a second sample to compare with, unless `oneShot`.
void streamStats(Core& core, const std::string& reference, bool stream, bool oneShot,
                 const std::function<void(const dockerapi::ContainerStats&)>& each,
                 const base::StopToken& stop);

// docker top: what ps(1) on the host says of the container's processes, with the user's own format.
// Error kInvalidArgument without a PID column.
dockerapi::TopResponse top(Core& core, const std::string& reference,
                           const std::string& psArguments);

}  // namespace container
