// Resources that nothing stands behind yet. A node that is in no swarm and an engine without
// plugins exist in Docker, too: what can be asked of them is answered as there. What would change
// that is refused by name.

#include "engine/server/answer.h"
#include "engine/server/resources.h"
#include "platform/base/strings.h"

namespace server {
namespace {

using base::Code;
using http::Lane;

void notManager(Context&) {
  base::fail(
      Code::kUnavailable,
      "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to "
      "connect this node to swarm and try again.");
}

void notMember(Context&) {
  base::fail(Code::kUnavailable, "This node is not part of a swarm");
}

std::function<void(Context&)> notBuilt(std::string_view what) {
  return [what](Context&) { base::fail(Code::kNotImplemented, "{} is not implemented", what); };
}

void noPlugins(Context& context) {
  context.json(200, json::Raw{"[]"});
}

void noSuchPlugin(Context& context) {
  base::fail(Code::kNotFound, "plugin {} not found", base::quote(context.param("name")));
}

std::vector<Route> swarmRoutes() {
  std::vector<Route> routes = {
      {"GET", "/swarm", Lane::kQuick, 0, notManager},
      {"GET", "/swarm/unlockkey", Lane::kQuick, 0, notManager},
      {"POST", "/swarm/init", Lane::kQuick, 0, notBuilt("swarm")},
      {"POST", "/swarm/join", Lane::kQuick, 0, notBuilt("swarm")},
      {"POST", "/swarm/update", Lane::kQuick, 0, notManager},
      {"POST", "/swarm/unlock", Lane::kQuick, 0, notMember},
      {"POST", "/swarm/leave", Lane::kQuick, 0, notMember},
      {"GET", "/services/{id}/logs", Lane::kQuick, 0, notManager},
      {"GET", "/tasks/{id}/logs", Lane::kQuick, 0, notManager},
      {"GET", "/tasks", Lane::kQuick, 0, notManager},
      {"GET", "/tasks/{id}", Lane::kQuick, 0, notManager},
      {"GET", "/nodes", Lane::kQuick, 0, notManager},
      {"GET", "/nodes/{id}", Lane::kQuick, 0, notManager},
      {"POST", "/nodes/{id}/update", Lane::kQuick, 0, notManager},
      {"DELETE", "/nodes/{id}", Lane::kQuick, 0, notManager},
  };
  constexpr std::string_view kKinds[][4] = {
      {"/services", "/services/create", "/services/{id}", "/services/{id}/update"},
      {"/secrets", "/secrets/create", "/secrets/{id}", "/secrets/{id}/update"},
      {"/configs", "/configs/create", "/configs/{id}", "/configs/{id}/update"},
  };
  for (const auto& [list, create, one, update] : kKinds) {
    routes.push_back({"GET", list, Lane::kQuick, 0, notManager});
    routes.push_back({"POST", create, Lane::kQuick, 0, notManager});
    routes.push_back({"GET", one, Lane::kQuick, 0, notManager});
    routes.push_back({"DELETE", one, Lane::kQuick, 0, notManager});
    routes.push_back({"POST", update, Lane::kQuick, 0, notManager});
  }
  return routes;
}

}  // namespace

std::vector<Route> absentRoutes() {
  std::vector<Route> routes = swarmRoutes();
  const std::vector<Route> others = {
      {"GET", "/plugins", Lane::kQuick, 0, noPlugins},
      {"GET", "/plugins/{name:.*}/json", Lane::kQuick, 0, noSuchPlugin},
      {"GET", "/plugins/privileges", Lane::kQuick, 0, notBuilt("installing plugins")},
      {"POST", "/plugins/pull", Lane::kQuick, 0, notBuilt("installing plugins")},
      {"POST", "/plugins/create", Lane::kQuick, 0, notBuilt("creating plugins")},
      {"POST", "/plugins/{name:.*}/enable", Lane::kQuick, 0, noSuchPlugin},
      {"POST", "/plugins/{name:.*}/disable", Lane::kQuick, 0, noSuchPlugin},
      {"POST", "/plugins/{name:.*}/push", Lane::kQuick, 0, noSuchPlugin},
      {"POST", "/plugins/{name:.*}/upgrade", Lane::kQuick, 26, noSuchPlugin},
      {"POST", "/plugins/{name:.*}/set", Lane::kQuick, 0, noSuchPlugin},
      {"DELETE", "/plugins/{name:.*}", Lane::kQuick, 0, noSuchPlugin},
      {"POST", "/build", Lane::kQuick, 0, notBuilt("build")},
      {"POST", "/build/cancel", Lane::kQuick, 0, notBuilt("build")},
      {"POST", "/session", Lane::kQuick, 0, notBuilt("session")},
      {"POST", "/grpc", Lane::kQuick, 0, notBuilt("grpc")},
      {"GET", "/containers/{name:.*}/checkpoints", Lane::kQuick, 0, notBuilt("checkpoint")},
      {"POST", "/containers/{name:.*}/checkpoints", Lane::kQuick, 0, notBuilt("checkpoint")},
      {"DELETE", "/containers/{name:.*}/checkpoints/{checkpoint}", Lane::kQuick, 0,
       notBuilt("checkpoint")},
  };
  routes.insert(routes.end(), others.begin(), others.end());
  return routes;
}

}  // namespace server
