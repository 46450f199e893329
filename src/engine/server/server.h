// The Docker Engine API: routes, versions, error bodies, JSON rules; what it all means is the
// backends' (the interfaces in *_backend.h). Include this to wire a daemon:
//
//   server::Api api(options, {system, containers, execs, images, networks, volumes});
//   http::Server http(httpOptions);
//   http.listen(...);
//   http.start(api.handler(), api.laneOf(), api.onError());
#pragma once

#include <memory>
#include <string>

#include "engine/server/container_backend.h"
#include "engine/server/image_backend.h"
#include "engine/server/network_backend.h"
#include "engine/server/system_backend.h"
#include "engine/server/volume_backend.h"
#include "platform/http/server.h"

namespace server {

struct ApiOptions {
  std::string engineVersion;  // in the Server header and /version
  bool experimental = false;
};

// Borrowed; they outlive the Api and every response that it holds.
struct Backends {
  SystemBackend& system;
  ContainerBackend& containers;
  ExecBackend& execs;
  ImageBackend& images;
  NetworkBackend& networks;
  VolumeBackend& volumes;
};

class Api {
 public:
  Api(ApiOptions options, const Backends& backends);
  ~Api();

  // Thread-safe; they share the Api's state and may outlive it.
  http::Handler handler() const;
  http::LaneOf laneOf() const;
  std::function<void(const base::Error&, http::Response&)> onError() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace server
