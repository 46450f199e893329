// Networks and endpoints as the engine sees them: bridge networks with NAT, own DNS and published
// ports, plus the predefined host and none. One nft transaction and one netlink batch a change;
// release is logical (see docs/ARCHITECTURE.md): ports are free before rm answers, addresses a
// moment later.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/base/time.h"
#include "platform/sys/fd.h"
#include "runtime/sandbox/sandbox.h"
#include "state/events/events.h"
#include "state/store/store.h"

namespace networks {

struct IpamConfig {
  std::string subnet, ipRange, gateway;  // CIDR, CIDR, address; empty: chosen
  std::map<std::string, std::string> auxAddresses;
};

struct NetworkSpec {
  std::string name;
  std::string driver =
      "bridge";  // bridge; others: kNotImplemented or Docker's text for unknown ones
  std::vector<IpamConfig> ipam;
  bool internal = false, attachable = false, enableIpv4 = true, enableIpv6 = false;
  std::map<std::string, std::string> options,
      labels;  // com.docker.network.bridge.*, com.docker.network.driver.mtu
};

struct Network {
  std::string id;    // 64 hex
  NetworkSpec spec;  // with the chosen subnet and gateway filled in
  std::string scope = "local";
  bool predefined = false;  // bridge, host, none
  std::string bridgeName;   // Linux link
  base::Time created;
};

struct PortBinding {
  std::string protocol = "tcp";  // tcp, udp, sctp
  std::uint16_t containerPort = 0;
  std::string hostIp;  // "" = all addresses
  std::uint16_t hostPort = 0,
                hostPortEnd =
                    0;  // 0: chosen from the ephemeral range; end: choose within the range
};

struct EndpointSpec {
  std::string networkId;
  std::vector<std::string> aliases;    // besides name and short id
  std::string ipv4, ipv6, macAddress;  // asked for; empty: chosen
  std::map<std::string, std::string> driverOptions;
  int gatewayPriority = 0;
};

struct Endpoint {
  std::string id;  // 64 hex
  std::string networkId, containerId;
  std::string interfaceName;  // eth0
  std::string macAddress, ipv4, gateway, ipv6, ipv6Gateway;
  int prefixLength = 0, ipv6PrefixLength = 0;
  std::vector<std::string> aliases, dnsNames;
};

// Everything a container wants of the network at its start: all endpoints in one go.
struct JoinRequest {
  std::string containerId, containerName, hostname;
  std::string sandboxId;  // whose netns
  std::vector<EndpointSpec>
      endpoints;  // the first with the highest gatewayPriority gives the default route
  std::vector<PortBinding> ports;
  std::map<std::string, std::string> sysctls;  // net.* ones, written inside the netns
  std::vector<std::string> dns;  // --dns: upstreams instead of the daemon's and the host's
};

struct Joined {
  std::vector<Endpoint> endpoints;  // in the order of the request
  std::vector<PortBinding> ports;   // with the chosen host ports and addresses: what really answers
  std::vector<std::string> nameservers;  // for resolv.conf: 127.0.0.11 on created networks, the
                                         // host's on the default bridge
  bool ownDns = false;  // nameservers is 127.0.0.11: resolv.conf gets "options ndots:0" besides
  std::vector<std::string> searchDomains,
      dnsOptions;  // the host's, for resolv.conf where the user gave none
};

struct Options {
  std::string instance;           // short id of the data root: prefixes links and tables
  std::string defaultBridgeCidr;  // --bip; empty: chosen
  std::vector<std::pair<std::string, int>> addressPools;  // {CIDR, size}; empty: Docker's defaults
  std::vector<std::string> dns;                           // daemon-wide upstreams
  bool ipv6 = false;
};

// Thread-safe. Operations on endpoints of one container are serialised by the caller.
class Networks {
 public:
  // Takes up what an earlier daemon left: the difference of kernel dumps and records is repaired,
  // what has no record is removed. `live` tells which containers still run.
  Networks(Options options, store::Store& store, events::Bus& events, sandbox::Sandboxes& sandboxes,
           const std::function<bool(const std::string& containerId)>& live);
  ~Networks();

  // ---- objects
  Network create(NetworkSpec spec);  // kConflict, kInvalidArgument, kForbidden in Docker's words
  // Full id, exact name, unique id prefix. kNotFound "network x not found"; kInvalidArgument when
  // ambiguous.
  Network resolve(const std::string& reference) const;
  std::vector<Network> list() const;
  void remove(const std::string& reference);  // kForbidden with endpoints or predefined
  std::vector<std::string> prune(
      const std::function<bool(const Network&)>& matches);              // names removed
  std::vector<Endpoint> endpoints(const std::string& networkId) const;  // of running containers

  // ---- containers
  // Whether the request makes sense at all: protocols, addresses inside their (user configured)
  // subnets, hardware addresses. What may change until the start (ports and addresses in use,
  // networks that do not exist yet) is join's to say, as in Docker. kInvalidArgument.
  void validate(const JoinRequest& request) const;
  // Connects; on error nothing is left. Emits network connect events. About 1.5 ms with one
  // endpoint.
  Joined join(const JoinRequest& request);
  // One more endpoint of a running container, and one less (docker network connect / disconnect).
  Endpoint connect(const JoinRequest& container, const EndpointSpec& endpoint);
  void disconnect(const std::string& containerId, const std::string& networkId);
  // Logical release of all endpoints: ports and addresses are free, DNS names gone; the cables go
  // by themselves with the netns, or are removed a moment later. Idempotent.
  void leave(const std::string& containerId);
  // The same, but records and events are left to the closure, which the caller runs inside a
  // transaction of its own (the container's exit). Empty: there was nothing to release.
  [[nodiscard]] std::function<void(store::Transaction&)> leaveWithin(
      const std::string& containerId);
  std::optional<Joined> joined(const std::string& containerId) const;
  // The container was renamed.
  void rename(const std::string& containerId, const std::string& newName);

  // ---- name service across the daemon's death: the shim keeps duplicates of the sockets in the
  // container's netns Duplicates {UDP, TCP} of a container on created networks; empty for all
  // others.
  std::vector<sys::Fd> dnsSockets(const std::string& containerId) const;
  // At recovery, for each running container: what its shim kept, or nothing (then new ones are
  // opened). Containers that were not adopted three seconds after the constructor get new ones by
  // themselves.
  void adoptDnsSockets(const std::string& containerId, std::vector<sys::Fd> sockets);

  // Bytes and packets per interface of a container's netns, for stats: {"eth0": {...}}.
  struct Counters {
    std::uint64_t rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0;
    std::uint64_t txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0;
  };
  std::map<std::string, Counters> counters(const std::string& containerId) const;

  // Why published ports or forwarding may not work on this host, each with the rule to add. For
  // create's Warnings, /info and the log.
  std::vector<std::string> hostPolicyWarnings() const;

  // The default bridge's own address, for /info and hosts of "host-gateway".
  std::string gatewayOfDefaultBridge() const;

  // The daemon stops with no container left: bridges, tables, pins go.
  void tearDown();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace networks
