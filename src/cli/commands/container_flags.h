// The flags that create and run share: what a container is to be.
#pragma once

#include "cli/commands/flags.h"

namespace commands {

// Defined in container_flags.cc; constant-initialized, so that command tables may point at it.
extern const FlagTable kContainerFlagTable;

}  // namespace commands
