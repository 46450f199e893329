// The three files of /etc that the engine writes for every container, in its own directory below
// the data root.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/container/record.h"
#include "network/networks/networks.h"

namespace container {

struct Resolver {
  std::vector<std::string> nameservers, search, options;
};

// "a.example:10.0.0.1", "host=::1", and "host-gateway" for the address given. Error
// kInvalidArgument `invalid IP address in add-host: "x"`.
std::vector<std::pair<std::string, std::string>> parseExtraHosts(
    const std::vector<std::string>& entries, const std::string& gateway);

// What stands behind the container's own addresses in hosts: the full name, and its first label.
std::string hostNames(const Record& record, const std::string& hostname);
std::string hostsText(const Record& record, const std::string& hostname,
                      const std::vector<networks::Endpoint>& endpoints,
                      const std::vector<std::pair<std::string, std::string>>& extra);
std::string resolvText(const Resolver& resolver);

// The host's /etc/resolv.conf, parsed; loopback servers are left out, since they mean another host
// inside.
Resolver parseResolvConf(std::string_view text, bool keepLoopback);

}  // namespace container
