// Whether a create request can be what it asks for: pure but for the host's facts.
#pragma once

#include <string>
#include <vector>

#include "api/dockerapi/container_config.h"
#include "platform/sys/host.h"

namespace container {

// A field that the API knows, set away from its default and not built: Error kNotImplemented with
// its name. Called before anything else, so that no record is made.
void refuseUnimplemented(const dockerapi::Config& config, const dockerapi::HostConfig& hostConfig);

// Values out of range and combinations that exclude each other: Error kInvalidArgument in Docker's
// words. Fills the defaults that inspect shows. Returns warnings for the answer.
std::vector<std::string> validate(dockerapi::Config& config, dockerapi::HostConfig& hostConfig,
                                  const sys::HostFacts& host);

// What an update of a container that exists may ask for, by itself; what it comes to together with
// the limits that stand is the updater's to judge. Errors as above.
void refuseUnimplementedUpdate(const dockerapi::Resources& resources);
void validateUpdate(const dockerapi::Resources& resources, const dockerapi::RestartPolicy& policy,
                    const sys::HostFacts& host);

// "SIGTERM", "TERM", "15" -> number. Error kInvalidArgument "invalid signal: x".
int parseSignal(const std::string& text);

// The names of a network mode: default, bridge, host, none, container:X, or a network.
bool isContainerMode(const std::string& mode);         // "container:x"
std::string containerOfMode(const std::string& mode);  // "x", or ""
bool isUserNetwork(const std::string& mode);  // neither default, bridge, host, none nor container:

}  // namespace container
