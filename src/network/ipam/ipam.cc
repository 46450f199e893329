#include "network/ipam/ipam.h"

#include <algorithm>

#include "platform/base/error.h"

namespace ipam {
namespace {

using base::Code;
using base::fail;
using base::IpAddress;
using base::IpPrefix;

// First and last address that a guest may have: in IPv4 neither the network nor the broadcast
// address, in IPv6 not the subnet-router anycast address. A /31 and /32 have no such special ones.
std::pair<IpAddress, IpAddress> bounds(const IpPrefix& subnet) {
  const bool special = subnet.address.bits() - subnet.length >= 2;
  const IpAddress first = special ? subnet.first().plus(1) : subnet.first();
  const IpAddress last = special && !subnet.address.isV6()
                             ? IpAddress::of(false, subnet.last().number() - 1)
                             : subnet.last();
  return {first, last};
}

IpAddress parseInside(const std::string& text, const char* what, const IpPrefix& subnet) {
  const auto address = IpAddress::parse(text);
  if (!address)
    fail(Code::kInvalidArgument, "invalid network config:\ninvalid {} {}: invalid address", what,
         text);
  if (!subnet.contains(*address))
    fail(Code::kInvalidArgument, "no matching subnet for {} {}", what, text);
  return *address;
}

}  // namespace

const std::vector<SubnetPool>& defaultPools() {
  static const std::vector<SubnetPool> pools = parsePools({{"172.17.0.0/16", 16},
                                                           {"172.18.0.0/16", 16},
                                                           {"172.19.0.0/16", 16},
                                                           {"172.20.0.0/14", 16},
                                                           {"172.24.0.0/14", 16},
                                                           {"172.28.0.0/14", 16},
                                                           {"192.168.0.0/16", 20}});
  return pools;
}

std::vector<SubnetPool> parsePools(const std::vector<std::pair<std::string, int>>& pools) {
  std::vector<SubnetPool> parsed;
  for (const auto& [text, size] : pools) {
    const auto range = IpPrefix::parse(text);
    if (!range)
      fail(Code::kInvalidArgument, "invalid base pool \"{}\": invalid CIDR address", text);
    if (size < range->length || size > range->address.bits()) {
      fail(Code::kInvalidArgument, "invalid pools size: {} for base pool \"{}\"", size, text);
    }
    parsed.push_back({range->network(), size});
  }
  return parsed;
}

IpPrefix chooseSubnet(const std::vector<SubnetPool>& pools, const std::vector<IpPrefix>& taken,
                      bool ipv6) {
  for (const SubnetPool& pool : pools) {
    if (pool.range.address.isV6() != ipv6) continue;
    IpPrefix candidate{pool.range.first(), pool.size};
    while (pool.range.contains(candidate.address)) {
      const auto other = std::find_if(taken.begin(), taken.end(), [&](const IpPrefix& prefix) {
        return prefix.overlaps(candidate);
      });
      if (other == taken.end()) return candidate;
      // Behind what is in the way: a large route is one step, not thousands.
      const IpAddress behind = std::max(candidate.last(), other->last());
      const IpAddress next = behind.plus(1);
      if (next <= behind || !pool.range.contains(behind) || !pool.range.contains(next)) break;
      candidate.address = IpPrefix{next, pool.size}.first();
      if (candidate.address < next) candidate.address = candidate.last().plus(1);
    }
  }
  fail(Code::kUnavailable, "all predefined address pools have been fully subnetted");
}

SubnetPlan planSubnet(const std::string& subnet, const std::string& range,
                      const std::string& gateway, const std::vector<std::string>& auxiliary) {
  const auto parsed = IpPrefix::parse(subnet);
  if (!parsed)
    fail(Code::kInvalidArgument,
         "invalid network config:\ninvalid subnet {}: invalid CIDR block notation", subnet);
  if (parsed->network() != *parsed) {
    fail(Code::kInvalidArgument, "invalid network config:\ninvalid subnet {}: it should be {}",
         subnet, parsed->network().str());
  }
  SubnetPlan plan{.subnet = *parsed, .range = *parsed};
  if (!range.empty()) {
    const auto asked = IpPrefix::parse(range);
    if (!asked)
      fail(Code::kInvalidArgument,
           "invalid network config:\ninvalid ip-range {}: invalid CIDR block notation", range);
    if (asked->network() != *asked) {
      fail(Code::kInvalidArgument, "invalid network config:\ninvalid ip-range {}: it should be {}",
           range, asked->network().str());
    }
    if (!parsed->contains(*asked))
      fail(Code::kInvalidArgument, "no matching subnet for range {}", range);
    plan.range = *asked;
  }
  for (const std::string& text : auxiliary)
    plan.reserved.push_back(parseInside(text, "aux-address", *parsed));
  if (!gateway.empty()) {
    plan.gateway = parseInside(gateway, "gateway", *parsed);
  } else {
    AddressPool pool(SubnetPlan{.subnet = *parsed, .range = *parsed, .reserved = plan.reserved});
    plan.gateway = pool.take();
  }
  return plan;
}

AddressPool::AddressPool(const SubnetPlan& plan)
    : plan_(plan), used_(plan.reserved.begin(), plan.reserved.end()) {
  const auto [lowest, highest] = bounds(plan.subnet);
  first_ = std::max(lowest, plan.range.first());
  last_ = std::min(highest, plan.range.last());
  hint_ = first_;
  if (!plan.gateway.unspecified()) used_.insert(plan.gateway);
}

IpAddress AddressPool::take() {
  IpAddress candidate = hint_;
  auto next = used_.lower_bound(candidate);
  for (; next != used_.end() && *next == candidate; ++next) {
    if (candidate >= last_) break;
    candidate = candidate.plus(1);
  }
  if (candidate > last_ || used_.contains(candidate)) {
    fail(Code::kUnavailable, "no available {} addresses on this network's address pools",
         plan_.subnet.address.isV6() ? "IPv6" : "IPv4");
  }
  used_.insert(candidate);
  hint_ = candidate;
  return candidate;
}

void AddressPool::take(const IpAddress& wanted) {
  const auto [lowest, highest] = bounds(plan_.subnet);
  if (!plan_.subnet.contains(wanted) || wanted < lowest || wanted > highest) {
    fail(Code::kInvalidArgument, "no configured subnet or ip-range contain the IP address {}",
         wanted.str());
  }
  if (!used_.insert(wanted).second) fail(Code::kForbidden, "Address already in use");
}

void AddressPool::release(const IpAddress& address) {
  const bool fixed =
      address == plan_.gateway ||
      std::find(plan_.reserved.begin(), plan_.reserved.end(), address) != plan_.reserved.end();
  if (fixed) return;
  if (used_.erase(address) > 0 && address >= first_ && address < hint_) hint_ = address;
}

}  // namespace ipam
