#include "runtime/cgroup/v1.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "platform/base/error.h"
#include "platform/base/scope_exit.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"
#include "runtime/cgroup/v2.h"

namespace cgroup {

using base::Code;
using base::fail;

bool V1Hierarchy::has(const std::string& controller) const {
  return std::find(controllers.begin(), controllers.end(), controller) != controllers.end();
}

V1Driver::V1Driver(std::vector<V1Hierarchy> hierarchies, std::string unifiedMountPoint)
    : all_(std::move(hierarchies)), unified_mount_point_(std::move(unifiedMountPoint)) {
  if (!unified_mount_point_.empty())
    unified_ = sys::openAt(AT_FDCWD, unified_mount_point_, O_RDONLY | O_DIRECTORY);
}

template <class Each>
void V1Driver::eachRoot(Each&& each) const {
  for (const auto& hierarchy : all_) each(hierarchy.root.get());
  if (unified_.valid()) each(unified_.get());
}

sys::Fd V1Driver::dirOf(const std::string& controller, const std::string& path) const {
  for (const auto& hierarchy : all_) {
    if (!hierarchy.has(controller)) continue;
    auto dir = openGroup(hierarchy.root.get(), path);
    return dir ? std::move(*dir) : sys::Fd();
  }
  return {};
}

namespace {

// A new cpuset has neither processors nor memory and takes no process until both are given, level
// by level.
void inheritCpuset(int root, const std::string& path) {
  std::string so;
  std::string above = ".";
  for (const auto& piece : base::split(path, '/')) {
    so += (so.empty() ? "" : "/") + piece;
    for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
      const std::string own = readText(root, so + "/" + file);
      if (!base::trim(own).empty()) continue;
      writeLimit(root, so + "/" + file,
                 std::string(base::trim(readText(root, above + "/" + file))));
    }
    above = so;
  }
}

}  // namespace

void V1Driver::apply(const std::string& path, const oci::Resources& resources, bool fresh) {
  if (!resources.unified.empty())
    fail(Code::kInvalidArgument, "invalid configuration: unified resources need cgroup v2");
  for (const auto& hierarchy : all_) {
    for (const auto& controller : hierarchy.controllers) {
      const auto dir = openGroup(hierarchy.root.get(), path);
      if (!dir) fail(Code::kNotFound, "cgroup {} is gone", path);
      applyV1(controller, dir->get(), resources, fresh);
    }
  }
  // The controllers that this host left to v2 (hugetlb here) take their limits there.
  if (!unified_.valid() || (resources.hugepageLimits.empty() && resources.rdma.empty())) return;
  const auto dir = openGroup(unified_.get(), path);
  oci::Resources rest;
  rest.hugepageLimits = resources.hugepageLimits;
  const bool covered =
      std::any_of(all_.begin(), all_.end(), [](const auto& entry) { return entry.has("hugetlb"); });
  if (dir && !covered) applyV2(dir->get(), rest);
}

Group V1Driver::create(const std::string& given, const oci::Resources& resources) {
  const std::string path = checkedPath(given);
  const bool existed = openGroup(all_.front().root.get(), path).has_value();
  base::ScopeExit undo([&] {
    if (!existed) remove(path, std::chrono::milliseconds(0));
  });
  for (const auto& hierarchy : all_) {
    sys::makeDirs(hierarchy.root.get(), path, 0755);
    if (hierarchy.has("cpuset")) inheritCpuset(hierarchy.root.get(), path);
  }
  if (unified_.valid()) makeV2Group(unified_.get(), path);
  apply(path, resources, !existed);
  Group group = open(path);
  undo.dismiss();
  return group;
}

Group V1Driver::open(const std::string& given) {
  const std::string path = checkedPath(given);
  Group group;
  for (const auto& hierarchy : all_) {
    auto dir = sys::openAtIfExists(hierarchy.root.get(), path, O_PATH | O_DIRECTORY);
    if (!dir) fail(Code::kNotFound, "cgroup {} does not exist", path);
    if (hierarchy.has("memory")) {
      if (auto oom = sys::openAtIfExists(dir->get(), "memory.oom_control", O_RDONLY))
        group.oomEvents = std::move(*oom);
    }
    // Not cgroup.procs: there the kernel stops every fork on the host, which costs a grace period
    // of RCU (10 to 30 ms on a quiet machine). Who joins has one thread, so both files mean the
    // same.
    group.joins.push_back({std::move(*dir), "tasks"});
  }
  if (unified_.valid()) {
    auto dir = sys::openAtIfExists(unified_.get(), path, O_PATH | O_DIRECTORY);
    if (!dir) fail(Code::kNotFound, "cgroup {} does not exist", path);
    group.into = std::move(*dir);
  }
  return group;
}

void V1Driver::update(const std::string& path, const oci::Resources& resources) {
  apply(checkedPath(path), resources, false);
}

Stats V1Driver::stats(const std::string& given) {
  const std::string path = checkedPath(given);
  Stats stats;
  bool found = false;
  for (const auto& hierarchy : all_) {
    const auto dir = openGroup(hierarchy.root.get(), path);
    if (!dir) continue;
    found = true;
    for (const auto& controller : hierarchy.controllers) readV1(controller, dir->get(), stats);
  }
  if (!found) fail(Code::kNotFound, "cgroup {} does not exist", path);
  return stats;
}

