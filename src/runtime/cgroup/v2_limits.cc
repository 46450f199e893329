#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "runtime/cgroup/v2.h"

namespace cgroup {
namespace {

using base::Code;
using base::fail;

// A limit that the caller asked for and this group has no file for is an error that names the
// controller.
void require(int dir, const std::string& file, const std::string& value) {
  if (writeLimitIfExists(dir, file, value)) return;
  fail(Code::kInvalidArgument, "unable to set {}: the {} controller is not available", file,
       file.substr(0, file.find('.')));
}

std::string numberOrMax(std::int64_t value) {
  return value < 0 ? "max" : std::to_string(value);
}

void applyMemory(int dir, const oci::Memory& memory) {
  const std::int64_t limit = memory.limit.value_or(0);
  std::optional<std::string> swap = swapMax(limit, memory.swap.value_or(0));
  if (!swap && limit == -1) swap = "max";
  // Without swap accounting in the kernel, docker's engine warns; the limit on memory holds all the
  // same.
  if (swap) writeLimitIfExists(dir, "memory.swap.max", *swap);
  if (limit != 0) require(dir, "memory.max", numberOrMax(limit));
  if (memory.reservation.value_or(0) != 0)
    require(dir, "memory.low", numberOrMax(*memory.reservation));
}

void applyCpu(int dir, const oci::Cpu& cpu) {
  if (cpu.idle) writeLimitIfExists(dir, "cpu.idle", std::to_string(*cpu.idle));
  if (cpu.shares && *cpu.shares != 0 && cpu.idle.value_or(0) == 0) {
    require(dir, "cpu.weight", std::to_string(weightOfShares(*cpu.shares)));
  }
  const std::int64_t quota = cpu.quota.value_or(0);
  const std::uint64_t period = cpu.period.value_or(0);
  if (quota != 0 || period != 0) {
    std::string value = quota > 0 ? std::to_string(quota) : "max";
    if (quota == 0) {
      // Only the period changes: the quota stays what it is.
      value = std::string(base::cut(base::trim(readText(dir, "cpu.max")), ' ').first);
      if (value.empty()) value = "max";
    }
    if (period != 0) value += " " + std::to_string(period);
    require(dir, "cpu.max", value);
  }
  if (cpu.burst) writeLimitIfExists(dir, "cpu.max.burst", std::to_string(*cpu.burst));
  if (!cpu.cpus.empty()) require(dir, "cpuset.cpus", cpu.cpus);
  if (!cpu.mems.empty()) require(dir, "cpuset.mems", cpu.mems);
}

void writeThrottles(int dir, const char* key, const std::vector<oci::ThrottleDevice>& devices) {
  for (const auto& device : devices) {
    const std::string rate = device.rate == 0 ? "max" : std::to_string(device.rate);
    require(dir, "io.max", fmt::format("{}:{} {}={}", device.major, device.minor, key, rate));
  }
}

void applyIo(int dir, const oci::BlockIo& io) {
  if (io.weight && *io.weight != 0 &&
      !writeLimitIfExists(dir, "io.bfq.weight", std::to_string(*io.weight))) {
    writeLimitIfExists(dir, "io.weight", fmt::format("default {}", ioWeightOfBlkio(*io.weight)));
  }
  for (const auto& device : io.weightDevice) {
    if (!device.weight) continue;
    writeLimitIfExists(dir, "io.bfq.weight",
                       fmt::format("{}:{} {}", device.major, device.minor, *device.weight));
  }
  writeThrottles(dir, "rbps", io.throttleReadBpsDevice);
  writeThrottles(dir, "wbps", io.throttleWriteBpsDevice);
  writeThrottles(dir, "riops", io.throttleReadIopsDevice);
  writeThrottles(dir, "wiops", io.throttleWriteIopsDevice);
}

void applyUnified(int dir, const std::map<std::string, std::string>& unified) {
  for (const auto& [file, value] : unified) {
    if (file.empty() || file.find('/') != file.npos || file.starts_with("cgroup.")) {
      fail(Code::kInvalidArgument, "unified resource {} must be a file name of a controller",
           base::quote(file));
    }
    for (const auto& line : base::split(value, '\n')) {
      if (!line.empty()) require(dir, file, line);
    }
  }
}

}  // namespace

void applyV2(int dir, const oci::Resources& resources) {
  if (resources.memory) applyMemory(dir, *resources.memory);
  if (resources.cpu) applyCpu(dir, *resources.cpu);
  if (resources.pids && resources.pids->limit != 0)
    require(dir, "pids.max", numberOrMax(resources.pids->limit));
  if (resources.blockIO) applyIo(dir, *resources.blockIO);
  for (const auto& limit : resources.hugepageLimits) {
    require(dir, "hugetlb." + limit.pageSize + ".max", std::to_string(limit.limit));
    writeLimitIfExists(dir, "hugetlb." + limit.pageSize + ".rsvd.max", std::to_string(limit.limit));
  }
  for (const auto& [name, limit] : resources.rdma) {
    std::string value = name;
    if (limit.hcaHandles) value += fmt::format(" hca_handle={}", *limit.hcaHandles);
    if (limit.hcaObjects) value += fmt::format(" hca_object={}", *limit.hcaObjects);
    require(dir, "rdma.max", value);
  }
  applyUnified(dir, resources.unified);
  if (!resources.devices.empty()) attachDeviceProgram(dir, deviceState(resources.devices));
}

}  // namespace cgroup
