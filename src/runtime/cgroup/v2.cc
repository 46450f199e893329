#include "runtime/cgroup/v2.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "platform/base/error.h"
#include "platform/base/scope_exit.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"

namespace cgroup {

using base::Code;
using base::fail;

bool frozenV2(int dir) {
  const auto events = readTable(dir, "cgroup.events");
  const auto found = events.find("frozen");
  return found != events.end() && found->second == 1;
}

void freezeV2(int dir, bool frozen) {
  writeLimit(dir, "cgroup.freeze", frozen ? "1" : "0");
  if (!frozen) return;
  // The kernel wakes readers of cgroup.events when the state changes.
  const sys::Fd events = sys::openAt(dir, "cgroup.events", O_RDONLY);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (!frozenV2(dir)) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      writeLimit(dir, "cgroup.freeze", "0");
      fail(Code::kDeadlineExceeded, "unable to freeze: not all processes stopped");
    }
    char buffer[256];
    [[maybe_unused]] const auto got = ::pread(events.get(), buffer, sizeof buffer, 0);
    pollfd waiting{events.get(), POLLPRI, 0};
    if (!frozenV2(dir))
      ::poll(&waiting, 1, static_cast<int>(std::min<long long>(left.count(), 50)));
  }
}

void killV2(int dir) {
  if (!writeLimitIfExists(dir, "cgroup.kill", "1")) {
    waitUntil(std::chrono::seconds(2), [&] {
      const auto ids = readProcesses(dir);
      for (const int id : ids) ::kill(id, SIGKILL);
      return ids.empty();
    });
  }
  writeLimitIfExists(dir, "cgroup.freeze", "0");
}

namespace {

void handDown(int dir) {
  std::string all;
  const auto enabled = base::split(base::trim(readText(dir, "cgroup.subtree_control")), ' ');
  for (const auto& name : base::split(base::trim(readText(dir, "cgroup.controllers")), ' ')) {
    bool known = name.empty();
    for (const auto& have : enabled) known |= have == name;
    if (!known) all += (all.empty() ? "+" : " +") + name;
  }
  if (all.empty()) return;
  try {
    writeLimit(dir, "cgroup.subtree_control", all);
  } catch (const base::Error&) {
    // One that cannot be handed down (cpu with realtime tasks about) must not keep the others:
    // limits that need it fail by name later.
    for (const auto& one : base::split(all, ' ')) {
      try {
        writeLimit(dir, "cgroup.subtree_control", one);
      } catch (const base::Error&) {
      }
    }
  }
}

}  // namespace

sys::Fd makeV2Group(int root, const std::string& path) {
  sys::Fd dir = sys::openAt(root, ".", O_RDONLY | O_DIRECTORY);
  for (const auto& piece : base::split(path, '/')) {
    handDown(dir.get());
    dir = sys::makeDirs(dir.get(), piece, 0755);
  }
  return sys::openAt(root, path, O_RDONLY | O_DIRECTORY);
}

V2Driver::V2Driver(std::string mountPoint)
    : mount_point_(std::move(mountPoint)),
      root_(sys::openAt(AT_FDCWD, mount_point_, O_RDONLY | O_DIRECTORY)) {}

sys::Fd V2Driver::existing(const std::string& given) const {
  const std::string path = checkedPath(given);
  auto dir = openGroup(root_.get(), path);
  if (!dir) fail(Code::kNotFound, "cgroup {} does not exist", path);
  return std::move(*dir);
}

Group V2Driver::create(const std::string& given, const oci::Resources& resources) {
  const std::string path = checkedPath(given);
  const bool existed = openGroup(root_.get(), path).has_value();
  base::ScopeExit undo([&] {
    if (!existed) remove(path, std::chrono::milliseconds(0));
  });
  const sys::Fd dir = makeV2Group(root_.get(), path);
  applyV2(dir.get(), resources);
  Group group = open(path);
  undo.dismiss();
  return group;
}

Group V2Driver::open(const std::string& given) {
  const sys::Fd dir = existing(given);
  Group group;
  group.into = sys::openAt(dir.get(), ".", O_PATH | O_DIRECTORY);
  if (auto events = sys::openAtIfExists(dir.get(), "memory.events", O_RDONLY))
    group.oomEvents = std::move(*events);
  return group;
}

void V2Driver::update(const std::string& path, const oci::Resources& resources) {
  applyV2(existing(path).get(), resources);
}

Stats V2Driver::stats(const std::string& path) {
  return readV2(existing(path).get());
}

std::vector<int> V2Driver::processes(const std::string& path) {
  const auto dir = openGroup(root_.get(), checkedPath(path));
  return dir ? readProcesses(dir->get()) : std::vector<int>{};
}

void V2Driver::freeze(const std::string& path) {
  freezeV2(existing(path).get(), true);
}
void V2Driver::thaw(const std::string& path) {
  freezeV2(existing(path).get(), false);
}

bool V2Driver::frozen(const std::string& path) {
  const auto dir = openGroup(root_.get(), checkedPath(path));
  return dir && frozenV2(dir->get());
}

void V2Driver::killAll(const std::string& path) {
  if (const auto dir = openGroup(root_.get(), checkedPath(path))) killV2(dir->get());
}

std::uint64_t V2Driver::oomKills(const std::string& path) {
  const auto dir = openGroup(root_.get(), checkedPath(path));
  if (!dir) return 0;
  const auto events = readTable(dir->get(), "memory.events");
  const auto found = events.find("oom_kill");
  return found == events.end() ? 0 : found->second;
}

void V2Driver::remove(const std::string& given, std::chrono::milliseconds patience) {
  const std::string path = checkedPath(given);
  if (!waitUntil(patience, [&] { return removeGroup(root_.get(), path); })) {
    fail(Code::kConflict, "cgroup {} still has processes", path);
  }
}

bool V2Driver::prune(const std::string& path) {
  return ::unlinkat(root_.get(), checkedPath(path).c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT;
}

std::vector<std::string> V2Driver::children(const std::string& path) {
  const auto dir = openGroup(root_.get(), checkedPath(path));
  return dir ? childGroups(dir->get()) : std::vector<std::string>{};
}

std::vector<Driver::Hierarchy> V2Driver::hierarchies() const {
  return {{mount_point_, "", "cgroup2", {}}};
}

sys::CgroupVersion V2Driver::version() const {
  return sys::CgroupVersion::kV2;
}

}  // namespace cgroup
