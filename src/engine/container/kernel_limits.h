// Limits against what this kernel has: wrong ones are refused, those it lacks are dropped and said.
#pragma once

#include <string>
#include <vector>

#include "api/dockerapi/container_config.h"
#include "platform/sys/host.h"

namespace container {

// Error kInvalidArgument in Docker's words: no list of numbers, or processors and memory nodes that
// are not there.
void checkCpusets(const dockerapi::Resources& resources);

// Takes away what the kernel cannot do; the warnings that Docker gives for each.
std::vector<std::string> dropUnsupported(dockerapi::Resources& resources,
                                         const sys::HostFacts& host);

}  // namespace container
