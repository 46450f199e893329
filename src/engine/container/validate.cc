#include "engine/container/validate.h"

#include <algorithm>
#include <array>
#include <csignal>

#include "engine/container/kernel_limits.h"
#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/base/units.h"

namespace container {
namespace {

using base::Code;

constexpr std::int64_t kLeastMemory = 6 << 20;
constexpr std::int64_t kMostLogFiles = 1000;  // each costs a rename at every rotation

void refuseIf(bool set, const char* field) {
  if (set) base::fail(Code::kNotImplemented, "{} is not implemented", field);
}

void checkMemory(const dockerapi::Resources& r, bool update = false) {
  if (r.memory != 0 && r.memory < kLeastMemory) {
    base::fail(Code::kInvalidArgument, "Minimum memory limit allowed is 6MB");
  }
  if (r.memory > 0 && r.memorySwap > 0 && r.memorySwap < r.memory) {
    base::fail(Code::kInvalidArgument,
               "Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (r.memory == 0 && r.memorySwap > 0 && !update) {
    base::fail(Code::kInvalidArgument,
               "You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  if (r.memorySwappiness && (*r.memorySwappiness < -1 || *r.memorySwappiness > 100)) {
    base::fail(Code::kInvalidArgument, "Invalid value: {}, valid memory swappiness range is 0-100",
               *r.memorySwappiness);
  }
  if (r.memoryReservation > 0 && r.memoryReservation < kLeastMemory) {
    base::fail(Code::kInvalidArgument, "Minimum memory reservation allowed is 6MB");
  }
  if (r.memory > 0 && r.memoryReservation > r.memory) {
    base::fail(Code::kInvalidArgument,
               "Minimum memory limit can not be less than memory reservation limit, see usage");
  }
}

void refuseResources(const dockerapi::Resources& r) {
  refuseIf(r.kernelMemory != 0, "HostConfig.KernelMemory");
  refuseIf(r.kernelMemoryTcp != 0, "HostConfig.KernelMemoryTCP");
  refuseIf(!r.deviceRequests.empty(), "HostConfig.DeviceRequests");
  refuseIf(!r.cgroupParent.empty(), "HostConfig.CgroupParent");
  refuseIf(!r.blkioWeightDevice.empty(), "HostConfig.BlkioWeightDevice");
  refuseIf(!r.blkioDeviceReadBps.empty(), "HostConfig.BlkioDeviceReadBps");
  refuseIf(!r.blkioDeviceWriteBps.empty(), "HostConfig.BlkioDeviceWriteBps");
  refuseIf(!r.blkioDeviceReadIOps.empty(), "HostConfig.BlkioDeviceReadIOps");
  refuseIf(!r.blkioDeviceWriteIOps.empty(), "HostConfig.BlkioDeviceWriteIOps");
  refuseIf(r.cpuRealtimePeriod != 0, "HostConfig.CpuRealtimePeriod");
  refuseIf(r.cpuRealtimeRuntime != 0, "HostConfig.CpuRealtimeRuntime");
  refuseIf(r.cpuCount != 0, "HostConfig.CpuCount");
  refuseIf(r.cpuPercent != 0, "HostConfig.CpuPercent");
  refuseIf(r.ioMaximumIOps != 0, "HostConfig.IOMaximumIOps");
  refuseIf(r.ioMaximumBandwidth != 0, "HostConfig.IOMaximumBandwidth");
}

void checkCpu(const dockerapi::Resources& r, const sys::HostFacts& host) {
  if (r.nanoCpus < 0 || r.nanoCpus > static_cast<std::int64_t>(host.cpus) * 1'000'000'000) {
    base::fail(Code::kInvalidArgument,
               "range of CPUs is from 0.01 to {}.00, as there are only {} CPUs available",
               host.cpus, host.cpus);
  }
  if (r.nanoCpus > 0 && (r.cpuPeriod != 0 || r.cpuQuota != 0)) {
    base::fail(Code::kInvalidArgument,
               "Conflicting options: Nano CPUs and CPU {} cannot both be set",
               r.cpuPeriod != 0 ? "Period" : "Quota");
  }
  if (r.cpuPeriod != 0 && (r.cpuPeriod < 1000 || r.cpuPeriod > 1'000'000)) {
    base::fail(
        Code::kInvalidArgument,
        "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (r.cpuQuota > 0 && r.cpuQuota < 1000)
    base::fail(Code::kInvalidArgument, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
  if (r.cpuShares < 0)
    base::fail(Code::kInvalidArgument, "invalid CPU shares ({}): value must be a positive integer",
               r.cpuShares);
}

void checkRestart(const dockerapi::RestartPolicy& policy, bool autoRemove) {
  const std::string& name = policy.name;
  if (name != "no" && name != "always" && name != "unless-stopped" && name != "on-failure") {
    base::fail(Code::kInvalidArgument,
               "invalid restart policy: unknown policy '{}'; use one of 'no', 'always', "
               "'on-failure', or 'unless-stopped'",
               name);
  }
  if (name != "on-failure" && policy.maximumRetryCount != 0) {
    const char* hint = policy.maximumRetryCount < 0 ? " and cannot be negative" : "";
    base::fail(Code::kInvalidArgument,
               "invalid restart policy: maximum retry count can only be used with 'on-failure'{}",
               hint);
  }
  if (policy.maximumRetryCount < 0) {
    base::fail(Code::kInvalidArgument,
               "invalid restart policy: maximum retry count cannot be negative");
  }
  if (autoRemove && name != "no")
    base::fail(Code::kInvalidArgument, "can't create 'AutoRemove' container with restart policy");
}

void checkLog(const dockerapi::LogConfig& log) {
  if (log.type != "json-file" && log.type != "none") {
    constexpr std::array<std::string_view, 9> kKnown{"local",  "journald", "syslog",
                                                     "gelf",   "fluentd",  "awslogs",
                                                     "splunk", "gcplogs",  "etwlogs"};
    if (std::find(kKnown.begin(), kKnown.end(), log.type) != kKnown.end()) {
      base::fail(Code::kNotImplemented,
                 "logging driver \"{}\" is not implemented (HostConfig.LogConfig.Type): use "
                 "json-file or none",
                 log.type);
    }
    base::fail(Code::kInvalidArgument, "logger: no log driver named '{}' is registered", log.type);
  }
  for (const auto& [key, value] : log.config) {
    if (log.type == "none") continue;
    constexpr std::array<std::string_view, 8> kLater{
        "labels", "labels-regex", "env", "env-regex", "tag", "compress", "mode", "max-buffer-size"};
    if (std::find(kLater.begin(), kLater.end(), key) != kLater.end()) {
      base::fail(Code::kNotImplemented,
                 "log option \"{}\" is not implemented (HostConfig.LogConfig.Config)", key);
    }
    if (key != "max-size" && key != "max-file")
      base::fail(Code::kInvalidArgument, "unknown log opt '{}' for json-file log driver", key);
    if (key == "max-size" && value != "-1" && base::parseRamBytes(value) <= 0)
      base::fail(Code::kInvalidArgument, "max-size must be a positive number");
    if (key != "max-file") continue;
    const auto files = base::parseInt(value);
    if (!files) base::fail(Code::kInvalidArgument, "max-file is no number: {}", base::quote(value));
    if (*files < 1) base::fail(Code::kInvalidArgument, "max-file cannot be less than 1");
    if (*files > kMostLogFiles)
      base::fail(Code::kInvalidArgument, "max-file cannot be more than {}", kMostLogFiles);
  }
}

// What no execve(2) takes is refused before anything is made of it.
void checkProgramSize(const std::vector<std::string>& arguments,
                      const std::vector<std::string>& environment) {
  constexpr size_t kMost = 6 << 20;  // the kernel's, with any limit of the stack (execve(2))
  const auto sizeOf = [](const std::vector<std::string>& strings) {
    size_t size = 0;
    for (const std::string& text : strings) size += text.size() + 1 + sizeof(char*);
    return size;
  };
  const size_t size = sizeOf(arguments) + sizeOf(environment);
  if (size <= kMost) return;
  base::fail(Code::kInvalidArgument,
             "argument list too long: command and environment need {} bytes, and no program can be "
             "given more than {}",
             size, kMost);
}

void checkModes(const dockerapi::Config& config, const dockerapi::HostConfig& h) {
  const bool hostNet = h.networkMode == "host";
  if (isContainerMode(h.networkMode)) {
    if (containerOfMode(h.networkMode).empty()) {
      base::fail(Code::kInvalidArgument,
                 "invalid network mode: invalid container format container:<name|id>");
    }
    if (!config.hostname.empty())
      base::fail(Code::kInvalidArgument, "conflicting options: hostname and the network mode");
    if (!h.portBindings.empty() || h.publishAllPorts) {
      base::fail(Code::kInvalidArgument,
                 "conflicting options: port publishing and the container type network mode");
    }
    if (!config.exposedPorts.empty()) {
      base::fail(Code::kInvalidArgument,
                 "conflicting options: port exposing and the container type network mode");
    }
    if (!h.dns.empty())
      base::fail(Code::kInvalidArgument, "conflicting options: dns and the network mode");
    if (!h.extraHosts.empty()) {
      base::fail(Code::kInvalidArgument,
                 "conflicting options: custom host-to-IP mapping and the network mode");
    }
  }
  if (hostNet && h.utsMode == "host" && !config.hostname.empty()) {
    base::fail(Code::kInvalidArgument, "conflicting options: hostname and the UTS mode");
  }
  if (!h.pidMode.empty() && h.pidMode != "host" && containerOfMode(h.pidMode).empty())
    base::fail(Code::kInvalidArgument, "invalid PID mode: {}", h.pidMode);
  if (!h.utsMode.empty() && h.utsMode != "host")
    base::fail(Code::kInvalidArgument, "invalid UTS mode: {}", h.utsMode);
  constexpr std::array<std::string_view, 5> kIpc{"", "none", "private", "shareable", "host"};
  if (std::find(kIpc.begin(), kIpc.end(), h.ipcMode) == kIpc.end() &&
      containerOfMode(h.ipcMode).empty()) {
    base::fail(Code::kInvalidArgument, "invalid IPC mode: {}", h.ipcMode);
  }
  if (!h.cgroupnsMode.empty() && h.cgroupnsMode != "host" && h.cgroupnsMode != "private") {
    base::fail(Code::kInvalidArgument, "invalid cgroup namespace mode: {}", h.cgroupnsMode);
  }
}

void checkSecurityOptions(const dockerapi::HostConfig& h, const sys::HostFacts& host) {
  for (const std::string& option : h.securityOpt) {
    const size_t at = option.find_first_of("=:");
    const std::string key = option.substr(0, at);
    const std::string value = at == std::string::npos ? "" : option.substr(at + 1);
    if (key == "no-new-privileges") {
      if (!value.empty() && !base::parseBool(value))
        base::fail(Code::kInvalidArgument, "invalid --security-opt: {}", base::quote(option));
    } else if (key == "seccomp" || key == "systempaths") {
      if (value.empty())
        base::fail(Code::kInvalidArgument, "invalid --security-opt: {}", base::quote(option));
    } else if (key == "apparmor") {
      if (value != "unconfined" && !host.apparmor)
        base::fail(Code::kInvalidArgument,
                   "apparmor profile \"{}\": AppArmor is not enabled on this host", value);
      if (value != "unconfined")
        base::fail(Code::kNotImplemented,
                   "AppArmor profiles are not implemented (HostConfig.SecurityOpt)");
    } else if (key == "label") {
      if (value != "disable")
        base::fail(Code::kNotImplemented,
                   "SELinux labels are not implemented (HostConfig.SecurityOpt)");
    } else if (key == "writable-cgroups") {
      base::fail(Code::kNotImplemented,
                 "writable-cgroups is not implemented (HostConfig.SecurityOpt)");
    } else {
      base::fail(Code::kInvalidArgument, "invalid --security-opt 2: {}", base::quote(option));
    }
  }
}

// They become words of /etc/hosts, /etc/hostname and /etc/resolv.conf: a blank or a line's end in
// one would be a word or a line of its own.
void checkWord(const std::string& text, const char* what) {
  const bool plain = std::none_of(text.begin(), text.end(),
                                  [](unsigned char c) { return c <= 0x20 || c == 0x7f; });
  if (!plain)
    base::fail(Code::kInvalidArgument, "invalid {}: {} has blanks or control characters", what,
               base::quote(text));
}

void checkWords(const dockerapi::Config& config, const dockerapi::HostConfig& h) {
  checkWord(config.hostname, "hostname");
  checkWord(config.domainname, "domain name");
  for (const std::string& host : h.extraHosts) checkWord(host, "extra host");
  for (const std::string& server : h.dns) checkWord(server, "DNS server");
  for (const std::string& domain : h.dnsSearch) checkWord(domain, "DNS search domain");
  for (const std::string& option : h.dnsOptions) checkWord(option, "DNS option");
}

void fillDefaults(dockerapi::HostConfig& h, const sys::HostFacts& host) {
  if (h.networkMode.empty() || h.networkMode == "default") h.networkMode = "bridge";
  if (h.restartPolicy.name.empty()) h.restartPolicy.name = "no";
  if (h.logConfig.type.empty()) h.logConfig.type = "json-file";
  if (h.ipcMode.empty()) h.ipcMode = "private";
  if (h.cgroupnsMode.empty())
    h.cgroupnsMode = host.cgroups == sys::CgroupVersion::kV2 && !h.privileged ? "private" : "host";
  if (h.shmSize == 0) h.shmSize = 64 << 20;
  if (h.runtime.empty()) h.runtime = "runc";
  auto& r = h.resources;
  // Docker's rule: without a word about swap, as much again as memory.
  if (r.memory > 0 && r.memorySwap == 0) r.memorySwap = r.memory * 2;
}

}  // namespace

bool isContainerMode(const std::string& mode) {
  return mode.starts_with("container:");
}
std::string containerOfMode(const std::string& mode) {
  return isContainerMode(mode) ? mode.substr(10) : std::string();
}
bool isUserNetwork(const std::string& mode) {
  return !mode.empty() && mode != "default" && mode != "bridge" && mode != "host" &&
         mode != "none" && !isContainerMode(mode);
}

void refuseUnimplemented(const dockerapi::Config& config, const dockerapi::HostConfig& h) {
  refuseResources(h.resources);
  refuseIf(config.healthcheck && !config.healthcheck->test.empty() &&
               config.healthcheck->test.front() != "NONE",
           "Config.Healthcheck");
  refuseIf(!h.cgroup.empty(), "HostConfig.Cgroup");
  refuseIf(!h.links.empty(), "HostConfig.Links");
  refuseIf(!h.storageOpt.empty(), "HostConfig.StorageOpt");
  refuseIf(!h.usernsMode.empty() && h.usernsMode != "host", "HostConfig.UsernsMode");
  refuseIf(!h.isolation.empty() && h.isolation != "default", "HostConfig.Isolation");
  for (const auto& mount : h.mounts) {
    refuseIf(mount.bindOptions && mount.bindOptions->readOnlyForceRecursive,
             "HostConfig.Mounts.BindOptions.ReadOnlyForceRecursive");
  }
  for (const std::string& option : h.securityOpt) {
    refuseIf(option.starts_with("systempaths"),
             "HostConfig.SecurityOpt systempaths (send empty MaskedPaths and ReadonlyPaths)");
  }
  refuseIf(!h.annotations.empty(), "HostConfig.Annotations");
  if (!h.runtime.empty() && h.runtime != "runc") {
    base::fail(Code::kInvalidArgument, "unknown or invalid runtime name: {}", h.runtime);
  }
}

void refuseUnimplementedUpdate(const dockerapi::Resources& r) {
  refuseResources(r);
  refuseIf(!r.devices.empty(), "Devices of an update");
  refuseIf(!r.deviceCgroupRules.empty(), "DeviceCgroupRules of an update");
  refuseIf(!r.ulimits.empty(), "Ulimits of an update");
  refuseIf(r.memorySwappiness.has_value(), "MemorySwappiness of an update");
  refuseIf(r.oomKillDisable.value_or(false), "OomKillDisable of an update");
}

void validateUpdate(const dockerapi::Resources& resources, const dockerapi::RestartPolicy& policy,
                    const sys::HostFacts& host) {
  checkMemory(resources, true);
  checkCpu(resources, host);
  if (!policy.name.empty()) checkRestart(policy, false);
}

int parseSignal(const std::string& text) {
  struct Name {
    std::string_view name;
    int number;
  };
  constexpr std::array<Name, 34> kNames{
      {{"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"BUS", SIGBUS},       {"CHLD", SIGCHLD},
       {"CLD", SIGCHLD},  {"CONT", SIGCONT}, {"FPE", SIGFPE},       {"HUP", SIGHUP},
       {"ILL", SIGILL},   {"INT", SIGINT},   {"IO", SIGIO},         {"IOT", SIGIOT},
       {"KILL", SIGKILL}, {"PIPE", SIGPIPE}, {"POLL", SIGPOLL},     {"PROF", SIGPROF},
       {"PWR", SIGPWR},   {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV},     {"STKFLT", SIGSTKFLT},
       {"STOP", SIGSTOP}, {"SYS", SIGSYS},   {"TERM", SIGTERM},     {"TRAP", SIGTRAP},
       {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},     {"URG", SIGURG},
       {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"VTALRM", SIGVTALRM}, {"WINCH", SIGWINCH},
       {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ}}};
  if (const auto number = base::parseInt(text)) {
    if (*number < 1 || *number > 64) base::fail(Code::kInvalidArgument, "invalid signal: {}", text);
    return static_cast<int>(*number);
  }
  std::string name = text;
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (const Name& known : kNames) {
    if (known.name == name) return known.number;
  }
  if (name.starts_with("RTMIN") || name.starts_with("RTMAX")) {
    const int start = name.starts_with("RTMIN") ? 34 : 64;
    const auto offset = name.size() == 5 ? std::optional<std::int64_t>(0)
                                         : base::parseInt(std::string_view(name).substr(5));
    if (offset && start + *offset >= 34 && start + *offset <= 64)
      return start + static_cast<int>(*offset);
  }
  base::fail(Code::kInvalidArgument, "invalid signal: {}", text);
}

std::vector<std::string> validate(dockerapi::Config& config, dockerapi::HostConfig& h,
                                  const sys::HostFacts& host) {
  std::vector<std::string> warnings;
  fillDefaults(h, host);
  checkMemory(h.resources);
  checkCpu(h.resources, host);
  checkCpusets(h.resources);
  if (h.resources.blkioWeight > 0 &&
      (h.resources.blkioWeight < 10 || h.resources.blkioWeight > 1000)) {
    base::fail(Code::kInvalidArgument, "Range of blkio weight is from 10 to 1000");
  }
  warnings = dropUnsupported(h.resources, host);
  checkRestart(h.restartPolicy, h.autoRemove);
  checkWords(config, h);
  checkLog(h.logConfig);
  checkModes(config, h);
  checkSecurityOptions(h, host);
  if (h.oomScoreAdj < -1000 || h.oomScoreAdj > 1000) {
    base::fail(Code::kInvalidArgument, "Invalid value {}, range for oom score adj is [-1000, 1000]",
               h.oomScoreAdj);
  }
  if (h.shmSize < 0) base::fail(Code::kInvalidArgument, "SHM size can not be less than 0");
  if (!config.stopSignal.empty()) parseSignal(config.stopSignal);
  if (!config.workingDir.empty() && !config.workingDir.starts_with('/')) {
    base::fail(Code::kInvalidArgument,
               "the working directory '{}' is invalid, it needs to be an absolute path",
               config.workingDir);
  }
  checkProgramSize(config.cmd, config.env);
  for (const std::string& variable : config.env) {
    if (variable.empty() || variable.front() == '=')
      base::fail(Code::kInvalidArgument, "invalid environment variable: {}", variable);
  }
  if (h.networkMode == "host" && (!h.portBindings.empty() || h.publishAllPorts)) {
    warnings.emplace_back("Published ports are discarded when using host network mode");
    h.portBindings.clear();
    h.publishAllPorts = false;
  }
  if (h.resources.oomKillDisable.value_or(false) && h.resources.memory == 0) {
    warnings.emplace_back(
        "OOM killer is disabled for the container, but no memory limit is set, this can result in "
        "the system running out of resources.");
  }
  return warnings;
}

}  // namespace container
