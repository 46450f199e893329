// update.
#include "cli/commands/commands.h"
#include "cli/commands/list_format.h"
#include "cli/commands/option_values.h"

namespace commands {
namespace {

constexpr Flag kFlags[] = {
    {"blkio-weight", 0, Kind::kUint16, "uint16",
     "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)"},
    {"cpu-period", 0, Kind::kInt, "int", "Limit CPU CFS (Completely Fair Scheduler) period"},
    {"cpu-quota", 0, Kind::kInt, "int", "Limit CPU CFS (Completely Fair Scheduler) quota"},
    {"cpu-rt-period", 0, Kind::kInt, "int", "Limit the CPU real-time period in microseconds"},
    {"cpu-rt-runtime", 0, Kind::kInt, "int", "Limit the CPU real-time runtime in microseconds"},
    {"cpu-shares", 'c', Kind::kInt, "int", "CPU shares (relative weight)"},
    {"cpus", 0, Kind::kDecimal, "decimal", "Number of CPUs"},
    {"cpuset-cpus", 0, Kind::kString, "string", "CPUs in which to allow execution (0-3, 0,1)"},
    {"cpuset-mems", 0, Kind::kString, "string", "MEMs in which to allow execution (0-3, 0,1)"},
    {"memory", 'm', Kind::kBytes, "bytes", "Memory limit"},
    {"memory-reservation", 0, Kind::kBytes, "bytes", "Memory soft limit"},
    {"memory-swap", 0, Kind::kSwapBytes, "bytes",
     "Swap limit equal to memory plus swap: -1 to enable unlimited swap"},
    {"pids-limit", 0, Kind::kInt, "int", "Tune container pids limit (set -1 for unlimited)"},
    {"restart", 0, Kind::kString, "string", "Restart policy to apply when a container exits"},
};

int runUpdate(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  bool any = false;
  for (const Flag& flag : kFlags) any = any || flags.changed(flag.name);
  if (!any)
    base::fail(base::Code::kInvalidArgument,
               "you must provide one or more flags when using this command");
  json::Value body = json::Value::object();
  const std::pair<const char*, const char*> numbers[] = {
      {"CpuShares", "cpu-shares"},
      {"Memory", "memory"},
      {"NanoCpus", "cpus"},
      {"BlkioWeight", "blkio-weight"},
      {"CpuPeriod", "cpu-period"},
      {"CpuQuota", "cpu-quota"},
      {"CpuRealtimePeriod", "cpu-rt-period"},
      {"CpuRealtimeRuntime", "cpu-rt-runtime"},
      {"MemoryReservation", "memory-reservation"},
      {"MemorySwap", "memory-swap"},
  };
  for (const auto& [key, flag] : numbers) body.set(key, flags.number(flag));
  body.set("CpusetCpus", flags.text("cpuset-cpus"));
  body.set("CpusetMems", flags.text("cpuset-mems"));
  if (flags.changed("pids-limit")) body.set("PidsLimit", flags.number("pids-limit"));
  body.set("RestartPolicy", restartPolicy(flags.text("restart")));
  std::vector<std::string> warnings;
  forEachArgument(invocation, [&](const std::string& name) {
    const json::Value answer = cli.engine().postJson(containerPath(name, "/update"), {}, body);
    for (const json::Value& warning : arrayAt(answer, "Warnings"))
      warnings.push_back(warning.asString());
    return true;
  });
  for (const std::string& warning : warnings) cli.print(warning + "\n");
  return 0;
}

}  // namespace

constinit const Command kContainerUpdate = {"[OPTIONS] CONTAINER [CONTAINER...]",
                                            "Update configuration of one or more containers",
                                            nullptr,
                                            "@ container update, @ update",
                                            kFlags,
                                            nullptr,
                                            {1, -1},
                                            true,
                                            runUpdate};

}  // namespace commands
