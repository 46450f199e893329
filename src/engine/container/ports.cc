#include "engine/container/ports.h"

#include <set>

#include "platform/base/error.h"
#include "platform/base/ip.h"
#include "platform/base/strings.h"

namespace container {
namespace {

using base::Code;

std::uint16_t portNumber(std::string_view text, const std::string& whole) {
  const auto number = base::parseUint(text);
  if (!number || *number == 0 || *number > 65535)
    base::fail(Code::kInvalidArgument, "invalid port specification: \"{}\"", whole);
  return static_cast<std::uint16_t>(*number);
}

networks::PortBinding wanted(std::uint16_t port, const std::string& protocol,
                             const dockerapi::PortBinding& binding) {
  networks::PortBinding result;
  result.protocol = protocol;
  result.containerPort = port;
  result.hostIp = binding.hostIp;
  const auto address = base::IpAddress::parse(binding.hostIp);
  if (!binding.hostIp.empty() && !address)
    base::fail(Code::kInvalidArgument, "invalid host IP address {}", binding.hostIp);
  if (address && address->isV6()) {
    base::fail(Code::kNotImplemented,
               "publishing on the IPv6 address {} is not implemented (HostConfig.PortBindings): "
               "use an IPv4 address",
               binding.hostIp);
  }
  if (binding.hostPort.empty() || binding.hostPort == "0") return result;
  const auto [first, last] = base::cut(binding.hostPort, '-');
  result.hostPort = portNumber(first, binding.hostPort);
  result.hostPortEnd = last ? portNumber(*last, binding.hostPort) : result.hostPort;
  if (result.hostPortEnd < result.hostPort) {
    base::fail(Code::kInvalidArgument, "invalid port range: \"{}\"", binding.hostPort);
  }
  return result;
}

std::string key(std::uint16_t port, const std::string& protocol) {
  return fmt::format("{}/{}", port, protocol);
}

// Every port the container names: exposed by image or request, or bound.
std::set<std::pair<std::uint16_t, std::string>> named(const dockerapi::Config& config,
                                                      const dockerapi::HostConfig& hostConfig) {
  std::set<std::pair<std::uint16_t, std::string>> all;
  for (const std::string& exposed : config.exposedPorts) all.insert(parsePort(exposed));
  for (const auto& [port, bindings] : hostConfig.portBindings) all.insert(parsePort(port));
  return all;
}

}  // namespace

std::pair<std::uint16_t, std::string> parsePort(const std::string& text) {
  const auto [number, protocol] = base::cut(text, '/');
  const std::string name = protocol ? base::lower(*protocol) : "tcp";
  if (name != "tcp" && name != "udp" && name != "sctp")
    base::fail(Code::kInvalidArgument, "invalid proto: {}", name);
  return {portNumber(number, text), name};
}

std::vector<networks::PortBinding> wantedPorts(const dockerapi::Config& config,
                                               const dockerapi::HostConfig& hostConfig) {
  std::vector<networks::PortBinding> list;
  std::set<std::pair<std::uint16_t, std::string>> bound;
  for (const auto& [text, bindings] : hostConfig.portBindings) {
    const auto [port, protocol] = parsePort(text);
    bound.insert({port, protocol});
    if (bindings.empty()) list.push_back(wanted(port, protocol, {}));
    for (const auto& binding : bindings) list.push_back(wanted(port, protocol, binding));
  }
  if (!hostConfig.publishAllPorts) return list;
  for (const auto& [port, protocol] : named(config, hostConfig)) {
    if (!bound.contains({port, protocol})) list.push_back(wanted(port, protocol, {}));
  }
  return list;
}

dockerapi::PortMap portMap(const dockerapi::Config& config, const dockerapi::HostConfig& hostConfig,
                           const std::vector<networks::PortBinding>& published) {
  dockerapi::PortMap map;
  map.given = true;
  for (const auto& [port, protocol] : named(config, hostConfig)) map[key(port, protocol)];
  for (const auto& binding : published) {
    auto& list = map[key(binding.containerPort, binding.protocol)];
    list.given = true;
    list.push_back({binding.hostIp, std::to_string(binding.hostPort)});
  }
  return map;
}

std::vector<dockerapi::Port> portList(const dockerapi::Config& config,
                                      const dockerapi::HostConfig& hostConfig,
                                      const std::vector<networks::PortBinding>& published) {
  std::vector<dockerapi::Port> list;
  for (const auto& [port, protocol] : named(config, hostConfig)) {
    bool bound = false;
    for (const auto& binding : published) {
      if (binding.containerPort != port || binding.protocol != protocol) continue;
      list.push_back({binding.hostIp, port, binding.hostPort, protocol});
      bound = true;
    }
    if (!bound) list.push_back({"", port, 0, protocol});
  }
  return list;
}

}  // namespace container
