#include "engine/container/mount_sources.h"

#include <fcntl.h>

#include "platform/base/error.h"
#include "platform/base/log.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"
#include "platform/sys/open_in_root.h"

namespace container {
namespace {

using base::Code;

// The line of mountinfo of the mount that a descriptor is on: "id parent dev root target options
// [shared:N] [master:N]… - …". Empty: it is none of this process's mounts.
std::vector<std::string> mountLineOf(const sys::Fd& file) {
  const std::string info =
      sys::readFile(AT_FDCWD, "/proc/self/fdinfo/" + std::to_string(file.get()));
  const size_t at = info.find("mnt_id:");
  if (at == std::string::npos) return {};
  const std::string_view number =
      std::string_view(info).substr(at + 7, info.find('\n', at) - at - 7);
  const std::string id(number.substr(number.find_first_not_of(" \t")));
  for (const std::string& line :
       base::split(sys::readFile(AT_FDCWD, "/proc/self/mountinfo"), '\n')) {
    if (line.starts_with(id + " ")) return base::split(line, ' ');
  }
  return {};
}

// What is mounted inside can reach the host, or the other way round, only over a mount that takes
// part.
void requirePropagation(const MountRecord& mount, const sys::Fd& source) {
  const bool shared = mount.propagation.ends_with("shared");
  if (!shared && !mount.propagation.ends_with("slave")) return;
  const std::vector<std::string> line = mountLineOf(source);
  constexpr size_t kTarget = 4;
  constexpr size_t kOptional = 6;
  if (line.size() <= kOptional) return;
  for (size_t i = kOptional; i < line.size() && line[i] != "-"; ++i) {
    if (line[i].starts_with("shared:") || (!shared && line[i].starts_with("master:"))) return;
  }
  base::fail(Code::kInternal, "path {} is mounted on {} but it is not a {} mount", mount.source,
             line[kTarget], shared ? "shared" : "shared or slave");
}

sys::Fd openBind(const MountRecord& mount) {
  if (auto existing = sys::openAtIfExists(AT_FDCWD, mount.source, O_PATH)) {
    requirePropagation(mount, *existing);
    return std::move(*existing);
  }
  if (!mount.createSource) {
    base::fail(Code::kInvalidArgument,
               "invalid mount config for type \"bind\": bind source path does not exist: {}",
               mount.source);
  }
  sys::Fd made = base::within("error while creating mount source path '" + mount.source + "'",
                              [&] { return sys::makeDirs(AT_FDCWD, mount.source, 0755); });
  requirePropagation(mount, made);
  return made;
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
