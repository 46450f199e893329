// The sets and rules of the daemon's tables: what is always there. firewall.cc fills in the
// elements.
#pragma once

#include <string>
#include <vector>

#include "network/firewall/nft.h"

namespace firewall {

struct PortSets {
  SetSpec any;        // protocol . port -> address . port, on every local address
  SetSpec at;         // host address . protocol . port -> address . port
  SetSpec rangesAny;  // protocol . ports -> address, the port stays
  SetSpec rangesAt;
};

struct Sets {
  // ---- inet
  SetSpec bridges;     // all of ours
  SetSpec internal;    // bridges without any way in or out
  SetSpec direct;      // bridges whose unpublished ports may be reached
  SetSpec masquerade;  // bridges whose guests leave under the host's address
  SetSpec snat;        // bridge -> address they leave under instead
  SetSpec same;        // in . out of one bridge -> accept, or drop without icc
  SetSpec pairs;    // the same keys: kernels before 6.5 look nothing up in a map without its value
  SetSpec selves4;  // address . same address of each guest
  PortSets ports4, ports6;
  // ---- bridge; by port names alone: "meta ibrname" is a module that not every kernel has
  SetSpec guests;                       // host ends of cables
  SetSpec owned4, owned6, ownedMacs;    // addresses that belong to one guest, or to a gateway
  SetSpec owners4, owners6, ownerMacs;  // port . address: that guest's port

  static const Sets& instance();
};

struct OwnedSet {
  std::uint8_t family;
  const SetSpec* set;
};
const std::vector<OwnedSet>& allSets();

// Replaces both tables by empty ones with all chains, sets and rules. Returns the number of rules.
size_t writeRuleset(Transaction& transaction, const std::string& table);

}  // namespace firewall
