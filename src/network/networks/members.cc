#include <arpa/inet.h>

#include <algorithm>

#include "network/dns/resolv_conf.h"
#include "network/networks/impl.h"
#include "network/publish/conntrack.h"
#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"
#include "platform/base/scope_exit.h"
#include "platform/base/strings.h"

namespace networks {
namespace {

using base::Code;
using base::fail;

// The same address has the same hardware address whoever has it, so that nobody's neighbour table
// is wrong after a restart.
netlink::Mac macOf(const base::IpAddress& address) {
  const auto raw = address.bytes();
  return {0x02, 0x42, raw[0], raw[1], raw[2], raw[3]};
}

void addUnique(std::vector<std::string>& list, const std::string& name) {
  if (!name.empty() && std::find(list.begin(), list.end(), name) == list.end())
    list.push_back(name);
}

std::vector<std::string> dnsNamesOf(const MemberRecord& member,
                                    const std::vector<std::string>& aliases) {
  std::vector<std::string> list;
  addUnique(list, member.name);
  for (const std::string& alias : aliases) addUnique(list, alias);
  addUnique(list, base::shortId(member.id));
  addUnique(list, member.hostname);
  return list;
}

// As it is before its first endpoint.
MemberRecord memberOf(const JoinRequest& request) {
  MemberRecord record{.id = request.containerId,
                      .name = request.containerName,
                      .hostname = request.hostname,
                      .sandboxId = request.sandboxId,
                      .dns = request.dns,
                      .wanted = request.ports};
  if (record.name.starts_with('/')) record.name.erase(0, 1);
  return record;
}

bool hasProtocol(const std::vector<firewall::Published>& ports, std::uint8_t protocol) {
  return std::any_of(ports.begin(), ports.end(),
                     [&](const auto& port) { return port.protocol == protocol; });
}

}  // namespace

// ---- checks

void Networks::Impl::checkEndpoint(const NetworkState& state, const EndpointSpec& spec) const {
  const std::string& name = state.network().spec.name;
  std::vector<std::string> wrong;
  if (!spec.ipv6.empty())
    fail(Code::kNotImplemented, "IPv6Address: IPv6 networks are not implemented");
  if (!spec.ipv4.empty()) {
    const auto address = base::IpAddress::parse(spec.ipv4);
    if (state.network().predefined) {
      wrong.push_back("user specified IP address is supported on user defined networks only");
    }
    if (!address || address->isV6()) {
      wrong.push_back("invalid IPv4 address: " + spec.ipv4);
    } else if (!state.record.userSubnet || state.network().predefined) {
      wrong.push_back(
          "user specified IP address is supported only when connecting to networks with user "
          "configured subnets");
    } else if (!state.pool->plan().subnet.contains(*address)) {
      wrong.push_back("no configured subnet or ip-range contain the IP address " + spec.ipv4);
    }
  }
  if (!spec.macAddress.empty() && !netlink::parseMac(spec.macAddress)) {
    wrong.push_back("invalid MAC address: " + spec.macAddress);
  }
  (void)readEndpointOptions(spec.driverOptions);
  if (wrong.empty()) return;
  const std::string list = wrong.size() == 1 ? wrong[0] : "* " + base::join(wrong, "\n* ");
  fail(Code::kInvalidArgument, "invalid config for network {}: invalid endpoint settings:\n{}",
       name, list);
}

void Networks::Impl::validate(const JoinRequest& request) {
  for (const PortBinding& port : request.ports) (void)publish::protocolNumber(port.protocol);
  for (const auto& [key, value] : request.sysctls) (void)sysctlPath(key);
  base::Lock lock(mutex);
  for (const EndpointSpec& spec : request.endpoints) {
    if (const NetworkState* state = tryFind(spec.networkId)) checkEndpoint(*state, spec);
  }
}

// ---- plans: everything that the books can say

EndpointRecord Networks::Impl::planEndpoint(const MemberRecord& member, const EndpointSpec& spec) {
  NetworkState& state = find(spec.networkId);
  checkEndpoint(state, spec);
  EndpointRecord planned{.gatewayPriority = spec.gatewayPriority};
  Endpoint& endpoint = planned.endpoint;
  endpoint = {.id = base::randomId(),
              .networkId = state.network().id,
              .containerId = member.id,
              .aliases = spec.aliases};
  if (!state.isBridge()) return planned;

  base::IpAddress address;
  if (spec.ipv4.empty()) {
    address = state.pool->take();
  } else {
    address = *base::IpAddress::parse(spec.ipv4);
    state.pool->take(address);
  }
  endpoint.ipv4 = address.str();
  endpoint.prefixLength = state.pool->plan().subnet.length;
  if (!state.network().spec.internal) endpoint.gateway = state.pool->plan().gateway.str();
  endpoint.macAddress = netlink::macText(
      spec.macAddress.empty() ? macOf(address) : *netlink::parseMac(spec.macAddress));
  endpoint.interfaceName = readEndpointOptions(spec.driverOptions).interfaceName;
  for (int i = 0; endpoint.interfaceName.empty(); ++i) {
    const std::string candidate = state.settings.interfacePrefix + std::to_string(i);
    const bool taken = std::any_of(
        member.endpoints.begin(), member.endpoints.end(),
        [&](const EndpointRecord& other) { return other.endpoint.interfaceName == candidate; });
    if (!taken) endpoint.interfaceName = candidate;
  }
  if (!state.network().predefined) endpoint.dnsNames = dnsNamesOf(member, spec.aliases);
  planned.hostLink = linkPrefix + endpoint.id.substr(0, 15 - linkPrefix.size());
  return planned;
}

void Networks::Impl::freeEndpoint(const EndpointRecord& record) {
  const auto address = base::IpAddress::parse(record.endpoint.ipv4);
  const auto state = networks.find(record.endpoint.networkId);
  if (address && state != networks.end() && state->second.pool)
    state->second.pool->release(*address);
}

const EndpointRecord* Networks::Impl::gatewayOf(const MemberRecord& member) {
  const EndpointRecord* best = nullptr;
  for (const EndpointRecord& endpoint : member.endpoints) {
    if (endpoint.endpoint.gateway.empty()) continue;
    if (best == nullptr || endpoint.gatewayPriority > best->gatewayPriority) best = &endpoint;
  }
  return best;
}

// Ports are published on the endpoint that has the default route: answers leave that way.
void Networks::Impl::planPorts(MemberRecord& member) {
  const EndpointRecord* gateway = gatewayOf(member);
  if (gateway == nullptr || member.wanted.empty()) return;
  const NetworkState& state = networks.at(gateway->endpoint.networkId);
  if (!state.settings.translate) return;
  publish::HostPorts host;
  base::within(
      fmt::format("driver failed programming external connectivity on endpoint {} ({})",
                  member.name, gateway->endpoint.id),
      [&] {
        for (const PortBinding& wanted : member.wanted) {
          PortBinding given = wanted;
          if (given.hostIp.empty())
            given.hostIp =
                state.settings.hostBinding.empty() ? "0.0.0.0" : state.settings.hostBinding;
          const auto address = base::IpAddress::parse(given.hostIp);
          if (!address) fail(Code::kInvalidArgument, "invalid host IP address {}", given.hostIp);
          if (address->isV6())
            fail(Code::kNotImplemented, "publishing on the IPv6 address {} is not implemented",
                 given.hostIp);
          const publish::Wish wish{.protocol = publish::protocolNumber(wanted.protocol),
                                   .hostIp = address->unspecified() ? std::nullopt : address,
                                   .first = wanted.hostPort,
                                   .last = wanted.hostPortEnd};
          given.hostPort =
              ports.take(wish, member.id,
                         fmt::format("{}:{}", gateway->endpoint.ipv4, wanted.containerPort), host);
          given.hostPortEnd = 0;
          member.ports.push_back(std::move(given));
        }
      });
}

// Neighbouring ports that keep their numbers become one range.
std::vector<firewall::Published> Networks::Impl::publishedOf(const MemberRecord& member) {
  const EndpointRecord* gateway = gatewayOf(member);
  if (gateway == nullptr) return {};
  const base::IpAddress target = *base::IpAddress::parse(gateway->endpoint.ipv4);
  std::vector<firewall::Published> list;
  for (const PortBinding& port : member.ports) {
    const auto address = base::IpAddress::parse(port.hostIp);
    list.push_back({.protocol = publish::protocolNumber(port.protocol),
                    .hostIp = !address || address->unspecified() ? std::nullopt : address,
                    .hostPort = port.hostPort,
                    .target = target,
                    .targetPort = port.containerPort});
  }
  std::sort(list.begin(), list.end());
  std::vector<firewall::Published> merged;
  for (const firewall::Published& port : list) {
    firewall::Published* last = merged.empty() ? nullptr : &merged.back();
    const bool follows = last != nullptr && port.hostPort == port.targetPort &&
                         last->hostPort == last->targetPort && last->protocol == port.protocol &&
                         last->hostIp == port.hostIp &&
                         std::max(last->hostPort, last->hostPortEnd) + 1 == port.hostPort;
    if (follows) {
      last->hostPortEnd = port.hostPort;
    } else {
      merged.push_back(port);
    }
  }
  return merged;
}

void Networks::Impl::chooseNameservers(MemberRecord& member) {
  member.ownDns = std::any_of(
      member.endpoints.begin(), member.endpoints.end(), [&](const EndpointRecord& endpoint) {
        const NetworkState& state = networks.at(endpoint.endpoint.networkId);
        return state.isBridge() && !state.network().predefined;
      });
  member.nameservers.clear();
  if (member.ownDns) {
    member.nameservers.push_back(nameServerAddress().str());
    return;
  }
  member.nameservers = member.dns.empty() ? options.dns : member.dns;
  if (!member.nameservers.empty()) return;
  const bool onHost = std::any_of(
      member.endpoints.begin(), member.endpoints.end(), [&](const EndpointRecord& endpoint) {
        return networks.at(endpoint.endpoint.networkId).network().spec.driver == "host";
      });
  for (const auto& server : dns::hostResolvConf(!onHost).nameservers)
    member.nameservers.push_back(server.str());
  if (member.nameservers.empty())
    member.nameservers = {"8.8.8.8", "8.8.4.4"};  // Docker's last resort
}

firewall::Guest Networks::Impl::guestOf(const EndpointRecord& endpoint, const std::string& bridge) {
  return {.port = endpoint.hostLink,
          .bridge = bridge,
          .addresses = {*base::IpAddress::parse(endpoint.endpoint.ipv4)},
          .mac = *netlink::parseMac(endpoint.endpoint.macAddress)};
}

Joined Networks::Impl::joinedOf(const MemberRecord& member) const {
  Joined joined{.ports = member.ports, .nameservers = member.nameservers, .ownDns = member.ownDns};
  for (const EndpointRecord& endpoint : member.endpoints)
    joined.endpoints.push_back(endpoint.endpoint);
  const dns::ResolvConf host = dns::hostResolvConf(!member.ownDns);
  joined.searchDomains = host.search;
  joined.dnsOptions = host.options;
  return joined;
}

// ---- operations

Joined Networks::Impl::join(const JoinRequest& request) {
  MemberRecord record = memberOf(request);
  std::vector<Plug> plugs;
  std::vector<Network> joinedNetworks;
  firewall::Change change;
  std::string gatewayId;
  base::ScopeExit undo{[&] {
    firewall::Change back{.removePorts = change.addPorts};
    for (const auto& guest : change.addGuests) back.removeGuests.push_back(guest.port);
    wall.apply(back);
    base::Lock lock(mutex);
    for (const EndpointRecord& endpoint : record.endpoints) freeEndpoint(endpoint);
    ports.release(record.id);
    members.erase(record.id);
  }};
  {
    base::Lock lock(mutex);
    if (members.contains(record.id)) {
      undo.dismiss();
      fail(Code::kConflict, "container {} is connected already", record.id);
    }
    for (const EndpointSpec& spec : request.endpoints) {
      record.endpoints.push_back(planEndpoint(record, spec));
      const EndpointRecord& endpoint = record.endpoints.back();
      joinedNetworks.push_back(networks.at(endpoint.endpoint.networkId).network());
      if (endpoint.hostLink.empty()) continue;
      plugs.push_back(plugOf(endpoint, spec));
      change.addGuests.push_back(guestOf(endpoint, plugs.back().bridgeName));
    }
    planPorts(record);
    chooseNameservers(record);
    change.addPorts = publishedOf(record);
    if (const EndpointRecord* gateway = gatewayOf(record)) gatewayId = gateway->endpoint.id;
    for (Plug& one : plugs) one.hairpin = !record.ports.empty();
    Member& member = members[record.id];  // keeps its networks from being removed meanwhile
    member.record = record;
    member.published = change.addPorts;
  }
  std::pair<sys::Fd, sys::Fd> sockets;
  plug(request.sandboxId, plugs, gatewayId, request.sysctls, record.ownDns ? &sockets : nullptr);
  base::ScopeExit unplug{[&] {
    for (const Plug& one : plugs) netlink::Route().removeLink(one.endpoint.hostLink);
  }};
  base::faultPoint("network.plugged");
  if (!change.addGuests.empty()) wall.apply(change);
  base::faultPoint("network.walled");
  store.write(store::Durability::kLazy, [&](store::Transaction& transaction) {
    Records::put(transaction, record);
    for (const Network& network : joinedNetworks) emit(transaction, network, "connect", record.id);
  });
  unplug.dismiss();
  undo.dismiss();
  if (hasProtocol(change.addPorts, IPPROTO_UDP)) {
    later([published = change.addPorts] {
      publish::Conntrack conntrack;
      for (const auto& port : published) {
        const int last = std::max(port.hostPort, port.hostPortEnd);
        for (int number = port.hostPort; port.protocol == IPPROTO_UDP && number <= last; ++number) {
          conntrack.forgetPort(IPPROTO_UDP, static_cast<std::uint16_t>(number));
        }
      }
    });
  }
  base::Lock lock(mutex);
  for (const EndpointRecord& endpoint : record.endpoints) addNames(record, endpoint);
  if (record.ownDns) serveDns(members.at(record.id), std::move(sockets));
  return joinedOf(record);
}

std::function<void(store::Transaction&)> Networks::Impl::leaveWithin(
    const std::string& containerId) {
  MemberRecord record;
  firewall::Change change;
  std::vector<Network> left;
  {
    base::Lock lock(mutex);
    const auto found = members.find(containerId);
    if (found == members.end()) return {};
    record = found->second.record;
    change.removePorts = found->second.published;
    for (const EndpointRecord& endpoint : record.endpoints) {
      removeNames(record, endpoint);
      left.push_back(networks.at(endpoint.endpoint.networkId).network());
      if (!endpoint.hostLink.empty()) change.removeGuests.push_back(endpoint.hostLink);
    }
    server->remove(containerId);
    unadopted.erase(containerId);
    found->second.dnsUdp.reset();
    found->second.dnsTcp.reset();
  }
  if (!change.removeGuests.empty()) wall.apply(change);
  base::faultPoint("network.left");
  forgetConnections(record, change.removePorts);
  {
    base::Lock lock(mutex);
    for (const EndpointRecord& endpoint : record.endpoints) {
      freeEndpoint(endpoint);
      if (endpoint.hostLink.empty()) continue;
      draining[{endpoint.endpoint.networkId, *base::IpAddress::parse(endpoint.endpoint.ipv4)}] =
          endpoint.hostLink;
    }
    ports.release(containerId);
    members.erase(containerId);
  }
  reap(change.removeGuests);
  return [this, containerId, left](store::Transaction& transaction) {
    Records::removeMember(transaction, containerId);
    for (const Network& network : left) emit(transaction, network, "disconnect", containerId);
  };
}

// Looking through the kernel's connection table costs some 10 ms whatever is in it. Datagrams of a
// client that goes on sending would follow the old entry, so for UDP it is done before the port
// counts as free; a TCP client has to connect anew anyway, and its entries go a moment later.
void Networks::Impl::forgetConnections(const MemberRecord& record,
                                       const std::vector<firewall::Published>& published) {
  if (published.empty()) return;
  const EndpointRecord* gateway = nullptr;
  {
    base::Lock lock(mutex);
    gateway = gatewayOf(record);
  }
  if (gateway == nullptr) return;
  const base::IpAddress guest = *base::IpAddress::parse(gateway->endpoint.ipv4);
  if (hasProtocol(published, IPPROTO_UDP)) {
    publish::Conntrack().forgetGuest(guest);
  } else {
    later([this, guest, network = gateway->endpoint.networkId] {
      publish::Conntrack().forgetGuest(guest, [&] {
        base::Lock lock(mutex);
        const auto state = networks.find(network);
        return state == networks.end() || !state->second.pool || !state->second.pool->taken(guest);
      });
    });
  }
}

Endpoint Networks::Impl::connect(const JoinRequest& container, const EndpointSpec& spec) {
  MemberRecord record;
  std::vector<Plug> plugs;
  Network network;
  firewall::Change change;
  std::vector<firewall::Published> before;
  EndpointRecord added;
  bool firstOwnDns = false, newGateway = false;
  {
    base::Lock lock(mutex);
    // One that runs on `none` has no endpoint so far.
    const auto found =
        members.try_emplace(container.containerId, Member{.record = memberOf(container)}).first;
    record = found->second.record;
    before = found->second.published;
    network = find(spec.networkId).network();
    checkConnect(record, network);
    added = planEndpoint(record, spec);
    plugs.push_back(plugOf(added, spec));
    change.addGuests.push_back(guestOf(added, plugs[0].bridgeName));
    record.endpoints.push_back(added);
    const bool hadOwnDns = record.ownDns;
    base::ScopeExit free{[&] {
      freeEndpoint(added);
      if (found->second.record.ports.empty()) ports.release(record.id);
    }};
    if (record.ports.empty()) planPorts(record);
    free.dismiss();
    chooseNameservers(record);
    firstOwnDns = record.ownDns && !hadOwnDns;
    newGateway = gatewayOf(record)->endpoint.id == added.endpoint.id;
    plugs[0].hairpin = !record.ports.empty();
    change.addPorts = publishedOf(record);
    if (change.addPorts == before)
      change.addPorts.clear();
    else
      change.removePorts = before;
  }
  base::ScopeExit undo{[&] {
    wall.apply({.addPorts = change.removePorts,
                .removePorts = change.addPorts,
                .removeGuests = {added.hostLink}});
    netlink::Route().removeLink(added.hostLink);
    base::Lock lock(mutex);
    freeEndpoint(added);
    if (members.at(record.id).record.ports.empty()) ports.release(record.id);
  }};
  std::pair<sys::Fd, sys::Fd> sockets;
  plug(record.sandboxId, plugs, newGateway ? added.endpoint.id : "", {},
       firstOwnDns ? &sockets : nullptr);
  base::faultPoint("connect.plugged");
  wall.apply(change);
  store.write(store::Durability::kLazy, [&](store::Transaction& transaction) {
    Records::put(transaction, record);
    emit(transaction, network, "connect", record.id);
  });
  undo.dismiss();
  base::Lock lock(mutex);
  Member& member = members.at(record.id);
  member.record = record;
  member.published = publishedOf(record);
  addNames(record, added);
  if (firstOwnDns) serveDns(member, std::move(sockets));
  updateForwarding(record);
  return added.endpoint;
}

void Networks::Impl::checkConnect(const MemberRecord& record, const Network& network) {
  if (network.spec.driver == "host") {
    fail(Code::kInvalidArgument,
         "cannot connect container to host network - container must be created in host network "
         "mode");
  }
  for (const EndpointRecord& endpoint : record.endpoints) {
    const Network& other = networks.at(endpoint.endpoint.networkId).network();
    if (other.id == network.id) {
      fail(Code::kForbidden, "endpoint with name {} already exists in network {}", record.name,
           network.spec.name);
    }
    if (other.spec.driver == "host") {
      fail(Code::kInvalidArgument,
           "container cannot be connected to multiple networks with one of the networks in host "
           "mode");
    }
    if (other.spec.driver == "null" || network.spec.driver == "null") {
      fail(Code::kInvalidArgument,
           "container cannot be connected to multiple networks with one of the networks in private "
           "(none) mode");
    }
  }
}

void Networks::Impl::disconnect(const std::string& containerId, const std::string& networkId) {
  MemberRecord record;
  Network network;
  EndpointRecord removed;
  firewall::Change change;
  std::optional<EndpointRecord> gateway;
  {
    base::Lock lock(mutex);
    network = find(networkId).network();
    const auto found = members.find(containerId);
    if (found != members.end()) record = found->second.record;
    const auto endpoint = std::find_if(
        record.endpoints.begin(), record.endpoints.end(),
        [&](const EndpointRecord& one) { return one.endpoint.networkId == network.id; });
    if (endpoint == record.endpoints.end()) {
      fail(Code::kInternal, "container {} is not connected to network {}", containerId,
           network.spec.name);
    }
    removed = *endpoint;
    const EndpointRecord* before = gatewayOf(record);
    const bool wasGateway = before != nullptr && before->endpoint.id == removed.endpoint.id;
    record.endpoints.erase(endpoint);
    removeNames(record, removed);
    if (const EndpointRecord* next = gatewayOf(record); wasGateway && next != nullptr)
      gateway = *next;
    change.removePorts = found->second.published;
    change.addPorts = publishedOf(record);
    if (change.addPorts.empty()) record.ports.clear();
    if (!removed.hostLink.empty()) change.removeGuests.push_back(removed.hostLink);
    found->second.record = record;
    found->second.published = change.addPorts;
    updateForwarding(record);
  }
  // Written first: a cable without a record goes at the next start, a record without a cable would
  // stay.
  store.write(store::Durability::kLazy, [&](store::Transaction& transaction) {
    Records::put(transaction, record);
    emit(transaction, network, "disconnect", containerId);
  });
  base::faultPoint("disconnect.recorded");
  wall.apply(change);
  if (!removed.hostLink.empty()) netlink::Route().removeLink(removed.hostLink);
  base::faultPoint("disconnect.cut");
  if (gateway) setDefaultRoute(record.sandboxId, *gateway);
  base::Lock lock(mutex);
  freeEndpoint(removed);
  if (record.ports.empty()) ports.release(containerId);
}

}  // namespace networks
