// What the API server asks of networks, answered by network/networks. Translates; decides nothing.
#pragma once

#include "engine/container/core.h"
#include "engine/server/network_backend.h"

namespace wiring {

class NetworkAdapter : public server::NetworkBackend {
 public:
  explicit NetworkAdapter(container::Core& core) : core_(core) {}

  std::vector<dockerapi::NetworkInspect> listNetworks(const dockerapi::Filters& filters) override;
  dockerapi::NetworkInspect inspectNetwork(const std::string& reference, bool verbose,
                                           const std::string& scope) override;
  dockerapi::NetworkCreateResponse createNetwork(
      const dockerapi::NetworkCreateRequest& request) override;
  void removeNetwork(const std::string& reference) override;
  void connectNetwork(const std::string& reference,
                      const dockerapi::NetworkConnectRequest& request) override;
  void disconnectNetwork(const std::string& reference,
                         const dockerapi::NetworkDisconnectRequest& request) override;
  dockerapi::NetworksPruneReport pruneNetworks(const dockerapi::Filters& filters) override;

 private:
  container::Core& core_;
};

}  // namespace wiring
