// Links, addresses, routes and neighbours of one network namespace, by rtnetlink.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "network/netlink/socket.h"
#include "platform/base/ip.h"

namespace netlink {

using Mac = std::array<std::uint8_t, 6>;
std::string macText(const Mac& mac);                 // "02:42:ac:11:00:02"
std::optional<Mac> parseMac(std::string_view text);  // 48 bits, separated by ':' or '-'

struct Counters {
  std::uint64_t rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0;
  std::uint64_t txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0;
};

struct Link {
  int index = 0;
  std::string name;
  std::string kind;    // "bridge", "veth", "" for hardware
  std::string alias;   // ifalias
  int master = 0;      // index of the bridge it is a port of
  unsigned flags = 0;  // IFF_*
  unsigned mtu = 0;
  std::optional<Mac> mac;
  int operState = 0;  // IF_OPER_*
  Counters counters;
};

struct Address {
  int link = 0;
  base::IpPrefix prefix;
};

struct RouteEntry {
  base::IpPrefix destination;  // length 0: default
  std::optional<base::IpAddress> gateway;
  int link = 0;
  unsigned table = 0;
  bool local = false;  // not unicast: local, broadcast, multicast…
};

struct BridgeSpec {
  std::string name;
  std::string alias;
  unsigned mtu = 0;  // 0: the kernel's
  std::optional<Mac> mac;
};

// Both ends of a container's cable, made by one message: the host end is a port of the bridge and
// up, the other end is born inside the namespace with its final name, hardware address and MTU;
// configure() brings it up.
struct VethSpec {
  std::string hostName;
  int bridge = 0;  // index
  unsigned mtu = 0;
  int netns = -1;
  std::string peerName;
  Mac peerMac{};
};

// Not thread-safe. Works on the namespace of the thread that constructs it.
class Route {
 public:
  Route();

  std::vector<Link> links();
  std::vector<Link> ports(int bridge);  // links with that master
  std::optional<Link> link(const std::string& name);
  std::vector<Address> addresses();
  std::vector<RouteEntry> routes(bool ipv6);

  // Made, named, addressed and up; on error nothing is left. kConflict: the name exists. Returns
  // its index. Name, MTU and hardware address are there from the first moment, the rest comes
  // after.
  int addBridge(const BridgeSpec& spec, const std::vector<base::IpPrefix>& addresses);
  void setAlias(int link, const std::string& alias);
  void addAddress(int link, const base::IpPrefix& address);
  void removeAddress(int link, const base::IpPrefix& address);
  void setUp(int link);
  void setMaster(int link, int bridge);
  void addVeth(const VethSpec& spec);
  // Addresses, up, and the default routes: the inner half of a cable, in one send.
  void configure(int link, const std::vector<base::IpPrefix>& addresses,
                 const std::vector<base::IpAddress>& gateways);
  void addDefaultRoute(int link, const base::IpAddress& gateway);
  // Isolated ports do not talk to each other, only to the bridge itself and to ports that are not
  // isolated. A hairpin port gets its own packets back when they were translated to it: with
  // br_netfilter that happens on the bridge.
  void setPort(const std::string& port, bool isolated, bool hairpin);
  // Makes the kernel see now that the other end of a port came up. It would notice in its own time,
  // waiting for the lock that a namespace's end holds for long, and the bridge drops what passes
  // before.
  void settle(const std::string& port);
  // Takes a port out of service at once, without the RCU wait that deleting it costs, and forgets
  // its hardware addresses. False: there is no such port (any more).
  bool silence(const std::string& port);
  // False: there was none. Deleting one end of a veth deletes both. Takes about 20 ms.
  bool removeLink(const std::string& name);
  void removeNeighbour(int link, const base::IpAddress& address);

  // Follows links that go away. Own socket; fd() becomes readable.
  class Watcher {
   public:
    Watcher();
    int fd() const noexcept { return socket_.fd(); }
    // Calls `gone` with the names of deleted links. False: notices were lost.
    bool drain(const std::function<void(const std::string& name)>& gone);

   private:
    Socket socket_;
  };

 private:
  Socket socket_;
};

}  // namespace netlink
