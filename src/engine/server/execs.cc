// The exec resource.

#include "engine/server/answer.h"
#include "engine/server/resources.h"

namespace server {
namespace {

using http::Lane;

void create(Context& context, ExecBackend& execs) {
  auto request = context.body<dockerapi::ExecCreateRequest>();
  if (request.cmd.empty()) {
    base::fail(base::Code::kInvalidArgument, "No exec command specified");
  }
  if (!context.since(42)) request.consoleSize.reset();
  context.json(201, execs.createExec(context.param("name"), request));
}

void start(Context& context, ExecBackend& execs) {
  auto request = context.body<dockerapi::ExecStartRequest>();
  if (!context.since(42) || !request.tty) request.consoleSize.reset();
  if (request.detach) {
    execs.startExec(context.param("id"), request, nullptr);
    return context.send(200);
  }
  const Hijack hijack = makeHijack(context, true);
  execs.startExec(context.param("id"), request, &hijack);
}

void resize(Context& context, ExecBackend& execs) {
  const auto [height, width] = context.size();
  execs.resizeExec(context.param("id"), height, width);
  context.send(200);
}

}  // namespace

std::vector<Route> execRoutes(ExecBackend& execs) {
  const auto with = [&execs](void (*handle)(Context&, ExecBackend&)) {
    return [&execs, handle](Context& context) { handle(context, execs); };
  };
  return {
      {"POST", "/containers/{name:.*}/exec", Lane::kMayHang, 0, with(create)},
      {"POST", "/exec/{id:.*}/start", Lane::kTurn, 0, with(start)},
      {"POST", "/exec/{id:.*}/resize", Lane::kTurn, 0, with(resize)},
      {"GET", "/exec/{id:.*}/json", Lane::kTurn, 0,
       [&execs](Context& c) { c.json(200, execs.inspectExec(c.param("id"))); }},
  };
}

}  // namespace server
