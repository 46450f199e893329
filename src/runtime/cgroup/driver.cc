#include <fcntl.h>

#include <algorithm>
#include <set>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"
#include "platform/sys/mount.h"
#include "runtime/cgroup/v1.h"
#include "runtime/cgroup/v2.h"

namespace cgroup {
namespace {

std::set<std::string> knownControllers() {
  std::set<std::string> names;
  for (const auto& line :
       base::split(sys::readFileIfExists(AT_FDCWD, "/proc/cgroups").value_or(""), '\n')) {
    if (!line.empty() && line[0] != '#') names.insert(std::string(base::cut(line, '\t').first));
  }
  return names;
}

V1Hierarchy hierarchyOf(const sys::MountInfo& mount, const std::set<std::string>& known) {
  V1Hierarchy hierarchy;
  hierarchy.mountPoint = mount.mountPoint;
  hierarchy.name = mount.mountPoint.substr(mount.mountPoint.rfind('/') + 1);
  for (const auto& word : base::split(mount.superOptions, ',')) {
    if (known.contains(word)) hierarchy.controllers.push_back(word);
    if (word.starts_with("name=")) hierarchy.options = {"none", word};
  }
  if (hierarchy.options.empty()) hierarchy.options = hierarchy.controllers;
  hierarchy.root = sys::openAt(AT_FDCWD, mount.mountPoint, O_RDONLY | O_DIRECTORY);
  return hierarchy;
}

}  // namespace

std::unique_ptr<Driver> makeDriver(const sys::HostFacts& host) {
  if (host.cgroups == sys::CgroupVersion::kV2) return makeV2Driver("/sys/fs/cgroup");
  const auto known = knownControllers();
  std::vector<V1Hierarchy> hierarchies;
  std::set<std::string> seen;
  std::string unified;
  for (const auto& mount : sys::readMounts()) {
    // The same hierarchy may be mounted for others as well; the host's own place is what we use.
    if (!mount.mountPoint.starts_with("/sys/fs/cgroup/") || mount.root != "/") continue;
    if (mount.type == "cgroup2") unified = mount.mountPoint;
    if (mount.type == "cgroup" && seen.insert(mount.device).second)
      hierarchies.push_back(hierarchyOf(mount, known));
  }
  if (hierarchies.empty())
    base::fail(base::Code::kUnavailable, "no cgroup hierarchy is mounted at /sys/fs/cgroup");
  return std::make_unique<V1Driver>(std::move(hierarchies), unified);
}

std::unique_ptr<Driver> makeV2Driver(const std::string& mountPoint) {
  return std::make_unique<V2Driver>(mountPoint);
}

void sweep(Driver& driver, const std::string& parent, const std::vector<std::string>& keep) {
  for (const auto& name : driver.children(parent)) {
    if (std::find(keep.begin(), keep.end(), name) != keep.end()) continue;
    const std::string path = parent + "/" + name;
    driver.killAll(path);
    driver.remove(path, std::chrono::seconds(2));
  }
}

}  // namespace cgroup
