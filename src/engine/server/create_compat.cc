#include "engine/server/create_compat.h"

#include "platform/base/strings.h"

namespace server {
namespace {

using base::Code;
using dockerapi::HostConfig;
using dockerapi::Mount;

[[noreturn]] void refuse(std::string text) {
  throw base::Error(Code::kInvalidArgument, std::move(text));
}

void dropForeignOptions(Mount& mount) {
  if (mount.type != "volume") mount.volumeOptions.reset();
  if (mount.type != "tmpfs") mount.tmpfsOptions.reset();
  if (mount.type != "bind") mount.bindOptions.reset();
  if (mount.bindOptions) mount.bindOptions->createMountpoint = false;
}

void refuseForeignOptions(const Mount& mount) {
  const auto check = [&](bool given, std::string_view options, std::string_view type) {
    if (given && mount.type != type) {
      refuse(fmt::format("{} must not be specified on mount type {}", options,
                         base::quote(mount.type)));
    }
  };
  check(mount.volumeOptions.has_value(), "VolumeOptions", "volume");
  check(mount.bindOptions.has_value(), "BindOptions", "bind");
  check(mount.tmpfsOptions.has_value(), "TmpfsOptions", "tmpfs");
}

void adaptMounts(HostConfig& host, dockerapi::ApiVersion version) {
  const auto before = [&](int minor) { return version < dockerapi::ApiVersion{1, minor}; };
  for (Mount& mount : host.mounts) {
    if (before(40) && mount.bindOptions) mount.bindOptions->nonRecursive = false;
    if (before(42)) {
      dropForeignOptions(mount);
    } else {
      refuseForeignOptions(mount);
    }
    if (before(44) && mount.bindOptions && mount.bindOptions->readOnlyForceRecursive) {
      refuse("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer");
    }
    if (before(45) && mount.volumeOptions && !mount.volumeOptions->subpath.empty()) {
      refuse("VolumeOptions.Subpath needs API v1.45 or newer");
    }
    if (before(48) && mount.type == "image")
      refuse("Mount type \"Image\" needs API v1.48 or newer");
  }
}

void refuseManyEndpoints(const dockerapi::CreateRequest& body) {
  if (!body.networkingConfig || body.networkingConfig->endpointsConfig.size() < 2) return;
  std::vector<std::string> names;
  for (const auto& [name, endpoint] : body.networkingConfig->endpointsConfig) names.push_back(name);
  refuse("Container cannot be created with multiple network endpoints: " + base::join(names, ", "));
}

bool hasOwnEndpoint(const std::string& networkMode) {
  return networkMode != "host" && networkMode != "none" && !networkMode.starts_with("container:");
}

dockerapi::EndpointSettings& mainEndpoint(dockerapi::CreateRequest& body) {
  if (!body.networkingConfig) body.networkingConfig.emplace();
  auto& endpoints = body.networkingConfig->endpointsConfig;
  const std::string& mode = body.hostConfig->networkMode;
  const bool usual = mode.empty() || mode == "default";
  if (usual && endpoints.size() == 1) return endpoints.begin()->second;
  return endpoints[usual ? "bridge" : mode];
}

// The address moved from the container to its endpoint in 1.44.
std::string adaptMacAddress(dockerapi::CreateRequest& body, dockerapi::ApiVersion version) {
  const std::string address = body.config.macAddress;
  const bool own = hasOwnEndpoint(body.hostConfig->networkMode);
  if (version < dockerapi::ApiVersion{1, 44}) {
    if (address.empty()) {
      if (!body.networkingConfig) return {};
      for (auto& [name, endpoint] : body.networkingConfig->endpointsConfig)
        endpoint.macAddress = "";
      return {};
    }
    if (!own) refuse("conflicting options: mac-address and the network mode");
    mainEndpoint(body).macAddress = address;
    return {};
  }
  if (address.empty()) return {};
  if (own) {
    dockerapi::EndpointSettings& endpoint = mainEndpoint(body);
    if (!endpoint.macAddress.empty() && endpoint.macAddress != address) {
      refuse(
          "the container-wide MAC address must match the endpoint-specific MAC address for the "
          "main "
          "network, or be left empty");
    }
    endpoint.macAddress = address;
  }
  body.config.macAddress.clear();
  return "The container-wide MacAddress field is now deprecated. It should be specified in "
         "EndpointsConfig instead.";
}

}  // namespace

std::vector<std::string> adaptCreate(ContainerCreateRequest& request) {
  const auto before = [&](int minor) { return request.version < dockerapi::ApiVersion{1, minor}; };
  dockerapi::CreateRequest& body = request.body;
  if (!body.hostConfig) body.hostConfig.emplace();
  HostConfig& host = *body.hostConfig;
  if (before(25)) host.autoRemove = false;
  if (before(40)) {
    host.resources.kernelMemoryTcp = 0;
    if (host.ipcMode.empty()) host.ipcMode = "shareable";
  }
  if (before(41)) request.platform.clear();
  if (before(42)) {
    host.consoleSize = {};
  } else {
    host.resources.kernelMemory = 0;
  }
  if (before(43)) host.annotations = {};
  adaptMounts(host, request.version);
  if (before(44)) {
    if (body.config.healthcheck) body.config.healthcheck->startInterval = 0;
    request.readOnlyNonRecursive = true;
    refuseManyEndpoints(body);
  }
  if (before(48) && body.networkingConfig) {
    for (auto& [name, endpoint] : body.networkingConfig->endpointsConfig) endpoint.gwPriority = 0;
  }
  if (host.resources.pidsLimit && *host.resources.pidsLimit <= 0) host.resources.pidsLimit.reset();
  std::vector<std::string> warnings;
  if (std::string text = adaptMacAddress(body, request.version); !text.empty()) {
    warnings.push_back(std::move(text));
  }
  return warnings;
}

}  // namespace server