std::vector<int> V1Driver::processes(const std::string& given) {
  const std::string path = checkedPath(given);
  // A process of a privileged container may have moved in one hierarchy and not in another.
  std::set<int> ids;
  const auto add = [&](int root) {
    const auto dir = openGroup(root, path);
    if (!dir) return;
    for (const int id : readProcesses(dir->get())) ids.insert(id);
  };
  if (unified_.valid()) add(unified_.get());
  for (const char* controller : {"pids", "devices", "freezer"}) {
    for (const auto& hierarchy : all_) {
      if (hierarchy.has(controller)) add(hierarchy.root.get());
    }
  }
  return {ids.begin(), ids.end()};
}

void V1Driver::setFreezer(const std::string& path, bool frozen) {
  const auto dir = dirOf("freezer", path);
  if (!dir.valid()) fail(Code::kNotFound, "cgroup {} does not exist", path);
  if (!frozen) return writeLimit(dir.get(), "freezer.state", "THAWED");
  int round = 0;
  const bool done = waitUntil(std::chrono::seconds(2), [&] {
    // A process between two system calls keeps the group FREEZING: thawed and frozen again, it is
    // caught elsewhere.
    if (++round % 50 == 0) writeLimit(dir.get(), "freezer.state", "THAWED");
    writeLimit(dir.get(), "freezer.state", "FROZEN");
    return base::trim(readText(dir.get(), "freezer.state")) == "FROZEN";
  });
  if (done) return;
  writeLimit(dir.get(), "freezer.state", "THAWED");
  fail(Code::kDeadlineExceeded, "unable to freeze: not all processes stopped");
}

void V1Driver::freeze(const std::string& given) {
  const std::string path = checkedPath(given);
  if (!unified_.valid()) return setFreezer(path, true);
  const auto dir = openGroup(unified_.get(), path);
  if (!dir) fail(Code::kNotFound, "cgroup {} does not exist", path);
  freezeV2(dir->get(), true);
}

void V1Driver::thaw(const std::string& given) {
  const std::string path = checkedPath(given);
  if (!unified_.valid()) return setFreezer(path, false);
  const auto dir = openGroup(unified_.get(), path);
  if (!dir) fail(Code::kNotFound, "cgroup {} does not exist", path);
  freezeV2(dir->get(), false);
}

bool V1Driver::frozen(const std::string& given) {
  const std::string path = checkedPath(given);
  if (unified_.valid()) {
    const auto dir = openGroup(unified_.get(), path);
    return dir && frozenV2(dir->get());
  }
  const auto dir = dirOf("freezer", path);
  return dir.valid() && base::trim(readText(dir.get(), "freezer.state")) != "THAWED";
}

void V1Driver::killOld(const std::string& path) {
  // Signals race with forks; each round finds what the last one missed, and a frozen group forks
  // nothing.
  waitUntil(std::chrono::seconds(2), [&] {
    const auto ids = processes(path);
    for (const int id : ids) ::kill(id, SIGKILL);
    if (const auto dir = dirOf("freezer", path); dir.valid())
      writeLimit(dir.get(), "freezer.state", "THAWED");
    return ids.empty();
  });
}

void V1Driver::killAll(const std::string& given) {
  const std::string path = checkedPath(given);
  if (unified_.valid()) {
    if (const auto dir = openGroup(unified_.get(), path)) killV2(dir->get());
  }
  // Those that left the v2 group are still in the others.
  if (!processes(path).empty()) killOld(path);
}

std::uint64_t V1Driver::oomKills(const std::string& path) {
  const auto dir = dirOf("memory", checkedPath(path));
  if (!dir.valid()) return 0;
  const auto table = readTable(dir.get(), "memory.oom_control");
  const auto found = table.find("oom_kill");
  return found == table.end() ? 0 : found->second;
}

void V1Driver::remove(const std::string& given, std::chrono::milliseconds patience) {
  const std::string path = checkedPath(given);
  const bool gone = waitUntil(patience, [&] {
    bool all = true;
    eachRoot([&](int root) { all &= removeGroup(root, path); });
    return all;
  });
  if (!gone) fail(Code::kConflict, "cgroup {} still has processes", path);
}

bool V1Driver::prune(const std::string& given) {
  const std::string path = checkedPath(given);
  bool all = true;
  eachRoot([&](int root) {
    all &= ::unlinkat(root, path.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT;
  });
  return all;
}

std::vector<std::string> V1Driver::children(const std::string& given) {
  const std::string path = checkedPath(given);
  std::set<std::string> names;
  eachRoot([&](int root) {
    const auto dir = openGroup(root, path);
    if (!dir) return;
    for (auto& name : childGroups(dir->get())) names.insert(std::move(name));
  });
  return {names.begin(), names.end()};
}

std::vector<Driver::Hierarchy> V1Driver::hierarchies() const {
  std::vector<Hierarchy> result;
  for (const auto& hierarchy : all_)
    result.push_back({hierarchy.mountPoint, hierarchy.name, "cgroup", hierarchy.options});
  if (unified_.valid()) result.push_back({unified_mount_point_, "unified", "cgroup2", {}});
  return result;
}

sys::CgroupVersion V1Driver::version() const {
  return unified_.valid() ? sys::CgroupVersion::kHybrid : sys::CgroupVersion::kV1;
}

}  // namespace cgroup
