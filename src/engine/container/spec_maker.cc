#include "engine/container/spec_maker.h"

#include <algorithm>

#include "engine/container/merge.h"
#include "engine/container/validate.h"
#include "platform/base/strings.h"
#include "runtime/spec/defaults.h"

namespace container {
namespace {

constexpr const char* kDefaultPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

bool covered(const Record& record, const std::string& destination) {
  return std::any_of(record.mounts.begin(), record.mounts.end(),
                     [&](const MountRecord& m) { return m.destination == destination; });
}

void dropNamespace(oci::Spec& spec, const std::string& type) {
  std::erase_if(spec.linux->namespaces, [&](const oci::Namespace& n) { return n.type == type; });
}

void joinNamespace(oci::Spec& spec, const std::string& type, const std::string& path) {
  for (oci::Namespace& n : spec.linux->namespaces) {
    if (n.type == type) n.path = path;
  }
}

void setNamespaces(oci::Spec& spec, const Record& record, const SpecInputs& inputs) {
  const auto& h = record.hostConfig;
  if (!inputs.ownNetwork) dropNamespace(spec, "network");
  if (h.pidMode == "host") dropNamespace(spec, "pid");
  if (h.ipcMode == "host") dropNamespace(spec, "ipc");
  if (h.utsMode == "host") dropNamespace(spec, "uts");
  if (!inputs.pidNamespace.empty()) joinNamespace(spec, "pid", inputs.pidNamespace);
  if (!inputs.ipcNamespace.empty()) joinNamespace(spec, "ipc", inputs.ipcNamespace);
  if (h.utsMode != "host") {
    spec.hostname = inputs.hostname;
    spec.domainname = record.config.domainname;
  }
}

oci::Mount bindMount(const std::string& destination, std::vector<std::string> options) {
  oci::Mount mount;
  mount.destination = destination;
  mount.type = "bind";
  mount.source = "none";  // opened by the engine and handed over as a descriptor
  mount.options = std::move(options);
  return mount;
}

oci::Mount tmpfs(const MountRecord& record) {
  oci::Mount mount;
  mount.destination = record.destination;
  mount.type = "tmpfs";
  mount.source = "tmpfs";
  mount.options = {"noexec", "nosuid", "nodev"};
  for (const std::string& word : base::split(record.tmpfsOptions, ',')) {
    if (word.empty()) continue;
    // The last word on a matter wins: exec takes noexec away.
    const std::string opposite = word.starts_with("no") ? word.substr(2) : "no" + word;
    std::erase(mount.options, opposite);
    std::erase(mount.options, word);
    mount.options.push_back(word);
  }
  if (!record.readWrite &&
      std::find(mount.options.begin(), mount.options.end(), "ro") == mount.options.end())
    mount.options.push_back("ro");
  return mount;
}

oci::Mount userMount(const MountRecord& record) {
  if (record.type == "tmpfs") return tmpfs(record);
  std::vector<std::string> options{record.recursive ? "rbind" : "bind"};
  if (!record.readWrite) {
    options.emplace_back("ro");
    // Since Linux 5.12 read-only covers the mounts below as well, unless that was ruled out.
    if (record.recursive && !record.readOnlyNonRecursive) options.emplace_back("rro");
  }
  options.push_back(record.propagation.empty() ? "rprivate" : record.propagation);
  return bindMount(record.destination, std::move(options));
}

// Above a mount of the user's on /etc, below one of the very file; read-only as the root is.
void mountEtcFiles(oci::Spec& spec, const Record& record) {
  for (const char* path : {"/etc/resolv.conf", "/etc/hostname", "/etc/hosts"}) {
    if (covered(record, path)) continue;
    std::vector<std::string> options{"rbind", "rprivate"};
    if (record.hostConfig.readonlyRootfs) options.emplace_back("ro");
    spec.mounts.push_back(bindMount(path, std::move(options)));
  }
}

bool hidesEtcFiles(const MountRecord& mount) {
  return std::count(mount.destination.begin(), mount.destination.end(), '/') < 2;
}

void setMounts(oci::Spec& spec, const Record& record, const SpecInputs& inputs) {
  const auto& h = record.hostConfig;
  spec.mounts = spec::defaultMounts(h.privileged, h.shmSize);
  std::erase_if(spec.mounts, [&](const oci::Mount& m) {
    if (m.destination == "/dev/shm" && (h.ipcMode == "none" || inputs.shareShm)) return true;
    if (m.destination == "/dev/mqueue" && h.ipcMode == "host") return true;
    return m.destination != "/proc" && covered(record, m.destination);
  });
  if (inputs.shareShm && !covered(record, "/dev/shm"))
    spec.mounts.push_back(bindMount("/dev/shm", {"rbind", "rprivate"}));
  if (inputs.shareQueues && !covered(record, "/dev/mqueue"))
    spec.mounts.push_back(bindMount("/dev/mqueue", {"rbind", "rprivate"}));
  // The record has them by depth.
  const auto deeper = std::find_if_not(record.mounts.begin(), record.mounts.end(), hidesEtcFiles);
  for (auto at = record.mounts.begin(); at != deeper; ++at) spec.mounts.push_back(userMount(*at));
  mountEtcFiles(spec, record);
  for (auto at = deeper; at != record.mounts.end(); ++at) spec.mounts.push_back(userMount(*at));
}

// In a network namespace made for it a container may bind any port and ping: neither reaches the
// host's.
void setSysctls(oci::Spec& spec, const dockerapi::HostConfig& h, bool ownNetwork) {
  auto& sysctl = spec.linux->sysctl;
  if (ownNetwork && !isContainerMode(h.networkMode)) {
    sysctl["net.ipv4.ip_unprivileged_port_start"] = "0";
    sysctl["net.ipv4.ping_group_range"] = "0 2147483647";
  }
  for (const auto& [key, value] : h.sysctls) sysctl[key] = value;
}

void setPaths(oci::Spec& spec, const dockerapi::HostConfig& h) {
  auto& linux_ = *spec.linux;
  linux_.maskedPaths.assign(h.maskedPaths.begin(), h.maskedPaths.end());
  linux_.readonlyPaths.assign(h.readonlyPaths.begin(), h.readonlyPaths.end());
  if (h.privileged) {
    linux_.maskedPaths.clear();
    linux_.readonlyPaths.clear();
  }
}

oci::Capabilities capabilitySets(const std::vector<std::string>& names) {
  oci::Capabilities sets;
  sets.bounding = sets.effective = sets.permitted =
      names;  // inheritable stays empty: CVE-2022-24769
  return sets;
}

void setProcess(oci::Spec& spec, const Record& record, const SpecInputs& inputs) {
  const auto& h = record.hostConfig;
  auto& process = *spec.process;
  process.terminal = record.config.tty;
  if (h.consoleSize[0] != 0 && h.consoleSize[1] != 0)
    process.consoleSize = oci::Box{h.consoleSize[0], h.consoleSize[1]};
  process.args = {record.path};
  process.args.insert(process.args.end(), record.args.begin(), record.args.end());
  process.env = environmentOf(record, inputs.hostname);
  process.cwd = record.config.workingDir.empty() ? "/" : record.config.workingDir;
  process.capabilities = capabilitySets(capabilitiesOf(h));
  process.noNewPrivileges = noNewPrivileges(h);
  process.oomScoreAdj = h.oomScoreAdj;
  process.rlimits.clear();
  for (const auto& limit : h.resources.ulimits) {
    process.rlimits.push_back({"RLIMIT_" + upper(limit.name),
                               static_cast<std::uint64_t>(limit.hard),
                               static_cast<std::uint64_t>(limit.soft)});
  }
}

}  // namespace

std::vector<std::string> capabilitiesOf(const dockerapi::HostConfig& h) {
  return spec::adjustCapabilities({h.capAdd.begin(), h.capAdd.end()},
                                  {h.capDrop.begin(), h.capDrop.end()}, h.privileged);
}

std::string seccompOption(const dockerapi::HostConfig& h) {
  std::string found;
  for (const std::string& option : h.securityOpt) {
    if (option.starts_with("seccomp=") || option.starts_with("seccomp:")) found = option.substr(8);
  }
  if (h.privileged && found.empty()) return "unconfined";
  return found == "builtin" ? "" : found;
}

bool noNewPrivileges(const dockerapi::HostConfig& h) {
  bool set = false;
  for (const std::string& option : h.securityOpt) {
    if (!option.starts_with("no-new-privileges")) continue;
    const std::string value = option.size() > 18 ? option.substr(18) : "true";
    set = base::parseBool(value).value_or(true);
  }
  return set;
}

std::vector<std::string> environmentOf(const Record& record, const std::string& hostname) {
  std::vector<std::string> env{kDefaultPath};
  if (!hostname.empty()) env.push_back("HOSTNAME=" + hostname);
  if (record.config.tty) env.emplace_back("TERM=xterm");
  return mergeEnvironment(env, {record.config.env.begin(), record.config.env.end()});
}

oci::Resources resourcesOf(const dockerapi::Resources& r) {
  oci::Resources result;
  oci::Memory memory;
  if (r.memory != 0) memory.limit = r.memory;
  if (r.memoryReservation != 0) memory.reservation = r.memoryReservation;
  if (r.memorySwap != 0) memory.swap = r.memorySwap;
  if (r.memorySwappiness && *r.memorySwappiness >= 0)
    memory.swappiness = static_cast<std::uint64_t>(*r.memorySwappiness);
  if (r.oomKillDisable.value_or(false)) memory.disableOomKiller = true;
  result.memory = memory;
  oci::Cpu cpu;
  if (r.cpuShares != 0) cpu.shares = static_cast<std::uint64_t>(r.cpuShares);
  if (r.nanoCpus > 0) {
    cpu.period = 100'000;
    cpu.quota = r.nanoCpus * 100'000 / 1'000'000'000;
  }
  if (r.cpuPeriod != 0) cpu.period = static_cast<std::uint64_t>(r.cpuPeriod);
  if (r.cpuQuota != 0) cpu.quota = r.cpuQuota;
  cpu.cpus = r.cpusetCpus;
  cpu.mems = r.cpusetMems;
  result.cpu = cpu;
  if (r.pidsLimit && *r.pidsLimit != 0)
    result.pids = oci::Pids{*r.pidsLimit < 0 ? -1 : *r.pidsLimit};
  if (r.blkioWeight != 0) {
    oci::BlockIo io;
    io.weight = r.blkioWeight;
    result.blockIO = io;
  }
  return result;
}

oci::Spec makeSpec(const Record& record, const SpecInputs& inputs, const sys::HostFacts&) {
  const auto& h = record.hostConfig;
  oci::Spec spec = spec::defaultSpec(h.cgroupnsMode == "private");
  spec.root = oci::Root{"rootfs", h.readonlyRootfs};
  setNamespaces(spec, record, inputs);
  setMounts(spec, record, inputs);
  setPaths(spec, h);
  setProcess(spec, record, inputs);
  auto& linux_ = *spec.linux;
  linux_.cgroupsPath = inputs.cgroupPath;
  linux_.resources = resourcesOf(h.resources);
  linux_.resources->devices = spec::defaultDeviceRules(h.privileged);
  linux_.resources->devices.insert(linux_.resources->devices.end(), inputs.deviceRules.begin(),
                                   inputs.deviceRules.end());
  linux_.devices.insert(linux_.devices.end(), inputs.devices.begin(), inputs.devices.end());
  linux_.seccomp = inputs.seccomp;
  setSysctls(spec, h, inputs.ownNetwork);
  // Propagation of the root must let a shared or slave mount below it through.
  linux_.rootfsPropagation = "rprivate";
  for (const MountRecord& mount : record.mounts) {
    if (mount.propagation.ends_with("shared")) linux_.rootfsPropagation = "rshared";
    if (mount.propagation.ends_with("slave") && linux_.rootfsPropagation != "rshared")
      linux_.rootfsPropagation = "rslave";
  }
  return spec;
}

oci::Process execProcess(const Record& record, const dockerapi::ExecCreateRequest& request,
                         const std::string& hostname) {
  oci::Process process;
  process.terminal = request.tty;
  if (request.consoleSize && (*request.consoleSize)[0] != 0)
    process.consoleSize = oci::Box{(*request.consoleSize)[0], (*request.consoleSize)[1]};
  process.args.assign(request.cmd.begin(), request.cmd.end());
  process.env = environmentOf(record, hostname);
  if (request.tty && !record.config.tty)
    process.env = mergeEnvironment(process.env, {"TERM=xterm"});
  process.env = mergeEnvironment(process.env, {request.env.begin(), request.env.end()});
  process.cwd = !request.workingDir.empty()        ? request.workingDir
                : record.config.workingDir.empty() ? "/"
                                                   : record.config.workingDir;
  dockerapi::HostConfig rights = record.hostConfig;
  rights.privileged = rights.privileged || request.privileged;
  process.capabilities = capabilitySets(capabilitiesOf(rights));
  process.noNewPrivileges = noNewPrivileges(record.hostConfig);
  process.oomScoreAdj = record.hostConfig.oomScoreAdj;
  for (const auto& limit : record.hostConfig.resources.ulimits) {
    process.rlimits.push_back({"RLIMIT_" + upper(limit.name),
                               static_cast<std::uint64_t>(limit.hard),
                               static_cast<std::uint64_t>(limit.soft)});
  }
  return process;
}

}  // namespace container
