#include <algorithm>

#include "network/networks/impl.h"
#include "platform/base/strings.h"

namespace networks {

const base::IpAddress& nameServerAddress() {
  static const base::IpAddress address = *base::IpAddress::parse("127.0.0.11");
  return address;
}

void Networks::Impl::addNames(const MemberRecord& member, const EndpointRecord& endpoint) {
  const auto address = base::IpAddress::parse(endpoint.endpoint.ipv4);
  if (!address) return;
  for (const std::string& name : endpoint.endpoint.dnsNames) {
    names[{endpoint.endpoint.networkId, base::lower(name)}].push_back({member.id, *address});
  }
}

void Networks::Impl::removeNames(const MemberRecord& member, const EndpointRecord& endpoint) {
  for (const std::string& name : endpoint.endpoint.dnsNames) {
    const auto found = names.find({endpoint.endpoint.networkId, base::lower(name)});
    if (found == names.end()) continue;
    std::erase_if(found->second, [&](const Named& named) { return named.container == member.id; });
    if (found->second.empty()) names.erase(found);
  }
}

dns::Local Networks::Impl::look(const std::string& client, const dns::Question& question) {
  const auto reverse = dns::addressOfReverseName(question.name);
  base::Lock lock(mutex);
  const auto asking = members.find(client);
  if (asking == members.end()) return {};
  dns::Local local;
  for (const EndpointRecord& own : asking->second.record.endpoints) {
    const auto state = networks.find(own.endpoint.networkId);
    if (state == networks.end() || !state->second.isBridge()) continue;
    const std::string& networkName = state->second.network().spec.name;
    if (reverse) {
      if (!state->second.pool->plan().subnet.contains(*reverse)) continue;
      for (const auto& [id, member] : members) {
        for (const EndpointRecord& other : member.record.endpoints) {
          if (other.endpoint.networkId != own.endpoint.networkId ||
              other.endpoint.ipv4 != reverse->str())
            continue;
          local.known = true;
          if (question.type == dns::kPtr)
            local.records.push_back(member.record.name + "." + networkName);
        }
      }
      continue;
    }
    // "web", and "web.net1" as Docker has it.
    auto found = names.find({own.endpoint.networkId, question.name});
    const std::string suffix = "." + base::lower(networkName);
    if (found == names.end() && question.name.ends_with(suffix)) {
      found = names.find(
          {own.endpoint.networkId, question.name.substr(0, question.name.size() - suffix.size())});
    }
    if (found == names.end()) continue;
    local.known = true;
    if (question.type != dns::kA && question.type != dns::kAny) continue;
    for (const Named& named : found->second) local.records.push_back(named.address);
  }
  // Several containers of one alias share the load.
  if (local.records.size() > 1 && !reverse) {
    std::rotate(
        local.records.begin(),
        local.records.begin() + static_cast<std::ptrdiff_t>(rotation++ % local.records.size()),
        local.records.end());
  }
  return local;
}

}  // namespace networks
