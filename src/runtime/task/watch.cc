// What the shims say by themselves. Everything here runs on the watcher thread.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "platform/base/log.h"
#include "platform/sys/file.h"
#include "platform/sys/socket.h"
#include "runtime/task/tasks_impl.h"

namespace task {

void Tasks::Impl::watch(const std::shared_ptr<Entry>& entry,
                        const std::shared_ptr<shim::Client>& client) {
  shim::Client::Handlers handlers;
  handlers.exited = [this, entry](const shimwire::Exited& exited) { onExited(*entry, exited); };
  handlers.detached = [this, entry](std::uint64_t number, bool byKeys) {
    onDetached(*entry, number, byKeys);
  };
  handlers.lost = [this, entry] { onLost(entry); };
  // Nobody else gets hold of a client that is not watched yet.
  const base::Lock lock(entry->mutex);
  client->watch(loop, std::move(handlers));
  entry->client = client;
}

// The shim is our child as long as this daemon lives.
void Tasks::Impl::reapLater(sys::Child process) {
  auto child = std::make_shared<sys::Child>(std::move(process));
  loop.post([this, child] {
    loop.watch(child->pidfd.get(), EPOLLIN, [this, child](std::uint32_t) {
      // The callback goes with the watch, and its captures with it.
      const auto held = child;  // NOLINT(performance-unnecessary-copy-initialization)
      siginfo_t info{};
      ::waitid(P_PIDFD, static_cast<id_t>(held->pidfd.get()), &info, WEXITED);
      loop.unwatch(held->pidfd.get());
    });
  });
}

void Tasks::Impl::report(const Exit& exit) {
  std::function<void(const Exit&)> callback;
  {
    const base::Lock lock(mutex);
    callback = onExit;
    if (!callback) early.push_back(exit);
  }
  if (callback) callback(exit);
}

void Tasks::Impl::onExited(Entry& entry, const shimwire::Exited& exited) {
  Exit exit;
  exit.id = entry.id;
  exit.code = exited.code;
  exit.at = base::Time{exited.timeNs};
  if (exited.target == shimwire::kTask) {
    exit.oomKilled = (exited.flags & shimwire::kExitOom) != 0;
    finish(entry, exit, {});
    return;
  }
  exit.exec = shim::idText(exited.id);
  std::shared_ptr<shim::Client> client;
  {
    const base::Lock lock(entry.mutex);
    // Told twice when a conversation broke between our Forget and the shim's reading of it.
    if (entry.execs.erase(exited.target) == 0) exit.exec.clear();
    client = entry.client;
  }
  if (!exit.exec.empty()) report(exit);
  if (!client) return;
  auto forget = shimwire::make<shimwire::Forget>(0, shimwire::kQuiet);
  forget.target = exited.target;
  try {
    client->send(forget);
  } catch (const base::Error&) {
    // The shim is on its way out, and its slots with it.
  }
}

void Tasks::Impl::onDetached(Entry& entry, std::uint64_t number, bool byKeys) {
  std::function<void(bool)> callback;
  {
    const base::Lock lock(entry.mutex);
    const auto at = entry.detachers.find(number);
    if (at == entry.detachers.end()) return;
    callback = std::move(at->second);
    entry.detachers.erase(at);
  }
  callback(byKeys);
}

void Tasks::Impl::onLost(const std::shared_ptr<Entry>& entry) {
  bool ended;
  {
    const base::Lock lock(entry->mutex);
    ended = entry->ended;
    entry->client = nullptr;
  }
  if (!ended) {
    try {
      if (const auto info = shim::readExit(entry->directory.get())) {
        finish(*entry, exitOfRecord(entry->id, *info), info->execs);
      } else if (reconnect(entry)) {
        return;
      } else {
        options.cgroups->killAll(entry->cgroupPath);
        Exit exit = lostExit(entry->id, "its shim died");
        exit.startedAt = entry->running.startedAt;
        finish(*entry, exit, {});
      }
    } catch (const base::Error& error) {
      finish(*entry, lostExit(entry->id, error.message()), {});
    }
  }
  std::map<std::uint64_t, std::function<void(bool)>> detachers;
  {
    const base::Lock lock(entry->mutex);
    detachers.swap(entry->detachers);
  }
  for (auto& [number, callback] : detachers) callback(false);
}

// A shim closes a conversation whose other end did not read for long; it still stands.
bool Tasks::Impl::reconnect(const std::shared_ptr<Entry>& entry) {
  std::shared_ptr<shim::Client> client;
  try {
    client = std::make_shared<shim::Client>(
        sys::connectUnix(entry->directory.get(), shimwire::kSocketName, SOCK_SEQPACKET));
    client->hello(1000);
  } catch (const base::Error&) {
    return false;
  }
  base::log::warn("reconnected to a shim that had hung up", {{"container", entry->id}});
  watch(entry, client);
  return true;
}

// Once a task: first its execs that nobody reported yet, then itself.
void Tasks::Impl::finish(Entry& entry, const Exit& exit,
                         const std::vector<shimwire::ExecExit>& execs) {
  std::map<std::uint32_t, Entry::Exec> open;
  {
    const base::Lock lock(entry.mutex);
    if (entry.ended) return;
    entry.ended = true;
    open.swap(entry.execs);
  }
  for (const auto& [target, exec] : open) {
    Exit ended = lostExit(entry.id, "its container ended");
    ended.exec = exec.id;
    for (const shimwire::ExecExit& known : execs) {
      if (shim::idText(known.id) != exec.id) continue;
      ended.code = known.code;
      ended.known = true;
      ended.error.clear();
      ended.at = base::Time{known.timeNs};
    }
    report(ended);
  }
  report(exit);
}

}  // namespace task
