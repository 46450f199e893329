// HEAD, GET and PUT of /containers/{name}/archive: files in and out of a container.

#include "engine/server/answer.h"
#include "engine/server/resources.h"
#include "platform/base/strings.h"

namespace server {
namespace {

using http::Lane;

const std::string& pathOf(const Context& context) {
  const std::string& path = context.query("path");
  if (path.empty()) {
    base::fail(base::Code::kInvalidArgument,
               "bad parameter: pathcannot be empty");  // Docker's text
  }
  return path;
}

void setStat(const Context& context, const dockerapi::PathStat& stat) {
  context.response->headers().set("X-Docker-Container-Path-Stat",
                                  base::base64Encode(json::write(stat)));
}

void head(Context& context, ContainerBackend& containers) {
  setStat(context, containers.statPath(context.param("name"), pathOf(context)));
  context.send(200);
}

void get(Context& context, ContainerBackend& containers) {
  ByteStream stream(context, "application/x-tar");
  containers.archiveGet(
      context.param("name"), pathOf(context),
      [&](const dockerapi::PathStat& stat) { setStat(context, stat); }, stream.sink(),
      context.response->gone());
  stream.end();
}

void put(Context& context, ContainerBackend& containers) {
  const ArchivePutRequest request{pathOf(context), context.flag("noOverwriteDirNonDir"),
                                  context.flag("copyUIDGID")};
  containers.archivePut(context.param("name"), request, bodySource(context),
                        context.response->gone());
  context.send(200);
}

}  // namespace

std::vector<Route> archiveRoutes(ContainerBackend& containers) {
  const auto with = [&containers](void (*handle)(Context&, ContainerBackend&)) {
    return [&containers, handle](Context& context) { handle(context, containers); };
  };
  return {
      {"HEAD", "/containers/{name:.*}/archive", Lane::kMayHang, 0, with(head)},
      {"GET", "/containers/{name:.*}/archive", Lane::kMayHang, 0, with(get)},
      {"PUT", "/containers/{name:.*}/archive", Lane::kMayHang, 0, with(put)},
  };
}

}  // namespace server
