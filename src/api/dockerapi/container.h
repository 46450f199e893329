// Containers as the API shows them: list, inspect, state, top, wait, prune, update, changes, exec.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/dockerapi/container_config.h"
#include "platform/base/time.h"
#include "platform/json/list.h"

namespace dockerapi {

struct Port {
  std::string ip;
  std::uint16_t privatePort = 0;
  std::uint16_t publicPort = 0;
  std::string type;
};

struct MountPoint {
  std::string type;
  std::string name;  // volumes only
  std::string source;
  std::string destination;
  std::string driver;
  std::string mode;
  bool rw = false;
  std::string propagation;
};

struct SummaryHostConfig {
  std::string networkMode;
  json::Map<std::string> annotations;  // since 1.46
};

struct SummaryNetworkSettings {
  json::Map<EndpointSettings> networks;
};

// One element of GET /containers/json.
struct ContainerSummary {
  std::string id;
  std::vector<std::string> names;  // each with a leading slash
  std::string image;
  std::string imageID;
  json::Raw imageManifestDescriptor;  // since 1.48, containerd image store only
  std::string command;
  std::int64_t created = 0;  // Unix seconds
  std::vector<Port> ports;
  std::int64_t sizeRw = 0;
  std::int64_t sizeRootFs = 0;
  std::map<std::string, std::string> labels;
  std::string state;
  std::string status;  // "Up 5 minutes"
  SummaryHostConfig hostConfig;
  SummaryNetworkSettings networkSettings;
  std::vector<MountPoint> mounts;
};

struct HealthcheckResult {
  base::Time start;
  base::Time end;
  int exitCode = 0;
  std::string output;
};

struct Health {
  std::string status;  // starting, healthy, unhealthy
  int failingStreak = 0;
  std::vector<HealthcheckResult> log;
};

struct ContainerState {
  std::string status;  // created running paused restarting removing exited dead
  bool running = false;
  bool paused = false;
  bool restarting = false;
  bool oomKilled = false;
  bool dead = false;
  int pid = 0;
  int exitCode = 0;
  std::string error;
  std::string startedAt;  // RFC 3339 with nanoseconds; "0001-01-01T00:00:00Z": never
  std::string finishedAt;
  std::optional<Health> health;
};

struct GraphDriverData {
  std::map<std::string, std::string> data;
  std::string name;
};

struct Address {
  std::string addr;
  int prefixLen = 0;
};

struct NetworkSettings {
  std::string bridge;
  std::string sandboxID;
  std::string sandboxKey;
  PortMap ports;  // a null list: exposed and not published
  bool hairpinMode = false;
  std::string linkLocalIPv6Address;
  int linkLocalIPv6PrefixLen = 0;
  std::vector<Address> secondaryIPAddresses;
  std::vector<Address> secondaryIPv6Addresses;
  // The default bridge's endpoint again, for clients of the time before networks.
  std::string endpointID;
  std::string gateway;
  std::string globalIPv6Address;
  int globalIPv6PrefixLen = 0;
  std::string ipAddress;
  int ipPrefixLen = 0;
  std::string ipv6Gateway;
  std::string macAddress;
  json::Map<EndpointSettings> networks;
};

// GET /containers/{id}/json.
struct ContainerInspect {
  std::string id;
  std::string created;
  std::string path;
  std::vector<std::string> args;
  ContainerState state;
  std::string image;  // id
  std::string resolvConfPath;
  std::string hostnamePath;
  std::string hostsPath;
  std::string logPath;
  std::string name;  // with a leading slash
  int restartCount = 0;
  std::string driver;
  std::string platform;  // "linux"
  std::string mountLabel;
  std::string processLabel;
  std::string appArmorProfile;
  std::vector<std::string> execIDs;
  HostConfig hostConfig;
  GraphDriverData graphDriver;
  std::optional<std::int64_t> sizeRw;
  std::optional<std::int64_t> sizeRootFs;
  std::vector<MountPoint> mounts;
  Config config;
  NetworkSettings networkSettings;
  json::Raw imageManifestDescriptor;
};

struct TopResponse {
  std::vector<std::vector<std::string>> processes;
  std::vector<std::string> titles;
};

struct WaitExitError {
  std::string message;
};

struct WaitResponse {
  std::optional<WaitExitError> error;
  std::int64_t statusCode = 0;
};

struct UpdateRequest {
  Resources resources;
  RestartPolicy restartPolicy;
};

struct UpdateResponse {
  std::vector<std::string> warnings;
};

struct ContainersPruneReport {
  std::vector<std::string> containersDeleted;
  std::uint64_t spaceReclaimed = 0;
};

struct FilesystemChange {
  std::string path;
  int kind = 0;  // 0 modified, 1 added, 2 deleted
};

// What X-Docker-Container-Path-Stat holds, base64.
struct PathStat {
  std::string name;
  std::int64_t size = 0;
  unsigned mode = 0;  // Go's os.FileMode, not st_mode
  base::Time mtime;
  std::string linkTarget;
};

// POST /containers/{id}/exec.
struct ExecCreateRequest {
  std::string user;
  bool privileged = false;
  bool tty = false;
  std::optional<ConsoleSize> consoleSize;
  bool attachStdin = false;
  bool attachStderr = false;
  bool attachStdout = false;
  std::string detachKeys;
  json::List<std::string> env;
  std::string workingDir;
  StrSlice cmd;
};

struct IdResponse {
  std::string id;
};

// POST /exec/{id}/start.
struct ExecStartRequest {
  bool detach = false;
  bool tty = false;
  std::optional<ConsoleSize> consoleSize;
};

struct ExecProcessConfig {
  bool tty = false;
  std::string entrypoint;
  std::vector<std::string> arguments;
  std::optional<bool> privileged;
  std::string user;
};

// GET /exec/{id}/json.
struct ExecInspect {
  std::string id;
  bool running = false;
  std::optional<int> exitCode;  // null while it runs
  ExecProcessConfig processConfig;
  bool openStdin = false;
  bool openStderr = false;
  bool openStdout = false;
  bool canRemove = false;
  std::string containerID;
  std::string detachKeys;
  int pid = 0;
};

}  // namespace dockerapi

