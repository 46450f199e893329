#include "api/dockerapi/system.h"

namespace dockerapi {

// Order, names and null rules are those of Docker Engine 28.5.
constexpr auto jsonFields(const PlatformName*) {
  return json::fields(json::field("Name", &PlatformName::name));
}

constexpr auto jsonFields(const ComponentVersion*) {
  return json::fields(json::goName("types.ComponentVersion"),
                      json::field("Name", &ComponentVersion::name),
                      json::field("Version", &ComponentVersion::version),
                      json::field("Details", &ComponentVersion::details, json::kOmitEmpty));
}

constexpr auto jsonFields(const Version*) {
  return json::fields(
      json::goName("types.Version"), json::field("Platform", &Version::platform),
      json::field("Components", &Version::components, json::kOmitEmpty),
      json::field("Version", &Version::version), json::field("ApiVersion", &Version::apiVersion),
      json::field("MinAPIVersion", &Version::minAPIVersion, json::kOmitEmpty),
      json::field("GitCommit", &Version::gitCommit), json::field("GoVersion", &Version::goVersion),
      json::field("Os", &Version::os), json::field("Arch", &Version::arch),
      json::field("KernelVersion", &Version::kernelVersion, json::kOmitEmpty),
      json::field("Experimental", &Version::experimental, json::kOmitEmpty),
      json::field("BuildTime", &Version::buildTime, json::kOmitEmpty));
}

constexpr auto jsonFields(const PluginsInfo*) {
  return json::fields(json::goName("system.PluginsInfo"),
                      json::field("Volume", &PluginsInfo::volume),
                      json::field("Network", &PluginsInfo::network),
                      json::field("Authorization", &PluginsInfo::authorization),
                      json::field("Log", &PluginsInfo::log));
}

constexpr auto jsonFields(const IndexInfo*) {
  return json::fields(
      json::goName("registry.IndexInfo"), json::field("Mirrors", &IndexInfo::mirrors),
      json::field("Name", &IndexInfo::name), json::field("Official", &IndexInfo::official),
      json::field("Secure", &IndexInfo::secure));
}

constexpr auto jsonFields(const RegistryServiceConfig*) {
  return json::fields(
      json::goName("registry.ServiceConfig"),
      json::field("AllowNondistributableArtifactsCIDRs",
                  &RegistryServiceConfig::allowNondistributableArtifactsCIDRs, json::kOmitEmpty),
      json::field("AllowNondistributableArtifactsHostnames",
                  &RegistryServiceConfig::allowNondistributableArtifactsHostnames,
                  json::kOmitEmpty),
      json::field("IndexConfigs", &RegistryServiceConfig::indexConfigs),
      json::field("InsecureRegistryCIDRs", &RegistryServiceConfig::insecureRegistryCIDRs),
      json::field("Mirrors", &RegistryServiceConfig::mirrors));
}

constexpr auto jsonFields(const RuntimeInfo*) {
  return json::fields(json::goName("system.RuntimeWithStatus"),
                      json::field("path", &RuntimeInfo::path, json::kOmitEmpty),
                      json::field("runtimeArgs", &RuntimeInfo::runtimeArgs, json::kOmitEmpty),
                      json::field("status", &RuntimeInfo::status, json::kOmitEmpty));
}

constexpr auto jsonFields(const Commit*) {
  return json::fields(json::goName("system.Commit"), json::field("ID", &Commit::id),
                      json::field("Expected", &Commit::expected, json::kOmitEmpty));
}

constexpr auto jsonFields(const SwarmInfo*) {
  return json::fields(json::goName("swarm.Info"), json::field("NodeID", &SwarmInfo::nodeID),
                      json::field("NodeAddr", &SwarmInfo::nodeAddr),
                      json::field("LocalNodeState", &SwarmInfo::localNodeState),
                      json::field("ControlAvailable", &SwarmInfo::controlAvailable),
                      json::field("Error", &SwarmInfo::error),
                      json::field("RemoteManagers", &SwarmInfo::remoteManagers),
                      json::field("Nodes", &SwarmInfo::nodes, json::kOmitEmpty),
                      json::field("Managers", &SwarmInfo::managers, json::kOmitEmpty),
                      json::field("Cluster", &SwarmInfo::cluster, json::kOmitEmpty),
                      json::field("Warnings", &SwarmInfo::warnings, json::kOmitEmpty));
}

constexpr auto jsonFields(const AddressPool*) {
  return json::fields(json::goName("system.NetworkAddressPool"),
                      json::field("Base", &AddressPool::base),
                      json::field("Size", &AddressPool::size));
}

constexpr auto jsonFields(const FirewallInfo*) {
  return json::fields(json::goName("system.FirewallInfo"),
                      json::field("Driver", &FirewallInfo::driver),
                      json::field("Info", &FirewallInfo::info, json::kOmitEmpty));
}

constexpr auto jsonFields(const ContainerdNamespaces*) {
  return json::fields(json::goName("system.ContainerdNamespaces"),
                      json::field("Containers", &ContainerdNamespaces::containers),
                      json::field("Plugins", &ContainerdNamespaces::plugins));
}

constexpr auto jsonFields(const ContainerdInfo*) {
  return json::fields(json::goName("system.ContainerdInfo"),
                      json::field("Address", &ContainerdInfo::address, json::kOmitEmpty),
                      json::field("Namespaces", &ContainerdInfo::namespaces));
}

constexpr auto jsonFields(const Info*) {
  return json::fields(
      json::goName("system.Info"), json::field("ID", &Info::id),
      json::field("Containers", &Info::containers),
      json::field("ContainersRunning", &Info::containersRunning),
      json::field("ContainersPaused", &Info::containersPaused),
      json::field("ContainersStopped", &Info::containersStopped),
      json::field("Images", &Info::images), json::field("Driver", &Info::driver),
      json::field("DriverStatus", &Info::driverStatus),
      json::field("SystemStatus", &Info::systemStatus, json::kOmitEmpty),
      json::field("Plugins", &Info::plugins), json::field("MemoryLimit", &Info::memoryLimit),
      json::field("SwapLimit", &Info::swapLimit),
      json::field("KernelMemory", &Info::kernelMemory, json::kOmitEmpty),
      json::field("KernelMemoryTCP", &Info::kernelMemoryTcp, json::kOmitEmpty),
      json::field("CpuCfsPeriod", &Info::cpuCfsPeriod),
      json::field("CpuCfsQuota", &Info::cpuCfsQuota), json::field("CPUShares", &Info::cpuShares),
      json::field("CPUSet", &Info::cpuSet), json::field("PidsLimit", &Info::pidsLimit),
      json::field("IPv4Forwarding", &Info::ipv4Forwarding),
      json::field("BridgeNfIptables", &Info::bridgeNfIptables, json::kOmitEmpty),
      json::field("BridgeNfIp6tables", &Info::bridgeNfIp6tables, json::kOmitEmpty),
      json::field("Debug", &Info::debug), json::field("NFd", &Info::nFd),
      json::field("OomKillDisable", &Info::oomKillDisable),
      json::field("NGoroutines", &Info::nGoroutines), json::field("SystemTime", &Info::systemTime),
      json::field("LoggingDriver", &Info::loggingDriver),
      json::field("CgroupDriver", &Info::cgroupDriver),
      json::field("CgroupVersion", &Info::cgroupVersion, json::kOmitEmpty),
      json::field("NEventsListener", &Info::nEventsListener),
      json::field("KernelVersion", &Info::kernelVersion),
      json::field("OperatingSystem", &Info::operatingSystem),
      json::field("OSVersion", &Info::osVersion), json::field("OSType", &Info::osType),
      json::field("Architecture", &Info::architecture),
      json::field("IndexServerAddress", &Info::indexServerAddress),
      json::field("RegistryConfig", &Info::registryConfig), json::field("NCPU", &Info::ncpu),
      json::field("MemTotal", &Info::memTotal),
      json::field("GenericResources", &Info::genericResources),
      json::field("DockerRootDir", &Info::dockerRootDir),
      json::field("HttpProxy", &Info::httpProxy), json::field("HttpsProxy", &Info::httpsProxy),
      json::field("NoProxy", &Info::noProxy), json::field("Name", &Info::name),
      json::field("Labels", &Info::labels),
      json::field("ExperimentalBuild", &Info::experimentalBuild),
      json::field("ServerVersion", &Info::serverVersion), json::field("Runtimes", &Info::runtimes),
      json::field("DefaultRuntime", &Info::defaultRuntime), json::field("Swarm", &Info::swarm),
      json::field("LiveRestoreEnabled", &Info::liveRestoreEnabled),
      json::field("Isolation", &Info::isolation), json::field("InitBinary", &Info::initBinary),
      json::field("ContainerdCommit", &Info::containerdCommit),
      json::field("RuncCommit", &Info::runcCommit), json::field("InitCommit", &Info::initCommit),
      json::field("SecurityOptions", &Info::securityOptions),
      json::field("ProductLicense", &Info::productLicense, json::kOmitEmpty),
      json::field("DefaultAddressPools", &Info::defaultAddressPools, json::kOmitEmpty),
      json::field("FirewallBackend", &Info::firewallBackend, json::kOmitEmpty),
      json::field("CDISpecDirs", &Info::cdiSpecDirs),
      json::field("DiscoveredDevices", &Info::discoveredDevices, json::kOmitEmpty),
      json::field("Containerd", &Info::containerd, json::kOmitEmpty),
      json::field("Warnings", &Info::warnings, json::kNullIfEmpty));
}

constexpr auto jsonFields(const EventActor*) {
  return json::fields(json::goName("events.Actor"), json::field("ID", &EventActor::id),
                      json::field("Attributes", &EventActor::attributes));
}

constexpr auto jsonFields(const EventMessage*) {
  return json::fields(json::goName("events.Message"),
                      json::field("status", &EventMessage::status, json::kOmitEmpty),
                      json::field("id", &EventMessage::legacyId, json::kOmitEmpty),
                      json::field("from", &EventMessage::from, json::kOmitEmpty),
                      json::field("Type", &EventMessage::type),
                      json::field("Action", &EventMessage::action),
                      json::field("Actor", &EventMessage::actor),
                      json::field("scope", &EventMessage::scope, json::kOmitEmpty),
                      json::field("time", &EventMessage::time, json::kOmitEmpty),
                      json::field("timeNano", &EventMessage::timeNano, json::kOmitEmpty));
}

constexpr auto jsonFields(const BuildCacheRecord*) {
  return json::fields(json::goName("build.CacheRecord"), json::field("ID", &BuildCacheRecord::id),
                      json::field("Parent", &BuildCacheRecord::parent, json::kOmitEmpty),
                      json::field("Parents", &BuildCacheRecord::parents, json::kOmitEmpty),
                      json::field("Type", &BuildCacheRecord::type),
                      json::field("Description", &BuildCacheRecord::description),
                      json::field("InUse", &BuildCacheRecord::inUse),
                      json::field("Shared", &BuildCacheRecord::shared),
                      json::field("Size", &BuildCacheRecord::size),
                      json::field("CreatedAt", &BuildCacheRecord::createdAt),
                      json::field("LastUsedAt", &BuildCacheRecord::lastUsedAt),
                      json::field("UsageCount", &BuildCacheRecord::usageCount));
}

constexpr auto jsonFields(const DiskUsage*) {
  return json::fields(
      json::goName("system.DiskUsage"), json::field("LayersSize", &DiskUsage::layersSize),
      json::field("Images", &DiskUsage::images), json::field("Containers", &DiskUsage::containers),
      json::field("Volumes", &DiskUsage::volumes),
      json::field("BuildCache", &DiskUsage::buildCache),
      json::field("BuilderSize", &DiskUsage::builderSize, json::kOmitEmpty));
}

constexpr auto jsonFields(const BuildPruneReport*) {
  return json::fields(
      json::goName("build.CachePruneReport"),
      json::field("CachesDeleted", &BuildPruneReport::cachesDeleted, json::kNullIfEmpty),
      json::field("SpaceReclaimed", &BuildPruneReport::spaceReclaimed));
}

constexpr auto jsonFields(const AuthConfig*) {
  return json::fields(json::goName("registry.AuthConfig"),
                      json::field("username", &AuthConfig::username, json::kOmitEmpty),
                      json::field("password", &AuthConfig::password, json::kOmitEmpty),
                      json::field("auth", &AuthConfig::auth, json::kOmitEmpty),
                      json::field("email", &AuthConfig::email, json::kOmitEmpty),
                      json::field("serveraddress", &AuthConfig::serverAddress, json::kOmitEmpty),
                      json::field("identitytoken", &AuthConfig::identityToken, json::kOmitEmpty),
                      json::field("registrytoken", &AuthConfig::registryToken, json::kOmitEmpty));
}

constexpr auto jsonFields(const AuthenticateResponse*) {
  return json::fields(json::goName("registry.AuthenticateOKBody"),
                      json::field("IdentityToken", &AuthenticateResponse::identityToken),
                      json::field("Status", &AuthenticateResponse::status));
}

}  // namespace dockerapi

JSON_TYPE(dockerapi::PlatformName);
JSON_TYPE(dockerapi::ComponentVersion);
JSON_TYPE(dockerapi::Version);
JSON_TYPE(dockerapi::PluginsInfo);
JSON_TYPE(dockerapi::IndexInfo);
JSON_TYPE(dockerapi::RegistryServiceConfig);
JSON_TYPE(dockerapi::RuntimeInfo);
JSON_TYPE(dockerapi::Commit);
JSON_TYPE(dockerapi::SwarmInfo);
JSON_TYPE(dockerapi::AddressPool);
JSON_TYPE(dockerapi::FirewallInfo);
JSON_TYPE(dockerapi::ContainerdNamespaces);
JSON_TYPE(dockerapi::ContainerdInfo);
JSON_TYPE(dockerapi::Info);
JSON_TYPE(dockerapi::EventActor);
JSON_TYPE(dockerapi::EventMessage);
JSON_TYPE(dockerapi::BuildCacheRecord);
JSON_TYPE(dockerapi::DiskUsage);
JSON_TYPE(dockerapi::BuildPruneReport);
JSON_TYPE(dockerapi::AuthConfig);
JSON_TYPE(dockerapi::AuthenticateResponse);
