// What networks keeps in the database: one row a network, one row a connected container.
#pragma once

#include <string>
#include <vector>

#include "network/networks/networks.h"

namespace networks {

struct NetworkRecord {
  Network network;
  bool userSubnet = false;     // the user gave it: only there may endpoints ask for addresses
  bool foreignBridge = false;  // the link was there before us and stays when the network goes
};

struct EndpointRecord {
  Endpoint endpoint;
  std::string hostLink;  // the cable's end on the bridge; empty for host and none
  int gatewayPriority = 0;
};

struct MemberRecord {
  std::string id, name, hostname, sandboxId;  // of the container
  std::vector<std::string> dns;
  std::vector<EndpointRecord> endpoints;
  std::vector<PortBinding> wanted;  // as asked for
  std::vector<PortBinding> ports;   // as given
  std::vector<std::string> nameservers;
  bool ownDns = false;
};

class Records {
 public:
  explicit Records(store::Store& store);

  std::vector<NetworkRecord> networks();
  std::vector<MemberRecord> members();

  // Inside a writer closure. put() replaces.
  static void put(store::Transaction& transaction, const NetworkRecord& record);
  static void removeNetwork(store::Transaction& transaction, const std::string& id);
  static void put(store::Transaction& transaction, const MemberRecord& record);
  static void removeMember(store::Transaction& transaction, const std::string& containerId);

 private:
  store::Store& store_;
};

}  // namespace networks
