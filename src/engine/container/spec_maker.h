// Record -> OCI runtime spec: pure, with golden files. What must be looked up on the host comes in
// as inputs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/oci/runtime_spec.h"
#include "engine/container/record.h"
#include "platform/sys/host.h"

namespace container {

struct SpecInputs {
  std::string hostname;    // effective: never empty but for modes that share UTS
  bool ownNetwork = true;  // false: the host's
  std::string pidNamespace,
      ipcNamespace;          // paths of namespaces to join; empty: own or the host's by mode
  bool shareQueues = false;  // /dev/mqueue is the host's
  bool shareShm = false;     // /dev/shm is a bind of somebody else's
  std::vector<oci::Device> devices;            // --device, or all of the host's when privileged
  std::vector<oci::DeviceCgroup> deviceRules;  // for these and --device-cgroup-rule
  std::optional<oci::Seccomp> seccomp;         // compiled from the profile for these capabilities
  std::string cgroupPath;
};

oci::Spec makeSpec(const Record& record, const SpecInputs& inputs, const sys::HostFacts& host);

// The capabilities that the record's container gets.
std::vector<std::string> capabilitiesOf(const dockerapi::HostConfig& hostConfig);
// Limits as the cgroup driver takes them; without device rules.
oci::Resources resourcesOf(const dockerapi::Resources& resources);
// PATH, HOSTNAME, TERM and the config's own.
std::vector<std::string> environmentOf(const Record& record, const std::string& hostname);
// What docker exec starts: user, environment, directory and capabilities from the container unless
// said otherwise.
oci::Process execProcess(const Record& record, const dockerapi::ExecCreateRequest& request,
                         const std::string& hostname);

// The value of "seccomp=…" in SecurityOpt: "" default, "unconfined", or a profile's JSON.
std::string seccompOption(const dockerapi::HostConfig& hostConfig);
bool noNewPrivileges(const dockerapi::HostConfig& hostConfig);

}  // namespace container
