// The container resource but for its streams: list, create, inspect and everything that changes
// state; commit.

#include "api/dockerapi/legacy.h"
#include "engine/server/answer.h"
#include "engine/server/create_compat.h"
#include "engine/server/resources.h"
#include "platform/json/reader.h"

namespace server {
namespace {

using base::Code;
using http::Lane;

constexpr std::string_view kListFilters[] = {
    "ancestor", "before", "exited",  "expose",  "health", "id",     "isolation", "is-task",
    "label",    "name",   "network", "publish", "since",  "status", "volume"};
constexpr std::string_view kPruneFilters[] = {"label", "label!", "until"};

void list(Context& context, ContainerBackend& containers) {
  ContainerListRequest request;
  request.all = context.flag("all");
  request.limit = context.integer("limit").value_or(0);
  request.size = context.flag("size");
  request.since = context.query("since");
  request.before = context.query("before");
  request.filters = context.filters();
  request.filters.validate(kListFilters);
  std::vector<dockerapi::ContainerSummary> summaries = containers.list(request);
  for (dockerapi::ContainerSummary& summary : summaries) {
    dockerapi::adapt(summary, context.version);
  }
  context.json(200, summaries);
}

// With sizes it walks the writable layers.
Lane laneOfView(const http::Request& request) {
  return request.query.flag("size") ? Lane::kDisk : Lane::kQuick;
}

// Go leaves its Config pointer nil when no key of the body is one of Config's.
bool hasConfig(std::string_view text) {
  const json::StructInfo& known = json::Codec<dockerapi::Config>::ops().structInfo();
  json::Reader reader(text);
  if (reader.peek() != json::Reader::Kind::kObject) return false;
  bool found = false;
  std::string_view key;
  reader.beginObject();
  while (reader.nextKey(key)) {
    found = found || known.find(key, 0) != nullptr;
    reader.skip();
  }
  return found;
}

void create(Context& context, ContainerBackend& containers) {
  ContainerCreateRequest request;
  request.name = context.query("name");
  request.platform = context.query("platform");
  request.version = context.version;
  const std::string text = context.jsonText();
  if (text.empty()) {
    base::fail(Code::kInvalidArgument, "invalid JSON: got EOF while reading request body");
  }
  request.body = context.parse<dockerapi::CreateRequest>(text);
  if (!hasConfig(text)) {
    base::fail(Code::kInvalidArgument, "config cannot be empty in order to create a container");
  }
  const std::vector<std::string> warnings = adaptCreate(request);
  dockerapi::CreateResponse answer = containers.create(request);
  answer.warnings.insert(answer.warnings.end(), warnings.begin(), warnings.end());
  context.json(201, answer);
}

void inspect(Context& context, ContainerBackend& containers) {
  dockerapi::ContainerInspect answer =
      containers.inspect(context.param("name"), context.flag("size"));
  dockerapi::adapt(answer, context.version);
  context.json(200, answer);
}

void start(Context& context, ContainerBackend& containers) {
  const long long length = context.request.contentLength;
  // A body once was a host configuration. Whoever still sends one would not get what it asks for.
  if (context.request.hasBody && (length > 7 || length < 0)) {
    base::fail(Code::kInvalidArgument,
               "starting container with non-empty request body was deprecated since API v1.22 and "
               "removed in v1.24");
  }
  if (!context.query("checkpoint").empty()) {
    base::fail(Code::kNotImplemented, "starting from a checkpoint is not implemented");
  }
  containers.start(context.param("name"));
  context.send(204);
}

ContainerStopRequest stopRequest(const Context& context) {
  ContainerStopRequest request;
  request.timeout = context.integer("t");
  if (context.since(42)) request.signal = context.query("signal");
  return request;
}

void stop(Context& context, ContainerBackend& containers) {
  containers.stop(context.param("name"), stopRequest(context), answerWhenDone(context, 204));
}

void restart(Context& context, ContainerBackend& containers) {
  containers.restart(context.param("name"), stopRequest(context), answerWhenDone(context, 204));
}

void kill(Context& context, ContainerBackend& containers) {
  containers.kill(context.param("name"), context.query("signal"), answerWhenDone(context, 204));
}

void remove(Context& context, ContainerBackend& containers) {
  const ContainerRemoveRequest request{context.flag("force"), context.flag("v"),
                                       context.flag("link")};
  containers.remove(context.param("name"), request, answerWhenDone(context, 204));
}

void rename(Context& context, ContainerBackend& containers) {
  containers.rename(context.param("name"), context.query("name"));
  context.send(204);
}

void update(Context& context, ContainerBackend& containers) {
  auto request = context.body<dockerapi::UpdateRequest>();
  std::optional<std::int64_t>& pids = request.resources.pidsLimit;
  if (!context.since(40)) pids.reset();
  if (context.since(42)) request.resources.kernelMemory = 0;
  if (pids && *pids < 0) pids = 0;  // both mean: no limit
  context.json(200, containers.update(context.param("name"), request));
}

void resize(Context& context, ContainerBackend& containers) {
  const auto [height, width] = context.size();
  containers.resize(context.param("name"), height, width);
  context.send(200);
}

void changes(Context& context, ContainerBackend& containers) {
  const auto list = containers.changes(context.param("name"));
  if (list.empty()) return context.json(200, json::Raw{"null"});
  context.json(200, list);
}

void prune(Context& context, ContainerBackend& containers) {
  const dockerapi::Filters filters = context.filters();
  filters.validate(kPruneFilters);
  context.json(200, containers.prune(filters));
}

void commit(Context& context, ContainerBackend& containers) {
  CommitRequest request;
  request.container = context.query("container");
  request.repository = context.query("repo");
  request.tag = context.query("tag");
  request.comment = context.query("comment");
  request.author = context.query("author");
  request.pause = context.flag("pause", true);
  request.changes = context.request.query.list("changes");
  if (const std::string text = context.jsonText(); !text.empty()) {
    request.config = context.parse<dockerapi::Config>(text);
  }
  context.json(201, containers.commit(request));
}

}  // namespace

std::vector<Route> containerRoutes(ContainerBackend& containers) {
  const auto with = [&containers](void (*handle)(Context&, ContainerBackend&)) {
    return [&containers, handle](Context& context) { handle(context, containers); };
  };
  return {
      {"GET", "/containers/json", Lane::kQuick, 0, with(list), laneOfView},
      {"POST", "/containers/create", Lane::kDisk, 0, with(create)},
      {"POST", "/containers/prune", Lane::kMayHang, 25, with(prune)},
      {"GET", "/containers/{name:.*}/json", Lane::kQuick, 0, with(inspect), laneOfView},
      {"GET", "/containers/{name:.*}/top", Lane::kTurn, 0,
       [&containers](Context& c) {
         c.json(200, containers.top(c.param("name"), c.query("ps_args")));
       }},
      {"GET", "/containers/{name:.*}/changes", Lane::kMayHang, 0, with(changes)},
      {"POST", "/containers/{name:.*}/start", Lane::kTurn, 0, with(start)},
      {"POST", "/containers/{name:.*}/stop", Lane::kTurn, 0, with(stop)},
      {"POST", "/containers/{name:.*}/restart", Lane::kTurn, 0, with(restart)},
      {"POST", "/containers/{name:.*}/kill", Lane::kTurn, 0, with(kill)},
      {"POST", "/containers/{name:.*}/pause", Lane::kTurn, 0,
       [&containers](Context& c) {
         containers.pause(c.param("name"));
         c.send(204);
       }},
      {"POST", "/containers/{name:.*}/unpause", Lane::kTurn, 0,
       [&containers](Context& c) {
         containers.unpause(c.param("name"));
         c.send(204);
       }},
      {"POST", "/containers/{name:.*}/rename", Lane::kTurn, 0, with(rename)},
      {"POST", "/containers/{name:.*}/update", Lane::kTurn, 0, with(update)},
      {"POST", "/containers/{name:.*}/resize", Lane::kTurn, 0, with(resize)},
      {"DELETE", "/containers/{name:.*}", Lane::kTurn, 0, with(remove)},
      {"POST", "/commit", Lane::kMayHang, 0, with(commit)},
  };
}

}  // namespace server
