#include "api/dockerapi/network.h"

namespace dockerapi {

// Order, names and null rules are those of Docker Engine 28.5.
constexpr auto jsonFields(const IpamConfig*) {
  return json::fields(
      json::goName("network.IPAMConfig"),
      json::field("Subnet", &IpamConfig::subnet, json::kOmitEmpty),
      json::field("IPRange", &IpamConfig::ipRange, json::kOmitEmpty),
      json::field("Gateway", &IpamConfig::gateway, json::kOmitEmpty),
      json::field("AuxiliaryAddresses", &IpamConfig::auxiliaryAddresses, json::kOmitEmpty));
}

constexpr auto jsonFields(const Ipam*) {
  return json::fields(json::goName("network.IPAM"), json::field("Driver", &Ipam::driver),
                      json::field("Options", &Ipam::options), json::field("Config", &Ipam::config));
}

constexpr auto jsonFields(const ConfigReference*) {
  return json::fields(json::goName("network.ConfigReference"),
                      json::field("Network", &ConfigReference::network));
}

constexpr auto jsonFields(const NetworkEndpoint*) {
  return json::fields(json::goName("network.EndpointResource"),
                      json::field("Name", &NetworkEndpoint::name),
                      json::field("EndpointID", &NetworkEndpoint::endpointID),
                      json::field("MacAddress", &NetworkEndpoint::macAddress),
                      json::field("IPv4Address", &NetworkEndpoint::ipv4Address),
                      json::field("IPv6Address", &NetworkEndpoint::ipv6Address));
}

constexpr auto jsonFields(const NetworkInspect*) {
  return json::fields(
      json::goName("network.Inspect"), json::field("Name", &NetworkInspect::name),
      json::field("Id", &NetworkInspect::id), json::field("Created", &NetworkInspect::created),
      json::field("Scope", &NetworkInspect::scope), json::field("Driver", &NetworkInspect::driver),
      json::field("EnableIPv4", &NetworkInspect::enableIPv4),
      json::field("EnableIPv6", &NetworkInspect::enableIPv6),
      json::field("IPAM", &NetworkInspect::ipam),
      json::field("Internal", &NetworkInspect::internal),
      json::field("Attachable", &NetworkInspect::attachable),
      json::field("Ingress", &NetworkInspect::ingress),
      json::field("ConfigFrom", &NetworkInspect::configFrom),
      json::field("ConfigOnly", &NetworkInspect::configOnly),
      json::field("Containers", &NetworkInspect::containers),
      json::field("Options", &NetworkInspect::options),
      json::field("Labels", &NetworkInspect::labels),
      json::field("Peers", &NetworkInspect::peers, json::kOmitEmpty),
      json::field("Services", &NetworkInspect::services, json::kOmitEmpty));
}

constexpr auto jsonFields(const NetworkCreateRequest*) {
  return json::fields(
      json::goName("network.CreateRequest"), json::field("Driver", &NetworkCreateRequest::driver),
      json::field("Scope", &NetworkCreateRequest::scope),
      json::field("EnableIPv4", &NetworkCreateRequest::enableIPv4, json::kOmitEmpty),
      json::field("EnableIPv6", &NetworkCreateRequest::enableIPv6, json::kOmitEmpty),
      json::field("IPAM", &NetworkCreateRequest::ipam),
      json::field("Internal", &NetworkCreateRequest::internal),
      json::field("Attachable", &NetworkCreateRequest::attachable),
      json::field("Ingress", &NetworkCreateRequest::ingress),
      json::field("ConfigOnly", &NetworkCreateRequest::configOnly),
      json::field("ConfigFrom", &NetworkCreateRequest::configFrom),
      json::field("Options", &NetworkCreateRequest::options),
      json::field("Labels", &NetworkCreateRequest::labels),
      json::field("Name", &NetworkCreateRequest::name),
      json::field("CheckDuplicate", &NetworkCreateRequest::checkDuplicate, json::kOmitEmpty));
}

constexpr auto jsonFields(const NetworkCreateResponse*) {
  return json::fields(json::goName("network.CreateResponse"),
                      json::field("Id", &NetworkCreateResponse::id),
                      json::field("Warning", &NetworkCreateResponse::warning));
}

constexpr auto jsonFields(const NetworkConnectRequest*) {
  return json::fields(
      json::goName("network.ConnectOptions"),
      json::field("Container", &NetworkConnectRequest::container),
      json::field("EndpointConfig", &NetworkConnectRequest::endpointConfig, json::kOmitEmpty));
}

constexpr auto jsonFields(const NetworkDisconnectRequest*) {
  return json::fields(json::goName("network.DisconnectOptions"),
                      json::field("Container", &NetworkDisconnectRequest::container),
                      json::field("Force", &NetworkDisconnectRequest::force));
}

constexpr auto jsonFields(const NetworksPruneReport*) {
  return json::fields(
      json::goName("network.PruneReport"),
      json::field("NetworksDeleted", &NetworksPruneReport::networksDeleted, json::kNullIfEmpty));
}

}  // namespace dockerapi

JSON_TYPE(dockerapi::IpamConfig);
JSON_TYPE(dockerapi::Ipam);
JSON_TYPE(dockerapi::ConfigReference);
JSON_TYPE(dockerapi::NetworkEndpoint);
JSON_TYPE(dockerapi::NetworkInspect);
JSON_TYPE(dockerapi::NetworkCreateRequest);
JSON_TYPE(dockerapi::NetworkCreateResponse);
JSON_TYPE(dockerapi::NetworkConnectRequest);
JSON_TYPE(dockerapi::NetworkDisconnectRequest);
JSON_TYPE(dockerapi::NetworksPruneReport);
