// Devices of the host as the runtime spec names them.
#pragma once

#include <string>
#include <vector>

#include "api/dockerapi/container_config.h"
#include "api/oci/runtime_spec.h"

namespace container {

struct Devices {
  std::vector<oci::Device> nodes;
  std::vector<oci::DeviceCgroup> rules;
};

// --device (a directory means everything in it) and --device-cgroup-rule; with `privileged` every
// device of the host. Error kInvalidArgument in Docker's words for a path that is no device or a
// rule that cannot be read.
Devices lookUpDevices(const dockerapi::HostConfig& hostConfig);

// "c 1:3 rwm", "a *:* rwm".
oci::DeviceCgroup parseDeviceRule(const std::string& rule);

}  // namespace container
