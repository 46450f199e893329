// The daemon itself: version, info, events, disk usage, login.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/dockerapi/container.h"
#include "api/dockerapi/image.h"
#include "api/dockerapi/volume.h"
#include "platform/base/time.h"
#include "platform/json/list.h"

namespace dockerapi {

struct PlatformName {
  std::string name;
};

struct ComponentVersion {
  std::string name;
  std::string version;
  std::map<std::string, std::string> details;
};

struct Version {
  PlatformName platform;
  std::vector<ComponentVersion> components;
  std::string version;
  std::string apiVersion;
  std::string minAPIVersion;
  std::string gitCommit;
  std::string goVersion;
  std::string os;
  std::string arch;
  std::string kernelVersion;
  bool experimental = false;
  std::string buildTime;
};

struct PluginsInfo {
  std::vector<std::string> volume;
  std::vector<std::string> network;
  json::List<std::string> authorization;
  std::vector<std::string> log;
};

struct IndexInfo {
  std::vector<std::string> mirrors;
  std::string name;
  bool official = false;
  bool secure = false;
};

struct RegistryServiceConfig {
  json::Raw allowNondistributableArtifactsCIDRs;  // null, before 1.49
  json::Raw allowNondistributableArtifactsHostnames;
  std::map<std::string, IndexInfo> indexConfigs;
  std::vector<std::string> insecureRegistryCIDRs;
  json::List<std::string> mirrors;
};

struct RuntimeInfo {
  std::string path;
  std::vector<std::string> runtimeArgs;
  std::map<std::string, std::string> status;
};

struct Commit {
  std::string id;
  std::string expected;  // before 1.49
};

struct SwarmInfo {
  std::string nodeID;
  std::string nodeAddr;
  std::string localNodeState;  // "inactive"
  bool controlAvailable = false;
  std::string error;
  json::Raw remoteManagers;
  int nodes = 0;
  int managers = 0;
  json::Raw cluster;
  std::vector<std::string> warnings;
};

struct AddressPool {
  std::string base;
  int size = 0;
};

struct FirewallInfo {
  std::string driver;
  std::vector<std::vector<std::string>> info;
};

struct ContainerdNamespaces {
  std::string containers;
  std::string plugins;
};

struct ContainerdInfo {
  std::string address;
  ContainerdNamespaces namespaces;
};

struct Info {
  std::string id;
  int containers = 0;
  int containersRunning = 0;
  int containersPaused = 0;
  int containersStopped = 0;
  int images = 0;
  std::string driver;
  std::vector<std::vector<std::string>> driverStatus;  // {name, value}
  std::vector<std::vector<std::string>> systemStatus;
  PluginsInfo plugins;
  bool memoryLimit = false;
  bool swapLimit = false;
  bool kernelMemory = false;  // before 1.42
  bool kernelMemoryTcp = false;
  bool cpuCfsPeriod = false;
  bool cpuCfsQuota = false;
  bool cpuShares = false;
  bool cpuSet = false;
  bool pidsLimit = false;
  bool ipv4Forwarding = false;
  std::optional<bool> bridgeNfIptables;  // before 1.50, as the next
  std::optional<bool> bridgeNfIp6tables;
  bool debug = false;
  int nFd = 0;
  bool oomKillDisable = false;
  int nGoroutines = 0;
  std::string systemTime;
  std::string loggingDriver;
  std::string cgroupDriver;
  std::string cgroupVersion;
  int nEventsListener = 0;
  std::string kernelVersion;
  std::string operatingSystem;
  std::string osVersion;
  std::string osType;
  std::string architecture;  // "x86_64"
  std::string indexServerAddress;
  std::optional<RegistryServiceConfig> registryConfig;
  int ncpu = 0;
  std::int64_t memTotal = 0;
  json::Raw genericResources;
  std::string dockerRootDir;
  std::string httpProxy;
  std::string httpsProxy;
  std::string noProxy;
  std::string name;
  std::vector<std::string> labels;
  bool experimentalBuild = false;
  std::string serverVersion;
  std::map<std::string, RuntimeInfo> runtimes;
  std::string defaultRuntime;
  SwarmInfo swarm;
  bool liveRestoreEnabled = false;
  std::string isolation;
  std::string initBinary;
  Commit containerdCommit;
  Commit runcCommit;
  Commit initCommit;
  std::vector<std::string> securityOptions;
  std::string productLicense;
  std::vector<AddressPool> defaultAddressPools;
  std::optional<FirewallInfo> firewallBackend;
  std::vector<std::string> cdiSpecDirs;
  json::Raw discoveredDevices;
  std::optional<ContainerdInfo> containerd;
  std::vector<std::string> warnings;
};

struct EventActor {
  std::string id;
  std::map<std::string, std::string> attributes;
};

// One line of GET /events.
struct EventMessage {
  // Before 1.52 again in the words of the first API: see fillLegacy().
  std::string status;
  std::string legacyId;
  std::string from;
  std::string type;
  std::string action;
  EventActor actor;
  std::string scope;
  std::int64_t time = 0;
  std::int64_t timeNano = 0;
};

struct BuildCacheRecord {
  std::string id;
  std::string parent;
  std::vector<std::string> parents;
  std::string type;
  std::string description;
  bool inUse = false;
  bool shared = false;
  std::int64_t size = 0;
  base::Time createdAt;
  std::optional<base::Time> lastUsedAt;
  int usageCount = 0;
};

// GET /system/df; a list that ?type= left out is null.
struct DiskUsage {
  std::int64_t layersSize = 0;
  json::List<ImageSummary> images;
  json::List<ContainerSummary> containers;
  json::List<Volume> volumes;
  json::List<BuildCacheRecord> buildCache;
  std::optional<std::int64_t> builderSize;  // before 1.42
};

struct BuildPruneReport {
  std::vector<std::string> cachesDeleted;
  std::uint64_t spaceReclaimed = 0;
};

// The body of POST /auth, and what X-Registry-Auth holds.
struct AuthConfig {
  std::string username;
  std::string password;
  std::string auth;  // base64 of "username:password"
  std::string email;
  std::string serverAddress;
  std::string identityToken;
  std::string registryToken;
};

struct AuthenticateResponse {
  std::string identityToken;
  std::string status;
};

}  // namespace dockerapi

