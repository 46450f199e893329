// -v, --mount, -p, --expose and --network: values that become several parts of the create request.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "platform/json/value.h"

namespace commands {

// --mount: a Mount of the API.
json::Value mountOption(std::string_view value);

struct VolumeOption {
  std::string
      bind;  // "source:target[:mode]", a relative source made absolute; "" for an anonymous volume
  std::string target;  // of an anonymous volume
};
// -v
VolumeOption volumeOption(std::string_view value);

// "80/tcp" -> bindings, as HostConfig.PortBindings wants it. Adds to `bindings`.
using PortBindings = std::map<std::string, json::Value::Array>;
void addPublished(PortBindings& bindings, std::string_view value);
// "70-72/udp" -> "70/udp", "71/udp", "72/udp".
std::vector<std::string> exposedPorts(std::string_view value);

// One network to join with what was said about the endpoint.
struct NetworkOption {
  std::string target;
  std::vector<std::string> aliases, links, linkLocalIps;
  std::string ip, ip6, mac;
  std::map<std::string, std::string> driverOptions;
  std::int64_t gatewayPriority = 0;

  bool plain() const;  // nothing but the name
  bool userDefined() const;
};
// --network: a name, or "name=…,alias=…".
NetworkOption networkOption(std::string_view value);
// An EndpointSettings of the API. Error kInvalidArgument when the network cannot have what is
// asked.
json::Value endpointSettings(const NetworkOption& option);

}  // namespace commands
