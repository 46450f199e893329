// The network resource.

#include "engine/server/answer.h"
#include "engine/server/resources.h"

namespace server {
namespace {

using http::Lane;

constexpr std::string_view kListFilters[] = {"dangling", "driver", "id",  "label",
                                             "name",     "scope",  "type"};
constexpr std::string_view kPruneFilters[] = {"label", "label!", "until"};

void list(Context& context, NetworkBackend& networks) {
  const dockerapi::Filters filters = context.filters();
  filters.validate(kListFilters);
  context.json(200, networks.listNetworks(filters));
}

void inspect(Context& context, NetworkBackend& networks) {
  context.json(200, networks.inspectNetwork(context.param("id"), context.flag("verbose"),
                                            context.query("scope")));
}

void create(Context& context, NetworkBackend& networks) {
  auto request = context.body<dockerapi::NetworkCreateRequest>();
  if (!context.since(48)) request.enableIPv4.reset();
  context.json(201, networks.createNetwork(request));
}

void remove(Context& context, NetworkBackend& networks) {
  networks.removeNetwork(context.param("id"));
  context.send(204);
}

void connect(Context& context, NetworkBackend& networks) {
  auto request = context.body<dockerapi::NetworkConnectRequest>();
  if (request.endpointConfig && !context.since(48)) request.endpointConfig->gwPriority = 0;
  networks.connectNetwork(context.param("id"), request);
  context.send(200);
}

void disconnect(Context& context, NetworkBackend& networks) {
  const auto request = context.body<dockerapi::NetworkDisconnectRequest>();
  networks.disconnectNetwork(context.param("id"), request);
  context.send(200);
}

void prune(Context& context, NetworkBackend& networks) {
  const dockerapi::Filters filters = context.filters();
  filters.validate(kPruneFilters);
  context.json(200, networks.pruneNetworks(filters));
}

}  // namespace

std::vector<Route> networkRoutes(NetworkBackend& networks) {
  const auto with = [&networks](void (*handle)(Context&, NetworkBackend&)) {
    return [&networks, handle](Context& context) { handle(context, networks); };
  };
  return {
      {"GET", "/networks", Lane::kQuick, 0, with(list)},
      {"GET", "/networks/", Lane::kQuick, 0, with(list)},
      {"GET", "/networks/{id:.*}", Lane::kQuick, 0, with(inspect)},
      {"POST", "/networks/create", Lane::kQuick, 0, with(create)},
      {"POST", "/networks/prune", Lane::kQuick, 25, with(prune)},
      {"POST", "/networks/{id:.*}/connect", Lane::kMayHang, 0, with(connect)},
      {"POST", "/networks/{id:.*}/disconnect", Lane::kMayHang, 0, with(disconnect)},
      {"DELETE", "/networks/{id:.*}", Lane::kMayHang, 0, with(remove)},
  };
}

}  // namespace server
