#include "engine/container/devices.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <optional>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"

namespace container {
namespace {

using base::Code;

constexpr int kMaxDepth = 4;

std::optional<oci::Device> nodeOf(const std::string& hostPath, const std::string& containerPath) {
  const auto info = sys::statAtIfExists(AT_FDCWD, hostPath, 0);
  if (!info || !(S_ISCHR(info->st_mode) || S_ISBLK(info->st_mode))) return std::nullopt;
  oci::Device device;
  device.path = containerPath;
  device.type = S_ISCHR(info->st_mode) ? "c" : "b";
  device.major = static_cast<std::int64_t>(major(info->st_rdev));
  device.minor = static_cast<std::int64_t>(minor(info->st_rdev));
  device.fileMode = info->st_mode & 07777;
  device.uid = info->st_uid;
  device.gid = info->st_gid;
  return device;
}

// What every container has or must not have from the host: ptys, shared memory, queues, logs.
bool ours(const std::string& name) {
  return name == "pts" || name == "shm" || name == "fd" || name == "mqueue" || name == "console" ||
         name == "ptmx" || name == ".lxc" || name == ".lxd-mounts" || name == ".udev";
}

void collect(const std::string& hostDirectory, const std::string& containerDirectory, int depth,
             bool top, std::vector<oci::Device>& nodes) {
  if (depth == 0) return;
  for (const std::string& name : sys::listDir(AT_FDCWD, hostDirectory)) {
    if (top && ours(name)) continue;
    const std::string path = hostDirectory + "/" + name;
    const auto info = sys::statAtIfExists(AT_FDCWD, path);
    if (!info) continue;
    if (S_ISDIR(info->st_mode)) {
      collect(path, containerDirectory + "/" + name, depth - 1, false, nodes);
    } else if (auto node = nodeOf(path, containerDirectory + "/" + name);
               node && !S_ISLNK(info->st_mode)) {
      nodes.push_back(std::move(*node));
    }
  }
}

void checkPermissions(const std::string& permissions, const std::string& path) {
  if (permissions.empty() || permissions.find_first_not_of("rwm") != std::string::npos) {
    base::fail(Code::kInvalidArgument, "invalid device mode: {} (device {})", permissions, path);
  }
}

}  // namespace

oci::DeviceCgroup parseDeviceRule(const std::string& rule) {
  const auto parts = base::split(rule, ' ');
  const auto bad = [&] {
    base::fail(Code::kInvalidArgument, "invalid device cgroup rule format: '{}'", rule);
  };
  if (parts.size() != 3 || (parts[0] != "a" && parts[0] != "b" && parts[0] != "c")) bad();
  const auto [majorText, minorText] = base::cut(parts[1], ':');
  if (!minorText || parts[2].empty() || parts[2].find_first_not_of("rwm") != std::string::npos)
    bad();
  oci::DeviceCgroup result;
  result.allow = true;
  result.type = parts[0];
  result.access = parts[2];
  const auto number = [&](std::string_view text) -> std::optional<std::int64_t> {
    if (text == "*") return std::nullopt;
    const auto value = base::parseUint(text);
    if (!value || *value > 0xffffffffu) bad();
    return static_cast<std::int64_t>(*value);
  };
  result.major = number(majorText);
  result.minor = number(*minorText);
  return result;
}

Devices lookUpDevices(const dockerapi::HostConfig& h) {
  Devices devices;
  if (h.privileged) collect("/dev", "/dev", kMaxDepth, true, devices.nodes);
  for (const auto& mapping : h.resources.devices) {
    const std::string target =
        mapping.pathInContainer.empty() ? mapping.pathOnHost : mapping.pathInContainer;
    const std::string access =
        mapping.cgroupPermissions.empty() ? "rwm" : mapping.cgroupPermissions;
    checkPermissions(access, mapping.pathOnHost);
    std::vector<oci::Device> found;
    if (auto node = nodeOf(mapping.pathOnHost, target)) {
      found.push_back(std::move(*node));
    } else {
      const auto info = sys::statAtIfExists(AT_FDCWD, mapping.pathOnHost, 0);
      if (!info) {
        base::fail(Code::kInvalidArgument,
                   "error gathering device information while adding custom device {}: no such file "
                   "or directory",
                   base::quote(mapping.pathOnHost));
      }
      if (S_ISDIR(info->st_mode)) collect(mapping.pathOnHost, target, kMaxDepth, false, found);
      if (found.empty()) {
        base::fail(
            Code::kInvalidArgument,
            "error gathering device information while adding custom device {}: not a device node",
            base::quote(mapping.pathOnHost));
      }
    }
    for (oci::Device& node : found) {
      std::erase_if(devices.nodes,
                    [&](const oci::Device& other) { return other.path == node.path; });
      devices.rules.push_back({true, node.type, node.major, node.minor, access});
      devices.nodes.push_back(std::move(node));
    }
  }
  for (const std::string& rule : h.resources.deviceCgroupRules)
    devices.rules.push_back(parseDeviceRule(rule));
  return devices;
}

}  // namespace container
