#include <cerrno>
#include <functional>
#include <map>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "runtime/cgroup/v1.h"

namespace cgroup {
namespace {

using base::Code;
using base::fail;

template <class T>
void writeIfSet(int dir, const char* file, const std::optional<T>& value) {
  if (value) writeLimit(dir, file, std::to_string(*value));
}

void setLimitAndTotal(int dir, std::int64_t limit, std::int64_t total) {
  if (limit > 0 && total > 0 && total < limit)
    fail(Code::kInvalidArgument, "memory+swap limit should be >= memory limit");
  const bool hasTotal = !readText(dir, "memory.memsw.limit_in_bytes").empty();
  // At every moment limit <= total: what grows beyond the present total needs the total first.
  const std::uint64_t present = readNumber(dir, "memory.memsw.limit_in_bytes");
  const bool totalFirst =
      hasTotal && total != 0 && (limit < 0 || static_cast<std::uint64_t>(limit) > present);
  const auto writeTotal = [&] {
    if (hasTotal && total != 0)
      writeLimit(dir, "memory.memsw.limit_in_bytes", std::to_string(total));
  };
  if (totalFirst) writeTotal();
  if (limit != 0) {
    try {
      writeLimit(dir, "memory.limit_in_bytes", std::to_string(limit));
    } catch (const base::Error& error) {
      if (error.sysErrno() != EBUSY) throw;
      fail(Code::kInvalidArgument,
           "unable to set memory limit to {} (current usage: {}, peak usage: {})", limit,
           readNumber(dir, "memory.usage_in_bytes"), readNumber(dir, "memory.max_usage_in_bytes"));
    }
  }
  if (!totalFirst) writeTotal();
}

void applyMemory(int dir, const oci::Resources& resources, bool) {
  if (!resources.memory) return;
  const auto& memory = *resources.memory;
  const std::int64_t limit = memory.limit.value_or(0);
  std::int64_t total = memory.swap.value_or(0);
  if (limit == -1 && total == 0) total = -1;
  setLimitAndTotal(dir, limit, total);
  if (memory.reservation.value_or(0) != 0) {
    writeLimit(dir, "memory.soft_limit_in_bytes", std::to_string(*memory.reservation));
  }
  if (memory.kernelTcp)
    writeLimitIfExists(dir, "memory.kmem.tcp.limit_in_bytes", std::to_string(*memory.kernelTcp));
  if (memory.disableOomKiller)
    writeLimit(dir, "memory.oom_control", *memory.disableOomKiller ? "1" : "0");
  if (memory.swappiness && *memory.swappiness <= 100) {
    writeLimit(dir, "memory.swappiness", std::to_string(*memory.swappiness));
  }
}

void applyCpu(int dir, const oci::Resources& resources, bool) {
  if (!resources.cpu) return;
  const auto& cpu = *resources.cpu;
  if (cpu.shares && *cpu.shares != 0) writeLimit(dir, "cpu.shares", std::to_string(*cpu.shares));
  bool periodLater = false;
  if (cpu.period && *cpu.period != 0) {
    try {
      writeLimit(dir, "cpu.cfs_period_us", std::to_string(*cpu.period));
    } catch (const base::Error& error) {
      // The present quota may be too small a part of the new period, and then goes first.
      if (error.sysErrno() != EINVAL || cpu.quota.value_or(0) == 0) throw;
      periodLater = true;
    }
  }
  if (cpu.quota && *cpu.quota != 0) writeLimit(dir, "cpu.cfs_quota_us", std::to_string(*cpu.quota));
  if (periodLater) writeLimit(dir, "cpu.cfs_period_us", std::to_string(*cpu.period));
  if (cpu.burst) writeLimitIfExists(dir, "cpu.cfs_burst_us", std::to_string(*cpu.burst));
  if (cpu.realtimePeriod && *cpu.realtimePeriod != 0)
    writeIfSet(dir, "cpu.rt_period_us", cpu.realtimePeriod);
  if (cpu.realtimeRuntime && *cpu.realtimeRuntime != 0)
    writeIfSet(dir, "cpu.rt_runtime_us", cpu.realtimeRuntime);
  if (cpu.idle) writeLimitIfExists(dir, "cpu.idle", std::to_string(*cpu.idle));
}

void applyCpuset(int dir, const oci::Resources& resources, bool) {
  if (!resources.cpu) return;
  if (!resources.cpu->cpus.empty()) writeLimit(dir, "cpuset.cpus", resources.cpu->cpus);
  if (!resources.cpu->mems.empty()) writeLimit(dir, "cpuset.mems", resources.cpu->mems);
}

void applyPids(int dir, const oci::Resources& resources, bool) {
  if (!resources.pids || resources.pids->limit == 0) return;
  writeLimit(dir, "pids.max",
             resources.pids->limit < 0 ? "max" : std::to_string(resources.pids->limit));
}

void writeThrottles(int dir, const char* file, const std::vector<oci::ThrottleDevice>& devices) {
  for (const auto& device : devices)
    writeLimit(dir, file, fmt::format("{}:{} {}", device.major, device.minor, device.rate));
}

void applyBlkio(int dir, const oci::Resources& resources, bool) {
  if (!resources.blockIO) return;
  const auto& io = *resources.blockIO;
  if (io.weight && *io.weight != 0 &&
      !writeLimitIfExists(dir, "blkio.weight", std::to_string(*io.weight))) {
    // Without a proportional scheduler there is nothing to weigh; docker's engine warns about it.
    writeLimitIfExists(dir, "blkio.bfq.weight", std::to_string(*io.weight));
  }
  for (const auto& device : io.weightDevice) {
    if (!device.weight) continue;
    const std::string value = fmt::format("{}:{} {}", device.major, device.minor, *device.weight);
    if (!writeLimitIfExists(dir, "blkio.weight_device", value))
      writeLimitIfExists(dir, "blkio.bfq.weight_device", value);
  }
  writeThrottles(dir, "blkio.throttle.read_bps_device", io.throttleReadBpsDevice);
  writeThrottles(dir, "blkio.throttle.write_bps_device", io.throttleWriteBpsDevice);
  writeThrottles(dir, "blkio.throttle.read_iops_device", io.throttleReadIopsDevice);
  writeThrottles(dir, "blkio.throttle.write_iops_device", io.throttleWriteIopsDevice);
}

void applyHugetlb(int dir, const oci::Resources& resources, bool) {
  for (const auto& limit : resources.hugepageLimits) {
    writeLimit(dir, "hugetlb." + limit.pageSize + ".limit_in_bytes", std::to_string(limit.limit));
  }
}

void applyNetCls(int dir, const oci::Resources& resources, bool) {
  if (resources.network) writeIfSet(dir, "net_cls.classid", resources.network->classId);
}

void applyNetPrio(int dir, const oci::Resources& resources, bool) {
  if (!resources.network) return;
  for (const auto& entry : resources.network->priorities) {
    writeLimit(dir, "net_prio.ifpriomap", fmt::format("{} {}", entry.name, entry.priority));
  }
}

std::string ruleText(const DeviceState::Key& key, unsigned bits) {
  const auto number = [](const std::optional<std::int64_t>& value) {
    return value ? std::to_string(*value) : std::string("*");
  };
  std::string access;
  if (bits & kRead) access += 'r';
  if (bits & kWrite) access += 'w';
  if (bits & kMknod) access += 'm';
  return fmt::format("{} {}:{} {}", key.type, number(key.major), number(key.minor), access);
}

void applyDevices(int dir, const oci::Resources& resources, bool fresh) {
  if (resources.devices.empty()) return;
  const DeviceState state = deviceState(resources.devices);
  // A fresh group may do what its parent may; a running one is brought down to nothing only if it
  // must be.
  if (!fresh || !state.unrestricted())
    writeLimit(dir, state.allowAll ? "devices.allow" : "devices.deny", "a");
  for (const auto& [key, bits] : state.exceptions) {
    writeLimit(dir, state.allowAll ? "devices.deny" : "devices.allow", ruleText(key, bits));
  }
}

}  // namespace

void applyV1(const std::string& controller, int dir, const oci::Resources& resources, bool fresh) {
  using Apply = void (*)(int, const oci::Resources&, bool);
  static const std::map<std::string, Apply> table{
      {"memory", applyMemory},  {"cpu", applyCpu},          {"cpuset", applyCpuset},
      {"pids", applyPids},      {"blkio", applyBlkio},      {"hugetlb", applyHugetlb},
      {"net_cls", applyNetCls}, {"net_prio", applyNetPrio}, {"devices", applyDevices},
  };
  if (const auto found = table.find(controller); found != table.end())
    found->second(dir, resources, fresh);
}

}  // namespace cgroup
