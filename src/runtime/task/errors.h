// What a shim's refusal means to users: Docker's sentences and exit codes, as scripts and the
// docker CLI read them.
#pragma once

#include <string>

#include "runtime/shimwire/wire.h"
#include "runtime/task/task.h"

namespace task {

// Names in a sentence are an image's: nothing of them may steer the terminal that shows it.
std::string printable(const std::string& text);

// 126: cannot be executed; 127: not found; 128: anything else. By the words, as dockerd does.
int exitCodeOf(const std::string& sentence);

// `failed to create task for container: …`.
StartError startError(const shimwire::Reply& reply);
// `OCI runtime exec failed: exec failed: …`; of a user who is gone since the exec was made, only
// that, and 126, as dockerd says it.
StartError execError(const shimwire::Reply& reply);

}  // namespace task
