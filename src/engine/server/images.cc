// The image resource but for its streams; search, distribution, build cache.

#include "api/dockerapi/authconfig.h"
#include "api/dockerapi/legacy.h"
#include "engine/server/answer.h"
#include "engine/server/resources.h"

namespace server {
namespace {

using base::Code;
using http::Lane;

constexpr std::string_view kListFilters[] = {"before",    "dangling", "label",
                                             "reference", "since",    "until"};
constexpr std::string_view kPruneFilters[] = {"dangling", "label", "label!", "until"};
constexpr std::string_view kSearchFilters[] = {"is-official", "is-automated", "stars"};
constexpr std::string_view kCacheFilters[] = {"id",         "parent", "type",    "description",
                                              "inuse",      "shared", "private", "until",
                                              "unused-for", "label",  "label!"};

dockerapi::AuthConfig authOf(const Context& context) {
  return dockerapi::decodeRegistryAuth(context.request.headers.get("X-Registry-Auth"));
}

void list(Context& context, ImageBackend& images) {
  ImageListRequest request;
  request.all = context.flag("all");
  request.sharedSize = context.since(42) && context.flag("shared-size");
  request.digests = context.flag("digests");
  request.manifests = context.since(47) && context.flag("manifests");
  request.countContainers = context.since(51);
  request.filters = context.filters();
  request.filters.validate(kListFilters);
  std::vector<dockerapi::ImageSummary> summaries = images.listImages(request);
  for (dockerapi::ImageSummary& summary : summaries) dockerapi::adapt(summary, context.version);
  context.json(200, summaries);
}

void inspect(Context& context, ImageBackend& images) {
  const auto platform = parsePlatformJson(context.since(49) ? context.query("platform") : "");
  const bool manifests = context.since(48) && context.flag("manifests");
  if (platform && manifests) {
    base::fail(Code::kInvalidArgument,
               "conflicting options: manifests and platform options cannot both be set");
  }
  dockerapi::ImageInspect answer = images.inspectImage(context.param("name"), platform, manifests);
  dockerapi::adapt(answer, context.version);
  context.json(200, answer);
}

void history(Context& context, ImageBackend& images) {
  const auto platform = parsePlatformJson(context.since(48) ? context.query("platform") : "");
  context.json(200, images.imageHistory(context.param("name"), platform));
}

void tag(Context& context, ImageBackend& images) {
  if (context.query("repo").empty()) {
    base::fail(Code::kInvalidArgument, "invalid reference format");
  }
  images.tagImage(context.param("name"), context.query("repo"), context.query("tag"));
  context.send(201);
}

void remove(Context& context, ImageBackend& images) {
  std::vector<Platform> platforms;
  if (context.since(50)) {
    for (const std::string& text : context.request.query.list("platforms")) {
      if (const auto platform = parsePlatformJson(text)) platforms.push_back(*platform);
    }
  }
  context.json(200, images.removeImage(context.param("name"), context.flag("force"),
                                       context.flag("noprune"), platforms));
}

void prune(Context& context, ImageBackend& images) {
  const dockerapi::Filters filters = context.filters();
  filters.validate(kPruneFilters);
  context.json(200, images.pruneImages(filters));
}

void search(Context& context, ImageBackend& images) {
  const dockerapi::Filters filters = context.filters();
  filters.validate(kSearchFilters);
  const int limit = context.integer("limit").value_or(0);
  if (limit < 0 || limit > 100) {
    base::fail(Code::kInvalidArgument, "limit {} is outside the range of [1, 100]", limit);
  }
  context.json(200, images.searchImages(context.query("term"), limit == 0 ? 25 : limit, filters,
                                        authOf(context)));
}

void pruneCache(Context& context, ImageBackend& images) {
  const dockerapi::Filters filters = context.filters();
  filters.validate(kCacheFilters);
  context.json(200, images.pruneBuildCache(context.flag("all"), filters));
}

}  // namespace

std::vector<Route> imageRoutes(ImageBackend& images) {
  const auto with = [&images](void (*handle)(Context&, ImageBackend&)) {
    return [&images, handle](Context& context) { handle(context, images); };
  };
  return {
      {"GET", "/images/json", Lane::kQuick, 0, with(list)},
      {"GET", "/images/search", Lane::kMayHang, 0, with(search)},
      {"POST", "/images/prune", Lane::kDisk, 25, with(prune)},
      {"GET", "/images/{name:.*}/json", Lane::kQuick, 0, with(inspect)},
      {"GET", "/images/{name:.*}/history", Lane::kQuick, 0, with(history)},
      {"POST", "/images/{name:.*}/tag", Lane::kQuick, 0, with(tag)},
      {"DELETE", "/images/{name:.*}", Lane::kDisk, 0, with(remove)},
      {"GET", "/distribution/{name:.*}/json", Lane::kMayHang, 30,
       [&images](Context& c) {
         c.json(200, images.inspectDistribution(c.param("name"), authOf(c)));
       }},
      {"POST", "/build/prune", Lane::kDisk, 31, with(pruneCache)},
  };
}

}  // namespace server
