#include "engine/container/creator.h"

#include <fcntl.h>

#include <algorithm>

#include "engine/container/devices.h"
#include "engine/container/etc_files.h"
#include "engine/container/merge.h"
#include "engine/container/mounts.h"
#include "engine/container/names.h"
#include "engine/container/spec_maker.h"
#include "engine/container/starter.h"
#include "engine/container/validate.h"
#include "platform/base/fault.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"
#include "platform/base/scope_exit.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"
#include "runtime/spec/defaults.h"

namespace container {
namespace {

using base::Code;

ImageDefaults defaultsOf(const oci::Image& image) {
  const auto& c = image.config;
  ImageDefaults defaults;
  defaults.user = c.user;
  defaults.workingDir = c.workingDir;
  defaults.stopSignal = c.stopSignal;
  defaults.env.assign(c.env.begin(), c.env.end());
  defaults.cmd.assign(c.cmd.begin(), c.cmd.end());
  defaults.entrypoint.assign(c.entrypoint.begin(), c.entrypoint.end());
  defaults.shell.assign(c.shell.begin(), c.shell.end());
  defaults.volumes.assign(c.volumes.begin(), c.volumes.end());
  defaults.exposedPorts.assign(c.exposedPorts.begin(), c.exposedPorts.end());
  for (const auto& [key, value] : c.labels) defaults.labels.emplace_back(key, value);
  defaults.healthcheck =
      c.healthcheck && !c.healthcheck->test.empty() && c.healthcheck->test.front() != "NONE";
  return defaults;
}

// A container that the request names. No 404 if there is none: clients take that answer of a create
// for the image's, and pull it.
View namedBy(const Core& core, const std::string& reference) {
  if (View view = core.records.find(reference)) return view;
  base::fail(Code::kInvalidArgument, "No such container: {}", reference);
}

// "container:name" -> "container:<id>", so that a rename or removal of the other changes nothing.
// Whose network it is may be made later: the start asks for it again.
void resolvePeers(const Core& core, dockerapi::HostConfig& h) {
  for (std::string* mode : {&h.pidMode, &h.ipcMode}) {
    if (isContainerMode(*mode)) *mode = "container:" + namedBy(core, containerOfMode(*mode))->id;
  }
  if (!isContainerMode(h.networkMode)) return;
  if (const View peer = core.records.find(containerOfMode(h.networkMode)))
    h.networkMode = "container:" + peer->id;
}

std::vector<MountRecord> inheritedMounts(const Core& core, const dockerapi::HostConfig& h) {
  std::vector<MountRecord> inherited;
  for (const std::string& from : h.volumesFrom) {
    const auto [name, mode] = base::cut(from, ':');
    if (from.empty())
      base::fail(Code::kInvalidArgument, "volumes-from specification cannot be an empty string");
    if (mode && *mode != "ro" && *mode != "rw" && *mode != "z")
      base::fail(Code::kInvalidArgument, "invalid mode: {}", *mode);
    for (MountRecord mount : namedBy(core, std::string(name))->mounts) {
      if (mount.type == "tmpfs") continue;
      mount.readWrite = mount.readWrite && (!mode || *mode != "ro");
      mount.anonymous = false;
      mount.noCopy = true;
      inherited.push_back(std::move(mount));
    }
  }
  return inherited;
}

void fillPaths(dockerapi::HostConfig& h) {
  if (h.privileged) return;
  if (h.maskedPaths.isNil()) h.maskedPaths = spec::defaultMaskedPaths();
  if (h.readonlyPaths.isNil()) h.readonlyPaths = spec::defaultReadonlyPaths();
}

// The endpoints asked for; the network mode's own is always one of them.
json::Map<dockerapi::EndpointSettings> endpointsOf(const dockerapi::CreateRequest& request,
                                                   const dockerapi::HostConfig& h) {
  json::Map<dockerapi::EndpointSettings> endpoints;
  if (isContainerMode(h.networkMode)) return endpoints;
  if (request.networkingConfig) endpoints = request.networkingConfig->endpointsConfig;
  if (const auto fallback = endpoints.find("default");
      fallback != endpoints.end() && h.networkMode == "bridge") {
    endpoints["bridge"] = fallback->second;
    endpoints.erase("default");
  }
  if (h.networkMode == "none" || h.networkMode == "host") {
    endpoints.clear();
  }
  endpoints.try_emplace(h.networkMode);
  if (!request.config.macAddress.empty() && endpoints[h.networkMode].macAddress.empty()) {
    endpoints[h.networkMode].macAddress = request.config.macAddress;
  }
  return endpoints;
}

// By name, whether they were given by name, id or prefix. One that does not exist yet keeps what
// was given: the start finds it, or says that it is missing.
json::Map<dockerapi::EndpointSettings> byName(const Core& core,
                                              json::Map<dockerapi::EndpointSettings> endpoints) {
  json::Map<dockerapi::EndpointSettings> named;
  for (auto& [given, settings] : endpoints) {
    std::string name = given;
    try {
      name = core.networks.resolve(given).spec.name;
    } catch (const base::Error& error) {
      if (error.code() != Code::kNotFound) throw;
    }
    named.try_emplace(name, std::move(settings));
  }
  return named;
}

void checkEndpoints(const json::Map<dockerapi::EndpointSettings>& endpoints) {
  for (const auto& [name, settings] : endpoints) {
    const bool created = isUserNetwork(name);
    if (!settings.links.empty())
      base::fail(Code::kNotImplemented, "EndpointsConfig.Links is not implemented");
    if (settings.ipamConfig && !settings.ipamConfig->linkLocalIPs.empty()) {
      base::fail(Code::kNotImplemented,
                 "EndpointsConfig.IPAMConfig.LinkLocalIPs is not implemented");
    }
    if (!created && settings.ipamConfig &&
        (!settings.ipamConfig->ipv4Address.empty() || !settings.ipamConfig->ipv6Address.empty())) {
      base::fail(Code::kInvalidArgument,
                 "invalid config for network {}: user specified IP address is supported on user "
                 "defined networks only",
                 name);
    }
    if (!created && !settings.aliases.empty()) {
      base::fail(Code::kInvalidArgument,
                 "invalid config for network {}: network-scoped aliases are only supported for "
                 "user-defined networks",
                 name);
    }
  }
}

// What only the host can tell.
void checkHost(Core& core, const Record& record, std::vector<std::string>& warnings) {
  checkEndpoints(record.networks);
  lookUpDevices(record.hostConfig);
  capabilitiesOf(record.hostConfig);
  seccompOf(core, record.hostConfig);
  parseExtraHosts({record.hostConfig.extraHosts.begin(), record.hostConfig.extraHosts.end()},
                  core.networks.gatewayOfDefaultBridge());
  for (const MountRecord& mount : record.mounts) {
    if (mount.type == "bind" && !mount.createSource &&
        !sys::statAtIfExists(AT_FDCWD, mount.source, 0)) {
      base::fail(Code::kInvalidArgument,
                 "invalid mount config for type \"bind\": bind source path does not exist: {}",
                 mount.source);
    }
  }
  const std::string& mode = record.hostConfig.networkMode;
  if (isContainerMode(mode) || mode == "host" || mode == "none") return;
  core.networks.validate(joinRequestOf(record));
  for (std::string& warning : core.networks.hostPolicyWarnings())
    warnings.push_back(std::move(warning));
}

std::string freeName(const Core& core, const std::string& asked) {
  if (!asked.empty()) return checkName(asked);
  for (int attempt = 0;; ++attempt) {
    std::string name = generateName(attempt);
    if (!core.records.find(name)) return name;
  }
}

// Volumes of the mounts: made if they are missing; anonymous ones get their names.
void makeVolumes(Core& core, const dockerapi::HostConfig& h, std::vector<MountRecord>& mounts,
                 std::vector<std::string>& made) {
  for (MountRecord& mount : mounts) {
    if (mount.type != "volume") continue;
    if (!mount.name.empty() && core.volumes.exists(mount.name)) continue;
    volume::Spec spec;
    spec.name = mount.name;
    spec.driver = mount.driver;
    spec.unfinished = true;
    for (const auto& asked : h.mounts) {
      if (asked.source != mount.name || cleanPath(asked.target) != mount.destination ||
          !asked.volumeOptions)
        continue;
      for (const auto& [key, value] : asked.volumeOptions->labels) spec.labels[key] = value;
      if (!asked.volumeOptions->driverConfig) continue;
      for (const auto& [key, value] : asked.volumeOptions->driverConfig->options)
        spec.options[key] = value;
    }
    mount.name = core.volumes.create(spec).name;
    made.push_back(mount.name);
  }
}

// Its process: what is run, and under which name of the host.
void fillProcess(const Core& core, Record& record) {
  const auto argv = commandLine(record.config);
  record.path = argv.front();
  record.args.assign(argv.begin() + 1, argv.end());
  const auto& h = record.hostConfig;
  if (!record.config.hostname.empty() || isContainerMode(h.networkMode)) return;
  record.config.hostname = h.networkMode == "host" || h.utsMode == "host"
                               ? core.host.hostname
                               : base::shortId(record.id);
}

void fillMounts(const Core& core, Record& record, bool readOnlyNonRecursive) {
  record.mounts =
      collectMounts(record.config, record.hostConfig, inheritedMounts(core, record.hostConfig));
  if (!readOnlyNonRecursive) return;
  for (MountRecord& mount : record.mounts)
    mount.readOnlyNonRecursive = mount.readOnlyNonRecursive || !mount.readWrite;
}

// What was asked for, together with what the image says, checked as far as it can be without the
// host. Changes nothing.
Record planRecord(Core& core, const dockerapi::CreateRequest& request, const CreateOptions& options,
                  const image::Image& image, std::vector<std::string>& warnings) {
  Record record;
  record.id = base::randomId();
  record.name = freeName(core, options.name);
  record.created = base::Time::now();
  record.config = request.config;
  record.hostConfig = *request.hostConfig;
  const ImageDefaults defaults = defaultsOf(image.config);
  mergeImage(record.config, defaults);
  warnings = validate(record.config, record.hostConfig, core.host);
  // Switched off by the user, there is nothing that would be missed.
  if (defaults.healthcheck && !record.config.healthcheck)
    warnings.emplace_back("The image declares a HEALTHCHECK, which this engine does not run yet");
  resolvePeers(core, record.hostConfig);
  fillPaths(record.hostConfig);
  fillProcess(core, record);
  record.networks = byName(core, endpointsOf(request, record.hostConfig));
  record.imageId = image.id.str();
  record.imageName = request.config.image;
  for (const auto& layer : image.layers) record.layers.push_back(layer.str());
  fillMounts(core, record, options.readOnlyNonRecursive);
  record.storageDriver = core.snapshots.driver();
  return record;
}

// Of those that were made for a container that is not to be; another may have taken it meanwhile.
void removeUnused(Core& core, const std::string& volume) noexcept {
  try {
    core.volumes.remove(volume, true);
  } catch (const base::Error& error) {
    base::log::debug("a new volume stays", {{"volume", volume}, {"error", error.message()}});
  }
}

// Volumes, directory, writable layer, and last the record: without it the rest is a leftover.
void realise(Core& core, Record& record, const image::Image& image) {
  std::vector<std::string> made;
  // Each step apart: one that fails must not keep the others from being undone.
  base::ScopeExit dropVolumes{[&] {
    for (const std::string& volume : made) removeUnused(core, volume);
  }};
  base::ScopeExit dropDirectory{[&] { sys::removeTree(core.containers.get(), record.id); }};
  base::ScopeExit dropLayer{[&] { core.snapshots.removeWritable(record.id); }};
  makeVolumes(core, record.hostConfig, record.mounts, made);
  sys::makeDirs(core.containers.get(), record.id, 0710);
  core.snapshots.prepareWritable(record.id, image.layers);
  base::faultPoint("create.record");
  core.store.write(store::Durability::kDurable, [&](store::Transaction& t) {
    core.records.insert(t, record);
    for (const MountRecord& mount : record.mounts) {
      if (mount.type == "volume") core.volumes.acquire(t, mount.name, record.id);
    }
    core.events.append(t, containerEvent(record, "create"));
  });
  dropVolumes.dismiss();
  dropDirectory.dismiss();
  dropLayer.dismiss();
}

}  // namespace

Created create(Core& core, dockerapi::CreateRequest request, const CreateOptions& options) {
  if (!request.hostConfig) request.hostConfig.emplace();
  refuseUnimplemented(request.config, *request.hostConfig);
  if (request.config.image.empty())
    base::fail(Code::kInvalidArgument, "no image specified (Config.Image)");
  if (!options.name.empty()) checkName(options.name);
  const image::Image image = core.images.resolve(request.config.image, options.platform);

  Created created;
  Record record = planRecord(core, request, options, image, created.warnings);
  checkHost(core, record, created.warnings);
  realise(core, record, image);
  base::faultPoint("create.answer");
  created.id = record.id;
  return created;
}

}  // namespace container
