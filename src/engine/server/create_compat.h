// What POST /containers/create meant in each API version, turned into what it means in the newest.
#pragma once

#include <string>
#include <vector>

#include "engine/server/container_backend.h"

namespace server {

// Returns the warnings for the answer. Error kInvalidArgument: not allowed in that version.
std::vector<std::string> adaptCreate(ContainerCreateRequest& request);

}  // namespace server
