// GET /containers/{id}/stats: one object a second, or one in all.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "platform/base/time.h"
#include "platform/json/list.h"

namespace dockerapi {

struct PidsStats {
  std::uint64_t current = 0;
  std::uint64_t limit = 0;
};

struct BlkioEntry {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  std::string op;
  std::uint64_t value = 0;
};

struct BlkioStats {
  json::List<BlkioEntry> ioServiceBytesRecursive;
  json::List<BlkioEntry> ioServicedRecursive;
  json::List<BlkioEntry> ioQueueRecursive;
  json::List<BlkioEntry> ioServiceTimeRecursive;
  json::List<BlkioEntry> ioWaitTimeRecursive;
  json::List<BlkioEntry> ioMergedRecursive;
  json::List<BlkioEntry> ioTimeRecursive;
  json::List<BlkioEntry> sectorsRecursive;
};

struct StorageStats {
  std::uint64_t readCountNormalized = 0;
  std::uint64_t readSizeBytes = 0;
  std::uint64_t writeCountNormalized = 0;
  std::uint64_t writeSizeBytes = 0;
};

struct CpuUsage {
  std::uint64_t totalUsage = 0;  // nanoseconds, as all of these
  std::vector<std::uint64_t> percpuUsage;
  std::uint64_t usageInKernelmode = 0;
  std::uint64_t usageInUsermode = 0;
};

struct ThrottlingData {
  std::uint64_t periods = 0;
  std::uint64_t throttledPeriods = 0;
  std::uint64_t throttledTime = 0;
};

struct CpuStats {
  CpuUsage cpuUsage;
  std::uint64_t systemCpuUsage = 0;  // of the host
  unsigned onlineCpus = 0;
  ThrottlingData throttlingData;
};

struct MemoryStats {
  std::uint64_t usage = 0;
  std::uint64_t maxUsage = 0;
  std::map<std::string, std::uint64_t> stats;
  std::uint64_t failcnt = 0;
  std::uint64_t limit = 0;
  std::uint64_t commitbytes = 0;
  std::uint64_t commitpeakbytes = 0;
  std::uint64_t privateworkingset = 0;
};

struct NetworkStats {
  std::uint64_t rxBytes = 0;
  std::uint64_t rxPackets = 0;
  std::uint64_t rxErrors = 0;
  std::uint64_t rxDropped = 0;
  std::uint64_t txBytes = 0;
  std::uint64_t txPackets = 0;
  std::uint64_t txErrors = 0;
  std::uint64_t txDropped = 0;
};

struct ContainerStats {
  std::string name;
  std::string id;
  base::Time read;
  base::Time preread;
  PidsStats pidsStats;
  BlkioStats blkioStats;
  unsigned numProcs = 0;  // Windows
  StorageStats storageStats;
  CpuStats cpuStats;
  CpuStats precpuStats;
  MemoryStats memoryStats;
  std::map<std::string, NetworkStats> networks;  // by interface name
};

}  // namespace dockerapi

JSON_TYPE_EXTERN(dockerapi::PidsStats);
JSON_TYPE_EXTERN(dockerapi::BlkioEntry);
JSON_TYPE_EXTERN(dockerapi::BlkioStats);
JSON_TYPE_EXTERN(dockerapi::StorageStats);
JSON_TYPE_EXTERN(dockerapi::CpuUsage);
JSON_TYPE_EXTERN(dockerapi::ThrottlingData);
JSON_TYPE_EXTERN(dockerapi::CpuStats);
JSON_TYPE_EXTERN(dockerapi::MemoryStats);
JSON_TYPE_EXTERN(dockerapi::NetworkStats);
JSON_TYPE_EXTERN(dockerapi::ContainerStats);
