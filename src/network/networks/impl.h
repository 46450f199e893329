// The inside of Networks. One mutex guards the books (networks, members, addresses, ports, names);
// it is never held while the kernel or the database works, but for a look at a port. Links and
// rules of one container are changed only by the caller that holds its container's queue.
//
//   objects.cc    networks: create, resolve, remove        bridges.cc   their Linux bridges, and
//   which subnet is free members.cc    containers: join, leave, connect         plug.cc      their
//   cables and what lies inside the netns directory.cc  names recovery.cc  what an earlier daemon
//   left reaper.cc     cables that are no longer used, healing of the firewall
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <set>
#include <thread>
#include <unordered_map>

#include "network/dns/server.h"
#include "network/firewall/firewall.h"
#include "network/ipam/ipam.h"
#include "network/netlink/route.h"
#include "network/networks/networks.h"
#include "network/networks/records.h"
#include "network/networks/settings.h"
#include "network/publish/ports.h"
#include "platform/base/mutex.h"
#include "platform/sys/loop.h"

namespace networks {

struct NetworkState {
  NetworkRecord record;
  BridgeSettings settings;
  std::optional<ipam::AddressPool> pool;  // bridge networks
  int bridge = 0;                         // index of the link

  const Network& network() const { return record.network; }
  bool isBridge() const { return record.network.spec.driver == "bridge"; }
};

struct Member {
  MemberRecord record;
  std::vector<firewall::Published> published;
  sys::Fd dnsUdp, dnsTcp;  // duplicates of what the name server works with
};

// A name of a network, and who has it.
struct Named {
  std::string container;
  base::IpAddress address;
};

struct Networks::Impl {
  Impl(Options options, store::Store& store, events::Bus& bus, sandbox::Sandboxes& sandboxes,
       const std::function<bool(const std::string&)>& live);
  ~Impl();

  // ---- objects.cc
  Network create(NetworkSpec spec);
  NetworkState& find(const std::string& reference) REQUIRES(mutex);  // kNotFound, ambiguous
  const NetworkState* tryFind(const std::string& reference) const REQUIRES(mutex);
  void remove(const std::string& reference);
  std::vector<Endpoint> endpointsOf(const std::string& networkId) REQUIRES(mutex);
  void checkName(const NetworkSpec& spec) REQUIRES(mutex);
  void emit(store::Transaction& transaction, const Network& network, const std::string& action,
            const std::string& container = {});

  // ---- bridges.cc
  std::vector<base::IpPrefix> takenSubnets() REQUIRES(mutex);
  ipam::SubnetPlan planFor(NetworkRecord& record) REQUIRES(mutex);
  std::string chooseBridgeName(const NetworkRecord& record) const;
  // Follows from instance and name, and so marks our bridges from the moment they exist: the kernel
  // takes it in the message that makes the link, an alias only in a later one.
  netlink::Mac bridgeMac(const std::string& bridge) const;
  bool isOurBridge(const netlink::Link& link) const;
  // Makes the link, or takes up the one that is there.
  void raiseBridge(NetworkState& state);
  firewall::Bridge rulesOf(const NetworkState& state) const;
  static void writeSysctl(const std::string& path, const std::string& value, bool mustWork);

  std::vector<std::string> hostPolicyWarnings();

  // ---- members.cc
  void validate(const JoinRequest& request);
  Joined join(const JoinRequest& request);
  Endpoint connect(const JoinRequest& container, const EndpointSpec& endpoint);
  void disconnect(const std::string& containerId, const std::string& networkId);
  std::function<void(store::Transaction&)> leaveWithin(const std::string& containerId);
  void checkEndpoint(const NetworkState& state, const EndpointSpec& spec) const;
  EndpointRecord planEndpoint(const MemberRecord& member, const EndpointSpec& spec) REQUIRES(mutex);
  void planPorts(MemberRecord& member) REQUIRES(mutex);
  void checkConnect(const MemberRecord& record, const Network& network) REQUIRES(mutex);
  void forgetConnections(const MemberRecord& record,
                         const std::vector<firewall::Published>& published);
  void freeEndpoint(const EndpointRecord& endpoint) REQUIRES(mutex);
  std::vector<firewall::Published> publishedOf(const MemberRecord& member) REQUIRES(mutex);
  // The endpoint that has the default route, or nullptr.
  const EndpointRecord* gatewayOf(const MemberRecord& member) REQUIRES(mutex);
  void chooseNameservers(MemberRecord& member) REQUIRES(mutex);
  Joined joinedOf(const MemberRecord& member) const;
  static firewall::Guest guestOf(const EndpointRecord& endpoint, const std::string& bridge);

