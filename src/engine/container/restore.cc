// What a daemon finds when it starts: see Lifecycle::restore. The shims are believed first, then
// the kernel, then the records.
#include <functional>
#include <map>
#include <set>

#include "engine/container/lifecycle.h"
#include "engine/container/remover.h"
#include "engine/container/restart_policy.h"
#include "engine/container/starter.h"
#include "engine/container/updater.h"
#include "platform/base/fault.h"
#include "platform/base/log.h"

namespace container {
namespace {

// One step of taking a container up; the others are done all the same.
void attempt(const std::string& id, const char* what, const std::function<void()>& step) {
  try {
    step();
  } catch (const base::Error& error) {
    if (error.code() == base::Code::kConflict) return;  // it has ended by now, and that comes next
    base::log::warn("container is not taken up completely",
                    {{"container", id}, {"step", what}, {"error", error.message()}});
  }
}

// A connect or disconnect was under way when the daemon died: an endpoint that no record asks for
// goes, and a network without its endpoint is no longer asked for. The names to forget.
std::vector<std::string> settleEndpoints(Core& core, const View& view) {
  std::vector<std::string> forget;
  const auto joined = core.networks.joined(view->id);
  if (!joined) return forget;
  std::map<std::string, std::string> asked;  // network's id -> as the record names it
  for (const auto& [name, settings] : view->networks) {
    try {
      asked.emplace(core.networks.resolve(name).id, name);
    } catch (const base::Error&) {
      forget.push_back(name);  // of a network that is gone
    }
  }
  for (const networks::Endpoint& endpoint : joined->endpoints) {
    if (asked.erase(endpoint.networkId) == 0)
      core.networks.disconnect(view->id, endpoint.networkId);
  }
  for (const auto& [id, name] : asked) forget.push_back(name);
  return forget;
}

}  // namespace

void Lifecycle::restore(std::vector<task::Recovered> found) {
  std::map<std::string, task::Recovered> recovered;
  for (task::Recovered& one : found) recovered.emplace(one.id, std::move(one));
  base::faultPoint("restore.tasks");
  // Tasks without a record: their create was never acknowledged, or their removal was.
  const std::set<std::string> damaged = setAside(core_);
  for (const auto& entry : recovered) {
    const task::Recovered& one = entry.second;
    if (core_.records.find(one.id) || damaged.contains(one.id)) continue;
    base::log::warn("a process belongs to no container: killed", {{"container", one.id}});
    attempt(one.id, "kill", [&] {
      core_.tasks.killAll(one.id);
      if (one.exit) core_.tasks.forget(one.id);  // the others when their exit comes
    });
  }
  for (const View& view : core_.records.all()) {
    const auto one = recovered.find(view->id);
    base::faultPoint("restore.container");
    try {
      restoreOne(view, one == recovered.end() ? nullptr : &one->second);
    } catch (const base::Error& error) {
      base::log::error("container could not be taken up",
                       {{"container", view->id}, {"error", error.message()}});
    }
  }
  base::faultPoint("restore.sweep");
  sweepLeftovers(core_);
  base::faultPoint("restore.swept");
  endRestore();
}

void Lifecycle::endRestore() {
  std::vector<task::Exit> exits;
  std::map<std::string, std::int64_t> restarts;
  {
    base::Lock lock(mutex_);
    restored_ = true;
    exits.swap(held_exits_);
    restarts.swap(held_restarts_);
  }
  for (const task::Exit& exit : exits) onExit(exit);
  for (const auto& [id, delay] : restarts) scheduleRestart(id, delay);
}

void Lifecycle::restoreOne(const View& view, const task::Recovered* recovered) {
  const auto turn = core_.strands.enter(view->id);
  if (view->updating && !(recovered && recovered->running)) dropUpdate(core_, view->id);
  if (recovered && recovered->running) return restoreRunning(view, *recovered->running);
  if (recovered && recovered->exit) return restoreEnded(view, *recovered->exit);
  if (!view->running()) return restartAfterRestore(view, view->state.status == Status::kRestarting);
  task::Exit lost;
  lost.id = view->id;
  lost.code = 255;
  lost.known = false;
  lost.at = base::Time::now();
  lost.error =
      view->state.bootId == core_.bootId
          ? "exit status lost: the process and its shim were gone when the engine came back"
          : "exit status lost: the host went down while the container ran";
  exitInStrand(view, lost);
  restartAfterRestore(core_.records.find(view->id), true);
}

void Lifecycle::restoreRunning(const View& view, const task::Running& running) {
  const std::string& id = view->id;
  attempt(id, "name service", [&] {
    core_.networks.adoptDnsSockets(id, core_.tasks.kept(id, kDnsSockets));
    keepDnsSockets(core_, id);
  });
  attempt(id, "name", [&] { core_.networks.rename(id, view->name); });
  attempt(id, "update", [&] { finishUpdate(core_, *view); });
  std::vector<std::string> forget;
  attempt(id, "networks", [&] { forget = settleEndpoints(core_, view); });
  bool frozen = view->state.status == Status::kPaused;
  attempt(id, "paused", [&] { frozen = core_.cgroups.frozen(core_.cgroupOf(id)); });
  const Status status = frozen ? Status::kPaused : Status::kRunning;
  const bool known = view->running() && view->state.pid == running.pid;
  if (known && view->state.status == status && forget.empty()) return;
  changeRecord(
      core_, store::Durability::kLazy, id,
      [&](Record& record) {
        for (const std::string& name : forget) record.networks.erase(name);
        State& state = record.state;
        if (!known) {  // started, and the daemon died before it wrote so down
          if (state.status != Status::kRestarting) state.restartCount = 0;
          state.stoppedByUser = state.restartCancelled = false;
          state.pid = running.pid;
          state.startedAt = running.startedAt;
          state.exitCode = 0;
          state.error.clear();
          state.oomKilled = false;
          state.bootId = core_.bootId;
        }
        state.status = status;
      },
      [&](store::Transaction& t, const Record& record) {
        if (!known) core_.events.append(t, containerEvent(record, "start"));
      });
}

void Lifecycle::restoreEnded(const View& view, const task::Exit& exit) {
  if (view->running()) return exitInStrand(view, exit);
  if (view->state.finishedAt == exit.at) {  // written down already
    core_.tasks.forget(view->id);
    return restartAfterRestore(view, view->state.status == Status::kRestarting);
  }
  // It started and ended, and the daemon died before it wrote down either.
  changeRecord(core_, store::Durability::kLazy, view->id, [&](Record& record) {
    if (record.state.status != Status::kRestarting) record.state.restartCount = 0;
    record.state.stoppedByUser = record.state.restartCancelled = false;
    record.state.status = Status::kRunning;
    record.state.startedAt = exit.startedAt.zero() ? exit.at : exit.startedAt;
  });
  exitInStrand(core_.records.get(view->id), exit);
}

// Policies at daemon start. exitInStrand has scheduled those that any end restarts.
void Lifecycle::restartAfterRestore(const View& view, bool wasRunning) {
  if (!view || view->running() || view->state.status == Status::kCreated) return;
  const auto& policy = view->hostConfig.restartPolicy.name;
  const bool pending = view->state.status == Status::kRestarting;
  if (pending ||
      startsWithDaemon(policy, view->state.stoppedByUser, view->state.exitCode, wasRunning)) {
    {
      base::Lock lock(mutex_);
      if (held_restarts_.contains(view->id)) return;
    }
    changeRecord(core_, store::Durability::kLazy, view->id,
                 [](Record& record) { record.state.status = Status::kRestarting; });
    scheduleRestart(view->id, 0);
  } else if (view->hostConfig.autoRemove) {
    removeInStrand(view, true);
  }
}

}  // namespace container
