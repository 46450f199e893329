// What a daemon finds when it starts: see Lifecycle::restore.
#include <algorithm>

#include "engine/container/lifecycle.h"
#include "engine/container/remover.h"
#include "engine/container/restart_policy.h"
#include "engine/container/starter.h"
#include "platform/base/log.h"

namespace container {

void Lifecycle::restore(std::vector<task::Recovered> found) {
  std::map<std::string, task::Recovered> recovered;
  for (task::Recovered& one : found) recovered.emplace(one.id, std::move(one));
  // Tasks without a record: their create was never acknowledged, or their removal was.
  for (const auto& [id, one] : recovered) {
    if (core_.records.find(id)) continue;
    base::log::warn("a running process belongs to no container: killed", {{"container", id}});
    core_.tasks.killAll(id);
    core_.tasks.forget(id);
  }
  for (const View& view : core_.records.all()) {
    const auto one = recovered.find(view->id);
    try {
      restoreOne(view, one == recovered.end() ? nullptr : &one->second);
    } catch (const base::Error& error) {
      base::log::error("container could not be taken up",
                       {{"container", view->id}, {"error", error.message()}});
    }
  }
  sweepLeftovers(core_);
}

void Lifecycle::restoreOne(const View& view, const task::Recovered* recovered) {
  const auto turn = core_.strands.enter(view->id);
  const bool wasRunning = view->running() || view->state.status == Status::kRestarting;
  if (recovered && recovered->running) {
    core_.networks.adoptDnsSockets(view->id, core_.tasks.kept(view->id, kDnsSockets));
    keepDnsSockets(core_, view->id);
    if (view->running() && view->state.pid == recovered->running->pid) return;
    // Started, and the daemon died before it wrote so down: the shim is the truth.
    changeRecord(
        core_, store::Durability::kLazy, view->id,
        [&](Record& record) {
          record.state.status = Status::kRunning;
          record.state.pid = recovered->running->pid;
          record.state.startedAt = recovered->running->startedAt;
          record.state.bootId = core_.bootId;
        },
        [&](store::Transaction& t, const Record& record) {
          core_.events.append(t, containerEvent(record, "start"));
        });
    return;
  }
  if (recovered && recovered->exit) {
    if (!view->running()) {
      if (view->state.finishedAt == recovered->exit->at) {  // written down already
        core_.tasks.forget(view->id);
        return restartAfterRestore(view, wasRunning);
      }
      changeRecord(core_, store::Durability::kLazy, view->id, [&](Record& record) {
        record.state.status = Status::kRunning;
        if (record.state.startedAt.zero() || record.state.startedAt > recovered->exit->at)
          record.state.startedAt = recovered->exit->at;
      });
    }
    return exitInStrand(core_.records.get(view->id), *recovered->exit);
  }
  if (view->running()) {
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
    return restartAfterRestore(core_.records.find(view->id), true);
  }
  restartAfterRestore(view, wasRunning);
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
      if (restart_timers_.contains(view->id)) return;
    }
    changeRecord(core_, store::Durability::kLazy, view->id,
                 [](Record& record) { record.state.status = Status::kRestarting; });
    scheduleRestart(view->id, 0);
  } else if (view->hostConfig.autoRemove) {
    removeInStrand(view, true);
  }
}

}  // namespace container
