#include <algorithm>

#include "network/networks/impl.h"
#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/ids.h"
#include "platform/base/scope_exit.h"
#include "platform/base/strings.h"

namespace networks {
namespace {

using base::Code;
using base::fail;

// Drivers that Docker knows.
void checkDriver(const std::string& driver) {
  if (driver == "bridge") return;
  if (driver == "host" || driver == "null") {
    fail(Code::kForbidden, "only one instance of \"{}\" network is allowed", driver);
  }
  for (const char* known : {"overlay", "macvlan", "ipvlan"}) {
    if (driver == known)
      fail(Code::kNotImplemented, "network driver {} is not implemented", driver);
  }
  fail(Code::kNotFound, "plugin \"{}\" not found", driver);
}

}  // namespace

void Networks::Impl::emit(store::Transaction& transaction, const Network& network,
                          const std::string& action, const std::string& container) {
  events::Event event{.type = "network", .action = action, .actorId = network.id};
  event.attributes = {{"name", network.spec.name}, {"type", network.spec.driver}};
  if (!container.empty()) event.attributes["container"] = container;
  bus.append(transaction, std::move(event));
}

void Networks::Impl::checkName(const NetworkSpec& spec) {
  if (base::trim(spec.name).empty()) fail(Code::kInvalidArgument, "invalid name: name is empty");
  // Docker takes them; they would reach the terminal of whoever lists networks.
  if (std::any_of(spec.name.begin(), spec.name.end(),
                  [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    fail(Code::kInvalidArgument, "invalid name: {} has control characters", base::quote(spec.name));
  }
  for (const char* predefined : {"bridge", "host", "none", "default"}) {
    if (spec.name == predefined) {
      fail(Code::kForbidden, "operation is not permitted on predefined {} network", spec.name);
    }
  }
  if (spec.name.starts_with("container:"))
    fail(Code::kInvalidArgument, "invalid name: {}", spec.name);
  for (const auto& [id, state] : networks) {
    if (state.network().spec.name == spec.name) {
      fail(Code::kConflict, "network with name {} already exists", spec.name);
    }
  }
}

Network Networks::Impl::create(NetworkSpec spec) {
  checkDriver(spec.driver);
  NetworkState state;
  state.settings = readSettings(spec);
  if (spec.enableIpv6) fail(Code::kNotImplemented, "EnableIPv6: IPv6 networks are not implemented");
  if (!spec.enableIpv4) fail(Code::kInvalidArgument, "IPv4 or IPv6 must be enabled");
  state.record.network = {
      .id = base::randomId(), .spec = std::move(spec), .created = base::Time::now()};
  Network& network = state.record.network;
  {
    base::Lock lock(mutex);
    checkName(network.spec);
    state.pool.emplace(planFor(state.record));
    network.bridgeName = state.settings.bridgeName.empty() ? chooseBridgeName(state.record)
                                                           : state.settings.bridgeName;
    for (const auto& [id, other] : networks) {
      if (other.isBridge() && other.network().bridgeName == network.bridgeName) {
        fail(Code::kForbidden,
             "cannot create network {} ({}): conflicts with network {} ({}): networks have same "
             "bridge name",
             network.id, network.bridgeName, id, network.bridgeName);
      }
    }
    networks[network.id] = state;  // reserves name and subnet while the kernel works
  }
  base::ScopeExit undo{[&] {
    wall.apply({.removeBridges = {network.bridgeName}});
    if (state.bridge > 0 && !state.record.foreignBridge)
      netlink::Route().removeLink(network.bridgeName);
    base::Lock lock(mutex);
    networks.erase(network.id);
  }};
  raiseBridge(state);
  base::faultPoint("network.create.raised");
  wall.apply({.addBridges = {rulesOf(state)}});
  store.write(store::Durability::kDurable, [&](store::Transaction& transaction) {
    Records::put(transaction, state.record);
    emit(transaction, network, "create");
  });
  undo.dismiss();
  base::Lock lock(mutex);
  NetworkState& kept = networks[network.id];
  kept.bridge = state.bridge;
  kept.record = state.record;
  return network;
}

const NetworkState* Networks::Impl::tryFind(const std::string& reference) const {
  if (const auto exact = networks.find(reference); exact != networks.end()) return &exact->second;
  const std::string& name = reference == "default" ? std::string("bridge") : reference;
  for (const auto& [id, state] : networks) {
    if (state.network().spec.name == name) return &state;
  }
  const NetworkState* found = nullptr;
  int matches = 0;
  for (const auto& [id, state] : networks) {
    if (!reference.empty() && id.starts_with(reference)) found = &state, ++matches;
  }
  if (matches > 1) {
    fail(Code::kInvalidArgument, "network {} is ambiguous ({} matches found based on ID prefix)",
         reference, matches);
  }
  return found;
}

NetworkState& Networks::Impl::find(const std::string& reference) {
  const NetworkState* state = tryFind(reference);
  if (state == nullptr) fail(Code::kNotFound, "network {} not found", reference);
  return networks.at(state->network().id);
}

std::vector<Endpoint> Networks::Impl::endpointsOf(const std::string& networkId) {
  std::vector<Endpoint> list;
  for (const auto& [id, member] : members) {
    for (const EndpointRecord& endpoint : member.record.endpoints) {
      if (endpoint.endpoint.networkId == networkId) list.push_back(endpoint.endpoint);
    }
  }
  return list;
}

void Networks::Impl::remove(const std::string& reference) {
  NetworkState state;
  {
    base::Lock lock(mutex);
    const NetworkState& found = find(reference);
    const Network& network = found.network();
    if (network.predefined)
      fail(Code::kForbidden, "{} is a pre-defined network and cannot be removed",
           network.spec.name);
    std::vector<std::string> active;
    for (const auto& [id, member] : members) {
      for (const EndpointRecord& endpoint : member.record.endpoints) {
        if (endpoint.endpoint.networkId != network.id) continue;
        active.push_back(fmt::format("name:\"{}\" id:\"{}\"", member.record.name,
                                     base::shortId(endpoint.endpoint.id)));
      }
    }
    if (!active.empty()) {
      fail(Code::kForbidden, "error while removing network: network {} has active endpoints ({})",
           network.spec.name, base::join(active, ", "));
    }
    state = found;
    networks.erase(network.id);  // nobody can join any more
  }
  const Network& network = state.network();
  base::ScopeExit undo{[&] {
    base::Lock lock(mutex);
    networks[network.id] = state;
  }};
  store.write(store::Durability::kDurable, [&](store::Transaction& transaction) {
    Records::removeNetwork(transaction, network.id);
    emit(transaction, network, "destroy");
  });
  undo.dismiss();
  base::faultPoint("network.remove.recorded");
  wall.apply({.removeBridges = {network.bridgeName}});
  if (!state.record.foreignBridge) netlink::Route().removeLink(network.bridgeName);
}

}  // namespace networks
