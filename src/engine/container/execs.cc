#include "engine/container/execs.h"

#include "engine/container/spec_maker.h"
#include "engine/container/starter.h"
#include "platform/base/ids.h"
#include "platform/base/strings.h"

namespace container {
namespace {

using base::Code;

// Ended execs are kept for inspect; the oldest go when a container has gathered this many.
constexpr size_t kKeepEnded = 64;
// Clients tell the size of their terminal beside the start, without waiting for it.
constexpr std::chrono::seconds kStartPatience(10);
constexpr std::uint32_t kBarrier = 0;  // a key of Tasks::keep that nothing is kept under

void requireRunning(const Record& record) {
  if (record.state.status == Status::kPaused) {
    base::fail(Code::kConflict, "container {} is paused, unpause the container before exec",
               record.id);
  }
  if (record.state.status == Status::kRestarting) {
    base::fail(Code::kConflict, "Container {} is restarting, wait until the container is running",
               record.id);
  }
  if (!record.running()) base::fail(Code::kConflict, "container {} is not running", record.id);
}

std::string commandText(const Exec& exec) {
  return base::join({exec.request.cmd.begin(), exec.request.cmd.end()}, " ");
}

}  // namespace

Execs::Execs(Core& core) : core_(core) {}

std::string Execs::create(const std::string& containerReference,
                          const dockerapi::ExecCreateRequest& request) {
  const View view = core_.records.get(containerReference);
  requireRunning(*view);
  if (request.cmd.empty()) base::fail(Code::kInvalidArgument, "No exec command specified");
  if (!request.user.empty()) core_.tasks.checkUser(view->id, request.user);
  Exec exec;
  exec.id = base::randomId();
  exec.containerId = view->id;
  exec.request = request;
  core_.events.publish(
      containerEvent(*view, "exec_create: " + commandText(exec), {{"execID", exec.id}}));
  base::Lock lock(mutex_);
  // The oldest ended ones make room: a container that is probed for months must not grow the
  // engine.
  size_t ended = 0;
  for (const auto& [id, other] : execs_)
    ended += other.containerId == view->id && other.started && !other.running;
  for (auto it = execs_.begin(); ended >= kKeepEnded && it != execs_.end();) {
    const bool old =
        it->second.containerId == view->id && it->second.started && !it->second.running;
    it = old ? execs_.erase(it) : std::next(it);
    ended -= old;
  }
  std::string id = exec.id;
  execs_.emplace(id, std::move(exec));
  return id;
}

Exec Execs::get(const std::string& id) const {
  base::Lock lock(mutex_);
  const auto found = execs_.find(id);
  if (found == execs_.end()) base::fail(Code::kNotFound, "No such exec instance: {}", id);
  return found->second;
}

std::string Execs::containerOf(const std::string& id) const {
  base::Lock lock(mutex_);
  const auto found = execs_.find(id);
  return found == execs_.end() ? std::string() : found->second.containerId;
}

Exec Execs::settled(const std::string& id) {
  const Exec exec = get(id);
  if (!exec.running) return exec;
  try {
    // A question to the shim is answered behind what it has sent before.
    core_.tasks.kept(exec.containerId, kBarrier);
  } catch (const base::Error&) {
    return get(id);  // the shim has gone, and its word with it
  }
  return get(id);
}

Exec Execs::startable(const std::string& id) const {
  Exec exec = get(id);
  requireRunning(*core_.records.get(exec.containerId));
  if (exec.running) base::fail(Code::kConflict, "exec command {} is already running", id);
  if (exec.started) base::fail(Code::kConflict, "exec command {} has already run", id);
  return exec;
}

void Execs::change(const std::string& id, const std::function<void(Exec&)>& edit) {
  base::Lock lock(mutex_);
  const auto found = execs_.find(id);
  if (found != execs_.end()) edit(found->second);
  changed_.notifyAll();
}

Exec Execs::afterStart(const std::string& id) const {
  const auto end = std::chrono::steady_clock::now() + kStartPatience;
  base::Lock lock(mutex_);
  for (;;) {
    const auto found = execs_.find(id);
    if (found == execs_.end()) base::fail(Code::kNotFound, "No such exec instance: {}", id);
    if (found->second.started && !found->second.starting) return found->second;
    if (!changed_.waitUntil(mutex_, end))
      base::fail(Code::kInternal, "timeout waiting for exec session ready");
  }
}

void Execs::start(const std::string& id, const task::Stdio& stdio,
                  std::vector<task::Attacher> attachers) {
  // In the strand: of two that ask at once one starts it, and the other hears so. Not until it
  // runs: a container that stops the newcomer would hold off whoever wants to kill it.
  std::optional<Strands::Turn> turn(core_.strands.enter(get(id).containerId));
  const Exec exec = startable(id);
  const View view = core_.records.get(exec.containerId);
  task::ExecRequest request;
  request.id = exec.containerId;
  request.exec = id;
  request.process = execProcess(*view, exec.request, hostnameOf(core_, *view));
  request.user = exec.request.user.empty() ? view->config.user : exec.request.user;
  request.groups.assign(view->hostConfig.groupAdd.begin(), view->hostConfig.groupAdd.end());
  const auto rules = exec.request.privileged ? std::nullopt : seccompOf(core_, view->hostConfig);
  request.seccomp = rules ? &*rules : nullptr;
  request.stdio = stdio;
  request.attachers = std::move(attachers);
  change(id, [](Exec& e) { e.started = e.running = e.starting = true; });
  core_.events.publish(containerEvent(*view, "exec_start: " + commandText(exec), {{"execID", id}}));
  try {
    const task::Running running = core_.tasks.exec(std::move(request), [&] { turn.reset(); });
    // Its exit may have come first; that record stays.
    change(id, [&](Exec& e) {
      e.starting = false;
      if (e.running) e.pid = running.pid;
      e.startedAt = running.startedAt;
    });
  } catch (const base::Error& error) {
    const auto* failed = dynamic_cast<const task::StartError*>(&error);
    change(id, [&](Exec& e) {
      e.running = e.starting = false;
      e.exitCode = failed ? failed->exitCode : 126;
    });
    throw;
  }
}

void Execs::resize(const std::string& id, std::uint16_t rows, std::uint16_t columns) {
  const Exec exec = afterStart(id);
  if (!exec.running) base::fail(Code::kConflict, "exec process is not running");
  core_.tasks.resize(exec.containerId, id, rows, columns);
}

void Execs::onExit(const task::Exit& exit) {
  change(exit.exec, [&](Exec& exec) {
    exec.running = false;
    exec.exitCode = exit.code;
    exec.pid = 0;
  });
  if (const View view = core_.records.find(exit.id)) {
    core_.events.publish(containerEvent(
        *view, "exec_die", {{"execID", exit.exec}, {"exitCode", std::to_string(exit.code)}}));
  }
}

std::vector<std::string> Execs::ofContainer(const std::string& containerId) const {
  std::vector<std::string> ids;
  base::Lock lock(mutex_);
  for (const auto& [id, exec] : execs_) {
    if (exec.containerId == containerId && exec.running) ids.push_back(id);
  }
  return ids;
}

void Execs::restore(const std::string& containerId, const std::vector<std::string>& running) {
  base::Lock lock(mutex_);
  for (const std::string& id : running) {
    Exec exec;
    exec.id = id;
    exec.containerId = containerId;
    exec.started = exec.running = true;
    execs_.emplace(id, std::move(exec));
  }
}

void Execs::forgetContainer(const std::string& containerId) {
  base::Lock lock(mutex_);
  std::erase_if(execs_, [&](const auto& entry) { return entry.second.containerId == containerId; });
  changed_.notifyAll();
}

}  // namespace container
