// GET /_ping, /version, /info, /system/df; POST /auth.

#include "api/dockerapi/legacy.h"
#include "engine/server/resources.h"

namespace server {
namespace {

using http::Lane;

void ping(Context& context, SystemBackend& system) {
  http::Headers& headers = context.response->headers();
  headers.set("Builder-Version", "1");  // 2 would promise BuildKit behind /grpc
  headers.set("Cache-Control", "no-cache, no-store, must-revalidate");
  headers.set("Pragma", "no-cache");
  headers.set("Swarm", system.swarmState());
  headers.set("Content-Type", "text/plain; charset=utf-8");
  context.response->send(200, context.request.method == "HEAD" ? "" : "OK");
}

void version(Context& context, SystemBackend& system, const ApiOptions& options) {
  dockerapi::Version answer = system.version();
  answer.apiVersion = dockerapi::kMaxVersion.str();
  answer.minAPIVersion = dockerapi::kMinVersion.str();
  answer.version = options.engineVersion;
  answer.experimental = options.experimental;
  context.json(200, answer);
}

void info(Context& context, SystemBackend& system) {
  dockerapi::Info answer = system.info();
  dockerapi::adapt(answer, context.version);
  context.json(200, answer);
}

void diskUsage(Context& context, SystemBackend& system) {
  DiskUsageRequest request;
  const std::vector<std::string> types =
      context.since(42) ? context.request.query.list("type") : std::vector<std::string>();
  if (!types.empty()) request = {false, false, false, false};
  for (const std::string& type : types) {
    if (type == "container") {
      request.containers = true;
    } else if (type == "image") {
      request.images = true;
    } else if (type == "volume") {
      request.volumes = true;
    } else if (type == "build-cache") {
      request.buildCache = true;
    } else {
      base::fail(base::Code::kInvalidArgument, "unknown object type: {}", type);
    }
  }
  dockerapi::DiskUsage usage = system.diskUsage(request);
  dockerapi::adapt(usage, context.version);
  context.json(200, usage);
}

void login(Context& context, SystemBackend& system) {
  const auto credentials = context.body<dockerapi::AuthConfig>();
  context.json(200, system.login(credentials, context.response->gone()));
}

}  // namespace

std::vector<Route> systemRoutes(SystemBackend& system, const ApiOptions& options) {
  return {
      {"GET", "/_ping", Lane::kQuick, 0, [&system](Context& c) { ping(c, system); }},
      {"HEAD", "/_ping", Lane::kQuick, 0, [&system](Context& c) { ping(c, system); }},
      {"GET", "/version", Lane::kQuick, 0,
       [&system, &options](Context& c) { version(c, system, options); }},
      {"GET", "/info", Lane::kQuick, 0, [&system](Context& c) { info(c, system); }},
      {"GET", "/system/df", Lane::kDisk, 0, [&system](Context& c) { diskUsage(c, system); }},
      {"POST", "/auth", Lane::kMayHang, 0, [&system](Context& c) { login(c, system); }},
  };
}

}  // namespace server
