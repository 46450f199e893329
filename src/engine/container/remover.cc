#include "engine/container/remover.h"

#include <fcntl.h>

#include <algorithm>
#include <set>

#include "engine/container/validate.h"
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

bool stillThere(const Core& core, const std::string& sandboxId) {
  const auto all = core.sandboxes.list();
  return std::any_of(all.begin(), all.end(),
                     [&](const sandbox::Sandbox& s) { return s.id == sandboxId; });
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
  std::set<std::string> used;
  for (const View& view : core.records.all()) {
    if (!view->running()) continue;
    const std::string& mode = view->hostConfig.networkMode;
    used.insert(isContainerMode(mode) ? containerOfMode(mode) : view->id);
  }
  for (const sandbox::Sandbox& sandbox : core.sandboxes.list()) {
    if (used.contains(sandbox.id)) continue;
    // As often as it is referred to; bounded, should a row refuse to go.
    for (int tries = 0; tries < 1000 && stillThere(core, sandbox.id); ++tries)
      core.sandboxes.release(sandbox.id);
  }
}

}  // namespace

void removeContainer(Core& core, const View& view, bool volumes) {
  base::faultPoint("remove.record");
  core.store.write(store::Durability::kDurable, [&](store::Transaction& t) {
    core.records.remove(t, view->id);
    core.volumes.release(t, view->id);
    core.events.append(t, containerEvent(*view, "destroy"));
  });
  base::faultPoint("remove.files");
  core.networks.leave(view->id);
  core.snapshots.removeWritable(view->id);
  if (volumes) removeAnonymousVolumes(core, *view);
  removeDirectory(core, view->id);
}

void sweepLeftovers(Core& core) {
  const auto owned = [&](const std::string& id) { return core.records.find(id) != nullptr; };
  core.snapshots.retainWritables(owned);
  for (const std::string& name : sys::listDir(core.containers.get())) {
    if (!owned(name)) removeDirectory(core, name);
  }
  sweepSandboxes(core);
  std::vector<std::string> keep;
  for (const View& view : core.records.all()) keep.push_back(view->id);
  cgroup::sweep(core.cgroups, core.settings.cgroupParent, keep);
}

}  // namespace container
