#include "engine/container/inspect.h"

#include <algorithm>

#include "engine/container/list_filters.h"
#include "engine/container/ports.h"
#include "engine/container/starter.h"
#include "engine/container/validate.h"
#include "platform/base/log.h"

namespace container {
namespace {

dockerapi::ContainerState stateOf(const State& state) {
  dockerapi::ContainerState result;
  result.status = statusName(state.status);
  result.running = state.status == Status::kRunning || state.status == Status::kPaused ||
                   state.status == Status::kRestarting;
  result.paused = state.status == Status::kPaused;
  result.restarting = state.status == Status::kRestarting;
  result.oomKilled = state.oomKilled;
  result.dead = state.status == Status::kDead;
  result.pid = state.pid;
  result.exitCode = state.exitCode;
  result.error = state.error;
  result.startedAt = base::formatRfc3339Nano(state.startedAt);
  result.finishedAt = base::formatRfc3339Nano(state.finishedAt);
  return result;
}

std::string sourceOf(const Core& core, const MountRecord& mount) {
  if (mount.type != "volume") return mount.source;
  try {
    return core.volumes.get(mount.name).mountpoint;
  } catch (const base::Error&) {
    return "";  // removed by force while the container refers to it
  }
}

std::vector<dockerapi::MountPoint> mountPoints(const Core& core, const Record& record) {
  std::vector<dockerapi::MountPoint> points;
  for (const MountRecord& mount : record.mounts) {
    // What --tmpfs asks for stays in HostConfig alone.
    if (mount.type == "tmpfs" && !mount.fromMounts) continue;
    dockerapi::MountPoint point;
    point.type = mount.type;
    point.name = mount.name;
    point.source = sourceOf(core, mount);
    point.destination = mount.destination;
    point.driver = mount.driver;
    const bool named = mount.type == "volume" && (mount.fromMounts || !mount.anonymous);
    point.mode = named && mount.mode.empty() ? "z" : mount.mode;  // Docker's word for shared
    point.rw = mount.readWrite;
    point.propagation = mount.propagation;
    points.push_back(std::move(point));
  }
  return points;
}

void fillEndpoint(dockerapi::EndpointSettings& settings, const networks::Endpoint& endpoint) {
  settings.networkID = endpoint.networkId;
  settings.endpointID = endpoint.id;
  settings.gateway = endpoint.gateway;
  settings.ipAddress = endpoint.ipv4;
  settings.ipPrefixLen = endpoint.prefixLength;
  settings.ipv6Gateway = endpoint.ipv6Gateway;
  settings.globalIPv6Address = endpoint.ipv6;
  settings.globalIPv6PrefixLen = endpoint.ipv6PrefixLength;
  settings.macAddress = endpoint.macAddress;
  if (!endpoint.dnsNames.empty()) settings.dnsNames = endpoint.dnsNames;
}

std::string networkIdOf(const Core& core, const std::string& name) {
  try {
    return core.networks.resolve(name).id;
  } catch (const base::Error&) {
    return "";
  }
}

// What was asked for, with what was got while it runs.
json::Map<dockerapi::EndpointSettings> endpointMap(const Core& core, const Record& record,
                                                   const std::optional<networks::Joined>& joined) {
  json::Map<dockerapi::EndpointSettings> map;
  map.given = true;
  for (const auto& [asked, settings] : record.networks) {
    dockerapi::EndpointSettings shown = settings;
    const std::string id = networkIdOf(core, asked);
    shown.networkID = record.running() || !record.state.startedAt.zero() ? id : "";
    std::string name = asked;
    for (const networks::Endpoint& endpoint :
         joined ? joined->endpoints : std::vector<networks::Endpoint>{}) {
      if (endpoint.networkId == id) fillEndpoint(shown, endpoint);
    }
    if (!id.empty()) name = core.networks.resolve(id).spec.name;
    map[name] = std::move(shown);
  }
  return map;
}

dockerapi::NetworkSettings networkSettings(const Core& core, const Record& record) {
  dockerapi::NetworkSettings settings;
  const auto joined = record.running() ? core.networks.joined(record.id) : std::nullopt;
  settings.networks = endpointMap(core, record, joined);
  settings.ports.given = true;
  if (!record.running()) return settings;
  settings.ports = portMap(record.config, record.hostConfig,
                           joined ? joined->ports : std::vector<networks::PortBinding>{});
  const std::string& mode = record.hostConfig.networkMode;
  if (mode != "host" && !isContainerMode(mode)) {
    settings.sandboxID = record.id;
    settings.sandboxKey = core.settings.execRoot + "/netns/" + record.id.substr(0, 12);
  }
  if (const auto bridge = settings.networks.find("bridge"); bridge != settings.networks.end()) {
    const auto& endpoint = bridge->second;
    settings.endpointID = endpoint.endpointID;
    settings.gateway = endpoint.gateway;
    settings.ipAddress = endpoint.ipAddress;
    settings.ipPrefixLen = endpoint.ipPrefixLen;
    settings.ipv6Gateway = endpoint.ipv6Gateway;
    settings.globalIPv6Address = endpoint.globalIPv6Address;
    settings.globalIPv6PrefixLen = endpoint.globalIPv6PrefixLen;
    settings.macAddress = endpoint.macAddress;
  }
  return settings;
}

void fillPaths(const Core& core, const Record& record, dockerapi::ContainerInspect& shown) {
  if (record.state.startedAt.zero()) return;  // written by the first start
  const std::string directory = core.directoryOf(record.id);
  if (record.hostConfig.logConfig.type != "none")
    shown.logPath = directory + "/" + record.id + "-json.log";
  shown.hostsPath = directory + "/hosts";
  shown.hostnamePath = directory + "/hostname";
  shown.resolvConfPath = directory + "/resolv.conf";
}

// What requests leave out is shown as Docker shows it: some as empty, some as null.
void fillAbsent(const Core& core, dockerapi::ContainerInspect& shown) {
  shown.config.labels.given = true;
  shown.config.volumes.given = false;
  dockerapi::HostConfig& host = shown.hostConfig;
  host.logConfig.config.given = true;
  if (host.resources.memorySwappiness == -1) host.resources.memorySwappiness.reset();
  if (core.host.cgroups != sys::CgroupVersion::kV2 && !host.resources.oomKillDisable)
    host.resources.oomKillDisable = false;
}

// Bytes of the writable layer, and of it with the image below.
std::pair<std::int64_t, std::int64_t> sizes(const Core& core, const Record& record) {
  const std::int64_t own = writableBytes(core, record.id);
  std::int64_t all = std::max<std::int64_t>(own, 0);
  for (const std::string& layer : record.layers) {
    if (const auto info = core.snapshots.layer(base::Digest::parse(layer)))
      all += static_cast<std::int64_t>(info->bytes);
  }
  return {own, all};
}

// ---- list

std::string commandText(const Record& record) {
  std::string text = record.path;
  for (const std::string& argument : record.args) {
    text += ' ';
    text += argument.find(' ') == std::string::npos ? argument : "'" + argument + "'";
  }
  return text;
}

dockerapi::ContainerSummary summaryOf(Core& core, const Record& record, bool size, base::Time now) {
  dockerapi::ContainerSummary line;
  line.id = record.id;
  line.names = {"/" + record.name};
  line.image = record.imageName;
  line.imageID = record.imageId;
  line.command = commandText(record);
  line.created = record.created.unixSeconds();
  const auto joined = record.running() ? core.networks.joined(record.id) : std::nullopt;
  if (record.running())
    line.ports = portList(record.config, record.hostConfig,
                          joined ? joined->ports : std::vector<networks::PortBinding>{});
  for (const auto& [key, value] : record.config.labels) line.labels[key] = value;
  line.state = statusName(record.state.status);
  line.status = statusText(record.state, now);
  line.hostConfig.networkMode = record.hostConfig.networkMode;
  line.networkSettings.networks = endpointMap(core, record, joined);
  line.mounts = mountPoints(core, record);
  if (size) std::tie(line.sizeRw, line.sizeRootFs) = sizes(core, record);
  return line;
}

}  // namespace

std::int64_t writableBytes(const Core& core, const std::string& id) {
  try {
    return static_cast<std::int64_t>(core.snapshots.usage(id).bytes);
  } catch (const base::Error& error) {
    base::log::warn("the size of a container is not known",
                    {{"container", id}, {"error", error.message()}});
    return -1;
  }
}

dockerapi::ContainerInspect inspect(Core& core, const Execs& execs, const std::string& reference,
                                    bool size) {
  const View view = core.records.get(reference);
  dockerapi::ContainerInspect shown;
  shown.id = view->id;
  shown.created = base::formatRfc3339Nano(view->created);
  shown.path = view->path;
  shown.args = view->args;
  shown.state = stateOf(view->state);
  shown.image = view->imageId;
  fillPaths(core, *view, shown);
  shown.name = "/" + view->name;
  shown.restartCount = view->state.restartCount;
  shown.driver = view->storageDriver;
  shown.platform = "linux";
  shown.execIDs = execs.ofContainer(view->id);
  shown.hostConfig = view->hostConfig;
  shown.graphDriver.name = view->storageDriver;
  for (const auto& [key, value] : core.snapshots.describe(view->id))
    shown.graphDriver.data[key] = value;
  if (size) {
    const auto [own, all] = sizes(core, *view);
    shown.sizeRw = own;
    shown.sizeRootFs = all;
  }
  shown.mounts = mountPoints(core, *view);
  shown.config = view->config;
  shown.networkSettings = networkSettings(core, *view);
  fillAbsent(core, shown);
  return shown;
}

std::string statusText(const State& state, base::Time now) {
  const std::string up = "Up " + base::humanDuration(now.ns - state.startedAt.ns);
  const std::string ended = base::humanDuration(now.ns - state.finishedAt.ns) + " ago";
  switch (state.status) {
    case Status::kCreated:
      return "Created";
    case Status::kRunning:
      return up;
    case Status::kPaused:
      return up + " (Paused)";
    case Status::kRestarting:
      return fmt::format("Restarting ({}) {}", state.exitCode, ended);
    case Status::kRemoving:
      return "Removal In Progress";
    case Status::kDead:
      return "Dead";
    case Status::kExited:
      return fmt::format("Exited ({}) {}", state.exitCode, ended);
  }
  return "";
}

std::vector<dockerapi::ContainerSummary> list(Core& core, const ListQuery& query) {
  std::vector<dockerapi::ContainerSummary> lines;
  const base::Time now = base::Time::now();
  for (const View& view : candidates(core, query)) {
    if (query.limit > 0 && lines.size() == static_cast<size_t>(query.limit)) break;
    if (matches(core, *view, query.filters))
      lines.push_back(summaryOf(core, *view, query.size, now));
  }
  return lines;
}

}  // namespace container
