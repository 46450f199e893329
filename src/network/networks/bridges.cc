#include <fcntl.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "network/dns/resolv_conf.h"
#include "network/firewall/host_policy.h"
#include "network/networks/impl.h"
#include "platform/base/error.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"

namespace networks {
namespace {

using base::Code;
using base::fail;

// Routes wider than this say "everything goes there" (a VPN that takes all traffic), not "this
// network is there".
constexpr int kWidestRoute = 8;

// FNV-1a.
std::uint64_t hashOf(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

netlink::Mac Networks::Impl::bridgeMac(const std::string& bridge) const {
  const std::uint64_t hash = hashOf(aliasPrefix + bridge);
  netlink::Mac mac{0x02};
  for (size_t i = 1; i < mac.size(); ++i) mac[i] = static_cast<std::uint8_t>(hash >> (8 * i));
  return mac;
}

bool Networks::Impl::isOurBridge(const netlink::Link& link) const {
  return link.kind == "bridge" &&
         (link.alias.starts_with(aliasPrefix) || link.mac == bridgeMac(link.name));
}

std::vector<base::IpPrefix> Networks::Impl::takenSubnets() {
  std::vector<base::IpPrefix> taken;
  for (const auto& [id, state] : networks) {
    if (state.pool) taken.push_back(state.pool->plan().subnet);
  }
  netlink::Route route;
  for (const auto& entry : route.routes(false)) {
    if (!entry.local && entry.destination.length >= kWidestRoute)
      taken.push_back(entry.destination);
  }
  for (const auto& address : route.addresses()) {
    if (address.prefix.length >= kWidestRoute) taken.push_back(address.prefix.network());
  }
  // A name server that is reached by the default route must not vanish behind a bridge.
  for (const auto& server : dns::hostResolvConf(false).nameservers) {
    taken.push_back({server, server.bits()});
  }
  return taken;
}

// Fills subnet and gateway into the record.
ipam::SubnetPlan Networks::Impl::planFor(NetworkRecord& record) {
  std::vector<IpamConfig>& configs = record.network.spec.ipam;
  std::erase_if(configs, [](const IpamConfig& config) {
    return config.subnet.empty() && config.gateway.empty() && config.ipRange.empty() &&
           config.auxAddresses.empty();
  });
  if (configs.size() > 1)
    fail(Code::kNotImplemented,
         "more than one IPAM config for a bridge network is not implemented");
  if (configs.empty()) {
    const base::IpPrefix subnet = ipam::chooseSubnet(pools, takenSubnets(), false);
    const ipam::SubnetPlan plan = ipam::planSubnet(subnet.str(), "", "", {});
    configs.push_back({.subnet = subnet.str(), .gateway = plan.gateway.str()});
    return plan;
  }
  IpamConfig& config = configs[0];
  if (config.subnet.empty())
    fail(Code::kInvalidArgument, "every ip-range or gateway must have a corresponding subnet");
  std::vector<std::string> auxiliary;
  for (const auto& [name, address] : config.auxAddresses) auxiliary.push_back(address);
  const ipam::SubnetPlan plan =
      ipam::planSubnet(config.subnet, config.ipRange, config.gateway, auxiliary);
  if (plan.subnet.address.isV6())
    fail(Code::kNotImplemented, "IPv6 subnet {}: IPv6 networks are not implemented", config.subnet);
  for (const auto& [id, other] : networks) {
    if (other.pool && other.pool->plan().subnet.overlaps(plan.subnet)) {
      fail(Code::kForbidden,
           "invalid pool request: Pool overlaps with other one on this address space");
    }
  }
  record.userSubnet = true;
  config.gateway = plan.gateway.str();
  return plan;
}

// Docker's form, which scripts build from `network ls -q`. The default bridge has the instance in
// that place, so that one host rule for "br-+" covers all.
std::string Networks::Impl::chooseBridgeName(const NetworkRecord& record) const {
  if (record.network.predefined) return "br-" + options.instance.substr(0, 12);
  return "br-" + base::shortId(record.network.id);
}

void Networks::Impl::writeSysctl(const std::string& path, const std::string& value, bool mustWork) {
  try {
    sys::writeExisting(AT_FDCWD, path, value);
  } catch (const base::Error& error) {
    if (mustWork) throw;
    base::log::debug("cannot set a kernel parameter", {{"path", path}, {"error", error.message()}});
  }
}

void Networks::Impl::raiseBridge(NetworkState& state) {
  const Network& network = state.network();
  const std::string& name = network.bridgeName;
  std::vector<base::IpPrefix> addresses;
  if (state.settings.hostAddress)
    addresses.push_back({state.pool->plan().gateway, state.pool->plan().subnet.length});
  const std::string alias = aliasPrefix + network.id;
  netlink::Route route;
  const auto existing = route.link(name);
  if (existing && existing->kind != "bridge") {
    fail(Code::kConflict,
         "cannot create network {} ({}): a link of that name exists and is no bridge", network.id,
         name);
  }
  if (existing) {
    state.bridge = existing->index;
    const bool half = existing->alias.empty() && isOurBridge(*existing);
    if (half) route.setAlias(existing->index, alias);
    if (!half && existing->alias != alias) state.record.foreignBridge = true;
    std::vector<base::IpPrefix> missing = addresses;
    for (const auto& address : route.addresses()) {
      if (address.link != existing->index || address.prefix.address.isV6()) continue;
      std::erase(missing, address.prefix);
      // Our own bridge after --bip was changed.
      const bool wanted =
          std::find(addresses.begin(), addresses.end(), address.prefix) != addresses.end();
      if (!wanted && !state.record.foreignBridge)
        route.removeAddress(existing->index, address.prefix);
    }
    for (const auto& address : missing) route.addAddress(existing->index, address);
    route.setUp(existing->index);
  } else {
    // A hardware address of its own: else the bridge takes the lowest of its ports and changes it
    // as they come and go.
    state.bridge = route.addBridge(
        {.name = name, .alias = alias, .mtu = state.settings.mtu, .mac = bridgeMac(name)},
        addresses);
  }
  writeSysctl("/proc/sys/net/ipv4/conf/" + name + "/route_localnet", "1", true);
  writeSysctl("/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6", "1", false);
  if (!network.spec.internal &&
      sys::readFile(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward").substr(0, 1) == "0") {
    writeSysctl("/proc/sys/net/ipv4/ip_forward", "1", true);
  }
}

firewall::Bridge Networks::Impl::rulesOf(const NetworkState& state) const {
  return {.name = state.network().bridgeName,
          .internal = state.network().spec.internal,
          .icc = state.settings.icc,
          .masquerade = state.settings.masquerade,
          .direct = state.settings.direct,
          .snat = state.settings.snat,
          .gateways = {state.pool->plan().gateway}};
}

std::vector<std::string> Networks::Impl::hostPolicyWarnings() {
  std::vector<std::string> bridges;
  {
    base::Lock lock(mutex);
    for (const auto& [id, state] : networks) {
      if (state.isBridge() && !state.network().spec.internal)
        bridges.push_back(state.network().bridgeName);
    }
  }
  base::Lock lock(policyMutex);
  const std::uint64_t now = wall.foreignChanges();
  if (policySeen == now && policyBridges == bridges) return policyWarnings;
  std::string uplink;
  netlink::Route route;
  for (const auto& entry : route.routes(false)) {
    if (entry.local || entry.destination.length != 0 || entry.table != RT_TABLE_MAIN) continue;
    for (const netlink::Link& link : route.links()) {
      if (link.index == entry.link) uplink = link.name;
    }
  }
  std::vector<std::string> warnings;
  for (const firewall::Obstacle& obstacle : firewall::findObstacles(bridges, uplink)) {
    warnings.push_back(fmt::format(
        "the host's firewall ({}) drops forwarded packets of {}: containers there cannot "
        "reach other hosts and their published ports do not answer. To allow it: {}",
        obstacle.where, base::join(obstacle.bridges, ", "), obstacle.remedy));
  }
  if (warnings != policyWarnings) {
    for (const std::string& warning : warnings) base::log::warn("WARNING: " + warning);
  }
  policySeen = now;
  policyBridges = bridges;
  policyWarnings = warnings;
  return warnings;
}

}  // namespace networks
