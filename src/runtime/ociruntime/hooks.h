// OCI hooks: programs of the host that are run at fixed moments, with the container's state as JSON
// on stdin.
#pragma once

#include <string>
#include <vector>

#include "api/oci/runtime_spec.h"

namespace ociruntime {

// Runs them in order, in the runtime's own namespaces. Error kInternal names the first that failed
// (exit code, signal, timeout), with what it wrote to stderr.
void runHooks(const char* kind, const std::vector<oci::Hook>& hooks, const oci::State& state);

// The same inside the namespaces of the container's process, with its root directory: before the
// pivot that is still the host's, afterwards the container's.
void runHooksInside(const char* kind, const std::vector<oci::Hook>& hooks, const oci::State& state,
                    int pidfd, int pid);

}  // namespace ociruntime
