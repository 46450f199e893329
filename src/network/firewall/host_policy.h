// Reading the host's own firewall. A drop in any other base chain wins over our accept, so whether
// forwarding works is decided by rules that are not ours: they are read and followed, never
// changed.
#pragma once

#include <string>
#include <vector>

namespace firewall {

struct Obstacle {
  std::string where;                 // "table ip filter, chain FORWARD, policy drop"
  std::vector<std::string> bridges;  // whose packets are dropped
  std::string remedy;                // commands that allow them
};

// Follows a new connection from each bridge to `uplink` and one the other way through every forward
// chain of the namespace, but those of tables whose name begins with "sampan-". Only what is
// certainly dropped is reported: a rule that might accept (an address set, an unknown match) ends
// the certainty. Rules of the legacy iptables program, which the kernel shows to nobody else, are
// not seen.
std::vector<Obstacle> findObstacles(const std::vector<std::string>& bridges,
                                    const std::string& uplink);

}  // namespace firewall
