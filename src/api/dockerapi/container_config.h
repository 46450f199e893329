// What a container is to be: the body of POST /containers/create, and the same structs as inspect
// shows them again.
//
// Members are the JSON names in camel case. json::List and json::Map (platform/json/list.h) behave
// as vector and map and remember whether the client gave null or an empty one, since inspect shows
// what was given. A Go pointer is optional.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/dockerapi/str_slice.h"
#include "api/oci/image_spec.h"
#include "platform/json/list.h"

namespace dockerapi {

using HealthConfig = oci::HealthConfig;  // also part of image configs

struct Config {
  std::string hostname;
  std::string domainname;
  std::string user;
  bool attachStdin = false;
  bool attachStdout = false;
  bool attachStderr = false;
  json::Set exposedPorts;  // "80/tcp"
  bool tty = false;
  bool openStdin = false;
  bool stdinOnce = false;
  json::List<std::string> env;  // "NAME=value"; "NAME" alone takes it away
  StrSlice cmd;
  std::optional<HealthConfig> healthcheck;
  bool argsEscaped = false;
  std::string image;
  json::Set volumes;
  std::string workingDir;
  StrSlice entrypoint;
  bool networkDisabled = false;
  std::string macAddress;  // before 1.44; since then it belongs to the endpoint
  json::List<std::string> onBuild;
  json::Map<std::string> labels;
  std::string stopSignal;
  std::optional<int> stopTimeout;  // seconds
  StrSlice shell;
};

struct LogConfig {
  std::string type;
  json::Map<std::string> config;
};

struct PortBinding {
  std::string hostIp;
  std::string hostPort;  // a number or a range; empty: any free one
};

using PortMap =
    json::Map<json::List<PortBinding>>;  // "80/tcp" -> bindings; a null list: exposed only

struct RestartPolicy {
  std::string name;  // "", no, always, on-failure, unless-stopped
  int maximumRetryCount = 0;
};

struct BindOptions {
  std::string propagation;
  bool nonRecursive = false;
  bool createMountpoint = false;
  bool readOnlyNonRecursive = false;
  bool readOnlyForceRecursive = false;
};

struct DriverConfig {
  std::string name;
  json::Map<std::string> options;
};

struct VolumeOptions {
  bool noCopy = false;
  json::Map<std::string> labels;
  std::string subpath;
  std::optional<DriverConfig> driverConfig;
};

struct ImageOptions {
  std::string subpath;
};

struct TmpfsOptions {
  std::int64_t sizeBytes = 0;
  unsigned mode = 0;  // Go's os.FileMode: permission bits and bits of its own
  json::List<std::vector<std::string>> options;
};

struct Mount {
  std::string type;  // bind, volume, tmpfs, image, npipe, cluster
  std::string source;
  std::string target;
  bool readOnly = false;
  std::string consistency;
  std::optional<BindOptions> bindOptions;
  std::optional<VolumeOptions> volumeOptions;
  std::optional<ImageOptions> imageOptions;
  std::optional<TmpfsOptions> tmpfsOptions;
  json::Raw clusterOptions;
};

struct WeightDevice {
  std::string path;
  std::uint16_t weight = 0;
};

struct ThrottleDevice {
  std::string path;
  std::uint64_t rate = 0;
};

struct DeviceMapping {
  std::string pathOnHost;
  std::string pathInContainer;
  std::string cgroupPermissions;
};

struct DeviceRequest {
  std::string driver;
  int count = 0;  // -1: all
  json::List<std::string> deviceIDs;
  json::List<std::vector<std::string>> capabilities;
  json::Map<std::string> options;
};

struct Ulimit {
  std::string name;
  std::int64_t hard = 0;
  std::int64_t soft = 0;
};

// The part of HostConfig that POST /containers/{id}/update may change.
struct Resources {
  std::int64_t cpuShares = 0;
  std::int64_t memory = 0;  // bytes
  std::int64_t nanoCpus = 0;
  std::string cgroupParent;
  std::uint16_t blkioWeight = 0;
  json::List<WeightDevice> blkioWeightDevice;
  json::List<ThrottleDevice> blkioDeviceReadBps;
  json::List<ThrottleDevice> blkioDeviceWriteBps;
  json::List<ThrottleDevice> blkioDeviceReadIOps;
  json::List<ThrottleDevice> blkioDeviceWriteIOps;
  std::int64_t cpuPeriod = 0;
  std::int64_t cpuQuota = 0;
  std::int64_t cpuRealtimePeriod = 0;
  std::int64_t cpuRealtimeRuntime = 0;
  std::string cpusetCpus;
  std::string cpusetMems;
  json::List<DeviceMapping> devices;
  json::List<std::string> deviceCgroupRules;
  json::List<DeviceRequest> deviceRequests;
  std::int64_t kernelMemory = 0;  // accepted and without effect
  std::int64_t kernelMemoryTcp = 0;
  std::int64_t memoryReservation = 0;
  std::int64_t memorySwap = 0;  // memory and swap together; -1: no limit
  std::optional<std::int64_t> memorySwappiness;
  std::optional<bool> oomKillDisable;
  std::optional<std::int64_t> pidsLimit;
  json::List<Ulimit> ulimits;
  std::int64_t cpuCount = 0;  // Windows, as the next three
  std::int64_t cpuPercent = 0;
  std::uint64_t ioMaximumIOps = 0;
  std::uint64_t ioMaximumBandwidth = 0;
};

struct HostConfig {
  json::List<std::string> binds;
  std::string containerIDFile;
  LogConfig logConfig;
  std::string networkMode;
  PortMap portBindings;
  RestartPolicy restartPolicy;
  bool autoRemove = false;
  std::string volumeDriver;
  json::List<std::string> volumesFrom;
  ConsoleSize consoleSize = {};  // {height, width}; 0, 0: unset
  json::Map<std::string> annotations;
  StrSlice capAdd;
  StrSlice capDrop;
  std::string cgroupnsMode;
  json::List<std::string> dns;
  json::List<std::string> dnsOptions;
  json::List<std::string> dnsSearch;
  json::List<std::string> extraHosts;
  json::List<std::string> groupAdd;
  std::string ipcMode;
  std::string cgroup;
  json::List<std::string> links;
  int oomScoreAdj = 0;
  std::string pidMode;
  bool privileged = false;
  bool publishAllPorts = false;
  bool readonlyRootfs = false;
  json::List<std::string> securityOpt;
  json::Map<std::string> storageOpt;
  json::Map<std::string> tmpfs;
  std::string utsMode;
  std::string usernsMode;
  std::int64_t shmSize = 0;  // bytes
  json::Map<std::string> sysctls;
  std::string runtime;
  std::string isolation;
  Resources resources;
  json::List<Mount> mounts;
  json::List<std::string> maskedPaths;  // nil: the engine's own list
  json::List<std::string> readonlyPaths;
  std::optional<bool> init;
};

struct EndpointIPAMConfig {
  std::string ipv4Address;
  std::string ipv6Address;
  json::List<std::string> linkLocalIPs;
};

// A container's connection to one network: what was asked for, and below NetworkID what it got.
struct EndpointSettings {
  std::optional<EndpointIPAMConfig> ipamConfig;
  json::List<std::string> links;
  json::List<std::string> aliases;
  std::string macAddress;
  json::Map<std::string> driverOpts;
  int gwPriority = 0;
  std::string networkID;
  std::string endpointID;
  std::string gateway;
  std::string ipAddress;
  int ipPrefixLen = 0;
  std::string ipv6Gateway;
  std::string globalIPv6Address;
  int globalIPv6PrefixLen = 0;
  json::List<std::string> dnsNames;
};

struct NetworkingConfig {
  json::Map<EndpointSettings> endpointsConfig;  // by network name
};

struct CreateRequest {
  Config config;
  std::optional<HostConfig> hostConfig;
  std::optional<NetworkingConfig> networkingConfig;
};

struct CreateResponse {
  std::string id;
  std::vector<std::string> warnings;
};

}  // namespace dockerapi

