#include "network/networks/settings.h"

#include <algorithm>

#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace networks {
namespace {

using base::Code;
using base::fail;

constexpr std::string_view kBridge = "com.docker.network.bridge.";
constexpr std::string_view kEndpoint = "com.docker.network.endpoint.";
constexpr size_t kLongestLinkName = 15;

bool readBool(const std::string& key, const std::string& value) {
  const auto parsed = base::parseBool(value);
  if (!parsed)
    fail(Code::kInvalidArgument,
         "failed to parse {} value: {}: strconv.ParseBool: parsing {}: invalid syntax", key, value,
         base::quote(value));
  return *parsed;
}

bool usableLinkName(std::string_view name) {
  if (name.empty() || name.size() > kLongestLinkName || name == "." || name == "..") return false;
  return std::none_of(name.begin(), name.end(),
                      [](unsigned char c) { return c == '/' || c == ':' || c <= ' '; });
}

void readGatewayMode(const std::string& mode, BridgeSettings& settings, bool internal) {
  if (mode == "nat" || mode.empty()) return;
  if (mode == "nat-unprotected") {
    settings.direct = true;
  } else if (mode == "routed") {
    settings.direct = true;
    settings.translate = settings.masquerade = false;
  } else if (mode == "isolated") {
    if (!internal)
      fail(Code::kInvalidArgument,
           "gateway mode 'isolated' can only be used for an internal network");
    settings.hostAddress = false;
  } else {
    fail(Code::kInvalidArgument, "unknown gateway mode {}", mode);
  }
}

base::IpAddress readAddress(const std::string& key, const std::string& value) {
  const auto address = base::IpAddress::parse(value);
  if (!address)
    fail(Code::kInvalidArgument, "failed to parse {} value: {}: invalid IP address", key, value);
  return *address;
}

void readBridgeOption(const std::string& key, std::string_view name, const std::string& value,
                      const NetworkSpec& spec, BridgeSettings& settings) {
  if (name == "name") {
    if (!usableLinkName(value))
      fail(Code::kInvalidArgument, "invalid bridge name {}", base::quote(value));
    settings.bridgeName = value;
  } else if (name == "enable_ip_masquerade") {
    settings.masquerade = settings.masquerade && readBool(key, value);
  } else if (name == "enable_icc") {
    settings.icc = readBool(key, value);
  } else if (name == "inhibit_ipv4") {
    if (readBool(key, value)) settings.hostAddress = false;
  } else if (name == "host_binding_ipv4") {
    if (!value.empty()) settings.hostBinding = readAddress(key, value).str();
  } else if (name == "gateway_mode_ipv4") {
    readGatewayMode(value, settings, spec.internal);
  } else if (name == "trusted_host_interfaces" && !value.empty()) {
    fail(Code::kNotImplemented, "network option {} is not implemented", key);
  }
}

}  // namespace

BridgeSettings readSettings(const NetworkSpec& spec) {
  BridgeSettings settings;
  for (const auto& [key, value] : spec.options) {
    if (key.starts_with(kBridge)) {
      readBridgeOption(key, std::string_view(key).substr(kBridge.size()), value, spec, settings);
    } else if (key == "com.docker.network.driver.mtu") {
      const auto mtu = base::parseInt(value);
      if (!mtu || *mtu < 0 || *mtu > 65535)
        fail(Code::kInvalidArgument, "failed to parse {} value: {}", key, value);
      settings.mtu = static_cast<unsigned>(*mtu);
    } else if (key == "com.docker.network.container_iface_prefix" && !value.empty()) {
      if (!usableLinkName(value + "00"))
        fail(Code::kInvalidArgument, "invalid interface prefix {}", base::quote(value));
      settings.interfacePrefix = value;
    } else if (key == "com.docker.network.host_ipv4" && !value.empty()) {
      settings.snat = readAddress(key, value);
    } else if (key == "com.docker.network.host_ipv6" && !value.empty()) {
      fail(Code::kNotImplemented, "network option {} is not implemented", key);
    }
  }
  return settings;
}

EndpointOptions readEndpointOptions(const std::map<std::string, std::string>& options) {
  EndpointOptions parsed;
  for (const auto& [key, value] : options) {
    if (!key.starts_with(kEndpoint)) continue;
    const std::string_view name = std::string_view(key).substr(kEndpoint.size());
    if (name == "ifname") {
      if (!usableLinkName(value))
        fail(Code::kInvalidArgument, "invalid interface name {}", base::quote(value));
      parsed.interfaceName = value;
    } else if (name == "sysctls") {
      for (const std::string& setting : base::split(value, ',')) {
        const auto [sysctl, wanted] = base::cut(setting, '=');
        if (!wanted || !sysctl.starts_with("net.") ||
            sysctl.find(".IFNAME.") == std::string_view::npos) {
          fail(Code::kInvalidArgument,
               "invalid sysctl setting {}: it must be net.X.Y.IFNAME.Z=value",
               base::quote(setting));
        }
        (void)sysctlPath(std::string(sysctl));
        parsed.sysctls[std::string(sysctl)] = std::string(*wanted);
      }
    }
  }
  return parsed;
}

std::string sysctlPath(const std::string& key) {
  const bool usable = key.starts_with("net.") && key.find("..") == std::string::npos &&
                      key.find('/') == std::string::npos && key.find('\0') == std::string::npos &&
                      key.back() != '.';
  if (!usable)
    fail(Code::kInvalidArgument, "sysctl {} is not one of the network namespace", base::quote(key));
  std::string path = "/proc/sys/" + key;
  std::replace(path.begin(), path.end(), '.', '/');
  return path;
}

}  // namespace networks
