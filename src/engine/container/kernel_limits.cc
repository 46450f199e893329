#include "engine/container/kernel_limits.h"

#include <fcntl.h>

#include <optional>
#include <set>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"

namespace container {
namespace {

using base::Code;

constexpr std::uint64_t kMostNumbers = 8192;

// "0-2,7"; nullopt: no such list.
std::optional<std::set<std::uint64_t>> numbersOf(std::string_view text) {
  std::set<std::uint64_t> numbers;
  for (const std::string& part : base::split(base::trim(text), ',')) {
    const auto [first, last] = base::cut(part, '-');
    const auto from = base::parseUint(first);
    const auto to = last ? base::parseUint(*last) : from;
    if (!from || !to || *to < *from || *to >= kMostNumbers) return std::nullopt;
    for (std::uint64_t number = *from; number <= *to; ++number) numbers.insert(number);
  }
  return numbers;
}

void checkSet(const std::string& asked, const char* onlineFile, const char* what,
              const char* plural) {
  if (asked.empty()) return;
  const auto wanted = numbersOf(asked);
  if (!wanted) base::fail(Code::kInvalidArgument, "Invalid value {} for cpuset {}", asked, what);
  const std::string online = sys::readFileIfExists(AT_FDCWD, onlineFile).value_or("0");
  const auto there = numbersOf(online);
  for (const std::uint64_t number : *wanted) {
    if (there && !there->contains(number)) {
      base::fail(Code::kInvalidArgument,
                 "Requested {} are not available - requested {}, available: {}", plural, asked,
                 base::trim(online));
    }
  }
}

bool exists(const std::string& path) {
  return sys::statAtIfExists(AT_FDCWD, path, 0).has_value();
}

// The files of weights are in no root group, so any other group is asked.
bool hasBlkioWeight(const sys::HostFacts& host) {
  const bool v2 = host.cgroups == sys::CgroupVersion::kV2;
  const std::string root = v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/blkio";
  const std::vector<std::string> files =
      v2 ? std::vector<std::string>{"/io.weight", "/io.bfq.weight"}
         : std::vector<std::string>{"/blkio.weight", "/blkio.bfq.weight"};
  if (!exists(root)) return false;
  bool asked = false;
  for (const std::string& name : sys::listDir(AT_FDCWD, root)) {
    const std::string group = root + "/" + name;
    if (!exists(group + "/cgroup.procs")) continue;
    asked = true;
    for (const std::string& file : files) {
      if (exists(group + file)) return true;
    }
  }
  return !asked;
}

}  // namespace

void checkCpusets(const dockerapi::Resources& r) {
  checkSet(r.cpusetCpus, "/sys/devices/system/cpu/online", "cpus", "CPUs");
  checkSet(r.cpusetMems, "/sys/devices/system/node/online", "mems", "memory nodes");
}

std::vector<std::string> dropUnsupported(dockerapi::Resources& r, const sys::HostFacts& host) {
  std::vector<std::string> warnings;
  const bool v2 = host.cgroups == sys::CgroupVersion::kV2;
  if (r.blkioWeight != 0 && !hasBlkioWeight(host)) {
    warnings.emplace_back(
        "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight "
        "discarded.");
    r.blkioWeight = 0;
  }
  if (v2 && r.oomKillDisable.value_or(false)) {
    warnings.emplace_back("Your kernel does not support OomKillDisable. OomKillDisable discarded.");
    r.oomKillDisable.reset();
  }
  if (v2 && r.memorySwappiness.value_or(-1) != -1) {
    warnings.emplace_back(
        "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. "
        "Memory swappiness discarded.");
    r.memorySwappiness.reset();
  }
  return warnings;
}

}  // namespace container
