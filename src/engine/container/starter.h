// One start of a container: network, root file system, mounts, files of /etc, spec, task. Undoes
// itself on failure.
#pragma once

#include <vector>

#include "engine/container/core.h"

namespace container {

// Runs the record's process; `attachers` get its output from the first byte. The caller is in the
// container's strand and writes down what comes back. Errors: task::StartError from the process,
// others from the steps before.
task::Running startTask(Core& core, const Record& record, std::vector<task::Attacher> attachers);

// What startTask took besides the task, given back: network (logically), sandbox, volume mounts.
// Idempotent.
void releaseRuntime(Core& core, const Record& record);

// The same at the container's end: what it writes down goes into the caller's transaction. May be
// empty.
std::function<void(store::Transaction&)> releaseWithin(Core& core, const Record& record);

// Whose network namespace it lives in: its own, or that of the container whose network it shares.
std::string sandboxOf(const Core& core, const Record& record);

// Under this key the shim keeps the name service sockets of its container for a later daemon.
inline constexpr std::uint32_t kDnsSockets = 1;
void keepDnsSockets(Core& core, const std::string& id) noexcept;

// The hostname the container sees.
std::string hostnameOf(const Core& core, const Record& record);
// The rules its seccomp profile gives; nullopt: unconfined.
std::optional<oci::Seccomp> seccompOf(const Core& core, const dockerapi::HostConfig& hostConfig);
// What the network library is asked for.
networks::JoinRequest joinRequestOf(const Record& record);
// The shim's log plan for the record.
task::LogPlan logPlanOf(const Core& core, const Record& record);

}  // namespace container
