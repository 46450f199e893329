#include "cli/commands/stats_row.h"

#include <cctype>

#include "platform/base/units.h"

namespace commands {
namespace {

constexpr Column kColumns[] = {
    {"Container", "CONTAINER"},
    {"ID", "CONTAINER ID"},
    {"Name", "NAME"},
    {"CPUPerc", "CPU %"},
    {"MemUsage", "MEM USAGE / LIMIT"},
    {"MemPerc", "MEM %"},
    {"NetIO", "NET I/O"},
    {"BlockIO", "BLOCK I/O"},
    {"PIDs", "PIDS"},
};

double numberOf(const json::Value& object, std::string_view key) {
  const json::Value* value = object.find(key);
  return value && value->isNumber() ? value->asDouble() : 0;
}

// The share of all processors' time between two samples, in hundredths of one processor.
double cpuPercent(const json::Value& sample) {
  const json::Value &now = sample["cpu_stats"], &before = sample["precpu_stats"];
  const double used =
      numberOf(now["cpu_usage"], "total_usage") - numberOf(before["cpu_usage"], "total_usage");
  const double passed = numberOf(now, "system_cpu_usage") - numberOf(before, "system_cpu_usage");
  double processors = numberOf(now, "online_cpus");
  if (processors == 0)
    processors = static_cast<double>(arrayAt(now["cpu_usage"], "percpu_usage").size());
  constexpr double kHundred = 100;
  return used > 0 && passed > 0 ? used / passed * processors * kHundred : 0;
}

// What cannot be taken back: page cache that nobody uses does not count.
double memoryUsed(const json::Value& memory) {
  const double usage = numberOf(memory, "usage");
  const json::Value& stats = memory["stats"];
  const double v1 = numberOf(stats, "total_inactive_file"), v2 = numberOf(stats, "inactive_file");
  if (stats.find("total_inactive_file") && v1 < usage) return usage - v1;
  return v2 < usage ? usage - v2 : usage;
}

std::pair<double, double> networkBytes(const json::Value& sample) {
  double received = 0, sent = 0;
  for (const auto& member : objectAt(sample, "networks")) {
    received += numberOf(member.value, "rx_bytes");
    sent += numberOf(member.value, "tx_bytes");
  }
  return {received, sent};
}

std::pair<double, double> blockBytes(const json::Value& sample) {
  double read = 0, written = 0;
  for (const json::Value& entry : arrayAt(sample["blkio_stats"], "io_service_bytes_recursive")) {
    const std::string operation = textAt(entry, "op");
    const char first =
        operation.empty()
            ? '\0'
            : static_cast<char>(std::tolower(static_cast<unsigned char>(operation[0])));
    if (first == 'r') read += numberOf(entry, "value");
    if (first == 'w') written += numberOf(entry, "value");
  }
  return {read, written};
}

std::string pairText(const std::pair<double, double>& bytes) {
  constexpr int kDigits = 3;
  return fmt::format("{} / {}", base::humanSize(bytes.first, kDigits),
                     base::humanSize(bytes.second, kDigits));
}

}  // namespace

Row statsRow(const json::Value& sample, const std::string& asked, bool truncate) {
  json::Value fields = json::Value::object();
  const auto set = [&](const char* name, std::string text) { fields.set(name, std::move(text)); };
  if (!sample.isObject()) {
    for (const char* name : {"BlockIO", "CPUPerc"})
      set(name, name == std::string_view("BlockIO") ? "-- / --" : "--");
    set("Container", asked);
    set("ID", truncate ? truncateId(asked) : asked);
    set("MemPerc", "--");
    set("MemUsage", "-- / --");
    set("Name", "--");
    set("NetIO", "-- / --");
    set("PIDs", "--");
    return {std::move(fields)};
  }
  const json::Value& memory = sample["memory_stats"];
  const double used = memoryUsed(memory), limit = numberOf(memory, "limit");
  std::string name = textAt(sample, "name"), id = textAt(sample, "id");
  if (name.starts_with('/')) name.erase(0, 1);
  set("BlockIO", pairText(blockBytes(sample)));
  set("CPUPerc", fmt::format("{:.2f}%", cpuPercent(sample)));
  set("Container", asked);
  set("ID", truncate ? truncateId(id) : id);
  set("MemPerc", fmt::format("{:.2f}%", limit > 0 ? used / limit * 100 : 0));
  set("MemUsage", fmt::format("{} / {}", base::bytesSize(used), base::bytesSize(limit)));
  set("Name", name);
  set("NetIO", pairText(networkBytes(sample)));
  set("PIDs", fmt::format("{:.0f}", numberOf(sample["pids_stats"], "current")));
  return {std::move(fields)};
}

const ListView& statsView() {
  static const ListView view{
      kColumns,
      {"ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"},
      "*container.statsContext"};
  return view;
}

}  // namespace commands
