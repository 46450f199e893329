// The end of everything that runs, on a host that goes down.
#pragma once

#include <chrono>

#include "engine/container/core.h"

namespace container {

// Sends every running container its stop signal, and kills what is left after `patience`. Waits for
// that. The records stay as they are: from them the next boot sees what ran, and starts it again by
// its policy. Exits must not reach Lifecycle any more, which would restart what just ended.
void endAll(Core& core, std::chrono::milliseconds patience);

}  // namespace container
