#include <map>

#include "platform/base/strings.h"
#include "runtime/cgroup/v1.h"

namespace cgroup {
namespace {

constexpr std::uint64_t kTick = 10'000'000;  // USER_HZ is 100 for every program
// "No limit" is the largest number of whole pages.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;

std::uint64_t valueOf(const std::map<std::string, std::uint64_t>& table, const char* key) {
  const auto found = table.find(key);
  return found == table.end() ? 0 : found->second;
}

void readCpuacct(int dir, Stats& stats) {
  stats.cpuTotal = readNumber(dir, "cpuacct.usage");
  const auto split = readTable(dir, "cpuacct.stat");
  stats.cpuUser = valueOf(split, "user") * kTick;
  stats.cpuSystem = valueOf(split, "system") * kTick;
  for (const auto& word : base::split(readText(dir, "cpuacct.usage_percpu"), ' ')) {
    if (const auto number = base::parseUint(base::trim(word))) stats.cpuPerCore.push_back(*number);
  }
}

void readCpu(int dir, Stats& stats) {
  const auto table = readTable(dir, "cpu.stat");
  stats.periods = valueOf(table, "nr_periods");
  stats.throttledPeriods = valueOf(table, "nr_throttled");
  stats.throttledTime = valueOf(table, "throttled_time");
}

void readMemory(int dir, Stats& stats) {
  stats.memoryUsage = readNumber(dir, "memory.usage_in_bytes");
  stats.memoryMax = readNumber(dir, "memory.max_usage_in_bytes");
  stats.memoryFailures = readNumber(dir, "memory.failcnt");
  const std::uint64_t limit = readNumber(dir, "memory.limit_in_bytes");
  stats.memoryLimit = limit >= kNoLimit ? 0 : limit;
  stats.memory = readTable(dir, "memory.stat");
  stats.oomKills = valueOf(readTable(dir, "memory.oom_control"), "oom_kill");
}

void readPids(int dir, Stats& stats) {
  stats.pids = readNumber(dir, "pids.current");
  stats.pidsLimit = readNumber(dir, "pids.max");
}

// "8:0 Read 4096"; the line "Total …" is not one.
std::vector<BlkioEntry> readBlkioFile(int dir, const char* file) {
  std::vector<BlkioEntry> entries;
  for (const auto& line : base::split(readText(dir, file), '\n')) {
    const auto words = base::split(line, ' ');
    if (words.size() < 2) continue;
    const auto [major, minor] = base::cut(words[0], ':');
    const auto majorNumber = base::parseUint(major);
    const auto minorNumber = minor ? base::parseUint(*minor) : std::nullopt;
    const auto value = base::parseUint(words.back());
    if (!majorNumber || !minorNumber || !value) continue;
    entries.push_back({*majorNumber, *minorNumber, words.size() > 2 ? words[1] : "", *value});
  }
  return entries;
}

void readBlkio(int dir, Stats& stats) {
  // The recursive files exist with a proportional scheduler; the throttling ones always.
  const auto either = [&](std::initializer_list<const char*> files) {
    for (const char* file : files) {
      if (auto entries = readBlkioFile(dir, file); !entries.empty()) return entries;
    }
    return std::vector<BlkioEntry>{};
  };
  stats.ioBytes =
      either({"blkio.bfq.io_service_bytes_recursive", "blkio.io_service_bytes_recursive",
              "blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes"});
  stats.ioOperations =
      either({"blkio.bfq.io_serviced_recursive", "blkio.io_serviced_recursive",
              "blkio.throttle.io_serviced_recursive", "blkio.throttle.io_serviced"});
  stats.ioQueue = either({"blkio.bfq.io_queued_recursive", "blkio.io_queued_recursive"});
  stats.ioServiceTime =
      either({"blkio.bfq.io_service_time_recursive", "blkio.io_service_time_recursive"});
  stats.ioWaitTime = either({"blkio.bfq.io_wait_time_recursive", "blkio.io_wait_time_recursive"});
  stats.ioMerged = either({"blkio.bfq.io_merged_recursive", "blkio.io_merged_recursive"});
  stats.ioTime = either({"blkio.bfq.time_recursive", "blkio.time_recursive"});
  stats.ioSectors = either({"blkio.bfq.sectors_recursive", "blkio.sectors_recursive"});
}

}  // namespace

void readV1(const std::string& controller, int dir, Stats& stats) {
  if (controller == "cpuacct") readCpuacct(dir, stats);
  if (controller == "cpu") readCpu(dir, stats);
  if (controller == "memory") readMemory(dir, stats);
  if (controller == "pids") readPids(dir, stats);
  if (controller == "blkio") readBlkio(dir, stats);
}

}  // namespace cgroup