JSON_TYPE_EXTERN(dockerapi::PlatformName);
JSON_TYPE_EXTERN(dockerapi::ComponentVersion);
JSON_TYPE_EXTERN(dockerapi::Version);
JSON_TYPE_EXTERN(dockerapi::PluginsInfo);
JSON_TYPE_EXTERN(dockerapi::IndexInfo);
JSON_TYPE_EXTERN(dockerapi::RegistryServiceConfig);
JSON_TYPE_EXTERN(dockerapi::RuntimeInfo);
JSON_TYPE_EXTERN(dockerapi::Commit);
JSON_TYPE_EXTERN(dockerapi::SwarmInfo);
JSON_TYPE_EXTERN(dockerapi::AddressPool);
JSON_TYPE_EXTERN(dockerapi::FirewallInfo);
JSON_TYPE_EXTERN(dockerapi::ContainerdNamespaces);
JSON_TYPE_EXTERN(dockerapi::ContainerdInfo);
JSON_TYPE_EXTERN(dockerapi::Info);
JSON_TYPE_EXTERN(dockerapi::EventActor);
JSON_TYPE_EXTERN(dockerapi::EventMessage);
JSON_TYPE_EXTERN(dockerapi::BuildCacheRecord);
JSON_TYPE_EXTERN(dockerapi::DiskUsage);
JSON_TYPE_EXTERN(dockerapi::BuildPruneReport);
JSON_TYPE_EXTERN(dockerapi::AuthConfig);
JSON_TYPE_EXTERN(dockerapi::AuthenticateResponse);
