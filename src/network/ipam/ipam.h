// Which subnet a new network gets, and which addresses its endpoints. Pure bookkeeping in memory:
// networks fills it from its records and the kernel's routes. Texts are Docker's.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "platform/base/ip.h"

namespace ipam {

// A range of addresses that networks are cut from: every network gets `size` as its prefix length.
struct SubnetPool {
  base::IpPrefix range;
  int size = 0;
};

// Docker's: 172.17.0.0/16 … 172.31.0.0/16, then 192.168.0.0/20 and on.
const std::vector<SubnetPool>& defaultPools();
// {"10.0.0.0/8", 24}…; Error kInvalidArgument.
std::vector<SubnetPool> parsePools(const std::vector<std::pair<std::string, int>>& pools);

// The first subnet that overlaps none of `taken`. Error kUnavailable "all predefined address pools
// have been fully subnetted".
base::IpPrefix chooseSubnet(const std::vector<SubnetPool>& pools,
                            const std::vector<base::IpPrefix>& taken, bool ipv6);

// What the user asked for one subnet, checked against each other.
struct SubnetPlan {
  base::IpPrefix subnet;
  base::IpPrefix
      range;  // addresses that are chosen come from here; asked ones may lie anywhere in the subnet
  base::IpAddress gateway;
  std::vector<base::IpAddress> reserved;  // auxiliary addresses
};
// Texts may be empty but for `subnet`. Error kInvalidArgument in Docker's words.
SubnetPlan planSubnet(const std::string& subnet, const std::string& range,
                      const std::string& gateway, const std::vector<std::string>& auxiliary);

// The addresses of one subnet. Not thread-safe.
class AddressPool {
 public:
  explicit AddressPool(const SubnetPlan& plan);

  // The lowest free one. Error kUnavailable "no available IPv4 addresses on this network's address
  // pools".
  base::IpAddress take();
  // A certain one. Error kForbidden "Address already in use"; kInvalidArgument when it is not of
  // the subnet.
  void take(const base::IpAddress& wanted);
  void release(const base::IpAddress& address);
  bool taken(const base::IpAddress& address) const { return used_.contains(address); }
  size_t size() const noexcept { return used_.size(); }
  const SubnetPlan& plan() const noexcept { return plan_; }

 private:
  SubnetPlan plan_;
  std::set<base::IpAddress> used_;
  base::IpAddress first_, last_;  // of the range, without network and broadcast address
  base::IpAddress hint_;          // everything below is taken
};

}  // namespace ipam
