#include "api/dockerapi/stats.h"

namespace dockerapi {

// Order, names and null rules are those of Docker Engine 28.5.
constexpr auto jsonFields(const PidsStats*) {
  return json::fields(json::goName("container.PidsStats"),
                      json::field("current", &PidsStats::current, json::kOmitEmpty),
                      json::field("limit", &PidsStats::limit, json::kOmitEmpty));
}

constexpr auto jsonFields(const BlkioEntry*) {
  return json::fields(json::goName("container.BlkioStatEntry"),
                      json::field("major", &BlkioEntry::major),
                      json::field("minor", &BlkioEntry::minor), json::field("op", &BlkioEntry::op),
                      json::field("value", &BlkioEntry::value));
}

constexpr auto jsonFields(const BlkioStats*) {
  return json::fields(
      json::goName("container.BlkioStats"),
      json::field("io_service_bytes_recursive", &BlkioStats::ioServiceBytesRecursive),
      json::field("io_serviced_recursive", &BlkioStats::ioServicedRecursive),
      json::field("io_queue_recursive", &BlkioStats::ioQueueRecursive),
      json::field("io_service_time_recursive", &BlkioStats::ioServiceTimeRecursive),
      json::field("io_wait_time_recursive", &BlkioStats::ioWaitTimeRecursive),
      json::field("io_merged_recursive", &BlkioStats::ioMergedRecursive),
      json::field("io_time_recursive", &BlkioStats::ioTimeRecursive),
      json::field("sectors_recursive", &BlkioStats::sectorsRecursive));
}

constexpr auto jsonFields(const StorageStats*) {
  return json::fields(
      json::goName("container.StorageStats"),
      json::field("read_count_normalized", &StorageStats::readCountNormalized, json::kOmitEmpty),
      json::field("read_size_bytes", &StorageStats::readSizeBytes, json::kOmitEmpty),
      json::field("write_count_normalized", &StorageStats::writeCountNormalized, json::kOmitEmpty),
      json::field("write_size_bytes", &StorageStats::writeSizeBytes, json::kOmitEmpty));
}

constexpr auto jsonFields(const CpuUsage*) {
  return json::fields(json::goName("container.CPUUsage"),
                      json::field("total_usage", &CpuUsage::totalUsage),
                      json::field("percpu_usage", &CpuUsage::percpuUsage, json::kOmitEmpty),
                      json::field("usage_in_kernelmode", &CpuUsage::usageInKernelmode),
                      json::field("usage_in_usermode", &CpuUsage::usageInUsermode));
}

constexpr auto jsonFields(const ThrottlingData*) {
  return json::fields(json::goName("container.ThrottlingData"),
                      json::field("periods", &ThrottlingData::periods),
                      json::field("throttled_periods", &ThrottlingData::throttledPeriods),
                      json::field("throttled_time", &ThrottlingData::throttledTime));
}

constexpr auto jsonFields(const CpuStats*) {
  return json::fields(json::goName("container.CPUStats"),
                      json::field("cpu_usage", &CpuStats::cpuUsage),
                      json::field("system_cpu_usage", &CpuStats::systemCpuUsage, json::kOmitEmpty),
                      json::field("online_cpus", &CpuStats::onlineCpus, json::kOmitEmpty),
                      json::field("throttling_data", &CpuStats::throttlingData));
}

constexpr auto jsonFields(const MemoryStats*) {
  return json::fields(
      json::goName("container.MemoryStats"),
      json::field("usage", &MemoryStats::usage, json::kOmitEmpty),
      json::field("max_usage", &MemoryStats::maxUsage, json::kOmitEmpty),
      json::field("stats", &MemoryStats::stats, json::kOmitEmpty),
      json::field("failcnt", &MemoryStats::failcnt, json::kOmitEmpty),
      json::field("limit", &MemoryStats::limit, json::kOmitEmpty),
      json::field("commitbytes", &MemoryStats::commitbytes, json::kOmitEmpty),
      json::field("commitpeakbytes", &MemoryStats::commitpeakbytes, json::kOmitEmpty),
      json::field("privateworkingset", &MemoryStats::privateworkingset, json::kOmitEmpty));
}

constexpr auto jsonFields(const NetworkStats*) {
  return json::fields(json::goName("container.NetworkStats"),
                      json::field("rx_bytes", &NetworkStats::rxBytes),
                      json::field("rx_packets", &NetworkStats::rxPackets),
                      json::field("rx_errors", &NetworkStats::rxErrors),
                      json::field("rx_dropped", &NetworkStats::rxDropped),
                      json::field("tx_bytes", &NetworkStats::txBytes),
                      json::field("tx_packets", &NetworkStats::txPackets),
                      json::field("tx_errors", &NetworkStats::txErrors),
                      json::field("tx_dropped", &NetworkStats::txDropped));
}

constexpr auto jsonFields(const ContainerStats*) {
  return json::fields(json::goName("container.StatsResponse"),
                      json::field("name", &ContainerStats::name, json::kOmitEmpty),
                      json::field("id", &ContainerStats::id, json::kOmitEmpty),
                      json::field("read", &ContainerStats::read),
                      json::field("preread", &ContainerStats::preread),
                      json::field("pids_stats", &ContainerStats::pidsStats),
                      json::field("blkio_stats", &ContainerStats::blkioStats),
                      json::field("num_procs", &ContainerStats::numProcs),
                      json::field("storage_stats", &ContainerStats::storageStats),
                      json::field("cpu_stats", &ContainerStats::cpuStats),
                      json::field("precpu_stats", &ContainerStats::precpuStats),
                      json::field("memory_stats", &ContainerStats::memoryStats),
                      json::field("networks", &ContainerStats::networks, json::kOmitEmpty));
}

}  // namespace dockerapi

JSON_TYPE(dockerapi::PidsStats);
JSON_TYPE(dockerapi::BlkioEntry);
JSON_TYPE(dockerapi::BlkioStats);
JSON_TYPE(dockerapi::StorageStats);
JSON_TYPE(dockerapi::CpuUsage);
JSON_TYPE(dockerapi::ThrottlingData);
JSON_TYPE(dockerapi::CpuStats);
JSON_TYPE(dockerapi::MemoryStats);
JSON_TYPE(dockerapi::NetworkStats);
JSON_TYPE(dockerapi::ContainerStats);
