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
  explicit Impl(const ApiOptions& apiOptions) : options(apiOptions) {}

  const ApiOptions options;
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
  auto impl = std::make_shared<Impl>(options);
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
  return [impl = impl_](const http::Request& request) {
    const Router::Match match = impl->router.match(request.method, request.path);
    return match.route == nullptr ? http::Lane::kQuick : match.route->lane;
  };
}

std::function<void(const base::Error&, http::Response&)> Api::onError() const {
  return [](const base::Error& error, http::Response& response) { sendError(error, response); };
}

}  // namespace server
