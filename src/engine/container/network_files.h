// What a container's /etc says of its networks: resolv.conf as it is made at the start, and both
// resolv.conf and hosts as they follow `network connect` and `network disconnect`.
#pragma once

#include "engine/container/core.h"
#include "engine/container/etc_files.h"

namespace container {

// Name servers, search domains and options; `ownNetwork`: it does not share the host's.
Resolver resolverFor(const Core& core, const Record& record, bool ownNetwork,
                     const networks::Joined& joined);

// The container runs, and its endpoints were `before`: the address lines of hosts follow, and
// resolv.conf when it is still as it was written. Both are changed in place, since they are mounted
// into the container. What cannot be written is logged.
void followNetworks(Core& core, const Record& record, const networks::Joined& before) noexcept;

}  // namespace container
