#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>

#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/log.h"
#include "platform/sys/file.h"
#include "platform/sys/process.h"
#include "platform/sys/socket.h"
#include "runtime/task/tasks_impl.h"

namespace task {

namespace {
constexpr int kHelloPatienceMs = 3000;
constexpr std::chrono::milliseconds kRemovePatience{2000};
const std::string kForgotten = ".forgotten-";  // what is being removed
}  // namespace

Exit Tasks::Impl::exitOfRecord(const std::string& id, const shim::ExitInfo& info) const {
  Exit exit;
  exit.id = id;
  exit.code = info.record.code;
  exit.oomKilled = (info.record.flags & shimwire::kExitOom) != 0;
  exit.at = base::Time{info.record.timeNs};
  exit.startedAt = base::Time{info.record.startedNs};
  return exit;
}

Exit Tasks::Impl::lostExit(const std::string& id, const std::string& reason) const {
  Exit exit;
  exit.id = id;
  exit.code = 255;
  exit.known = false;
  exit.error = "exit status lost: " + reason;
  exit.at = base::Time::now();
  return exit;
}

std::vector<Recovered> Tasks::Impl::recover() {
  std::vector<Recovered> found;
  for (const std::string& id : sys::listDir(directory.get())) {
    if (id.starts_with(kForgotten)) {
      sys::removeTree(directory.get(), id);
      continue;
    }
    try {
      if (auto one = recoverOne(id)) found.push_back(std::move(*one));
    } catch (const base::Error& error) {
      base::log::error("cannot recover a container",
                       {{"container", id}, {"error", error.message()}});
      Recovered lost;
      lost.id = id;
      lost.exit = lostExit(id, error.message());
      found.push_back(std::move(lost));
    }
  }
  groups.tidyLater();
  return found;
}

// What a living shim said of itself.
void Tasks::Impl::adopt(Entry& entry, const shim::Client::Known& known) const {
  entry.running = {known.state.pid, base::Time{known.state.startedNs}};
  if (known.state.pid > 0) {
    if (auto pidfd = sys::openPidfd(known.state.pid)) entry.pidfd = std::move(*pidfd);
  }
  const base::Lock lock(entry.mutex);
  entry.nextTarget = known.state.nextTarget;
  entry.nextAttacher = known.state.nextAttacher;
  for (const shimwire::ExecState& exec : known.execs) {
    entry.execs[exec.target] = {shim::idText(exec.id), exec.pid};
  }
}

std::optional<Recovered> Tasks::Impl::recoverOne(const std::string& id) {
  auto entry = std::make_shared<Entry>();
  entry->id = id;
  entry->directory = sys::openAt(directory.get(), id, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  const int dir = entry->directory.get();
  const auto status = shim::readStatus(dir);
  if (status) entry->cgroupPath = status->cgroup;

  Recovered recovered;
  recovered.id = id;
  std::shared_ptr<shim::Client> client;
  auto info = shim::readExit(dir);
  if (!info) {
    try {
      client = std::make_shared<shim::Client>(
          sys::connectUnix(dir, shimwire::kSocketName, SOCK_SEQPACKET));
      adopt(*entry, client->hello(kHelloPatienceMs));
      if (entry->running.pid == 0) {  // it was never told to go, and waits for a daemon that died
        client->close();
        client = nullptr;
      }
    } catch (const base::Error& error) {
      client = nullptr;
      info = shim::readExit(dir);  // it may have ended in between
      if (!info && error.code() == base::Code::kDeadlineExceeded) {
        base::log::error("a shim does not answer", {{"container", id}});
      }
    }
  }
  if (client) {
    recovered.running = entry->running;
    {
      const base::Lock lock(entry->mutex);
      for (const auto& [target, exec] : entry->execs) recovered.execs.push_back(exec.id);
    }
    groups.enter();
    insert(entry);
    watch(entry, client);
    return recovered;
  }
  if (!info && (!status || status->pid == 0)) {
    // Never started: the daemon died before it could say go. Nobody was told of it.
    if (!entry->cgroupPath.empty()) {
      options.cgroups->killAll(entry->cgroupPath);
      options.cgroups->remove(entry->cgroupPath, kRemovePatience);
    }
    removeDirectory(id);
    return std::nullopt;
  }
  if (info) {
    recovered.exit = exitOfRecord(id, *info);
  } else {
    options.cgroups->killAll(entry->cgroupPath);
    recovered.exit = lostExit(id, "its shim died");
    recovered.exit->startedAt = base::Time{status->startedNs};
  }
  {
    const base::Lock lock(entry->mutex);
    entry->ended = true;
  }
  groups.enter();
  insert(entry);
  return recovered;
}

// Out of the way first: half a directory would tell of an exit that nobody knows.
void Tasks::Impl::removeDirectory(const std::string& id) const {
  const std::string aside = kForgotten + id;
  sys::removeTree(directory.get(), aside);
  if (::renameat(directory.get(), id.c_str(), directory.get(), aside.c_str()) < 0) {
    if (errno == ENOENT) return;
    base::failErrno(errno, "rename", id);
  }
  base::faultPoint("task.forget");
  sys::removeTree(directory.get(), aside);
}

void Tasks::Impl::forget(const std::string& id) {
  const auto entry = find(id);
  if (entry) {
    {
      const base::Lock lock(entry->mutex);
      if (!entry->ended) base::fail(base::Code::kConflict, "container {} is running", id);
    }
    if (!entry->cgroupPath.empty()) {
      options.cgroups->killAll(entry->cgroupPath);
      options.cgroups->remove(entry->cgroupPath, kRemovePatience);
    }
  }
  removeDirectory(id);
  {
    const base::Lock lock(mutex);
    entries.erase(id);
  }
  if (entry) groups.leave();
}

}  // namespace task