JSON_TYPE_EXTERN(dockerapi::Config);
JSON_TYPE_EXTERN(dockerapi::LogConfig);
JSON_TYPE_EXTERN(dockerapi::PortBinding);
JSON_TYPE_EXTERN(dockerapi::RestartPolicy);
JSON_TYPE_EXTERN(dockerapi::BindOptions);
JSON_TYPE_EXTERN(dockerapi::DriverConfig);
JSON_TYPE_EXTERN(dockerapi::VolumeOptions);
JSON_TYPE_EXTERN(dockerapi::ImageOptions);
JSON_TYPE_EXTERN(dockerapi::TmpfsOptions);
JSON_TYPE_EXTERN(dockerapi::Mount);
JSON_TYPE_EXTERN(dockerapi::WeightDevice);
JSON_TYPE_EXTERN(dockerapi::ThrottleDevice);
JSON_TYPE_EXTERN(dockerapi::DeviceMapping);
JSON_TYPE_EXTERN(dockerapi::DeviceRequest);
JSON_TYPE_EXTERN(dockerapi::Ulimit);
JSON_TYPE_EXTERN(dockerapi::Resources);
JSON_TYPE_EXTERN(dockerapi::HostConfig);
JSON_TYPE_EXTERN(dockerapi::EndpointIPAMConfig);
JSON_TYPE_EXTERN(dockerapi::EndpointSettings);
JSON_TYPE_EXTERN(dockerapi::NetworkingConfig);
JSON_TYPE_EXTERN(dockerapi::CreateRequest);
JSON_TYPE_EXTERN(dockerapi::CreateResponse);
