#include "engine/container/starter.h"

#include <fcntl.h>

#include <algorithm>

#include "engine/container/devices.h"
#include "engine/container/etc_files.h"
#include "engine/container/mount_sources.h"
#include "engine/container/network_files.h"
#include "engine/container/ports.h"
#include "engine/container/spec_maker.h"
#include "engine/container/validate.h"
#include "platform/base/fault.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"
#include "platform/base/scope_exit.h"
#include "platform/base/strings.h"
#include "platform/base/units.h"
#include "platform/sys/file.h"
#include "runtime/seccomp/seccomp.h"
#include "storage/files/mount_points.h"

namespace container {
namespace {

using base::Code;

// The container whose namespaces `mode` ("container:x") names; it must run.
View peerOf(const Core& core, const std::string& mode, const char* what) {
  const View peer = core.records.get(containerOfMode(mode));
  if (!peer->running())
    base::fail(Code::kConflict, "cannot join {} of a non running container: {}", what, peer->id);
  return peer;
}

// The same of a network: create lets one name a container that is made later.
View networkPeerOf(const Core& core, const std::string& mode) {
  if (!core.records.find(containerOfMode(mode))) {
    base::fail(Code::kInternal, "joining network namespace of container: No such container: {}",
               containerOfMode(mode));
  }
  return peerOf(core, mode, "network");
}

void releaseShared(Core& core, const Record& record) {
  core.sandboxes.release(sandboxOf(core, record), record.id);
}

struct Network {
  sys::Fd netns;  // invalid: the host's
  bool own = true;
  networks::Joined joined;
};

Network joinNetwork(Core& core, const Record& record) {
  Network network;
  const std::string& mode = record.hostConfig.networkMode;
  if (mode == "host") {
    network.own = false;
    return network;
  }
  if (isContainerMode(mode)) {
    const View peer = networkPeerOf(core, mode);
    if (peer->hostConfig.networkMode == "host") {
      network.own = false;
      return network;
    }
    // The namespace lives as long as the last container in it, whoever ends first.
    const std::string sandbox = sandboxOf(core, record);
    core.sandboxes.addReference(sandbox, record.id);
    network.netns = core.sandboxes.netns(sandbox);
    return network;
  }
  core.sandboxes.create(record.id);
  network.netns = core.sandboxes.netns(record.id);
  const networks::JoinRequest request = joinRequestOf(record);
  // One that was made with none may have been connected since.
  if ((mode != "none" || !request.endpoints.empty()) && !record.config.networkDisabled)
    network.joined = base::within("failed to set up container networking",
                                  [&] { return core.networks.join(request); });
  return network;
}

sys::Fd writeEtc(int directory, const std::string& name, const std::string& text) {
  sys::writeAtomic(directory, name, text, 0644);
  return sys::openAt(directory, name, O_PATH | O_NOFOLLOW);
}

void addEtcFiles(Core& core, const Record& record, const Network& network,
                 const std::string& hostname, std::vector<task::MountSource>& sources) {
  if (isContainerMode(record.hostConfig.networkMode)) {
    // The three files are those of the container whose network it shares, as in Docker.
    const sys::Fd peer = sys::openAt(
        core.containers.get(), core.records.get(containerOfMode(record.hostConfig.networkMode))->id,
        O_PATH | O_DIRECTORY);
    for (const char* name : {"hosts", "hostname", "resolv.conf"}) {
      if (auto file = sys::openAtIfExists(peer.get(), name, O_PATH | O_NOFOLLOW))
        sources.push_back({std::string("/etc/") + name, std::move(*file)});
    }
    return;
  }
  const sys::Fd directory = sys::openAt(core.containers.get(), record.id, O_RDONLY | O_DIRECTORY);
  const auto extra =
      parseExtraHosts({record.hostConfig.extraHosts.begin(), record.hostConfig.extraHosts.end()},
                      core.networks.gatewayOfDefaultBridge());
  std::string hosts = hostsText(record, hostname, network.joined.endpoints, extra);
  if (!network.own) hosts = sys::readFileIfExists(AT_FDCWD, "/etc/hosts", 1 << 20).value_or("");
  if (!network.own) {
    for (const auto& [name, address] : extra) hosts += address + "\t" + name + "\n";
  }
  sources.push_back({"/etc/hosts", writeEtc(directory.get(), "hosts", hosts)});
  sources.push_back({"/etc/hostname", writeEtc(directory.get(), "hostname", hostname + "\n")});
  sources.push_back({"/etc/resolv.conf",
                     writeEtc(directory.get(), "resolv.conf",
                              resolvText(resolverFor(core, record, network.own, network.joined)))});
}

std::string namespacePath(const View& peer, const char* name) {
  return fmt::format("/proc/{}/ns/{}", peer->state.pid, name);
}

// Namespaces and shared memory of other containers or the host.
void setSharing(Core& core, const Record& record, SpecInputs& inputs,
                std::vector<task::MountSource>& sources) {
  const auto& h = record.hostConfig;
  if (isContainerMode(h.pidMode))
    inputs.pidNamespace = namespacePath(peerOf(core, h.pidMode, "PID namespace"), "pid");
  if (isContainerMode(h.ipcMode)) {
    const View peer = peerOf(core, h.ipcMode, "IPC namespace");
    if (peer->hostConfig.ipcMode != "shareable" && !isContainerMode(peer->hostConfig.ipcMode)) {
      base::fail(Code::kInvalidArgument,
                 "can't join IPC of container {}: non-shareable IPC (hint: use IpcMode:shareable "
                 "for the donor container)",
                 peer->id);
    }
    inputs.ipcNamespace = namespacePath(peer, "ipc");
    inputs.shareShm = true;
    sources.push_back({"/dev/shm", sandbox::cloneMountOf(peer->state.pid, "/dev/shm")});
  } else if (h.ipcMode == "host") {
    inputs.shareShm = true;
    sources.push_back({"/dev/shm", sys::openAt(AT_FDCWD, "/dev/shm", O_PATH | O_DIRECTORY)});
    if (auto queues = sys::openAtIfExists(AT_FDCWD, "/dev/mqueue", O_PATH | O_DIRECTORY)) {
      inputs.shareQueues = true;
      sources.push_back({"/dev/mqueue", std::move(*queues)});
    }
  }
}

task::StartRequest buildRequest(Core& core, const Record& record, Network& network,
                                sys::Fd rootfs) {
  task::StartRequest request;
  request.id = record.id;
  SpecInputs inputs;
  inputs.hostname = hostnameOf(core, record);
  inputs.ownNetwork = network.own;
  inputs.cgroupPath = core.cgroupOf(record.id);
  base::within("prepare the root file system", [&] { files::makeMountPoints(rootfs.get()); });
  request.mounts = openMounts(core, record, rootfs.get());
  setSharing(core, record, inputs, request.mounts);
  addEtcFiles(core, record, network, inputs.hostname, request.mounts);
  // A mount of the user's own on one of these paths wins.
  for (const MountRecord& mount : record.mounts) {
    bool first = mount.type != "tmpfs";
    std::erase_if(request.mounts, [&](const task::MountSource& source) {
      return source.destination == mount.destination && !std::exchange(first, false);
    });
  }
  const Devices devices = lookUpDevices(record.hostConfig);
  inputs.devices = devices.nodes;
  inputs.deviceRules = devices.rules;
  inputs.seccomp = seccompOf(core, record.hostConfig);
  request.spec = makeSpec(record, inputs, core.host);
  request.rootfs = std::move(rootfs);
  request.netns = std::move(network.netns);
  request.cgroupPath = inputs.cgroupPath;
  request.stdio.terminal = record.config.tty;
  request.stdio.openStdin = record.config.openStdin;
  request.stdio.stdinOnce = record.config.stdinOnce;
  request.stdio.rows = static_cast<std::uint16_t>(record.hostConfig.consoleSize[0]);
  request.stdio.columns = static_cast<std::uint16_t>(record.hostConfig.consoleSize[1]);
  request.log = logPlanOf(core, record);
  request.init = record.hostConfig.init.value_or(core.settings.initByDefault);
  request.user = record.config.user;
  request.groups.assign(record.hostConfig.groupAdd.begin(), record.hostConfig.groupAdd.end());
  return request;
}

}  // namespace

std::string sandboxOf(const Core& core, const Record& record) {
  const std::string& mode = record.hostConfig.networkMode;
  if (!isContainerMode(mode)) return record.id;
  const std::string peer = containerOfMode(mode);  // a full id from the start on
  const View view = core.records.find(peer);
  if (view && isContainerMode(view->hostConfig.networkMode))
    return containerOfMode(view->hostConfig.networkMode);
  return peer;
}

std::string hostnameOf(const Core& core, const Record& record) {
  if (!record.config.hostname.empty()) return record.config.hostname;
  const auto& h = record.hostConfig;
  if (h.utsMode == "host" || h.networkMode == "host") return core.host.hostname;
  if (isContainerMode(h.networkMode)) {
    if (const View peer = core.records.find(containerOfMode(h.networkMode)))
      return hostnameOf(core, *peer);
  }
  return base::shortId(record.id);
}

std::optional<oci::Seccomp> seccompOf(const Core& core, const dockerapi::HostConfig& h) {
  const std::string option = seccompOption(h);
  if (option == "unconfined" || !core.host.seccomp) return std::nullopt;
  seccomp::Conditions conditions;
  conditions.capabilities = capabilitiesOf(h);
  conditions.kernelMajor = core.host.kernelMajor;
  conditions.kernelMinor = core.host.kernelMinor;
  return seccomp::fromProfile(option, conditions);
}

networks::JoinRequest joinRequestOf(const Record& record) {
  networks::JoinRequest request;
  request.containerId = record.id;
  request.containerName = record.name;
  request.sandboxId = record.id;
  request.hostname = record.config.hostname;
  for (const auto& [name, settings] : record.networks) {
    if (name == "none") continue;
    networks::EndpointSpec endpoint;
    endpoint.networkId = name == "default" ? "bridge" : name;
    endpoint.aliases.assign(settings.aliases.begin(), settings.aliases.end());
    if (settings.ipamConfig) {
      endpoint.ipv4 = settings.ipamConfig->ipv4Address;
      endpoint.ipv6 = settings.ipamConfig->ipv6Address;
    }
    endpoint.macAddress = settings.macAddress;
    endpoint.gatewayPriority = settings.gwPriority;
    for (const auto& [key, value] : settings.driverOpts) endpoint.driverOptions[key] = value;
    request.endpoints.push_back(std::move(endpoint));
  }
  request.ports = wantedPorts(record.config, record.hostConfig);
  request.dns.assign(record.hostConfig.dns.begin(), record.hostConfig.dns.end());
  return request;
}

task::LogPlan logPlanOf(const Core& core, const Record& record) {
  task::LogPlan plan;
  plan.enabled = record.hostConfig.logConfig.type != "none";
  if (!plan.enabled) return plan;
  plan.directory = sys::openAt(core.containers.get(), record.id, O_RDONLY | O_DIRECTORY);
  plan.fileName = record.id + "-json.log";
  for (const auto& [key, value] : record.hostConfig.logConfig.config) {
    if (key == "max-size") plan.maxSize = value == "-1" ? 0 : base::parseRamBytes(value);
    if (key == "max-file") {
      // Records of earlier versions may say any number.
      const std::int64_t files = base::parseInt(value).value_or(1);
      plan.maxFiles = static_cast<int>(std::clamp<std::int64_t>(files, 1, 1000));
    }
  }
  return plan;
}

void keepDnsSockets(Core& core, const std::string& id) noexcept {
  try {
    const std::vector<sys::Fd> sockets = core.networks.dnsSockets(id);
    if (sockets.empty()) return;
    std::vector<int> numbers;
    for (const sys::Fd& socket : sockets) numbers.push_back(socket.get());
    core.tasks.keep(id, kDnsSockets, numbers);
  } catch (const base::Error& error) {
    // Names are answered all the same; only a daemon's death will cost the queries under way.
    base::log::debug("the shim keeps no name service sockets",
                     {{"container", id}, {"error", error.message()}});
  }
}

task::Running startTask(Core& core, const Record& record, std::vector<task::Attacher> attachers) {
  base::ScopeExit undo{[&] { releaseRuntime(core, record); }};
  task::Preparation shim = core.tasks.prepare(record.id, core.cgroupOf(record.id));
  base::faultPoint("start.network");
  Network network = joinNetwork(core, record);
  base::faultPoint("start.rootfs");
  sys::Fd rootfs = core.snapshots.open(record.id);
  base::faultPoint("start.spec");
  task::StartRequest request = buildRequest(core, record, network, std::move(rootfs));
  request.attachers = std::move(attachers);
  base::faultPoint("start.task");
  const task::Running running = core.tasks.start(std::move(request), std::move(shim));
  undo.dismiss();
  keepDnsSockets(core, record.id);
  return running;
}

void releaseRuntime(Core& core, const Record& record) {
  const std::string& mode = record.hostConfig.networkMode;
  if (isContainerMode(mode)) {
    releaseShared(core, record);
  } else if (mode != "host") {
    core.networks.leave(record.id);
    core.sandboxes.release(record.id, record.id);
  }
  closeMounts(core, record);
}

std::function<void(store::Transaction&)> releaseWithin(Core& core, const Record& record) {
  const std::string& mode = record.hostConfig.networkMode;
  std::function<void(store::Transaction&)> rows;
  if (isContainerMode(mode)) {
    releaseShared(core, record);
  } else if (mode != "host") {
    rows = core.networks.leaveWithin(record.id);
    core.sandboxes.release(record.id, record.id);
  }
  closeMounts(core, record);
  return rows;
}

}  // namespace container
