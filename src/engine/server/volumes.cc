// The volume resource.

#include "engine/server/answer.h"
#include "engine/server/resources.h"

namespace server {
namespace {

using http::Lane;

constexpr std::string_view kListFilters[] = {"dangling", "driver", "label", "name"};
constexpr std::string_view kPruneFilters[] = {"all", "label", "label!"};

void list(Context& context, VolumeBackend& volumes) {
  const dockerapi::Filters filters = context.filters();
  filters.validate(kListFilters);
  context.json(200, volumes.listVolumes(filters));
}

void create(Context& context, VolumeBackend& volumes) {
  context.json(201, volumes.createVolume(context.body<dockerapi::VolumeCreateRequest>()));
}

void remove(Context& context, VolumeBackend& volumes) {
  volumes.removeVolume(context.param("name"), context.flag("force"));
  context.send(204);
}

void prune(Context& context, VolumeBackend& volumes) {
  dockerapi::Filters filters = context.filters();
  filters.validate(kPruneFilters);
  // Named volumes were pruned, too, before 1.42.
  const bool all = !context.since(42) || filters.boolean("all", false);
  filters.remove("all");
  context.json(200, volumes.pruneVolumes(all, filters));
}

}  // namespace

std::vector<Route> volumeRoutes(VolumeBackend& volumes) {
  const auto with = [&volumes](void (*handle)(Context&, VolumeBackend&)) {
    return [&volumes, handle](Context& context) { handle(context, volumes); };
  };
  return {
      {"GET", "/volumes", Lane::kMayHang, 0, with(list)},
      {"GET", "/volumes/{name:.*}", Lane::kMayHang, 0,
       [&volumes](Context& c) { c.json(200, volumes.inspectVolume(c.param("name"))); }},
      {"POST", "/volumes/create", Lane::kMayHang, 0, with(create)},
      {"POST", "/volumes/prune", Lane::kMayHang, 25, with(prune)},
      {"DELETE", "/volumes/{name:.*}", Lane::kMayHang, 0, with(remove)},
  };
}

}  // namespace server
