#include "engine/container/mount_sources.h"

#include <fcntl.h>

#include "platform/base/error.h"
#include "platform/base/log.h"
#include "platform/sys/file.h"
#include "platform/sys/open_in_root.h"

namespace container {
namespace {

using base::Code;

sys::Fd openBind(const MountRecord& mount) {
  if (auto existing = sys::openAtIfExists(AT_FDCWD, mount.source, O_PATH))
    return std::move(*existing);
  if (!mount.createSource) {
    base::fail(Code::kInvalidArgument,
               "invalid mount config for type \"bind\": bind source path does not exist: {}",
               mount.source);
  }
  return base::within("error while creating mount source path '" + mount.source + "'",
                      [&] { return sys::makeDirs(AT_FDCWD, mount.source, 0755); });
}

sys::Fd openVolume(Core& core, const Record& record, const MountRecord& mount, int rootfs) {
  sys::Fd directory = core.volumes.openMount(
      mount.name, record.id, {mount.destination, mount.readWrite, mount.propagation});
  if (!mount.noCopy && mount.subpath.empty()) {
    // The image's directory at the destination, found inside the root file system only:
    // CVE-2022-23648.
    if (auto image = sys::openInRootIfExists(rootfs, mount.destination, O_PATH | O_DIRECTORY)) {
      core.volumes.copyUp(mount.name, image->get(), record.id);
    }
  }
  if (mount.subpath.empty()) return directory;
  auto below = sys::openInRootIfExists(directory.get(), mount.subpath, O_PATH);
  if (!below)
    base::fail(Code::kInvalidArgument,
               "cannot access path {}: no such file or directory in volume {}", mount.subpath,
               mount.name);
  return std::move(*below);
}

}  // namespace

std::vector<task::MountSource> openMounts(Core& core, const Record& record, int rootfs) {
  std::vector<task::MountSource> sources;
  for (const MountRecord& mount : record.mounts) {
    if (mount.type == "bind") sources.push_back({mount.destination, openBind(mount)});
    if (mount.type == "volume")
      sources.push_back({mount.destination, openVolume(core, record, mount, rootfs)});
  }
  return sources;
}

void closeMounts(Core& core, const Record& record) noexcept {
  for (const MountRecord& mount : record.mounts) {
    if (mount.type != "volume") continue;
    try {
      core.volumes.closeMount(mount.name, record.id);
    } catch (const std::exception& error) {
      base::log::warn("volume could not be unmounted",
                      {{"volume", mount.name}, {"container", record.id}, {"error", error.what()}});
    }
  }
}

}  // namespace container
