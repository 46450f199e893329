#include "engine/wiring/network_adapter.h"

#include <array>

#include "engine/container/network_files.h"
#include "engine/container/starter.h"
#include "engine/container/validate.h"
#include "platform/base/error.h"

namespace wiring {
namespace {

using base::Code;

dockerapi::NetworkInspect shown(const networks::Network& network) {
  dockerapi::NetworkInspect result;
  result.name = network.spec.name;
  result.id = network.id;
  result.created = network.created;
  result.scope = network.scope;
  result.driver = network.spec.driver;
  result.enableIPv4 = network.spec.enableIpv4;
  result.enableIPv6 = network.spec.enableIpv6;
  result.ipam.driver = "default";
  std::vector<dockerapi::IpamConfig> ipam;
  for (const auto& config : network.spec.ipam) {
    dockerapi::IpamConfig line{config.subnet, config.ipRange, config.gateway, {}};
    for (const auto& [key, value] : config.auxAddresses) line.auxiliaryAddresses[key] = value;
    ipam.push_back(std::move(line));
  }
  if (!ipam.empty() || !network.predefined) result.ipam.config = ipam;
  if (!network.predefined) result.ipam.options.given = true;
  result.internal = network.spec.internal;
  result.attachable = network.spec.attachable;
  result.options = std::map<std::string, std::string>(network.spec.options);
  result.labels = std::map<std::string, std::string>(network.spec.labels);
  return result;
}

void addContainers(container::Core& core, const networks::Network& network,
                   dockerapi::NetworkInspect& result) {
  for (const networks::Endpoint& endpoint : core.networks.endpoints(network.id)) {
    dockerapi::NetworkEndpoint line;
    if (const auto view = core.records.find(endpoint.containerId)) line.name = view->name;
    line.endpointID = endpoint.id;
    line.macAddress = endpoint.macAddress;
    if (!endpoint.ipv4.empty())
      line.ipv4Address = fmt::format("{}/{}", endpoint.ipv4, endpoint.prefixLength);
    if (!endpoint.ipv6.empty())
      line.ipv6Address = fmt::format("{}/{}", endpoint.ipv6, endpoint.ipv6PrefixLength);
    result.containers[endpoint.containerId] = std::move(line);
  }
}

std::optional<networks::Network> existing(const container::Core& core,
                                          const std::string& reference) {
  try {
    return core.networks.resolve(reference);
  } catch (const base::Error& error) {
    if (error.code() != Code::kNotFound) throw;
    return std::nullopt;
  }
}

bool used(container::Core& core, const networks::Network& network) {
  for (const auto& view : core.records.all()) {
    for (const auto& [name, settings] : view->networks) {
      if (name == network.spec.name || name == network.id) return true;
    }
  }
  return false;
}

std::map<std::string, std::string> plain(const json::Map<std::string>& map) {
  return {map.begin(), map.end()};
}

networks::EndpointSpec endpointOf(const networks::Network& network,
                                  const std::optional<dockerapi::EndpointSettings>& asked) {
  networks::EndpointSpec endpoint;
  endpoint.networkId = network.id;
  if (!asked) return endpoint;
  endpoint.aliases.assign(asked->aliases.begin(), asked->aliases.end());
  if (asked->ipamConfig) {
    endpoint.ipv4 = asked->ipamConfig->ipv4Address;
    endpoint.ipv6 = asked->ipamConfig->ipv6Address;
  }
  endpoint.macAddress = asked->macAddress;
  endpoint.gatewayPriority = asked->gwPriority;
  endpoint.driverOptions = plain(asked->driverOpts);
  return endpoint;
}

}  // namespace

std::vector<dockerapi::NetworkInspect> NetworkAdapter::listNetworks(
    const dockerapi::Filters& filters) {
  constexpr std::array<std::string_view, 7> kAccepted{"dangling", "driver", "id",  "label",
                                                      "name",     "scope",  "type"};
  filters.validate(kAccepted);
  for (const std::string& type : filters.get("type")) {
    if (type != "builtin" && type != "custom")
      base::fail(Code::kInternal, "invalid filter: 'type'='{}'", type);
  }
  const bool dangling = filters.boolean("dangling", false);
  std::vector<dockerapi::NetworkInspect> list;
  for (const networks::Network& network : core_.networks.list()) {
    const std::string type = network.predefined ? "builtin" : "custom";
    if (!filters.matchExact("driver", network.spec.driver) ||
        !filters.matchPrefix("id", network.id))
      continue;
    if (!filters.matchLabels("label", network.spec.labels) ||
        !filters.matchRegex("name", network.spec.name))
      continue;
    if (!filters.matchExact("scope", network.scope) || !filters.matchExact("type", type)) continue;
    if (filters.has("dangling") && dangling != (!network.predefined && !used(core_, network)))
      continue;
    list.push_back(shown(network));
  }
  return list;
}

dockerapi::NetworkInspect NetworkAdapter::inspectNetwork(const std::string& reference, bool,
                                                         const std::string& scope) {
  const networks::Network network = core_.networks.resolve(reference);
  if (!scope.empty() && scope != network.scope)
    base::fail(Code::kNotFound, "network {} not found", reference);
  dockerapi::NetworkInspect result = shown(network);
  addContainers(core_, network, result);
  return result;
}

dockerapi::NetworkCreateResponse NetworkAdapter::createNetwork(
    const dockerapi::NetworkCreateRequest& request) {
  if (request.ingress) base::fail(Code::kNotImplemented, "Ingress is not implemented");
  if (request.configOnly) base::fail(Code::kNotImplemented, "ConfigOnly is not implemented");
  if (request.configFrom && !request.configFrom->network.empty())
    base::fail(Code::kNotImplemented, "ConfigFrom is not implemented");
  if (!request.scope.empty() && request.scope != "local")
    base::fail(Code::kNotImplemented, "networks of scope {} are not implemented", request.scope);
  networks::NetworkSpec spec;
  spec.name = request.name;
  spec.driver = request.driver.empty() ? "bridge" : request.driver;
  spec.internal = request.internal;
  spec.attachable = request.attachable;
  spec.enableIpv4 = request.enableIPv4.value_or(true);
  spec.enableIpv6 = request.enableIPv6.value_or(false);
  spec.options = plain(request.options);
  spec.labels = plain(request.labels);
  if (request.ipam) {
    if (!request.ipam->driver.empty() && request.ipam->driver != "default") {
      base::fail(Code::kNotFound, "plugin \"{}\" not found", request.ipam->driver);
    }
    for (const auto& config : request.ipam->config)
      spec.ipam.push_back(
          {config.subnet, config.ipRange, config.gateway, plain(config.auxiliaryAddresses)});
  }
  return {core_.networks.create(std::move(spec)).id, ""};
}

void NetworkAdapter::removeNetwork(const std::string& reference) {
  core_.networks.remove(reference);
}

void NetworkAdapter::connectNetwork(const std::string& reference,
                                    const dockerapi::NetworkConnectRequest& request) {
  const networks::Network network = core_.networks.resolve(reference);
  const std::string id = core_.records.get(request.container)->id;
  const auto turn = core_.strands.enter(id);
  const auto view = core_.records.get(id);
  const std::string& mode = view->hostConfig.networkMode;
  if (mode == "host" && network.spec.driver == "host") return;
  if (network.spec.driver == "host" && !container::isContainerMode(mode))
    base::fail(Code::kInvalidArgument,
               "cannot connect container to host network - container must be created in host "
               "network mode");
  if (mode == "host" || container::isContainerMode(mode))
    base::fail(Code::kInvalidArgument,
               "container sharing network namespace with another container or host cannot be "
               "connected to any other network");
  if (!view->networks.empty() && (view->networks.contains("none") || network.spec.driver == "null"))
    base::fail(Code::kInvalidArgument,
               "container cannot be connected to multiple networks with one of the networks in "
               "private (none) mode");
  if (view->networks.contains(network.spec.name)) {
    if (!view->running()) return;
    base::fail(Code::kForbidden, "endpoint with name {} already exists in network {}", view->name,
               network.spec.name);
  }
  if (view->running()) {
    const networks::Joined before = core_.networks.joined(id).value_or(networks::Joined{});
    core_.networks.connect(container::joinRequestOf(*view),
                           endpointOf(network, request.endpointConfig));
    container::followNetworks(core_, *view, before);
    container::keepDnsSockets(core_, id);
  }
  container::changeRecord(core_, store::Durability::kDurable, id, [&](container::Record& record) {
    record.networks[network.spec.name] =
        request.endpointConfig.value_or(dockerapi::EndpointSettings{});
  });
}

void NetworkAdapter::disconnectNetwork(const std::string& reference,
                                       const dockerapi::NetworkDisconnectRequest& request) {
  const auto network = existing(core_, reference);
  const auto found = core_.records.find(request.container);
  if (!found && !request.force)
    base::fail(Code::kNotFound, "No such container: {}", request.container);
  if (!found && network) base::fail(Code::kNotFound, "endpoint {} not found", request.container);
  if (!found) base::fail(Code::kNotFound, "network {} not found", reference);
  const auto turn = core_.strands.enter(found->id);
  const auto view = core_.records.get(found->id);
  if (view->hostConfig.networkMode == "host")
    base::fail(Code::kInvalidArgument,
               "container cannot be disconnected from host network or connected to host network");
  // One that does not run keeps only the wish, which outlives the network and is given up here.
  if (!network && view->running() && !request.force)
    base::fail(Code::kNotFound, "network {} not found", reference);
  const std::string name = network ? network->spec.name : reference;
  if (!view->networks.contains(name)) {
    base::fail(Code::kInternal, "container {} is not connected to {}network {}", view->id,
               network && view->running() ? "" : "the ", name);
  }
  if (view->running() && network && network->spec.driver != "null") {
    const networks::Joined before = core_.networks.joined(view->id).value_or(networks::Joined{});
    core_.networks.disconnect(view->id, network->id);
    container::followNetworks(core_, *view, before);
  }
  container::changeRecord(core_, store::Durability::kDurable, view->id,
                          [&](container::Record& record) { record.networks.erase(name); });
}

dockerapi::NetworksPruneReport NetworkAdapter::pruneNetworks(const dockerapi::Filters& filters) {
  constexpr std::array<std::string_view, 3> kAccepted{"label", "label!", "until"};
  filters.validate(kAccepted);
  const auto until = filters.until(base::Time::now());
  dockerapi::NetworksPruneReport report;
  report.networksDeleted = core_.networks.prune([&](const networks::Network& network) {
    if (network.predefined || used(core_, network) || (until && network.created > *until))
      return false;
    return filters.matchLabels("label", network.spec.labels) &&
           filters.matchNoLabels("label!", network.spec.labels);
  });
  events::Event event{.type = "network", .action = "prune"};
  event.attributes["reclaimed"] = "0";
  core_.events.publish(std::move(event));
  return report;
}

}  // namespace wiring
