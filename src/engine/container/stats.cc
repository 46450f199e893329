#include "engine/container/stats.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"
#include "platform/sys/spawn.h"

namespace container {
namespace {

using base::Code;

// An empty list where the kernel counts this and had nothing to count, null where it does not
// count.
json::List<dockerapi::BlkioEntry> entries(const std::vector<cgroup::BlkioEntry>& list,
                                          bool counted) {
  json::List<dockerapi::BlkioEntry> result;
  result.given = counted;
  for (const auto& entry : list)
    result.push_back({entry.major, entry.minor, entry.op, entry.value});
  return result;
}

// CPU time of the whole host in nanoseconds: the first line of /proc/stat.
std::uint64_t hostCpu() {
  const std::string text = sys::readFile(AT_FDCWD, "/proc/stat");
  const auto words = base::split(std::string_view(text).substr(0, text.find('\n')), ' ');
  std::uint64_t ticks = 0;
  int counted = 0;
  for (size_t i = 1; i < words.size() && counted < 7; ++i) {
    if (words[i].empty()) continue;
    ticks += base::parseUint(words[i]).value_or(0);
    ++counted;
  }
  static const auto kTick = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  return ticks * (1'000'000'000 / kTick);
}

void fillCpu(dockerapi::CpuStats& cpu, const cgroup::Stats& stats, const sys::HostFacts& host) {
  cpu.cpuUsage.totalUsage = stats.cpuTotal;
  cpu.cpuUsage.percpuUsage = stats.cpuPerCore;
  cpu.cpuUsage.usageInKernelmode = stats.cpuSystem;
  cpu.cpuUsage.usageInUsermode = stats.cpuUser;
  cpu.systemCpuUsage = hostCpu();
  cpu.onlineCpus = static_cast<unsigned>(host.cpus);
  cpu.throttlingData = {stats.periods, stats.throttledPeriods, stats.throttledTime};
}

void fillMemory(dockerapi::MemoryStats& memory, const cgroup::Stats& stats,
                const sys::HostFacts& host) {
  memory.usage = stats.memoryUsage;
  memory.maxUsage = stats.memoryMax;
  memory.stats = stats.memory;
  memory.failcnt = stats.memoryFailures;
  memory.limit =
      stats.memoryLimit == 0 ? static_cast<std::uint64_t>(host.memory) : stats.memoryLimit;
}

void fillIo(dockerapi::BlkioStats& io, const cgroup::Stats& stats, const sys::HostFacts& host) {
  const bool v1 = host.cgroups != sys::CgroupVersion::kV2;
  io.ioServiceBytesRecursive = entries(stats.ioBytes, true);
  io.ioServicedRecursive = entries(stats.ioOperations, v1);
  io.ioQueueRecursive = entries(stats.ioQueue, v1);
  io.ioServiceTimeRecursive = entries(stats.ioServiceTime, v1);
  io.ioWaitTimeRecursive = entries(stats.ioWaitTime, v1);
  io.ioMergedRecursive = entries(stats.ioMerged, v1);
  io.ioTimeRecursive = entries(stats.ioTime, v1);
  io.sectorsRecursive = entries(stats.ioSectors, v1);
}

// False: stopped.
bool sleepOneSecond(const base::StopToken& stop) {
  pollfd wait{stop.fd(), POLLIN, 0};
  const std::int64_t until = base::monotonicNs() + 1'000'000'000;
  for (;;) {
    const std::int64_t left = until - base::monotonicNs();
    if (left <= 0) return true;
    if (::poll(&wait, 1, static_cast<int>(left / 1'000'000) + 1) > 0) return false;
  }
}

std::vector<std::string> psWords(const std::string& line) {
  std::vector<std::string> words;
  for (const std::string& word : base::split(line, ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

}  // namespace

dockerapi::ContainerStats sample(Core& core, const Record& record) {
  dockerapi::ContainerStats result;
  result.name = "/" + record.name;
  result.id = record.id;
  if (!record.running()) return result;
  const cgroup::Stats stats = core.cgroups.stats(core.cgroupOf(record.id));
  result.read = base::Time::now();
  result.pidsStats = {stats.pids, stats.pidsLimit};
  fillCpu(result.cpuStats, stats, core.host);
  fillMemory(result.memoryStats, stats, core.host);
  fillIo(result.blkioStats, stats, core.host);
  for (const auto& [name, c] : core.networks.counters(record.id)) {
    result.networks[name] = {c.rxBytes, c.rxPackets, c.rxErrors, c.rxDropped,
                             c.txBytes, c.txPackets, c.txErrors, c.txDropped};
  }
  return result;
}

void streamStats(Core& core, const std::string& reference, bool stream, bool oneShot,
                 const std::function<void(const dockerapi::ContainerStats&)>& each,
                 const base::StopToken& stop) {
  const std::string id = core.records.get(reference)->id;
  dockerapi::ContainerStats last;
  for (bool first = true;; first = false) {
    const View view = core.records.find(id);
    if (!view) return;
    dockerapi::ContainerStats now;
    try {
      now = sample(core, *view);
    } catch (const base::Error& error) {
      // The cgroup went with the container's end, between the view and the reading.
      if (error.code() != Code::kNotFound && error.sysErrno() != ENOENT &&
          error.sysErrno() != ENODEV)
        throw;
      now.id = id;
      now.name = "/" + view->name;
    }
    now.preread = last.read;
    now.precpuStats = last.cpuStats;
    const bool compares = !first || oneShot || !view->running();
    if (stream || compares) each(now);
    if (!stream && compares) return;
    last = std::move(now);
    if (!sleepOneSecond(stop)) return;
  }
}

dockerapi::TopResponse top(Core& core, const std::string& reference,
                           const std::string& psArguments) {
  const View view = core.records.get(reference);
  if (!view->running()) base::fail(Code::kConflict, "container {} is not running", view->id);
  if (view->state.status == Status::kRestarting)
    base::fail(Code::kConflict, "Container {} is restarting, wait until the container is running",
               view->id);
  const std::vector<int> pids = core.tasks.processes(view->id);
  std::vector<std::string> argv{"/bin/ps"};
  for (const std::string& word : psWords(psArguments.empty() ? "-ef" : psArguments))
    argv.push_back(word);
  const sys::Output output = sys::run(argv);
  if (output.status.code != 0) base::fail(Code::kInvalidArgument, "ps: {}", base::trim(output.err));
  const auto lines = base::split(output.out, '\n');
  dockerapi::TopResponse response;
  response.titles = psWords(lines.front());
  const auto column = std::find(response.titles.begin(), response.titles.end(), "PID");
  if (column == response.titles.end())
    base::fail(Code::kInvalidArgument, "Couldn't find PID field in ps output");
  const auto index = static_cast<size_t>(column - response.titles.begin());
  for (size_t i = 1; i < lines.size(); ++i) {
    auto words = psWords(lines[i]);
    if (words.size() <= index) continue;
    const auto pid = base::parseInt(words[index]);
    if (!pid || std::find(pids.begin(), pids.end(), static_cast<int>(*pid)) == pids.end()) continue;
    // The last column is the command, spaces and all.
    while (words.size() > response.titles.size()) {
      words[words.size() - 2] += " " + words.back();
      words.pop_back();
    }
    response.processes.push_back(std::move(words));
  }
  core.events.publish(containerEvent(*view, "top"));
  return response;
}

}  // namespace container
