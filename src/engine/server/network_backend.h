// What the network resource asks of the engine. References are what users type: id, name or id
// prefix.
#pragma once

#include <string>
#include <vector>

#include "api/dockerapi/filters.h"
#include "api/dockerapi/network.h"

namespace server {

class NetworkBackend {
 public:
  virtual ~NetworkBackend() = default;
  // Without the containers.
  virtual std::vector<dockerapi::NetworkInspect> listNetworks(
      const dockerapi::Filters& filters) = 0;
  virtual dockerapi::NetworkInspect inspectNetwork(const std::string& reference, bool verbose,
                                                   const std::string& scope) = 0;
  virtual dockerapi::NetworkCreateResponse createNetwork(
      const dockerapi::NetworkCreateRequest& request) = 0;
  virtual void removeNetwork(const std::string& reference) = 0;
  virtual void connectNetwork(const std::string& reference,
                              const dockerapi::NetworkConnectRequest& request) = 0;
  virtual void disconnectNetwork(const std::string& reference,
                                 const dockerapi::NetworkDisconnectRequest& request) = 0;
  virtual dockerapi::NetworksPruneReport pruneNetworks(const dockerapi::Filters& filters) = 0;
};

}  // namespace server
