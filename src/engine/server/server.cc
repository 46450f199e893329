#include "engine/server/server.h"

#include "api/dockerapi/error.h"
#include "api/dockerapi/versions.h"
#include "engine/server/answer.h"
#include "engine/server/resources.h"
#include "engine/server/router.h"
#include "platform/base/log.h"

namespace server {
namespace {

using base::Code;

// Clients older than the first version with JSON errors: what they print is the whole body.
void sendPlainError(const base::Error& error, http::Response& response) {
  response.headers().set("Content-Type", "text/plain; charset=utf-8");
  response.headers().set("X-Content-Type-Options", "nosniff");
  response.send(dockerapi::httpStatus(error.code()), error.message() + "\n");
}

// "/a//b/../c" -> "/a/c"; a slash at the end stays.
std::string cleanPath(std::string_view path) {
  std::vector<std::string_view> kept;
  bool directory = true;
  for (size_t at = 0; at <= path.size();) {
    const size_t slash = std::min(path.find('/', at), path.size());
    const std::string_view piece = path.substr(at, slash - at);
    directory = piece.empty() || piece == "." || piece == "..";
    if (piece == ".." && !kept.empty()) kept.pop_back();
    if (!directory) kept.push_back(piece);
    at = slash + 1;
  }
  std::string clean;
  for (const std::string_view piece : kept) clean.append("/").append(piece);
  if (directory) clean += '/';
  return clean;
}

}  // namespace

struct Api::Impl {
  Impl(const ApiOptions& apiOptions, const Backends& apiBackends)
      : options(apiOptions), backends(apiBackends) {}

  const ApiOptions options;
  const Backends backends;
  Router router;

  void answer(http::Request request, const http::ResponsePtr& response) const {
    // Routed by the path as it is, redirected when it is not clean: image names come with slashes
    // of their own.
    if (const std::string clean = cleanPath(request.path); clean != request.path) {
      response->headers().set("Location", http::percentEncodePath(clean));
      return response->send(301);
    }
    if (request.method == "OPTIONS") {
      addHeaders(*response);
      return response->send(200);
    }
    Router::Match match = router.match(request.method, request.path);
    if (match.route == nullptr) base::fail(Code::kNotFound, "page not found");
    addHeaders(*response);
    dockerapi::ApiVersion version = dockerapi::kMaxVersion;
    if (!match.version.empty()) {
      try {
        version = dockerapi::checkVersion(match.version);
      } catch (const base::Error& error) {
        const auto asked = dockerapi::ApiVersion::parse(match.version);
        if (asked && *asked >= dockerapi::kMinVersion) throw;
        return sendPlainError(error, *response);
      }
    }
    run(*match.route, std::move(request), response, version, std::move(match.params));
  }

  // What keeps one container from answering may keep nobody from another: what waits for a
  // container or walks its files has a key, and a few threads for it.
  http::Place placeOf(const http::Request& request) const {
    using http::Lane;
    const Router::Match match = router.match(request.method, request.path);
    if (match.route == nullptr) return Lane::kQuick;
    const Route& route = *match.route;
    const Lane lane = route.laneFor ? route.laneFor(request) : route.lane;
    switch (lane) {
      case Lane::kTurn:
        return {lane, subjectOf(route, match.params)};
      case Lane::kDisk:
        // Only those that are otherwise quick; the others are few and go on.
        return {lane, route.lane == Lane::kQuick ? std::string(route.pattern) : ""};
      case Lane::kQuick:
        // A body may take its time to come.
        return request.hasBody ? Lane::kMayHang : lane;
      case Lane::kMayHang:
      case Lane::kStream:
        break;
    }
    return lane;
  }

  std::string subjectOf(const Route& route, const Context::Params& params) const {
    std::string subject;
    if (!params.empty()) {
      const std::string& reference = params.front().second;
      subject = route.pattern.starts_with("/exec/") ? backends.execs.containerOf(reference)
                                                    : backends.containers.idOf(reference);
    }
    return fmt::format("{} {} {}", route.method, route.pattern, subject);
  }

  void addHeaders(http::Response& response) const {
    http::Headers& headers = response.headers();
    headers.set("Api-Version", dockerapi::kMaxVersion.str());
    headers.set("Docker-Experimental", options.experimental ? "true" : "false");
    headers.set("Ostype", "linux");
    headers.set("Server", "Docker/" + options.engineVersion + " (linux)");
  }

  static void run(const Route& route, http::Request request, const http::ResponsePtr& response,
                  dockerapi::ApiVersion version, Context::Params params) {
    const std::string what = request.method + " " + request.rawPath;
    base::log::debug("request", {{"call", what}});
    try {
      Context context(std::move(request), response, version, std::move(params));
      route.handle(context);
    } catch (const base::Error& error) {
      const int status = dockerapi::httpStatus(error.code());
      if (error.code() == Code::kCancelled) {
        base::log::debug("client went away", {{"call", what}});
      } else if (status >= 500 && status != 501 && status != 503) {
        base::log::error("request failed", {{"call", what}, {"error", error.message()}});
      } else {
        base::log::debug("request refused", {{"call", what}, {"error", error.message()}});
      }
      throw;
    }
  }
};

Api::Api(ApiOptions options, const Backends& backends) {
  auto impl = std::make_shared<Impl>(options, backends);
  Router& router = impl->router;
  router.add(systemRoutes(backends.system, impl->options));
  router.add(eventRoutes(backends.system));
  router.add(containerStreamRoutes(backends.containers));
  router.add(archiveRoutes(backends.containers));
  router.add(containerRoutes(backends.containers));
  router.add(execRoutes(backends.execs));
  router.add(imageStreamRoutes(backends.images));
  router.add(imageRoutes(backends.images));
  router.add(networkRoutes(backends.networks));
  router.add(volumeRoutes(backends.volumes));
  router.add(absentRoutes());
  impl_ = std::move(impl);
}

Api::~Api() = default;

http::Handler Api::handler() const {
  return [impl = impl_](http::Request request, const http::ResponsePtr& response) {
    impl->answer(std::move(request), response);
  };
}

http::LaneOf Api::laneOf() const {
  return [impl = impl_](const http::Request& request) { return impl->placeOf(request); };
}

std::function<void(const base::Error&, http::Response&)> Api::onError() const {
  return [](const base::Error& error, http::Response& response) { sendError(error, response); };
}

}  // namespace server
