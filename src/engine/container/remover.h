// The end of a container: its record goes first, in one durable transaction; what it owned follows,
// and is swept at the next start should the daemon die in between.
#pragma once

#include <set>
#include <string>

#include "engine/container/core.h"

namespace container {

// The caller is in the strand; the container does not run. `volumes`: its anonymous ones too.
void removeContainer(Core& core, const View& view, bool volumes);

// Containers whose row is in the database, but damaged: they are not served, and stay for repair.
std::set<std::string> setAside(const Core& core);

// Directories, writable layers and cgroups that no record owns: at start.
void sweepLeftovers(Core& core);

}  // namespace container