JSON_TYPE_EXTERN(dockerapi::Port);
JSON_TYPE_EXTERN(dockerapi::MountPoint);
JSON_TYPE_EXTERN(dockerapi::SummaryHostConfig);
JSON_TYPE_EXTERN(dockerapi::SummaryNetworkSettings);
JSON_TYPE_EXTERN(dockerapi::ContainerSummary);
JSON_TYPE_EXTERN(dockerapi::HealthcheckResult);
JSON_TYPE_EXTERN(dockerapi::Health);
JSON_TYPE_EXTERN(dockerapi::ContainerState);
JSON_TYPE_EXTERN(dockerapi::GraphDriverData);
JSON_TYPE_EXTERN(dockerapi::Address);
JSON_TYPE_EXTERN(dockerapi::NetworkSettings);
JSON_TYPE_EXTERN(dockerapi::ContainerInspect);
JSON_TYPE_EXTERN(dockerapi::TopResponse);
JSON_TYPE_EXTERN(dockerapi::WaitExitError);
JSON_TYPE_EXTERN(dockerapi::WaitResponse);
JSON_TYPE_EXTERN(dockerapi::UpdateRequest);
JSON_TYPE_EXTERN(dockerapi::UpdateResponse);
JSON_TYPE_EXTERN(dockerapi::ContainersPruneReport);
JSON_TYPE_EXTERN(dockerapi::FilesystemChange);
JSON_TYPE_EXTERN(dockerapi::PathStat);
JSON_TYPE_EXTERN(dockerapi::ExecCreateRequest);
JSON_TYPE_EXTERN(dockerapi::IdResponse);
JSON_TYPE_EXTERN(dockerapi::ExecStartRequest);
JSON_TYPE_EXTERN(dockerapi::ExecProcessConfig);
JSON_TYPE_EXTERN(dockerapi::ExecInspect);