  // ---- plug.cc
  struct Plug {  // one cable to be laid
    EndpointRecord endpoint;
    int bridge = 0;
    std::string bridgeName;
    unsigned mtu = 0;
    bool isolated = false;
    bool hairpin = false;  // it publishes ports
    std::map<std::string, std::string> sysctls;
    std::string silenceFirst;  // a link that still has this endpoint's address
  };
  Plug plugOf(const EndpointRecord& endpoint, const EndpointSpec& spec) REQUIRES(mutex);
  // Lays the cables and sets everything up inside. On error nothing is left.
  void plug(const std::string& sandboxId, const std::vector<Plug>& plugs,
            const std::string& gatewayEndpoint, const std::map<std::string, std::string>& sysctls,
            std::pair<sys::Fd, sys::Fd>* dnsSockets);
  void setDefaultRoute(const std::string& sandboxId, const EndpointRecord& endpoint);
  void openDns(const std::string& sandboxId, std::pair<sys::Fd, sys::Fd>& sockets);
  void serveDns(Member& member, std::pair<sys::Fd, sys::Fd> sockets) REQUIRES(mutex);
  void updateForwarding(const MemberRecord& member) REQUIRES(mutex);

  // ---- directory.cc
  void addNames(const MemberRecord& member, const EndpointRecord& endpoint) REQUIRES(mutex);
  void removeNames(const MemberRecord& member, const EndpointRecord& endpoint) REQUIRES(mutex);
  dns::Local look(const std::string& client, const dns::Question& question);

  // ---- recovery.cc
  void loadNetworks();
  void ensurePredefined();
  void raiseAllBridges();
  void loadMembers(const std::function<bool(const std::string&)>& live);
  void sweepLinks();
  void restoreDefaultRoutes();
  bool keepsDefaultSubnet(const NetworkState& state);
  void planDefaultBridge(NetworkState& state) REQUIRES(mutex);
  void adoptLater();
  void adoptDns(const std::string& containerId, std::vector<sys::Fd> sockets);

  // ---- reaper.cc
  void startReaper();
  void reap(std::vector<std::string> links);  // any thread
  void reapNow(const std::vector<std::string>& links);
  void later(std::function<void()> work);  // on the loop thread, soon

  const Options options;
  const std::string linkPrefix;   // of host ends of cables
  const std::string aliasPrefix;  // of our bridges' aliases, for people; see bridgeMac()
  store::Store& store;
  events::Bus& bus;
  sandbox::Sandboxes& sandboxes;
  Records records;
  firewall::Firewall wall;
  const std::vector<ipam::SubnetPool> pools;

  base::Mutex mutex;
  std::map<std::string, NetworkState> networks GUARDED_BY(mutex);  // by id
  std::unordered_map<std::string, Member> members GUARDED_BY(mutex);
  publish::PortBook ports GUARDED_BY(mutex);
  std::map<std::pair<std::string, std::string>, std::vector<Named>> names
      GUARDED_BY(mutex);  // {network, lower case name}
  std::map<std::pair<std::string, base::IpAddress>, std::string> draining
      GUARDED_BY(mutex);  // {network, address} -> old link
  std::set<std::string> unadopted
      GUARDED_BY(mutex);  // members whose name service waits for its sockets
  std::uint32_t rotation GUARDED_BY(mutex) = 0;

  // What the host's firewall does to these bridges, while it does not change.
  base::Mutex policyMutex;
  std::uint64_t policySeen GUARDED_BY(policyMutex) = UINT64_MAX;
  std::vector<std::string> policyBridges GUARDED_BY(policyMutex);
  std::vector<std::string> policyWarnings GUARDED_BY(policyMutex);

  // Loop thread only.
  std::map<std::string, std::int64_t> dying;  // links and when to remove them by force
  std::unique_ptr<netlink::Route::Watcher> watcher;

  sys::Loop loop;
  std::thread reaper;
  std::unique_ptr<dns::Server> server;  // last: its thread looks into the rest
};

const base::IpAddress& nameServerAddress();  // 127.0.0.11

}  // namespace networks
