#include <map>

#include "platform/base/strings.h"
#include "runtime/cgroup/v2.h"

namespace cgroup {
namespace {

std::uint64_t valueOf(const std::map<std::string, std::uint64_t>& table, const char* key) {
  const auto found = table.find(key);
  return found == table.end() ? 0 : found->second;
}

// "8:0 rbytes=1 wbytes=2 rios=3 …"
void readIo(int dir, Stats& stats) {
  static const struct {
    const char* key;
    const char* op;
    bool bytes;
  } kCounters[] = {{"rbytes", "read", true},
                   {"wbytes", "write", true},
                   {"rios", "read", false},
                   {"wios", "write", false}};
  for (const auto& line : base::split(readText(dir, "io.stat"), '\n')) {
    const auto words = base::split(line, ' ');
    const auto [major, minor] = base::cut(words[0], ':');
    const auto majorNumber = base::parseUint(major);
    const auto minorNumber = minor ? base::parseUint(*minor) : std::nullopt;
    if (!majorNumber || !minorNumber) continue;
    for (size_t i = 1; i < words.size(); ++i) {
      const auto [key, value] = base::cut(words[i], '=');
      const auto number = value ? base::parseUint(*value) : std::nullopt;
      for (const auto& counter : kCounters) {
        if (!number || key != counter.key) continue;
        (counter.bytes ? stats.ioBytes : stats.ioOperations)
            .push_back({*majorNumber, *minorNumber, counter.op, *number});
      }
    }
  }
}

}  // namespace

Stats readV2(int dir) {
  Stats stats;
  const auto cpu = readTable(dir, "cpu.stat");
  stats.cpuTotal = valueOf(cpu, "usage_usec") * 1000;
  stats.cpuUser = valueOf(cpu, "user_usec") * 1000;
  stats.cpuSystem = valueOf(cpu, "system_usec") * 1000;
  stats.periods = valueOf(cpu, "nr_periods");
  stats.throttledPeriods = valueOf(cpu, "nr_throttled");
  stats.throttledTime = valueOf(cpu, "throttled_usec") * 1000;
  stats.memoryUsage = readNumber(dir, "memory.current");
  stats.memoryMax = readNumber(dir, "memory.peak");
  stats.memoryLimit = readNumber(dir, "memory.max");
  stats.memory = readTable(dir, "memory.stat");
  const auto events = readTable(dir, "memory.events");
  stats.memoryFailures = valueOf(events, "max");
  stats.oomKills = valueOf(events, "oom_kill");
  stats.pids = readNumber(dir, "pids.current");
  stats.pidsLimit = readNumber(dir, "pids.max");
  readIo(dir, stats);
  return stats;
}

}  // namespace cgroup
