#include "engine/container/remover.h"

#include <fcntl.h>

#include <map>
#include <set>

#include "engine/container/starter.h"
#include "platform/base/fault.h"
#include "platform/base/log.h"
#include "platform/sys/file.h"

namespace container {
namespace {

void removeDirectory(Core& core, const std::string& id) {
  try {
    sys::removeTree(core.containers.get(), id);
  } catch (const base::Error& error) {
    base::log::warn("a container's directory could not be removed; the next start tries again",
                    {{"container", id}, {"error", error.message()}});
  }
}

void removeAnonymousVolumes(Core& core, const Record& record) {
  for (const MountRecord& mount : record.mounts) {
    if (mount.type != "volume" || !mount.anonymous) continue;
    try {
      core.volumes.remove(mount.name, true);
    } catch (const base::Error& error) {
      // Another container may have taken it over by --volumes-from.
      base::log::debug("anonymous volume stays",
                       {{"volume", mount.name}, {"error", error.message()}});
    }
  }
}

// A start that a dying daemon left half done has made a namespace that nobody will release.
void sweepSandboxes(Core& core) {
  std::map<std::string, std::set<std::string>> users;
  for (const View& view : core.records.all()) {
    if (view->running()) users[sandboxOf(core, *view)].insert(view->id);
  }
  core.sandboxes.retain(users);
}

void sweepCgroups(Core& core) {
  std::vector<std::string> keep;
  for (const View& view : core.records.all()) {
    if (view->running()) keep.push_back(view->id);
  }
  for (const std::string& id : setAside(core)) keep.push_back(id);
  cgroup::sweep(core.cgroups, core.settings.cgroupParent, keep);
}

void sweepDirectories(Core& core) {
  const std::set<std::string> damaged = setAside(core);
  const auto owned = [&](const std::string& id) {
    return core.records.find(id) != nullptr || damaged.contains(id);
  };
  core.snapshots.retainWritables(owned);
  for (const std::string& name : sys::listDir(core.containers.get())) {
    if (!owned(name)) removeDirectory(core, name);
  }
}

// What cannot be swept now is in nobody's way, and the next start tries again.
void sweepStep(Core& core, const char* what, void (*step)(Core&)) {
  try {
    step(core);
  } catch (const base::Error& error) {
    base::log::warn("leftovers of an earlier daemon stay",
                    {{"what", what}, {"error", error.message()}});
  }
}

}  // namespace

void removeContainer(Core& core, const View& view, bool volumes) {
  base::faultPoint("remove.record");
  core.store.write(store::Durability::kDurable, [&](store::Transaction& t) {
    core.records.remove(t, view->id);
    core.volumes.release(t, view->id);
    for (const MountRecord& mount : view->mounts) {
      if (volumes && mount.type == "volume" && mount.anonymous) core.volumes.condemn(t, mount.name);
    }
    core.events.append(t, containerEvent(*view, "destroy"));
  });
  base::faultPoint("remove.files");
  core.networks.leave(view->id);
  core.snapshots.removeWritable(view->id);
  if (volumes) removeAnonymousVolumes(core, *view);
  removeDirectory(core, view->id);
}

std::set<std::string> setAside(const Core& core) {
  std::set<std::string> ids;
  core.store.read([&](store::Reader& reader) {
    reader.query("SELECT id FROM container", {},
                 [&](const store::Row& row) { ids.insert(row.text(0)); });
  });
  std::erase_if(ids, [&](const std::string& id) { return core.records.find(id) != nullptr; });
  return ids;
}

void sweepLeftovers(Core& core) {
  sweepStep(core, "files", sweepDirectories);
  sweepStep(core, "network namespaces", sweepSandboxes);
  sweepStep(core, "control groups", sweepCgroups);
}

}  // namespace container
