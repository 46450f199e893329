#include "api/dockerapi/legacy.h"

#include "platform/base/strings.h"

namespace dockerapi {

namespace {

constexpr ApiVersion since(int minor) {
  return {1, minor};
}

void dropPrefixOfOptions(std::vector<std::string>& options) {
  for (std::string& option : options) {
    // "name=seccomp,profile=builtin" was "seccomp".
    for (const std::string& part : base::split(option, ',')) {
      if (!part.starts_with("name=")) continue;
      option = part.substr(5);
      break;
    }
  }
}

}  // namespace

void adapt(ContainerSummary& summary, ApiVersion version) {
  if (version < since(46)) summary.hostConfig.annotations = {};
  if (version < since(48)) summary.imageManifestDescriptor = {};
}

void adapt(ContainerInspect& inspect, ApiVersion version) {
  if (version < since(48)) inspect.imageManifestDescriptor = {};
  if (version >= since(45)) return;
  for (auto& [name, endpoint] : inspect.networkSettings.networks)
    if (!endpoint.dnsNames.empty())  // the first is the container's name
      endpoint.aliases =
          std::vector<std::string>(endpoint.dnsNames.begin() + 1, endpoint.dnsNames.end());
}

void adapt(ImageSummary& summary, ApiVersion version) {
  if (version < since(44)) summary.virtualSize = summary.size;
  if (version < since(47)) summary.manifests = {};
  if (version < since(48)) summary.descriptor = {};
  if (version < since(51)) summary.containers = -1;
  if (version >= since(43)) return;
  if (summary.repoTags.empty() && summary.repoDigests.empty()) {
    summary.repoTags = {"<none>:<none>"};
    summary.repoDigests = {"<none>@<none>"};
  }
  if (summary.repoTags.empty()) summary.repoTags = {};
  if (summary.repoDigests.empty()) summary.repoDigests = json::List<std::string>();
}

void adapt(ImageInspect& inspect, ApiVersion version) {
  if (version < since(44)) inspect.virtualSize = inspect.size;
  if (version < since(45) && !inspect.containerConfig) inspect.containerConfig.emplace();
  if (version < since(48)) inspect.descriptor = inspect.manifests = {};
  if (version >= since(50)) return;
  ImageConfig& config = inspect.config;
  config.attachStderr = config.attachStdin = config.attachStdout = false;
  config.openStdin = config.stdinOnce = config.tty = false;
  config.domainname = config.hostname = config.image = "";
}

void adapt(DiskUsage& usage, ApiVersion version) {
  for (ContainerSummary& container : usage.containers) adapt(container, version);
  for (ImageSummary& image : usage.images)
    if (version < since(44)) image.virtualSize = image.size;
  if (version >= since(42)) return;
  usage.builderSize = 0;
  for (const BuildCacheRecord& record : usage.buildCache) *usage.builderSize += record.size;
}

void adapt(Info& info, ApiVersion version) {
  if (version < since(25)) dropPrefixOfOptions(info.securityOptions);
  if (version < since(42)) info.kernelMemory = info.kernelMemoryTcp;
  if (version < since(46)) info.containerd.reset();
  if (version < since(47) && info.registryConfig) {
    info.registryConfig->allowNondistributableArtifactsCIDRs.text = "null";
    info.registryConfig->allowNondistributableArtifactsHostnames.text = "null";
  }
  if (version < since(49)) {
    info.firewallBackend.reset();
    info.runcCommit.expected = info.runcCommit.id;
    info.containerdCommit.expected = info.containerdCommit.id;
    info.initCommit.expected = info.initCommit.id;
  }
  if (version < since(50)) info.bridgeNfIptables = info.bridgeNfIp6tables = false;
}

void adapt(EventMessage& event, ApiVersion version) {
  if (version >= since(52)) return;
  const bool container = event.type == "container";
  if (!container && event.type != "image") return;
  event.status = event.action;
  event.legacyId = event.actor.id;
  if (const auto image = event.actor.attributes.find("image");
      container && image != event.actor.attributes.end())
    event.from = image->second;
}

}  // namespace dockerapi
