#include "engine/container/lifecycle.h"

#include <csignal>

#include "engine/container/names.h"
#include "engine/container/remover.h"
#include "engine/container/restart_policy.h"
#include "engine/container/starter.h"
#include "engine/container/validate.h"
#include "platform/base/fault.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"
#include "platform/base/scope_exit.h"

namespace container {
namespace {

using base::Code;

constexpr std::int64_t kSecond = 1'000'000'000;

[[noreturn]] void failRemoving() {
  base::fail(Code::kConflict, "container is marked for removal and cannot be started");
}

void requireStartable(const Record& record) {
  switch (record.state.status) {
    case Status::kRunning:
      base::fail(Code::kNotModified, "container {} is already running", record.id);
    case Status::kPaused:
      base::fail(Code::kConflict, "cannot start a paused container, try unpause instead");
    case Status::kRemoving:
      failRemoving();
    case Status::kDead:
      base::fail(Code::kConflict, "container is dead and cannot be started: remove it");
    case Status::kCreated:
    case Status::kRestarting:
    case Status::kExited:
      return;
  }
}

// Create leaves the name in the network's mode where nobody had it yet. From the first start on it
// is an id, so that the end finds the same namespace whoever has the name by then.
View withPeerById(const Core& core, const View& view) {
  const std::string& mode = view->hostConfig.networkMode;
  const View peer = isContainerMode(mode) ? core.records.find(containerOfMode(mode)) : nullptr;
  if (!peer || peer->id == containerOfMode(mode)) return view;
  Record record = *view;
  record.hostConfig.networkMode = "container:" + peer->id;
  return std::make_shared<const Record>(std::move(record));
}

// Until the next start no policy restarts it.
void stopForGood(Record& record) {
  record.state.stoppedByUser = record.state.restartCancelled = true;
}

// Whether a user who sends `signal` wants it to end. Docker's rule: any signal means so unless the
// container names the one that stops it.
bool endsPolicy(const Record& record, int signal) {
  const std::string& stop = record.config.stopSignal;
  return stop.empty() || signal == SIGKILL || signal == parseSignal(stop);
}

}  // namespace

Lifecycle::Lifecycle(Core& core, Attachers& attachers) : core_(core), attachers_(attachers) {}

// ---- start

void Lifecycle::start(const std::string& reference) {
  const std::string id = core_.records.get(reference)->id;
  const auto turn = core_.strands.enter(id);
  const View view = core_.records.get(id);
  requireStartable(*view);
  cancelRestart(id);
  Record fresh = *view;
  fresh.state.restartCount = 0;
  fresh.state.restartDelayNs = 0;
  fresh.state.stoppedByUser = fresh.state.restartCancelled = false;
  startInStrand(std::make_shared<const Record>(std::move(fresh)));
}

void Lifecycle::startInStrand(const View& asked) {
  if (!mayStart(asked->id)) failRemoving();
  const View view = withPeerById(core_, asked);
  task::Running running;
  try {
    running = startTask(core_, *view, attachers_.take(view->id));
  } catch (const base::Error& error) {
    startFailed(view, error);
    throw;
  }
  base::faultPoint("start.record");
  Record record = *view;
  record.state.status = Status::kRunning;
  record.state.pid = running.pid;
  record.state.startedAt = running.startedAt;
  record.state.exitCode = 0;
  record.state.error.clear();
  record.state.oomKilled = false;
  record.state.bootId = core_.bootId;
  // No flush: the shim is the truth of what runs, and finds its record again by its id.
  core_.store.write(store::Durability::kLazy, [&](store::Transaction& t) {
    core_.records.update(t, record);
    core_.events.append(t, containerEvent(record, "start"));
  });
}

void Lifecycle::startFailed(const View& view, const base::Error& error) {
  Record record = *view;
  const auto* failed = dynamic_cast<const task::StartError*>(&error);
  record.state.exitCode = failed ? failed->exitCode : 128;
  record.state.error = error.message();
  record.state.status = record.state.startedAt.zero() ? Status::kCreated : Status::kExited;
  core_.store.write(store::Durability::kLazy,
                    [&](store::Transaction& t) { core_.records.update(t, record); });
  if (record.hostConfig.autoRemove) removeInStrand(core_.records.get(record.id), true);
}

// ---- the end of a process

void Lifecycle::onExit(const task::Exit& exit) {
  {
    base::Lock lock(mutex_);
    if (!restored_) {
      held_exits_.push_back(exit);
      return;
    }
  }
  core_.workers.post([this, exit] { handleExit(exit); });
}

void Lifecycle::handleExit(const task::Exit& exit) {
  const auto turn = core_.strands.enter(exit.id);
  const View view = core_.records.find(exit.id);
  if (!view && setAside(core_).contains(exit.id)) return;  // for when it is repaired
  if (!view || !view->running()) {
    core_.tasks.forget(exit.id);
    return;
  }
  exitInStrand(view, exit);
}

void Lifecycle::exitInStrand(const View& view, const task::Exit& exit) {
  base::faultPoint("exit.release");
  const auto networkRows = releaseWithin(core_, *view);
  Record record = *view;
  State& state = record.state;
  const auto decision = decideRestart(
      record.hostConfig.restartPolicy.name, record.hostConfig.restartPolicy.maximumRetryCount,
      state.restartCount, exit.code, {state.restartCancelled, state.stoppedByUser},
      exit.at.ns - state.startedAt.ns, state.restartDelayNs);
  state.status = decision.restart ? Status::kRestarting : Status::kExited;
  state.pid = 0;
  state.exitCode = exit.code;
  state.error = exit.error;
  state.oomKilled = exit.oomKilled;
  state.finishedAt = exit.at;
  if (decision.restart) {
    ++state.restartCount;
    state.restartDelayNs = decision.delayNs;
  }
  base::faultPoint("exit.record");
  const bool removes =
      record.hostConfig.autoRemove && !decision.restart && !toStartAgain(record.id);
  // With --rm the removal that follows is the durable one: both are in one flush.
  core_.store.write(
      removes ? store::Durability::kLazy : store::Durability::kDurable, [&](store::Transaction& t) {
        if (networkRows) networkRows(t);
        core_.records.update(t, record);
        if (exit.oomKilled) core_.events.append(t, containerEvent(record, "oom"));
        core_.events.append(
            t, containerEvent(record, "die",
                              {{"exitCode", std::to_string(exit.code)},
                               {"execDuration",
                                std::to_string((exit.at.ns - state.startedAt.ns) / kSecond)}}));
      });
  base::faultPoint("exit.answer");
  core_.exits.ended(record.id, {exit.code, ""});
  if (removes) {
    removeInStrand(core_.records.get(record.id), true);
    core_.tasks.forget(record.id);
    return;
  }
  core_.tasks.forget(record.id);
  if (decision.restart) scheduleRestart(record.id, decision.delayNs);
}

void Lifecycle::scheduleRestart(const std::string& id, std::int64_t delayNs) {
  base::Lock lock(mutex_);
  if (!restored_) {
    held_restarts_[id] = delayNs;
    return;
  }
  restart_timers_[id] = core_.starters.after(delayNs, [this, id] {
    if (!cancelRestart(id)) return;  // a stop came first
    const auto turn = core_.strands.enter(id);
    const View view = core_.records.find(id);
    if (!view || view->state.status != Status::kRestarting) return;
    try {
      startInStrand(view);
    } catch (const base::Error& error) {
      base::log::error("restart failed", {{"container", id}, {"error", error.message()}});
    }
  });
}

bool Lifecycle::cancelRestart(const std::string& id) {
  base::Lock lock(mutex_);
  const auto found = restart_timers_.find(id);
  if (found == restart_timers_.end()) return false;
  core_.starters.cancel(found->second);
  restart_timers_.erase(found);
  return true;
}

// ---- stop, kill, restart

// Sends `signal` and SIGKILL after the time; tells `done` when the process has ended.
void Lifecycle::stopRunning(const View& view, int signal, int timeoutSeconds, Done done) {
  const std::string id = view->id;
  auto timer = std::make_shared<std::uint64_t>(0);
  const auto wait = core_.exits.add(id, WaitFor::kNextExit, [this, timer, done](const WaitResult&) {
    core_.workers.cancel(*timer);
    done(std::nullopt);
  });
  core_.events.publish(containerEvent(*view, "kill", {{"signal", std::to_string(signal)}}));
  bool sent = false;
  try {
    if (view->state.status == Status::kPaused)
      core_.tasks.resume(id);  // a frozen process hears nothing
    sent = core_.tasks.signal(id, signal);
  } catch (const base::Error&) {
    // Who is told by the error must not be told by the end as well.
    if (core_.exits.cancel(id, wait)) throw;
    return;
  }
  if (signal == SIGKILL || (sent && timeoutSeconds < 0)) return;
  const std::int64_t delay = sent ? static_cast<std::int64_t>(timeoutSeconds) * kSecond : 0;
  const base::Time started = view->state.startedAt;
  *timer = core_.workers.after(delay, [this, id, started] {
    const auto turn = core_.strands.enter(id);
    const View now = core_.records.find(id);
    if (!now || !now->running() || now->state.startedAt != started) return;
    core_.events.publish(containerEvent(*now, "kill", {{"signal", std::to_string(SIGKILL)}}));
    core_.tasks.killAll(id);
  });
}

void Lifecycle::stopThen(const std::string& reference, const StopOptions& options, Done done) {
  const std::string id = core_.records.get(reference)->id;
  const auto turn = core_.strands.enter(id);
  const View view = core_.records.get(id);
  const bool restarting = cancelRestart(id) || view->state.status == Status::kRestarting;
  if (restarting) {
    changeRecord(core_, store::Durability::kDurable, id, [](Record& record) {
      record.state.status = Status::kExited;
      stopForGood(record);
    });
    return done(std::nullopt);
  }
  if (!view->running()) base::fail(Code::kNotModified, "container {} is not running", id);
  const std::string name = options.signal.value_or(
      view->config.stopSignal.empty() ? "SIGTERM" : view->config.stopSignal);
  const int signal = parseSignal(name);
  const int timeout = options.timeout.value_or(
      view->config.stopTimeout.value_or(core_.settings.defaultStopTimeout));
  // Written before the signal: a daemon that dies now must not restart what was told to stop.
  changeRecord(core_, store::Durability::kLazy, id, [](Record& record) { stopForGood(record); });
  base::faultPoint("stop.recorded");
  stopRunning(view, signal, timeout, std::move(done));
}

void Lifecycle::stop(const std::string& reference, const StopOptions& options, Done done) {
  const View view = core_.records.get(reference);
  stopThen(view->id, options,
           [this, view, done = std::move(done)](std::optional<base::Error> error) {
             if (!error) core_.events.publish(containerEvent(*view, "stop"));
             done(std::move(error));
           });
}

void Lifecycle::restart(const std::string& reference, const StopOptions& options, Done done) {
  const View view = core_.records.get(reference);
  keepForRestart(view->id);
  const auto startAgain = [this, view, done] {
    core_.starters.post([this, view, done] {
      base::ScopeExit kept{[&] { endRestart(view->id); }};
      try {
        start(view->id);
        core_.events.publish(containerEvent(*view, "restart"));
        done(std::nullopt);
      } catch (const base::Error& error) {
        done(error);
      }
    });
  };
  try {
    stop(view->id, options, [this, view, startAgain, done](std::optional<base::Error> error) {
      if (!error) return startAgain();
      endRestart(view->id);
      done(std::move(error));
    });
  } catch (const base::Error& error) {
    if (error.code() == Code::kNotModified) return startAgain();
    endRestart(view->id);
    throw;
  }
}

void Lifecycle::keepForRestart(const std::string& id) {
  base::Lock lock(mutex_);
  ++restarting_[id];
}

void Lifecycle::endRestart(const std::string& id) {
  base::Lock lock(mutex_);
  if (const auto found = restarting_.find(id); --found->second == 0) restarting_.erase(found);
}

bool Lifecycle::toStartAgain(const std::string& id) {
  base::Lock lock(mutex_);
  return restarting_.contains(id);
}

void Lifecycle::kill(const std::string& reference, const std::string& signalName, Done done) {
  const int signal = signalName.empty() ? SIGKILL : parseSignal(signalName);
  const std::string id = core_.records.get(reference)->id;
  const auto turn = core_.strands.enter(id);
  const View view = core_.records.get(id);
  if (cancelRestart(id) || view->state.status == Status::kRestarting) {
    changeRecord(core_, store::Durability::kDurable, id, [](Record& record) {
      record.state.status = Status::kExited;
      stopForGood(record);
    });
    return done(std::nullopt);
  }
  if (!view->running())
    base::fail(Code::kConflict, "cannot kill container: {}: container {} is not running", reference,
               id);
  const bool forGood = endsPolicy(*view, signal);
  changeRecord(core_, store::Durability::kLazy, id, [&](Record& record) {
    record.state.stoppedByUser = true;
    record.state.restartCancelled |= forGood;
  });
  if (signal == SIGKILL) return stopRunning(view, SIGKILL, 0, std::move(done));
  core_.events.publish(containerEvent(*view, "kill", {{"signal", std::to_string(signal)}}));
  if (!core_.tasks.signal(id, signal))
    base::fail(Code::kConflict, "cannot kill container: {}: container {} is not running", reference,
               id);
  // A frozen process hears nothing.
  if (forGood && view->state.status == Status::kPaused) thaw(id);
  done(std::nullopt);
}

// ---- pause, rename, remove

void Lifecycle::pause(const std::string& reference) {
  const std::string id = core_.records.get(reference)->id;
  const auto turn = core_.strands.enter(id);
  const View view = core_.records.get(id);
  if (view->state.status == Status::kPaused)
    base::fail(Code::kConflict, "Container {} is already paused", id);
  if (view->state.status == Status::kRestarting) {
    base::fail(Code::kConflict, "Container {} is restarting, wait until the container is running",
               id);
  }
  if (!view->running()) base::fail(Code::kConflict, "container {} is not running", id);
  core_.tasks.pause(id);
  base::faultPoint("pause.frozen");
  changeRecord(
      core_, store::Durability::kLazy, id,
      [](Record& record) { record.state.status = Status::kPaused; },
      [&](store::Transaction& t, const Record& record) {
        core_.events.append(t, containerEvent(record, "pause"));
      });
}

void Lifecycle::unpause(const std::string& reference) {
  const std::string id = core_.records.get(reference)->id;
  const auto turn = core_.strands.enter(id);
  if (core_.records.get(id)->state.status != Status::kPaused)
    base::fail(Code::kConflict, "Container {} is not paused", id);
  thaw(id);
}

void Lifecycle::thaw(const std::string& id) {
  core_.tasks.resume(id);
  base::faultPoint("unpause.thawed");
  changeRecord(
      core_, store::Durability::kLazy, id,
      [](Record& record) { record.state.status = Status::kRunning; },
      [&](store::Transaction& t, const Record& record) {
        core_.events.append(t, containerEvent(record, "unpause"));
      });
}

void Lifecycle::rename(const std::string& reference, const std::string& newName) {
  if (newName.empty()) base::fail(Code::kInvalidArgument, "Neither old nor new names may be empty");
  const std::string name = checkName(newName);
  const std::string id = core_.records.get(reference)->id;
  const auto turn = core_.strands.enter(id);
  const View view = core_.records.get(id);
  if (view->name == name) {
    base::fail(Code::kInvalidArgument,
               "Renaming a container with the same name as its current name");
  }
  changeRecord(
      core_, store::Durability::kDurable, id, [&](Record& record) { record.name = name; },
      [&](store::Transaction& t, const Record& record) {
        core_.events.append(t, containerEvent(record, "rename", {{"oldName", "/" + view->name}}));
      });
  base::faultPoint("rename.recorded");
  if (view->running()) core_.networks.rename(id, name);
}

void Lifecycle::remove(const std::string& reference, bool force, bool volumes, Done done) {
  const std::string id = core_.records.get(reference)->id;
  if (force) core_.tasks.endLaunch(id);  // a start that hangs has the turn
  const auto turn = core_.strands.enter(id);
  const View view = core_.records.find(id);
  if (!view)
    return done(std::nullopt);  // another request removed it while this one waited for its turn
  const bool restarting = view->state.status == Status::kRestarting;
  if ((view->running() || restarting) && !force) {
    base::fail(Code::kConflict,
               "cannot remove container \"{}\": container is {}: stop the container before "
               "removing or force remove",
               view->name,
               view->state.status == Status::kPaused ? "paused"
               : restarting                          ? "restarting"
                                                     : "running");
  }
  cancelRestart(id);
  if (!view->running()) {
    removeInStrand(view, volumes);
    return done(std::nullopt);
  }
  changeRecord(core_, store::Durability::kLazy, id, [](Record& record) { stopForGood(record); });
  endThenRemove(view, volumes, std::move(done));
}

// The exit is handled in a turn of its own, and the removal takes one after it. A start that waits
// for its turn between the two is refused: its process would be nobody's.
void Lifecycle::endThenRemove(const View& view, bool volumes, Done done) {
  const std::string id = view->id;
  forbidStarts(id);
  const auto finished = [this, id, done = std::move(done)](std::optional<base::Error> error) {
    allowStarts(id);
    done(std::move(error));
  };
  const auto removal = [this, id, volumes, finished] {
    std::optional<base::Error> failure;
    try {
      const auto after = core_.strands.enter(id);
      if (const View ended = core_.records.find(id)) removeInStrand(ended, volumes);
    } catch (const base::Error& error) {
      failure = error;
    }
    finished(std::move(failure));
  };
  try {
    stopRunning(view, SIGKILL, 0, [this, removal, finished](std::optional<base::Error> error) {
      if (error) return finished(std::move(error));
      core_.workers.post(removal);
    });
  } catch (const base::Error&) {
    allowStarts(id);
    throw;
  }
}

void Lifecycle::forbidStarts(const std::string& id) {
  base::Lock lock(mutex_);
  removing_.insert(id);
}

void Lifecycle::allowStarts(const std::string& id) {
  base::Lock lock(mutex_);
  removing_.erase(removing_.find(id));
}

bool Lifecycle::mayStart(const std::string& id) {
  base::Lock lock(mutex_);
  return !removing_.contains(id);
}

void Lifecycle::removeInStrand(const View& view, bool volumes) {
  removeContainer(core_, view, volumes);
  attachers_.take(view->id);  // their connections close
  core_.exits.removed(view->id, {view->state.exitCode, ""});
}

}  // namespace container
