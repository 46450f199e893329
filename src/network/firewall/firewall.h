// The daemon's own nftables tables: NAT and isolation of its bridges, published ports, protection
// against spoofing between neighbours. Rules are few and never change; bridges, ports and guests
// are elements of sets, so that a start costs some microseconds whatever runs already. Nobody
// else's table is ever touched.
//
//   table inet   sampan-<instance>: guard (raw), publish (dnat), postrouting (masquerade), forward
//   (isolation) table bridge sampan-<instance>: a frame with an address of a guest must come from
//   that guest's port
//
// A packet reaches a guest from outside its bridge only if it was translated by a published port
// (or the bridge is `direct`). Loopback clients are served by NAT: the bridge needs route_localnet,
// which networks sets, and 127/8 from any other interface than lo is dropped before anything else.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "network/firewall/nft.h"
#include "network/netlink/socket.h"
#include "platform/base/ip.h"
#include "platform/base/mutex.h"

namespace firewall {

struct Bridge {
  std::string name;
  bool internal = false;  // nothing in, nothing out
  bool icc = true;        // guests may talk to each other (bridge ports are isolated besides)
  bool masquerade = true;
  bool direct = false;  // routed and nat-unprotected modes: unpublished ports are reachable
  std::optional<base::IpAddress> snat;    // instead of masquerade, IPv4
  std::vector<base::IpAddress> gateways;  // no guest may claim them
};

// One port, or a range that keeps its numbers (hostPort == targetPort). A shifted range is one
// Published a port.
struct Published {
  std::uint8_t protocol = 6;              // IPPROTO_*
  std::optional<base::IpAddress> hostIp;  // nullopt: every local address
  std::uint16_t hostPort = 0, hostPortEnd = 0;
  base::IpAddress target;
  std::uint16_t targetPort = 0;
  auto operator<=>(const Published&) const = default;
};

struct Guest {
  std::string port;  // host end of the cable
  std::string bridge;
  std::vector<base::IpAddress> addresses;
  std::array<std::uint8_t, 6> mac{};
};

struct Change {
  std::vector<Bridge> addBridges;
  std::vector<std::string> removeBridges;
  std::vector<Published> addPorts, removePorts;
  std::vector<Guest> addGuests;
  std::vector<std::string> removeGuests;  // by port
};

// Thread-safe.
class Firewall {
 public:
  // `table` is the name of both tables. Nothing is written before install().
  explicit Firewall(std::string table);

  // Writes everything anew in one transaction, with no moment in between: at start, with all that
  // the records know, and after somebody flushed it.
  void install(const Change& everything);
  // One transaction. When the kernel's tables are not as expected, they are written anew as a
  // whole.
  void apply(const Change& change);
  // Removes the tables.
  void remove();

  // ---- self-healing: call heal() when noticeFd() is readable
  int noticeFd() const noexcept { return notices_.fd(); }
  // True: somebody else had changed our tables and they were written anew.
  bool heal();
  // Grows whenever heal() saw a change of somebody else's tables.
  std::uint64_t foreignChanges() const noexcept { return foreign_changes_; }

 private:
  void rememberLocked(const Change& change) REQUIRES(mutex_);
  void writeAllLocked() REQUIRES(mutex_);
  bool intactLocked() REQUIRES(mutex_);

  const std::string table_;
  netlink::Socket notices_;  // heal() only
  std::atomic<std::uint64_t> foreign_changes_{0};
  base::Mutex mutex_;
  netlink::Socket socket_ GUARDED_BY(mutex_);
  bool installed_ GUARDED_BY(mutex_) = false;
  size_t rules_ GUARDED_BY(mutex_) = 0;  // written by install
  std::map<std::string, Bridge> bridges_ GUARDED_BY(mutex_);
  std::map<Published, bool> ports_ GUARDED_BY(mutex_);
  std::map<std::string, Guest> guests_ GUARDED_BY(mutex_);
};

// Inside a container's namespace (`socket` was opened there): queries to `server`:53 go to the
// ports that the daemon's sockets really have.
void redirectDns(netlink::Socket& socket, const base::IpAddress& server, std::uint16_t udpPort,
                 std::uint16_t tcpPort);

}  // namespace firewall
