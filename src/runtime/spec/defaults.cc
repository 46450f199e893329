#include "runtime/spec/defaults.h"

#include <algorithm>
#include <cctype>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"

namespace spec {

const std::vector<std::string>& allCapabilities() {
  static const std::vector<std::string> names{"CAP_CHOWN",
                                              "CAP_DAC_OVERRIDE",
                                              "CAP_DAC_READ_SEARCH",
                                              "CAP_FOWNER",
                                              "CAP_FSETID",
                                              "CAP_KILL",
                                              "CAP_SETGID",
                                              "CAP_SETUID",
                                              "CAP_SETPCAP",
                                              "CAP_LINUX_IMMUTABLE",
                                              "CAP_NET_BIND_SERVICE",
                                              "CAP_NET_BROADCAST",
                                              "CAP_NET_ADMIN",
                                              "CAP_NET_RAW",
                                              "CAP_IPC_LOCK",
                                              "CAP_IPC_OWNER",
                                              "CAP_SYS_MODULE",
                                              "CAP_SYS_RAWIO",
                                              "CAP_SYS_CHROOT",
                                              "CAP_SYS_PTRACE",
                                              "CAP_SYS_PACCT",
                                              "CAP_SYS_ADMIN",
                                              "CAP_SYS_BOOT",
                                              "CAP_SYS_NICE",
                                              "CAP_SYS_RESOURCE",
                                              "CAP_SYS_TIME",
                                              "CAP_SYS_TTY_CONFIG",
                                              "CAP_MKNOD",
                                              "CAP_LEASE",
                                              "CAP_AUDIT_WRITE",
                                              "CAP_AUDIT_CONTROL",
                                              "CAP_SETFCAP",
                                              "CAP_MAC_OVERRIDE",
                                              "CAP_MAC_ADMIN",
                                              "CAP_SYSLOG",
                                              "CAP_WAKE_ALARM",
                                              "CAP_BLOCK_SUSPEND",
                                              "CAP_AUDIT_READ",
                                              "CAP_PERFMON",
                                              "CAP_BPF",
                                              "CAP_CHECKPOINT_RESTORE"};
  return names;
}

std::optional<int> capabilityNumber(const std::string& name) {
  const auto& all = allCapabilities();
  const auto found = std::find(all.begin(), all.end(), name);
  if (found == all.end()) return std::nullopt;
  return static_cast<int>(found - all.begin());
}

std::vector<std::string> availableCapabilities() {
  const std::string status = sys::readFile(AT_FDCWD, "/proc/self/status");
  const auto at = status.find("CapBnd:\t");
  const std::uint64_t bits =
      at == status.npos ? 0 : std::stoull(status.substr(at + 8, 16), nullptr, 16);
  std::vector<std::string> result;
  for (size_t i = 0; i < allCapabilities().size(); ++i) {
    if (bits >> i & 1) result.push_back(allCapabilities()[i]);
  }
  return result;
}

std::vector<std::string> defaultCapabilities() {
  return {"CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
          "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
          "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
          "CAP_KILL",    "CAP_AUDIT_WRITE"};
}

namespace {

std::vector<std::string> normalize(const std::vector<std::string>& names, const char* field) {
  std::vector<std::string> result;
  for (const auto& given : names) {
    std::string name = given;
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (name != "ALL" && !name.starts_with("CAP_")) name = "CAP_" + name;
    if (name != "ALL" && !capabilityNumber(name)) {
      base::fail(base::Code::kInvalidArgument, "invalid {}: unknown capability: {}", field,
                 base::quote(name));
    }
    result.push_back(name);
  }
  return result;
}

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

std::vector<std::string> adjustCapabilities(const std::vector<std::string>& add,
                                            const std::vector<std::string>& drop, bool privileged) {
  const auto adds = normalize(add, "CapAdd");
  const auto drops = normalize(drop, "CapDrop");
  if (privileged) return availableCapabilities();
  std::vector<std::string> result;
  if (!contains(adds, "ALL") && contains(drops, "ALL")) return adds;
  for (const auto& name : contains(adds, "ALL") ? availableCapabilities() : defaultCapabilities()) {
    if (!contains(drops, name)) result.push_back(name);
  }
  for (const auto& name : adds) {
    if (name != "ALL" && !contains(result, name)) result.push_back(name);
  }
  return result;
}

namespace {

oci::Mount mountOf(const char* destination, const char* type, const char* source,
                   std::vector<std::string> options) {
  oci::Mount mount;
  mount.destination = destination;
  mount.type = type;
  mount.source = source;
  mount.options = std::move(options);
  return mount;
}

oci::DeviceCgroup rule(bool allow, const char* type, std::optional<std::int64_t> major,
                       std::optional<std::int64_t> minor, const char* access) {
  oci::DeviceCgroup result;
  result.allow = allow;
  result.type = type;
  result.major = major;
  result.minor = minor;
  result.access = access;
  return result;
}

}  // namespace

std::vector<oci::Mount> defaultMounts(bool privileged, std::int64_t shmSize) {
  const char* access = privileged ? "rw" : "ro";
  return {
      mountOf("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}),
      mountOf("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      mountOf("/dev/pts", "devpts", "devpts",
              {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
      mountOf("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", access}),
      mountOf("/sys/fs/cgroup", "cgroup", "cgroup", {access, "nosuid", "noexec", "nodev"}),
      mountOf("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
      mountOf("/dev/shm", "tmpfs", "shm",
              {"nosuid", "noexec", "nodev", "mode=1777", "size=" + std::to_string(shmSize)}),
  };
}

std::vector<std::string> defaultMaskedPaths() {
  return {"/proc/asound",     "/proc/acpi",        "/proc/interrupts",
          "/proc/kcore",      "/proc/keys",        "/proc/latency_stats",
          "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
          "/proc/scsi",       "/sys/firmware",     "/sys/devices/virtual/powercap"};
}

std::vector<std::string> defaultReadonlyPaths() {
  return {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
}

std::vector<oci::DeviceCgroup> runtimeDeviceRules() {
  return {
      rule(true, "c", {}, {}, "m"), rule(true, "b", {}, {}, "m"),   rule(true, "c", 1, 3, "rwm"),
      rule(true, "c", 1, 8, "rwm"), rule(true, "c", 1, 7, "rwm"),   rule(true, "c", 5, 0, "rwm"),
      rule(true, "c", 1, 5, "rwm"), rule(true, "c", 1, 9, "rwm"),   rule(true, "c", 136, {}, "rwm"),
      rule(true, "c", 5, 2, "rwm"), rule(true, "c", 10, 200, "rwm")};
}

std::vector<oci::DeviceCgroup> defaultDeviceRules(bool privileged) {
  if (privileged) return {rule(true, "a", {}, {}, "rwm")};
  std::vector<oci::DeviceCgroup> rules{rule(false, "a", {}, {}, "rwm"),
                                       rule(true, "c", 5, 1, "rwm"),
                                       rule(false, "c", 10, 229, "rwm")};
  for (const auto& allowed : runtimeDeviceRules()) rules.push_back(allowed);
  return rules;
}

oci::Spec defaultSpec(bool cgroupNamespace) {
  oci::Spec spec;
  spec.ociVersion = oci::kRuntimeSpecVersion;
  spec.process.emplace();
  spec.process->cwd = "/";
  spec.process->env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  const auto capabilities = defaultCapabilities();
  spec.process->capabilities.emplace();
  spec.process->capabilities->bounding = capabilities;
  spec.process->capabilities->effective = capabilities;
  spec.process->capabilities->permitted = capabilities;
  spec.root.emplace();
  spec.root->path = "rootfs";
  spec.mounts = defaultMounts(false);
  spec.linux.emplace();
  for (const char* type : {"mount", "network", "uts", "pid", "ipc"})
    spec.linux->namespaces.push_back({type, ""});
  if (cgroupNamespace) spec.linux->namespaces.push_back({"cgroup", ""});
  spec.linux->maskedPaths = defaultMaskedPaths();
  spec.linux->readonlyPaths = defaultReadonlyPaths();
  spec.linux->resources.emplace();
  spec.linux->resources->devices = defaultDeviceRules(false);
  return spec;
}

void makePrivileged(oci::Spec& spec) {
  const auto all = availableCapabilities();
  spec.process->capabilities.emplace();
  spec.process->capabilities->bounding = all;
  spec.process->capabilities->effective = all;
  spec.process->capabilities->permitted = all;
  spec.linux->maskedPaths.clear();
  spec.linux->readonlyPaths.clear();
  spec.linux->seccomp.reset();
  if (!spec.linux->resources) spec.linux->resources.emplace();
  spec.linux->resources->devices = defaultDeviceRules(true);
  for (auto& mount : spec.mounts) {
    if (mount.type != "sysfs" && mount.type != "cgroup") continue;
    std::replace(mount.options.begin(), mount.options.end(), std::string("ro"), std::string("rw"));
  }
}

}  // namespace spec
