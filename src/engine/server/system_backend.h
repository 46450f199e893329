// What the system resource asks of the engine.
#pragma once

#include <functional>
#include <string>

#include "api/dockerapi/system.h"
#include "platform/base/stop_token.h"
#include "platform/base/time.h"

namespace server {

struct DiskUsageRequest {
  bool containers = true, images = true, volumes = true, buildCache = true;
};

struct EventsRequest {
  base::Time since, until;  // zero: none. Without `since` only what happens from now on
};

class SystemBackend {
 public:
  virtual ~SystemBackend() = default;

  // GET /info, in the newest API's shape; the server takes away what older ones do not know.
  virtual dockerapi::Info info() = 0;
  // Whatever is not known to the server itself (kernel, components…).
  virtual dockerapi::Version version() = 0;
  // For GET /_ping: "inactive", "active/worker", "active/manager", "pending", "error", "locked".
  virtual std::string swarmState() = 0;
  virtual dockerapi::DiskUsage diskUsage(const DiskUsageRequest& request) = 0;
  // Tries the credentials at their registry. kUnauthorized when it refuses.
  virtual dockerapi::AuthenticateResponse login(const dockerapi::AuthConfig& credentials,
                                                const base::StopToken& stop) = 0;

  // Calls `each` on this thread for every event in order, past ones first, without gaps; returns at
  // `until` or when `stop` fires. `each` blocks while the client is slow and throws kCancelled when
  // it has gone. `ready` runs once the subscription stands, before the first event: what happens
  // after it is not missed.
  virtual void events(const EventsRequest& request, const std::function<void()>& ready,
                      const std::function<void(const dockerapi::EventMessage&)>& each,
                      const base::StopToken& stop) = 0;
};

}  // namespace server
