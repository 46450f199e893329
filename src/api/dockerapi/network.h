// Networks: list, inspect, create, connect, disconnect, prune.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/dockerapi/container_config.h"
#include "platform/base/time.h"
#include "platform/json/list.h"

namespace dockerapi {

struct IpamConfig {
  std::string subnet;
  std::string ipRange;
  std::string gateway;
  json::Map<std::string> auxiliaryAddresses;
};

struct Ipam {
  std::string driver;
  json::Map<std::string> options;
  json::List<IpamConfig> config;
};

struct ConfigReference {
  std::string network;
};

struct NetworkEndpoint {
  std::string name;
  std::string endpointID;
  std::string macAddress;
  std::string ipv4Address;  // with prefix length
  std::string ipv6Address;
};

// GET /networks/{id}, and one element of GET /networks (there Containers is empty).
struct NetworkInspect {
  std::string name;
  std::string id;
  base::Time created;
  std::string scope;
  std::string driver;
  bool enableIPv4 = false;
  bool enableIPv6 = false;
  Ipam ipam;
  bool internal = false;
  bool attachable = false;
  bool ingress = false;
  ConfigReference configFrom;
  bool configOnly = false;
  std::map<std::string, NetworkEndpoint> containers;  // by container id
  json::Map<std::string> options;
  json::Map<std::string> labels;
  json::Raw peers;
  json::Raw services;
};

// POST /networks/create.
struct NetworkCreateRequest {
  std::string driver;
  std::string scope;
  std::optional<bool> enableIPv4;
  std::optional<bool> enableIPv6;
  std::optional<Ipam> ipam;
  bool internal = false;
  bool attachable = false;
  bool ingress = false;
  bool configOnly = false;
  std::optional<ConfigReference> configFrom;
  json::Map<std::string> options;
  json::Map<std::string> labels;
  std::string name;
  std::optional<bool> checkDuplicate;  // before 1.44
};

struct NetworkCreateResponse {
  std::string id;
  std::string warning;
};

// POST /networks/{id}/connect.
struct NetworkConnectRequest {
  std::string container;
  std::optional<EndpointSettings> endpointConfig;
};

struct NetworkDisconnectRequest {
  std::string container;
  bool force = false;
};

struct NetworksPruneReport {
  std::vector<std::string> networksDeleted;
};

}  // namespace dockerapi

JSON_TYPE_EXTERN(dockerapi::IpamConfig);
JSON_TYPE_EXTERN(dockerapi::Ipam);
JSON_TYPE_EXTERN(dockerapi::ConfigReference);
JSON_TYPE_EXTERN(dockerapi::NetworkEndpoint);
JSON_TYPE_EXTERN(dockerapi::NetworkInspect);
JSON_TYPE_EXTERN(dockerapi::NetworkCreateRequest);
JSON_TYPE_EXTERN(dockerapi::NetworkCreateResponse);
JSON_TYPE_EXTERN(dockerapi::NetworkConnectRequest);
JSON_TYPE_EXTERN(dockerapi::NetworkDisconnectRequest);
JSON_TYPE_EXTERN(dockerapi::NetworksPruneReport);
