// Exposed and published ports: the API's maps to and from the network library's lists. Pure.
#pragma once

#include <string>
#include <vector>

#include "api/dockerapi/container.h"
#include "network/networks/networks.h"

namespace container {

// "80/tcp" -> {80, "tcp"}; the protocol defaults to tcp. Error kInvalidArgument.
std::pair<std::uint16_t, std::string> parsePort(const std::string& text);

// What HostConfig asks to publish; with PublishAllPorts also every exposed port that has no
// binding.
std::vector<networks::PortBinding> wantedPorts(const dockerapi::Config& config,
                                               const dockerapi::HostConfig& hostConfig);

// NetworkSettings.Ports of inspect: exposed ports with null, published ones with what answers.
dockerapi::PortMap portMap(const dockerapi::Config& config, const dockerapi::HostConfig& hostConfig,
                           const std::vector<networks::PortBinding>& published);
// Ports of a list line.
std::vector<dockerapi::Port> portList(const dockerapi::Config& config,
                                      const dockerapi::HostConfig& hostConfig,
                                      const std::vector<networks::PortBinding>& published);

}  // namespace container
