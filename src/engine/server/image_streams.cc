// What moves images: pull, push, import, load, save.

#include "api/dockerapi/authconfig.h"
#include "engine/server/answer.h"
#include "engine/server/resources.h"

namespace server {
namespace {

using base::Code;
using http::Lane;

dockerapi::AuthConfig authOf(const Context& context) {
  return dockerapi::decodeRegistryAuth(context.request.headers.get("X-Registry-Auth"));
}

// True: `image` says itself which one of the repository it is.
bool hasTagOrDigest(const std::string& image) {
  if (image.find('@') != std::string::npos) return true;
  const auto colon = image.rfind(':');
  return colon != std::string::npos && image.find('/', colon) == std::string::npos;
}

// What stands in front of tag and digest.
std::string repositoryOf(std::string image) {
  image = image.substr(0, image.find('@'));
  if (hasTagOrDigest(image)) image.resize(image.rfind(':'));
  return image;
}

void pull(Context& context, ImageBackend& images) {
  ImagePullRequest request;
  request.reference = context.query("fromImage");
  const std::string& tag = context.query("tag");
  if (!tag.empty()) {
    // The "tag" may be a digest as well; either replaces what the name brought along.
    const char* const mark = tag.find(':') == std::string::npos ? ":" : "@";
    request.reference = repositoryOf(request.reference) + mark + tag;
  }
  request.allTags = !hasTagOrDigest(request.reference);
  if (context.since(32)) request.platform = parsePlatform(context.query("platform"));
  request.auth = authOf(context);
  ProgressStream stream(context);
  stream.run([&] { images.pullImage(request, stream.sink(), context.response->gone()); });
}

void import(Context& context, ImageBackend& images) {
  ImageImportRequest request;
  request.source = context.query("fromSrc");
  request.repository = context.query("repo");
  request.tag = context.query("tag");
  request.message = context.query("message");
  request.changes = context.request.query.list("changes");
  if (context.since(32)) request.platform = parsePlatform(context.query("platform"));
  ProgressStream stream(context);
  stream.run([&] {
    images.importImage(request, bodySource(context), stream.sink(), context.response->gone());
  });
}

void create(Context& context, ImageBackend& images) {
  if (!context.query("fromImage").empty()) return pull(context, images);
  if (context.query("fromSrc").empty()) {
    base::fail(Code::kInvalidArgument, "either fromImage or fromSrc has to be given");
  }
  import(context, images);
}

void push(Context& context, ImageBackend& images) {
  ImagePushRequest request;
  request.name = context.param("name");
  request.tag = context.query("tag");
  if (context.since(46)) request.platform = parsePlatformJson(context.query("platform"));
  request.auth = authOf(context);
  ProgressStream stream(context);
  stream.run([&] { images.pushImage(request, stream.sink(), context.response->gone()); });
}

void load(Context& context, ImageBackend& images) {
  const bool quiet = context.query("quiet").empty() || context.flag("quiet");
  const auto platform = parsePlatformJson(context.since(48) ? context.query("platform") : "");
  ProgressStream stream(context);
  // Clients have already begun to send the archive and look for errors in the stream only.
  stream.run(
      [&] {
        images.loadImages(bodySource(context), quiet, platform, stream.sink(),
                          context.response->gone());
      },
      true);
}

void save(Context& context, ImageBackend& images, const std::vector<std::string>& names) {
  const auto platform = parsePlatformJson(context.since(48) ? context.query("platform") : "");
  if (names.empty()) base::fail(Code::kInvalidArgument, "no image to save was named");
  ByteStream stream(context, "application/x-tar");
  images.saveImages(names, platform, stream.sink(), context.response->gone());
  stream.end();
}

}  // namespace

std::vector<Route> imageStreamRoutes(ImageBackend& images) {
  const auto with = [&images](void (*handle)(Context&, ImageBackend&)) {
    return [&images, handle](Context& context) { handle(context, images); };
  };
  return {
      {"POST", "/images/create", Lane::kStream, 0, with(create)},
      {"POST", "/images/load", Lane::kStream, 0, with(load)},
      {"GET", "/images/get", Lane::kStream, 0,
       [&images](Context& c) { save(c, images, c.request.query.list("names")); }},
      {"GET", "/images/{name:.*}/get", Lane::kStream, 0,
       [&images](Context& c) { save(c, images, {c.param("name")}); }},
      {"POST", "/images/{name:.*}/push", Lane::kStream, 0, with(push)},
  };
}

}  // namespace server
