#include <algorithm>

#include "network/networks/impl.h"
#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"
#include "platform/base/time.h"

namespace networks {
namespace {

constexpr std::int64_t kAdoptionPatience = 3'000'000'000;

NetworkRecord predefinedRecord(const std::string& name, const std::string& driver) {
  NetworkRecord record;
  record.network = {.id = base::randomId(), .predefined = true, .created = base::Time::now()};
  record.network.spec = {.name = name, .driver = driver};
  return record;
}

}  // namespace

Networks::Impl::Impl(Options given, store::Store& theStore, events::Bus& theBus,
                     sandbox::Sandboxes& theSandboxes,
                     const std::function<bool(const std::string&)>& live)
    : options(std::move(given)),
      linkPrefix("v" + options.instance.substr(0, 6)),
      aliasPrefix("sampan:" + options.instance + ":"),
      store(theStore),
      bus(theBus),
      sandboxes(theSandboxes),
      records(theStore),
      wall("sampan-" + options.instance),
      pools(options.addressPools.empty() ? ipam::defaultPools()
                                         : ipam::parsePools(options.addressPools)),
      server(std::make_unique<dns::Server>(
          [this](const std::string& client, const dns::Question& question) {
            return look(client, question);
          })) {
  if (options.instance.empty())
    base::fail(base::Code::kInvalidArgument, "networks: the instance has no name");
  if (options.ipv6)
    base::fail(base::Code::kNotImplemented, "ipv6: IPv6 networks are not implemented");
  loadNetworks();
  loadMembers(live);
  ensurePredefined();
  base::faultPoint("restore.networks");
  raiseAllBridges();
  base::faultPoint("restore.walled");
  sweepLinks();
  startReaper();
  adoptLater();
  (void)hostPolicyWarnings();  // for the log
}

Networks::Impl::~Impl() {
  server.reset();
  loop.stop();
  if (reaper.joinable()) reaper.join();
}

void Networks::Impl::loadNetworks() {
  base::Lock lock(mutex);
  for (NetworkRecord& record : records.networks()) {
    const std::string id = record.network.id;
    try {
      NetworkState state{.record = std::move(record)};
      if (state.isBridge()) {
        state.settings = readSettings(state.network().spec);
        const IpamConfig& config = state.network().spec.ipam.at(0);
        std::vector<std::string> auxiliary;
        for (const auto& [name, address] : config.auxAddresses) auxiliary.push_back(address);
        state.pool.emplace(
            ipam::planSubnet(config.subnet, config.ipRange, config.gateway, auxiliary));
      }
      networks.emplace(id, std::move(state));
    } catch (const std::exception& error) {
      base::log::error("a network is not served: its row in state.db is damaged",
                       {{"network", id}, {"error", error.what()}});
    }
  }
}

// Members that do not run any more lose their row, with the events that their exit would have had.
void Networks::Impl::loadMembers(const std::function<bool(const std::string&)>& live) {
  std::vector<MemberRecord> dead;
  {
    base::Lock lock(mutex);
    for (MemberRecord& record : records.members()) {
      const bool known = std::all_of(record.endpoints.begin(), record.endpoints.end(),
                                     [&](const EndpointRecord& endpoint) {
                                       return networks.contains(endpoint.endpoint.networkId);
                                     });
      if (!known || !live(record.id)) {
        dead.push_back(std::move(record));
        continue;
      }
      for (const EndpointRecord& endpoint : record.endpoints) {
        NetworkState& state = networks.at(endpoint.endpoint.networkId);
        if (const auto address = base::IpAddress::parse(endpoint.endpoint.ipv4);
            address && state.pool)
          state.pool->take(*address);
        addNames(record, endpoint);
      }
      for (const PortBinding& port : record.ports) {
        const auto ip = base::IpAddress::parse(port.hostIp);
        ports.restore(publish::protocolNumber(port.protocol),
                      !ip || ip->unspecified() ? std::nullopt : ip, port.hostPort, record.id);
      }
      if (record.ownDns) unadopted.insert(record.id);
      Member& member = members[record.id];
      member.published = publishedOf(record);
      member.record = std::move(record);
    }
  }
  if (dead.empty()) return;
  base::Lock lock(mutex);
  store.write(store::Durability::kLazy,
              [&](store::Transaction& transaction) NO_THREAD_SAFETY_ANALYSIS {
                for (const MemberRecord& record : dead) {
                  Records::removeMember(transaction, record.id);
                  for (const EndpointRecord& endpoint : record.endpoints) {
                    const auto state = networks.find(endpoint.endpoint.networkId);
                    if (state != networks.end())
                      emit(transaction, state->second.network(), "disconnect", record.id);
                  }
                }
              });
}

void Networks::Impl::ensurePredefined() {
  base::Lock lock(mutex);
  std::vector<NetworkRecord> changed;
  for (const auto& [name, driver] : {std::pair{"host", "host"}, std::pair{"none", "null"}}) {
    if (tryFind(name) != nullptr) continue;
    NetworkState state{.record = predefinedRecord(name, driver)};
    changed.push_back(state.record);
    networks.emplace(state.network().id, std::move(state));
  }
  NetworkState state;
  const NetworkState* known = tryFind("bridge");
  state.record = known != nullptr ? known->record : predefinedRecord("bridge", "bridge");
  Network& network = state.record.network;
  const bool used = known != nullptr && !endpointsOf(network.id).empty();
  const bool otherSubnet = known == nullptr || !keepsDefaultSubnet(*known);
  if (known != nullptr && (used || !otherSubnet)) {
    if (otherSubnet) base::log::warn("the default bridge keeps its subnet while containers use it");
  } else {
    if (known != nullptr) networks.erase(network.id);
    planDefaultBridge(state);
    changed.push_back(state.record);
    networks.insert_or_assign(network.id, std::move(state));
  }
  if (changed.empty()) return;
  store.write(store::Durability::kDurable, [&](store::Transaction& transaction) {
    for (const NetworkRecord& record : changed) Records::put(transaction, record);
  });
}

// Whether --bip still says what the record says, and, where Sampan chose, whether the subnet is
// still free: after a reboot another daemon may have taken it first.
bool Networks::Impl::keepsDefaultSubnet(const NetworkState& state) {
  const IpamConfig& config = state.network().spec.ipam.at(0);
  const base::IpPrefix subnet = state.pool->plan().subnet;
  if (!options.defaultBridgeCidr.empty()) {
    const auto asked = base::IpPrefix::parse(options.defaultBridgeCidr);
    return asked && asked->network() == subnet && asked->address.str() == config.gateway;
  }
  if (state.record.userSubnet) return false;  // --bip is gone
  netlink::Route route;
  const auto own = route.link(state.network().bridgeName);
  for (const auto& entry : route.routes(false)) {
    if (entry.local || entry.destination.length < 8 || (own && entry.link == own->index)) continue;
    if (entry.destination.overlaps(subnet)) return false;
  }
  return true;
}

void Networks::Impl::planDefaultBridge(NetworkState& state) {
  Network& network = state.record.network;
  network.spec.ipam.clear();
  state.record.userSubnet = false;
  if (!options.defaultBridgeCidr.empty()) {
    const auto asked = base::IpPrefix::parse(options.defaultBridgeCidr);
    if (!asked || asked->address.isV6()) {
      base::fail(base::Code::kInvalidArgument,
                 "invalid value for --bip: {}: it is no IPv4 address with a prefix length",
                 options.defaultBridgeCidr);
    }
    network.spec.ipam.push_back(
        {.subnet = asked->network().str(), .gateway = asked->address.str()});
  }
  state.pool.emplace(planFor(state.record));
  network.bridgeName = chooseBridgeName(state.record);
  network.spec.options = {{"com.docker.network.bridge.default_bridge", "true"},
                          {"com.docker.network.bridge.enable_icc", "true"},
                          {"com.docker.network.bridge.enable_ip_masquerade", "true"},
                          {"com.docker.network.bridge.host_binding_ipv4", "0.0.0.0"},
                          {"com.docker.network.bridge.name", network.bridgeName},
                          {"com.docker.network.driver.mtu", "1500"}};
  state.settings = readSettings(network.spec);
}

void Networks::Impl::raiseAllBridges() {
  firewall::Change everything;
  base::Lock lock(mutex);
  for (auto& [id, state] : networks) {
    if (!state.isBridge()) continue;
    try {
      raiseBridge(state);
      everything.addBridges.push_back(rulesOf(state));
    } catch (const base::Error& error) {
      if (state.network().predefined) throw;
      base::log::error("a network's bridge cannot be made",
                       {{"network", state.network().spec.name}, {"error", error.message()}});
    }
  }
  for (auto& [id, member] : members) {
    for (const auto& port : member.published) everything.addPorts.push_back(port);
    for (const EndpointRecord& endpoint : member.record.endpoints) {
      if (endpoint.hostLink.empty()) continue;
      everything.addGuests.push_back(
          guestOf(endpoint, networks.at(endpoint.endpoint.networkId).network().bridgeName));
    }
  }
  wall.install(everything);
}

// Cables and bridges of ours without a record go; cables that lost their bridge get it back.
void Networks::Impl::sweepLinks() {
  netlink::Route route;
  const auto links = route.links();
  std::map<std::string, int> wanted;  // host link -> bridge
  std::set<std::string> bridges;
  {
    base::Lock lock(mutex);
    for (const auto& [id, state] : networks) bridges.insert(state.network().bridgeName);
    for (const auto& [id, member] : members) {
      for (const EndpointRecord& endpoint : member.record.endpoints) {
        if (!endpoint.hostLink.empty())
          wanted[endpoint.hostLink] = networks.at(endpoint.endpoint.networkId).bridge;
      }
    }
  }
  bool cut = false;
  for (const netlink::Link& link : links) {
    if (const auto keep = wanted.find(link.name); keep != wanted.end()) {
      if (link.master != keep->second && keep->second > 0)
        route.setMaster(link.index, keep->second);
      continue;
    }
    const bool stray =
        link.kind == "veth" && link.name.size() == 15 && link.name.starts_with(linkPrefix);
    const bool strayBridge = isOurBridge(link) && !bridges.contains(link.name);
    if (stray || strayBridge) route.removeLink(link.name);
    cut = cut || stray;
  }
  if (cut) restoreDefaultRoutes();
}

// A connect or disconnect that a death cut short may have taken a running container's default route
// along with its cable.
void Networks::Impl::restoreDefaultRoutes() {
  std::vector<std::pair<std::string, EndpointRecord>> gateways;
  {
    base::Lock lock(mutex);
    for (const auto& [id, member] : members) {
      if (const EndpointRecord* gateway = gatewayOf(member.record))
        gateways.emplace_back(member.record.sandboxId, *gateway);
    }
  }
  for (const auto& [sandboxId, gateway] : gateways) {
    try {
      setDefaultRoute(sandboxId, gateway);
    } catch (const base::Error& error) {
      base::log::warn("a container's default route could not be set",
                      {{"container", sandboxId}, {"error", error.message()}});
    }
  }
}

void Networks::Impl::adoptDns(const std::string& containerId, std::vector<sys::Fd> kept) {
  std::string sandboxId;
  {
    base::Lock lock(mutex);
    const auto found = members.find(containerId);
    if (found == members.end() || !found->second.record.ownDns || unadopted.erase(containerId) == 0)
      return;
    sandboxId = found->second.record.sandboxId;
  }
  std::pair<sys::Fd, sys::Fd> sockets;
  if (kept.size() == 2) sockets = {std::move(kept[0]), std::move(kept[1])};
  openDns(sandboxId,
          sockets);  // the redirect is written again: it may be another daemon's, or incomplete
  base::Lock lock(mutex);
  const auto found = members.find(containerId);
  if (found != members.end()) serveDns(found->second, std::move(sockets));
}

void Networks::Impl::adoptLater() {
  loop.at(base::monotonicNs() + kAdoptionPatience, [this] {
    std::set<std::string> left;
    {
      base::Lock lock(mutex);
      left = unadopted;
    }
    for (const std::string& id : left) {
      try {
        adoptDns(id, {});
      } catch (const base::Error& error) {
        base::log::warn("a container has no name service",
                        {{"container", id}, {"error", error.message()}});
      }
    }
  });
}

}  // namespace networks
