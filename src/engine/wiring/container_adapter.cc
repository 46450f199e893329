#include "engine/wiring/container_adapter.h"

#include <algorithm>
#include <array>

#include "api/oci/platform.h"
#include "engine/container/creator.h"
#include "engine/container/inspect.h"
#include "engine/container/merge.h"
#include "engine/container/stats.h"
#include "engine/container/updater.h"
#include "platform/base/fault.h"
#include "platform/json/json.h"

namespace wiring {
namespace {

using base::Code;

container::StopOptions stopOptions(const server::ContainerStopRequest& request) {
  container::StopOptions options;
  options.timeout = request.timeout;
  if (!request.signal.empty()) options.signal = request.signal;
  return options;
}

// kStream never ends by itself; the hijacked connection of a request.
container::Connection connectionOf(http::Released released) {
  return {std::move(released.socket), std::move(released.unread), std::move(released.stopping)};
}

std::map<std::string, std::string> detailsOf(std::string_view attributes) {
  if (attributes.empty()) return {};
  return json::parse<std::map<std::string, std::string>>(attributes);
}

[[noreturn]] void notBuilt(const char* what) {
  base::fail(Code::kNotImplemented, "{} is not implemented", what);
}

}  // namespace

std::string ContainerAdapter::idOf(const std::string& reference) const {
  try {
    const container::View view = core_.records.find(reference);
    return view ? view->id : std::string();
  } catch (const base::Error&) {
    return {};  // ambiguous
  }
}

std::string ContainerAdapter::containerOf(const std::string& id) const {
  return execs_.containerOf(id);
}

std::vector<dockerapi::ContainerSummary> ContainerAdapter::list(
    const server::ContainerListRequest& request) {
  container::ListQuery query;
  query.all = request.all;
  query.limit = request.limit;
  query.size = request.size;
  query.filters = request.filters;
  if (!request.since.empty()) query.filters.add("since", request.since);
  if (!request.before.empty()) query.filters.add("before", request.before);
  return container::list(core_, query);
}

dockerapi::CreateResponse ContainerAdapter::create(const server::ContainerCreateRequest& request) {
  container::CreateOptions options;
  options.name = request.name;
  if (!request.platform.empty()) {
    const oci::Platform platform = oci::Platform::parse(request.platform);
    options.platform = image::Platform{platform.os, platform.architecture, platform.variant};
  }
  options.readOnlyNonRecursive = request.readOnlyNonRecursive;
  container::Created created = container::create(core_, request.body, options);
  return {std::move(created.id), std::move(created.warnings)};
}

dockerapi::ContainerInspect ContainerAdapter::inspect(const std::string& reference, bool size) {
  return container::inspect(core_, execs_, reference, size);
}

void ContainerAdapter::start(const std::string& reference) {
  lifecycle_.start(reference);
}

void ContainerAdapter::stop(const std::string& reference,
                            const server::ContainerStopRequest& request, server::Done done) {
  lifecycle_.stop(reference, stopOptions(request), std::move(done));
}

void ContainerAdapter::restart(const std::string& reference,
                               const server::ContainerStopRequest& request, server::Done done) {
  lifecycle_.restart(reference, stopOptions(request), std::move(done));
}

void ContainerAdapter::kill(const std::string& reference, const std::string& signal,
                            server::Done done) {
  lifecycle_.kill(reference, signal, std::move(done));
}

void ContainerAdapter::remove(const std::string& reference,
                              const server::ContainerRemoveRequest& request, server::Done done) {
  if (request.link) notBuilt("removing a link (link=1)");
  lifecycle_.remove(reference, request.force, request.volumes, std::move(done));
}

void ContainerAdapter::pause(const std::string& reference) {
  lifecycle_.pause(reference);
}
void ContainerAdapter::unpause(const std::string& reference) {
  lifecycle_.unpause(reference);
}
void ContainerAdapter::rename(const std::string& reference, const std::string& name) {
  lifecycle_.rename(reference, name);
}

dockerapi::UpdateResponse ContainerAdapter::update(const std::string& reference,
                                                   const dockerapi::UpdateRequest& request) {
  return {container::updateContainer(core_, reference, request)};
}

void ContainerAdapter::resize(const std::string& reference, unsigned height, unsigned width) {
  streams_.resize(reference, height, width);
}

dockerapi::TopResponse ContainerAdapter::top(const std::string& reference,
                                             const std::string& psArguments) {
  return container::top(core_, reference, psArguments);
}

std::vector<dockerapi::FilesystemChange> ContainerAdapter::changes(const std::string& reference) {
  const container::View view = core_.records.get(reference);
  std::vector<dockerapi::FilesystemChange> list;
  for (const files::Change& change : core_.snapshots.changes(view->id))
    list.push_back({change.path, static_cast<int>(change.kind)});
  return list;
}

dockerapi::ContainersPruneReport ContainerAdapter::prune(const dockerapi::Filters& filters) {
  constexpr std::array<std::string_view, 3> kAccepted{"label", "label!", "until"};
  filters.validate(kAccepted);
  const auto until = filters.until(base::Time::now());
  dockerapi::ContainersPruneReport report;
  for (const container::View& view : core_.records.all()) {
    if (view->running() || view->state.status == container::Status::kRestarting) continue;
    const std::map<std::string, std::string> labels(view->config.labels.begin(),
                                                    view->config.labels.end());
    if (!filters.matchLabels("label", labels) || !filters.matchNoLabels("label!", labels)) continue;
    if (until && view->created > *until) continue;
    const std::int64_t bytes = std::max<std::int64_t>(container::writableBytes(core_, view->id), 0);
    bool removed = false;
    try {
      // Not forced and not running: it is done when remove() returns.
      lifecycle_.remove(view->id, false, false,
                        [&](std::optional<base::Error> error) { removed = !error; });
    } catch (const base::Error& error) {
      if (error.code() != Code::kConflict && error.code() != Code::kNotFound)
        throw;  // started or removed meanwhile
    }
    if (!removed) continue;
    report.containersDeleted.push_back(view->id);
    report.spaceReclaimed += static_cast<std::uint64_t>(bytes);
  }
  events::Event event{.type = "container", .action = "prune"};
  event.attributes["reclaimed"] = std::to_string(report.spaceReclaimed);
  core_.events.publish(std::move(event));
  return report;
}

dockerapi::IdResponse ContainerAdapter::commit(const server::CommitRequest&) {
  notBuilt("commit");
}

std::function<void()> ContainerAdapter::wait(const std::string& reference,
                                             server::WaitCondition condition, WaitDone done) {
  const std::string id = core_.records.get(reference)->id;
  const auto kind = condition == server::WaitCondition::kRemoved ? container::WaitFor::kRemoved
                    : condition == server::WaitCondition::kNextExit
                        ? container::WaitFor::kNextExit
                        : container::WaitFor::kNotRunning;
  auto answer = [done = std::move(done)](const container::WaitResult& result) {
    dockerapi::WaitResponse response;
    response.statusCode = result.exitCode;
    if (!result.error.empty()) response.error = dockerapi::WaitExitError{result.error};
    done(response);
  };
  const std::uint64_t registration = core_.exits.add(id, kind, answer);
  base::faultPoint("wait.waiting");
  // What is already so is answered at once, by whoever takes the registration back first.
  const container::View view = core_.records.find(id);
  const bool met = !view || (kind == container::WaitFor::kNotRunning && !view->running() &&
                             view->state.status != container::Status::kRestarting);
  if (met && core_.exits.cancel(id, registration)) answer({view ? view->state.exitCode : 0, ""});
  return [this, id, registration] { core_.exits.cancel(id, registration); };
}

void ContainerAdapter::attach(const std::string& reference, const server::AttachRequest& request,
                              const server::Hijack& hijack) {
  container::AttachWish wish;
  wish.stream = request.stream;
  wish.logs = request.logs;
  wish.in = request.useStdin;
  wish.out = request.useStdout;
  wish.err = request.useStderr;
  wish.detachKeys = request.detachKeys;
  streams_.attach(reference, wish, [&](bool tty) { return connectionOf(hijack(tty)); });
}

void ContainerAdapter::logs(const std::string& reference, const server::LogsRequest& request,
                            server::LogSink& sink, const base::StopToken& stop) {
  container::Streams::LogsWish wish;
  wish.follow = request.follow;
  wish.query.standardOutput = request.useStdout;
  wish.query.standardError = request.useStderr;
  wish.query.since = request.since;
  wish.query.until = request.until;
  wish.query.tail = request.tail;
  streams_.readLogs(
      reference, wish, [&](bool tty) { sink.begin(tty); },
      [&](const logs::Entry& entry) {
        sink.write(
            entry.standardError ? server::LogSink::Stream::kStderr
                                : server::LogSink::Stream::kStdout,
            entry.time,
            request.details ? detailsOf(entry.attributes) : std::map<std::string, std::string>{},
            entry.text);
        return true;
      },
      [&] { sink.flush(); }, stop);
}

void ContainerAdapter::stats(const std::string& reference, const server::StatsRequest& request,
                             const std::function<void(const dockerapi::ContainerStats&)>& each,
                             const base::StopToken& stop) {
  container::streamStats(core_, reference, request.stream, request.oneShot, each, stop);
}

void ContainerAdapter::exportTo(const std::string&, const server::ByteSink&,
                                const base::StopToken&) {
  notBuilt("export");
}
dockerapi::PathStat ContainerAdapter::statPath(const std::string&, const std::string&) {
  notBuilt("cp");
}
void ContainerAdapter::archiveGet(const std::string&, const std::string&,
                                  const std::function<void(const dockerapi::PathStat&)>&,
                                  const server::ByteSink&, const base::StopToken&) {
  notBuilt("cp");
}
void ContainerAdapter::archivePut(const std::string&, const server::ArchivePutRequest&,
                                  const server::ByteSource&, const base::StopToken&) {
  notBuilt("cp");
}

dockerapi::IdResponse ContainerAdapter::createExec(const std::string& reference,
                                                   const dockerapi::ExecCreateRequest& request) {
  return {execs_.create(reference, request)};
}

void ContainerAdapter::startExec(const std::string& id, const dockerapi::ExecStartRequest& request,
                                 const server::Hijack* hijack) {
  streams_.startExec(id, request.detach || hijack == nullptr, request.consoleSize,
                     [&](bool tty) { return connectionOf((*hijack)(tty)); });
}

void ContainerAdapter::resizeExec(const std::string& id, unsigned height, unsigned width) {
  execs_.resize(id, static_cast<std::uint16_t>(height), static_cast<std::uint16_t>(width));
}

dockerapi::ExecInspect ContainerAdapter::inspectExec(const std::string& id) {
  const container::Exec exec = execs_.settled(id);
  dockerapi::ExecInspect shown;
  shown.id = exec.id;
  shown.running = exec.running;
  shown.exitCode = exec.exitCode;
  shown.processConfig.tty = exec.request.tty;
  if (!exec.request.cmd.empty()) {
    shown.processConfig.entrypoint = exec.request.cmd.front();
    shown.processConfig.arguments.assign(exec.request.cmd.begin() + 1, exec.request.cmd.end());
  }
  shown.processConfig.privileged = exec.request.privileged;
  shown.processConfig.user = exec.request.user;
  shown.openStdin = exec.request.attachStdin;
  shown.openStdout = exec.request.attachStdout;
  shown.openStderr = exec.request.attachStderr;
  shown.containerID = exec.containerId;
  shown.detachKeys = exec.request.detachKeys;
  shown.pid = exec.pid;
  return shown;
}

}  // namespace wiring
