// The daemon itself, as the API server asks for it: info, version, events, disk usage, login.
#pragma once

#include "engine/container/core.h"
#include "engine/server/system_backend.h"
#include "engine/wiring/live_config.h"

namespace wiring {

class SystemAdapter : public server::SystemBackend {
 public:
  SystemAdapter(container::Core& core, const LiveConfig& config, std::string id)
      : core_(core), config_(config), id_(std::move(id)) {}

  dockerapi::Info info() override;
  dockerapi::Version version() override;
  std::string swarmState() override { return "inactive"; }
  dockerapi::DiskUsage diskUsage(const server::DiskUsageRequest& request) override;
  dockerapi::AuthenticateResponse login(const dockerapi::AuthConfig& credentials,
                                        const base::StopToken& stop) override;
  void events(const server::EventsRequest& request, const std::function<void()>& ready,
              const std::function<void(const dockerapi::EventMessage&)>& each,
              const base::StopToken& stop) override;

 private:
  container::Core& core_;
  const LiveConfig& config_;
  const std::string id_;
};

}  // namespace wiring
