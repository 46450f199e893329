// What the options of a bridge network mean.
#pragma once

#include <optional>
#include <string>

#include "network/firewall/firewall.h"
#include "network/networks/networks.h"
#include "platform/base/ip.h"

namespace networks {

struct BridgeSettings {
  std::string bridgeName;  // empty: chosen
  unsigned mtu = 0;        // 0: the kernel's, 1500
  bool icc = true;
  bool masquerade = true;
  bool direct = false;    // unpublished ports can be reached (routed, nat-unprotected)
  bool translate = true;  // published ports are translated (not in routed mode)
  bool hostAddress =
      true;  // the bridge itself has the gateway's address (not isolated, not inhibit_ipv4)
  std::optional<base::IpAddress> snat;
  std::string hostBinding;  // address of published ports that name none
  std::string interfacePrefix = "eth";
};

// Error kInvalidArgument for values that make no sense, kNotImplemented for options that Docker has
// and we do not; options that nobody knows are kept and ignored, as Docker does.
BridgeSettings readSettings(const NetworkSpec& spec);

// {"com.docker.network.endpoint.ifname": "wan0", "com.docker.network.endpoint.sysctls":
// "net.ipv4.conf.IFNAME.x=1"}
struct EndpointOptions {
  std::string interfaceName;
  std::map<std::string, std::string> sysctls;  // IFNAME still in them
};
EndpointOptions readEndpointOptions(const std::map<std::string, std::string>& options);

// "net.ipv4.ip_forward" -> "/proc/sys/net/ipv4/ip_forward". Error kInvalidArgument unless it is one
// of the network's.
std::string sysctlPath(const std::string& key);

}  // namespace networks
