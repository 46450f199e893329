// Opens what a container's mounts come from, and fills volumes on their first use.
#pragma once

#include <vector>

#include "engine/container/core.h"

namespace container {

// Binds and volumes of the record, each as a descriptor; host directories asked for by -v are made.
// `rootfs` is where a volume's first content comes from. Error kInvalidArgument in Docker's words
// when a source is missing. What was opened before the failing one is closed again by closeMounts.
std::vector<task::MountSource> openMounts(Core& core, const Record& record, int rootfs);
void closeMounts(Core& core, const Record& record) noexcept;

}  // namespace container
