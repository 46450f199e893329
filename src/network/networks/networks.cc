#include "network/networks/networks.h"

#include <algorithm>

#include "network/networks/impl.h"
#include "platform/base/error.h"
#include "platform/base/ids.h"
#include "platform/base/strings.h"

namespace networks {

Networks::Networks(Options options, store::Store& store, events::Bus& events,
                   sandbox::Sandboxes& sandboxes,
                   const std::function<bool(const std::string&)>& live)
    : impl_(std::make_unique<Impl>(std::move(options), store, events, sandboxes, live)) {}

Networks::~Networks() = default;

Network Networks::create(NetworkSpec spec) {
  return impl_->create(std::move(spec));
}

Network Networks::resolve(const std::string& reference) const {
  base::Lock lock(impl_->mutex);
  return impl_->find(reference).network();
}

std::vector<Network> Networks::list() const {
  base::Lock lock(impl_->mutex);
  std::vector<Network> all;
  for (const auto& [id, state] : impl_->networks) all.push_back(state.network());
  return all;
}

void Networks::remove(const std::string& reference) {
  impl_->remove(reference);
}

std::vector<std::string> Networks::prune(const std::function<bool(const Network&)>& matches) {
  std::vector<Network> candidates;
  {
    base::Lock lock(impl_->mutex);
    for (const auto& [id, state] : impl_->networks) {
      if (!state.network().predefined && impl_->endpointsOf(id).empty())
        candidates.push_back(state.network());
    }
  }
  std::vector<std::string> removed;
  for (const Network& network : candidates) {
    if (!matches(network)) continue;
    try {
      impl_->remove(network.id);
      removed.push_back(network.spec.name);
    } catch (const base::Error& error) {
      // Somebody joined or removed it meanwhile: then it is not ours to remove.
      if (error.code() != base::Code::kForbidden && error.code() != base::Code::kNotFound) throw;
    }
  }
  return removed;
}

std::vector<Endpoint> Networks::endpoints(const std::string& networkId) const {
  base::Lock lock(impl_->mutex);
  return impl_->endpointsOf(networkId);
}

void Networks::validate(const JoinRequest& request) const {
  impl_->validate(request);
}
Joined Networks::join(const JoinRequest& request) {
  return impl_->join(request);
}

Endpoint Networks::connect(const JoinRequest& container, const EndpointSpec& endpoint) {
  return impl_->connect(container, endpoint);
}

void Networks::disconnect(const std::string& containerId, const std::string& networkId) {
  impl_->disconnect(containerId, networkId);
}

void Networks::leave(const std::string& containerId) {
  if (auto change = impl_->leaveWithin(containerId))
    impl_->store.write(store::Durability::kLazy, std::move(change));
}

std::function<void(store::Transaction&)> Networks::leaveWithin(const std::string& containerId) {
  return impl_->leaveWithin(containerId);
}

std::optional<Joined> Networks::joined(const std::string& containerId) const {
  base::Lock lock(impl_->mutex);
  const auto found = impl_->members.find(containerId);
  if (found == impl_->members.end()) return std::nullopt;
  return impl_->joinedOf(found->second.record);
}

void Networks::rename(const std::string& containerId, const std::string& newName) {
  MemberRecord record;
  {
    base::Lock lock(impl_->mutex);
    const auto found = impl_->members.find(containerId);
    if (found == impl_->members.end()) return;
    const std::string old = found->second.record.name;
    const std::string name = newName.starts_with('/') ? newName.substr(1) : newName;
    if (name == old) return;
    for (EndpointRecord& endpoint : found->second.record.endpoints) {
      impl_->removeNames(found->second.record, endpoint);
      std::vector<std::string>& names = endpoint.endpoint.dnsNames;
      std::replace(names.begin(), names.end(), old, name);
    }
    found->second.record.name = name;
    for (const EndpointRecord& endpoint : found->second.record.endpoints)
      impl_->addNames(found->second.record, endpoint);
    record = found->second.record;
  }
  impl_->store.write(store::Durability::kLazy,
                     [&](store::Transaction& transaction) { Records::put(transaction, record); });
}

std::vector<sys::Fd> Networks::dnsSockets(const std::string& containerId) const {
  base::Lock lock(impl_->mutex);
  std::vector<sys::Fd> sockets;
  const auto found = impl_->members.find(containerId);
  if (found == impl_->members.end() || !found->second.dnsUdp.valid()) return sockets;
  sockets.push_back(found->second.dnsUdp.dup());
  sockets.push_back(found->second.dnsTcp.dup());
  return sockets;
}

void Networks::adoptDnsSockets(const std::string& containerId, std::vector<sys::Fd> sockets) {
  impl_->adoptDns(containerId, std::move(sockets));
}

std::map<std::string, Networks::Counters> Networks::counters(const std::string& containerId) const {
  std::vector<std::pair<std::string, std::string>> links;  // interface, host link
  {
    base::Lock lock(impl_->mutex);
    const auto found = impl_->members.find(containerId);
    if (found == impl_->members.end()) return {};
    for (const EndpointRecord& endpoint : found->second.record.endpoints) {
      if (!endpoint.hostLink.empty())
        links.emplace_back(endpoint.endpoint.interfaceName, endpoint.hostLink);
    }
  }
  std::map<std::string, Counters> counters;
  netlink::Route route;
  for (const auto& [interface, hostLink] : links) {
    const auto link = route.link(hostLink);
    if (!link) continue;
    const netlink::Counters& host =
        link->counters;  // what the host's end receives, the container sent
    counters[interface] = {host.txBytes, host.txPackets, host.txErrors, host.txDropped,
                           host.rxBytes, host.rxPackets, host.rxErrors, host.rxDropped};
  }
  return counters;
}

std::vector<std::string> Networks::hostPolicyWarnings() const {
  return impl_->hostPolicyWarnings();
}

std::string Networks::gatewayOfDefaultBridge() const {
  base::Lock lock(impl_->mutex);
  return impl_->find("bridge").pool->plan().gateway.str();
}

void Networks::tearDown() {
  {
    base::Lock lock(impl_->mutex);
    if (!impl_->members.empty()) return;
  }
  impl_->wall.remove();
  netlink::Route route;
  for (const netlink::Link& link : route.links()) {
    const bool cable =
        link.kind == "veth" && link.name.size() == 15 && link.name.starts_with(impl_->linkPrefix);
    if (cable || impl_->isOurBridge(link)) route.removeLink(link.name);
  }
}

}  // namespace networks
