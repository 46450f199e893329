// What of a container takes its time: logs, attach, stats, wait, export.

#include "engine/server/answer.h"
#include "engine/server/log_stream.h"
#include "engine/server/resources.h"
#include "platform/base/scope_exit.h"
#include "platform/base/strings.h"

namespace server {
namespace {

using base::Code;
using http::Lane;

void logs(Context& context, ContainerBackend& containers) {
  LogsRequest request;
  request.useStdout = context.flag("stdout");
  request.useStderr = context.flag("stderr");
  if (!request.useStdout && !request.useStderr) {
    base::fail(Code::kInvalidArgument, "Bad parameters: you must choose at least one stream");
  }
  request.follow = context.flag("follow");
  request.details = context.flag("details");
  if (!context.query("since").empty()) {
    request.since = base::parseUnixTimestamp(context.query("since"));
  }
  const std::string& until = context.query("until");
  if (!until.empty() && until != "0") request.until = base::parseUnixTimestamp(until);
  // Anything but a number from 0 up means all, as "all" does.
  if (const auto tail = base::parseInt(context.query("tail")); tail && *tail >= 0) {
    request.tail = *tail;
  }
  LogStream stream(context, context.flag("timestamps"), request.details);
  try {
    containers.logs(context.param("name"), request, stream, context.response->gone());
  } catch (const base::Error& error) {
    if (!context.response->headSent() || error.code() == Code::kCancelled) throw;
    stream.fail(error);
  }
  stream.end();
}

void attach(Context& context, ContainerBackend& containers) {
  AttachRequest request;
  request.stream = context.flag("stream");
  request.logs = context.flag("logs");
  request.useStdin = context.flag("stdin");
  request.useStdout = context.flag("stdout");
  request.useStderr = context.flag("stderr");
  if (!context.query("detachKeys").empty()) request.detachKeys = context.query("detachKeys");
  containers.attach(context.param("name"), request, makeHijack(context, false));
}

// The log goes out as fast as the client reads.
Lane laneOfAttach(const http::Request& request) {
  return request.query.flag("logs") ? Lane::kStream : Lane::kTurn;
}

void stats(Context& context, ContainerBackend& containers) {
  StatsRequest request;
  request.stream = context.flag("stream", true);
  request.oneShot = context.since(41) && context.flag("one-shot");
  if (request.stream && request.oneShot) {
    base::fail(Code::kInvalidArgument, "cannot have stream=true and one-shot=true");
  }
  http::Response& response = *context.response;
  const auto each = [&](const dockerapi::ContainerStats& sample) {
    if (!response.headSent()) {
      response.headers().set("Content-Type", "application/json");
      response.begin(200);
    }
    response.write(json::write(sample) + "\n");
  };
  containers.stats(context.param("name"), request, each, response.gone());
  if (!response.headSent()) {
    response.headers().set("Content-Type", "application/json");
    response.begin(200);
  }
  response.end();
}

void exportTar(Context& context, ContainerBackend& containers) {
  ByteStream stream(context, "application/octet-stream");
  containers.exportTo(context.param("name"), stream.sink(), context.response->gone());
  stream.end();
}

// One wait request: the result may come before the head was sent, or never.
class Waiting : public std::enable_shared_from_this<Waiting> {
 public:
  explicit Waiting(http::ResponsePtr response) : response_(std::move(response)) {}

  void onResult(const dockerapi::WaitResponse& result) {
    std::string text = json::write(result) + "\n";
    {
      const base::Lock lock(mutex_);
      if (!begun_) {
        early_ = std::move(text);
        return;
      }
    }
    finish(text);
  }

  // The client may start the container when it sees the head: the waiting has begun.
  void sendHead() {
    response_->headers().set("Content-Type", "application/json");
    response_->begin(200);
    std::string text;
    {
      const base::Lock lock(mutex_);
      begun_ = true;
      text = std::move(early_);
    }
    if (!text.empty()) finish(text);
  }

  void cancelWhenGone(const std::function<void()>& cancel) {
    auto guard = response_->gone().onStop(cancel);
    const base::Lock lock(mutex_);
    if (!finished_) guard_ = std::move(guard);
  }

 private:
  void finish(const std::string& text) {
    std::shared_ptr<void> guard;
    {
      const base::Lock lock(mutex_);
      finished_ = true;
      guard = std::move(guard_);
    }
    response_->tryWrite(text);
    response_->end();
  }

  const http::ResponsePtr response_;
  base::Mutex mutex_;
  bool begun_ GUARDED_BY(mutex_) = false;
  bool finished_ GUARDED_BY(mutex_) = false;
  std::string early_ GUARDED_BY(mutex_);
  std::shared_ptr<void> guard_ GUARDED_BY(mutex_);
};

WaitCondition conditionOf(const Context& context) {
  const std::string& text = context.query("condition");
  if (!context.since(30) || text.empty() || text == "not-running")
    return WaitCondition::kNotRunning;
  if (text == "next-exit") return WaitCondition::kNextExit;
  if (text == "removed") return WaitCondition::kRemoved;
  base::fail(Code::kInvalidArgument, "invalid condition: {}", base::quote(text));
}

void wait(Context& context, ContainerBackend& containers) {
  const WaitCondition condition = conditionOf(context);
  const auto waiting = std::make_shared<Waiting>(context.response);
  const auto cancel = containers.wait(
      context.param("name"), condition,
      [waiting](const dockerapi::WaitResponse& result) { waiting->onResult(result); });
  // A client that has gone already never hears of it: its wait must not stay behind.
  base::ScopeExit undo{[&] {
    if (cancel) cancel();
  }};
  waiting->sendHead();
  undo.dismiss();
  if (cancel) waiting->cancelWhenGone(cancel);
}

}  // namespace

std::vector<Route> containerStreamRoutes(ContainerBackend& containers) {
  const auto with = [&containers](void (*handle)(Context&, ContainerBackend&)) {
    return [&containers, handle](Context& context) { handle(context, containers); };
  };
  return {
      {"GET", "/containers/{name:.*}/logs", Lane::kStream, 0, with(logs)},
      {"GET", "/containers/{name:.*}/stats", Lane::kStream, 0, with(stats)},
      {"GET", "/containers/{name:.*}/export", Lane::kStream, 0, with(exportTar)},
      {"POST", "/containers/{name:.*}/attach", Lane::kTurn, 0, with(attach), laneOfAttach},
      {"POST", "/containers/{name:.*}/wait", Lane::kQuick, 0, with(wait)},
      {"GET", "/containers/{name:.*}/attach/ws", Lane::kQuick, 0,
       [](Context&) {
         base::fail(Code::kNotImplemented, "attach by websocket is not implemented");
       }},
  };
}

}  // namespace server
