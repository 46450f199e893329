#include "api/dockerapi/container.h"

namespace dockerapi {

// Order, names and null rules are those of Docker Engine 28.5.
constexpr auto jsonFields(const Port*) {
  return json::fields(json::goName("container.Port"),
                      json::field("IP", &Port::ip, json::kOmitEmpty),
                      json::field("PrivatePort", &Port::privatePort),
                      json::field("PublicPort", &Port::publicPort, json::kOmitEmpty),
                      json::field("Type", &Port::type));
}

constexpr auto jsonFields(const MountPoint*) {
  return json::fields(json::goName("container.MountPoint"),
                      json::field("Type", &MountPoint::type, json::kOmitEmpty),
                      json::field("Name", &MountPoint::name, json::kOmitEmpty),
                      json::field("Source", &MountPoint::source),
                      json::field("Destination", &MountPoint::destination),
                      json::field("Driver", &MountPoint::driver, json::kOmitEmpty),
                      json::field("Mode", &MountPoint::mode), json::field("RW", &MountPoint::rw),
                      json::field("Propagation", &MountPoint::propagation));
}

constexpr auto jsonFields(const SummaryHostConfig*) {
  return json::fields(
      json::field("NetworkMode", &SummaryHostConfig::networkMode, json::kOmitEmpty),
      json::field("Annotations", &SummaryHostConfig::annotations, json::kOmitEmpty));
}

constexpr auto jsonFields(const SummaryNetworkSettings*) {
  return json::fields(json::goName("container.NetworkSettingsSummary"),
                      json::field("Networks", &SummaryNetworkSettings::networks));
}

constexpr auto jsonFields(const ContainerSummary*) {
  return json::fields(json::goName("container.Summary"), json::field("Id", &ContainerSummary::id),
                      json::field("Names", &ContainerSummary::names),
                      json::field("Image", &ContainerSummary::image),
                      json::field("ImageID", &ContainerSummary::imageID),
                      json::field("ImageManifestDescriptor",
                                  &ContainerSummary::imageManifestDescriptor, json::kOmitEmpty),
                      json::field("Command", &ContainerSummary::command),
                      json::field("Created", &ContainerSummary::created),
                      json::field("Ports", &ContainerSummary::ports),
                      json::field("SizeRw", &ContainerSummary::sizeRw, json::kOmitEmpty),
                      json::field("SizeRootFs", &ContainerSummary::sizeRootFs, json::kOmitEmpty),
                      json::field("Labels", &ContainerSummary::labels),
                      json::field("State", &ContainerSummary::state),
                      json::field("Status", &ContainerSummary::status),
                      json::field("HostConfig", &ContainerSummary::hostConfig),
                      json::field("NetworkSettings", &ContainerSummary::networkSettings),
                      json::field("Mounts", &ContainerSummary::mounts));
}

constexpr auto jsonFields(const HealthcheckResult*) {
  return json::fields(json::goName("container.HealthcheckResult"),
                      json::field("Start", &HealthcheckResult::start),
                      json::field("End", &HealthcheckResult::end),
                      json::field("ExitCode", &HealthcheckResult::exitCode),
                      json::field("Output", &HealthcheckResult::output));
}

constexpr auto jsonFields(const Health*) {
  return json::fields(json::goName("container.Health"), json::field("Status", &Health::status),
                      json::field("FailingStreak", &Health::failingStreak),
                      json::field("Log", &Health::log, json::kNullIfEmpty));
}

constexpr auto jsonFields(const ContainerState*) {
  return json::fields(
      json::goName("container.State"), json::field("Status", &ContainerState::status),
      json::field("Running", &ContainerState::running),
      json::field("Paused", &ContainerState::paused),
      json::field("Restarting", &ContainerState::restarting),
      json::field("OOMKilled", &ContainerState::oomKilled),
      json::field("Dead", &ContainerState::dead), json::field("Pid", &ContainerState::pid),
      json::field("ExitCode", &ContainerState::exitCode),
      json::field("Error", &ContainerState::error),
      json::field("StartedAt", &ContainerState::startedAt),
      json::field("FinishedAt", &ContainerState::finishedAt),
      json::field("Health", &ContainerState::health, json::kOmitEmpty));
}

constexpr auto jsonFields(const GraphDriverData*) {
  return json::fields(json::goName("storage.DriverData"),
                      json::field("Data", &GraphDriverData::data, json::kNullIfEmpty),
                      json::field("Name", &GraphDriverData::name));
}

constexpr auto jsonFields(const Address*) {
  return json::fields(json::goName("network.Address"), json::field("Addr", &Address::addr),
                      json::field("PrefixLen", &Address::prefixLen));
}

constexpr auto jsonFields(const NetworkSettings*) {
  return json::fields(
      json::goName("container.NetworkSettings"), json::field("Bridge", &NetworkSettings::bridge),
      json::field("SandboxID", &NetworkSettings::sandboxID),
      json::field("SandboxKey", &NetworkSettings::sandboxKey),
      json::field("Ports", &NetworkSettings::ports, json::kNamedKeys),
      json::field("HairpinMode", &NetworkSettings::hairpinMode),
      json::field("LinkLocalIPv6Address", &NetworkSettings::linkLocalIPv6Address),
      json::field("LinkLocalIPv6PrefixLen", &NetworkSettings::linkLocalIPv6PrefixLen),
      json::field("SecondaryIPAddresses", &NetworkSettings::secondaryIPAddresses,
                  json::kNullIfEmpty),
      json::field("SecondaryIPv6Addresses", &NetworkSettings::secondaryIPv6Addresses,
                  json::kNullIfEmpty),
      json::field("EndpointID", &NetworkSettings::endpointID),
      json::field("Gateway", &NetworkSettings::gateway),
      json::field("GlobalIPv6Address", &NetworkSettings::globalIPv6Address),
      json::field("GlobalIPv6PrefixLen", &NetworkSettings::globalIPv6PrefixLen),
      json::field("IPAddress", &NetworkSettings::ipAddress),
      json::field("IPPrefixLen", &NetworkSettings::ipPrefixLen),
      json::field("IPv6Gateway", &NetworkSettings::ipv6Gateway),
      json::field("MacAddress", &NetworkSettings::macAddress),
      json::field("Networks", &NetworkSettings::networks));
}

constexpr auto jsonFields(const ContainerInspect*) {
  return json::fields(
      json::goName("container.InspectResponse"), json::field("Id", &ContainerInspect::id),
      json::field("Created", &ContainerInspect::created),
      json::field("Path", &ContainerInspect::path), json::field("Args", &ContainerInspect::args),
      json::field("State", &ContainerInspect::state),
      json::field("Image", &ContainerInspect::image),
      json::field("ResolvConfPath", &ContainerInspect::resolvConfPath),
      json::field("HostnamePath", &ContainerInspect::hostnamePath),
      json::field("HostsPath", &ContainerInspect::hostsPath),
      json::field("LogPath", &ContainerInspect::logPath),
      json::field("Name", &ContainerInspect::name),
      json::field("RestartCount", &ContainerInspect::restartCount),
      json::field("Driver", &ContainerInspect::driver),
      json::field("Platform", &ContainerInspect::platform),
      json::field("MountLabel", &ContainerInspect::mountLabel),
      json::field("ProcessLabel", &ContainerInspect::processLabel),
      json::field("AppArmorProfile", &ContainerInspect::appArmorProfile),
      json::field("ExecIDs", &ContainerInspect::execIDs, json::kNullIfEmpty),
      json::field("HostConfig", &ContainerInspect::hostConfig),
      json::field("GraphDriver", &ContainerInspect::graphDriver),
      json::field("SizeRw", &ContainerInspect::sizeRw, json::kOmitEmpty),
      json::field("SizeRootFs", &ContainerInspect::sizeRootFs, json::kOmitEmpty),
      json::field("Mounts", &ContainerInspect::mounts),
      json::field("Config", &ContainerInspect::config),
      json::field("NetworkSettings", &ContainerInspect::networkSettings),
      json::field("ImageManifestDescriptor", &ContainerInspect::imageManifestDescriptor,
                  json::kOmitEmpty));
}

constexpr auto jsonFields(const TopResponse*) {
  return json::fields(json::goName("container.TopResponse"),
                      json::field("Processes", &TopResponse::processes),
                      json::field("Titles", &TopResponse::titles));
}

constexpr auto jsonFields(const WaitExitError*) {
  return json::fields(json::goName("container.WaitExitError"),
                      json::field("Message", &WaitExitError::message, json::kOmitEmpty));
}

constexpr auto jsonFields(const WaitResponse*) {
  return json::fields(json::goName("container.WaitResponse"),
                      json::field("Error", &WaitResponse::error, json::kOmitEmpty),
                      json::field("StatusCode", &WaitResponse::statusCode));
}

constexpr auto jsonFields(const UpdateRequest*) {
  return json::fields(json::goName("container.UpdateConfig"),
                      json::inlined(&UpdateRequest::resources),
                      json::field("RestartPolicy", &UpdateRequest::restartPolicy));
}

constexpr auto jsonFields(const UpdateResponse*) {
  return json::fields(json::goName("container.UpdateResponse"),
                      json::field("Warnings", &UpdateResponse::warnings, json::kNullIfEmpty));
}

constexpr auto jsonFields(const ContainersPruneReport*) {
  return json::fields(json::goName("container.PruneReport"),
                      json::field("ContainersDeleted", &ContainersPruneReport::containersDeleted,
                                  json::kNullIfEmpty),
                      json::field("SpaceReclaimed", &ContainersPruneReport::spaceReclaimed));
}

constexpr auto jsonFields(const FilesystemChange*) {
  return json::fields(json::goName("container.FilesystemChange"),
                      json::field("Path", &FilesystemChange::path),
                      json::field("Kind", &FilesystemChange::kind));
}

constexpr auto jsonFields(const PathStat*) {
  return json::fields(json::goName("container.PathStat"), json::field("name", &PathStat::name),
                      json::field("size", &PathStat::size), json::field("mode", &PathStat::mode),
                      json::field("mtime", &PathStat::mtime),
                      json::field("linkTarget", &PathStat::linkTarget));
}

constexpr auto jsonFields(const ExecCreateRequest*) {
  return json::fields(json::goName("container.ExecOptions"),
                      json::field("User", &ExecCreateRequest::user),
                      json::field("Privileged", &ExecCreateRequest::privileged),
                      json::field("Tty", &ExecCreateRequest::tty),
                      json::field("ConsoleSize", &ExecCreateRequest::consoleSize, json::kOmitEmpty),
                      json::field("AttachStdin", &ExecCreateRequest::attachStdin),
                      json::field("AttachStderr", &ExecCreateRequest::attachStderr),
                      json::field("AttachStdout", &ExecCreateRequest::attachStdout),
                      json::field("DetachKeys", &ExecCreateRequest::detachKeys),
                      json::field("Env", &ExecCreateRequest::env),
                      json::field("WorkingDir", &ExecCreateRequest::workingDir),
                      json::field("Cmd", &ExecCreateRequest::cmd));
}

constexpr auto jsonFields(const IdResponse*) {
  return json::fields(json::goName("common.IDResponse"), json::field("Id", &IdResponse::id));
}

constexpr auto jsonFields(const ExecStartRequest*) {
  return json::fields(json::goName("container.ExecStartOptions"),
                      json::field("Detach", &ExecStartRequest::detach),
                      json::field("Tty", &ExecStartRequest::tty),
                      json::field("ConsoleSize", &ExecStartRequest::consoleSize, json::kOmitEmpty));
}

constexpr auto jsonFields(const ExecProcessConfig*) {
  return json::fields(json::goName("container.ExecProcessConfig"),
                      json::field("tty", &ExecProcessConfig::tty),
                      json::field("entrypoint", &ExecProcessConfig::entrypoint),
                      json::field("arguments", &ExecProcessConfig::arguments),
                      json::field("privileged", &ExecProcessConfig::privileged, json::kOmitEmpty),
                      json::field("user", &ExecProcessConfig::user, json::kOmitEmpty));
}

constexpr auto jsonFields(const ExecInspect*) {
  return json::fields(
      json::goName("container.ExecInspectResponse"), json::field("ID", &ExecInspect::id),
      json::field("Running", &ExecInspect::running),
      json::field("ExitCode", &ExecInspect::exitCode),
      json::field("ProcessConfig", &ExecInspect::processConfig),
      json::field("OpenStdin", &ExecInspect::openStdin),
      json::field("OpenStderr", &ExecInspect::openStderr),
      json::field("OpenStdout", &ExecInspect::openStdout),
      json::field("CanRemove", &ExecInspect::canRemove),
      json::field("ContainerID", &ExecInspect::containerID),
      json::field("DetachKeys", &ExecInspect::detachKeys), json::field("Pid", &ExecInspect::pid));
}

}  // namespace dockerapi

JSON_TYPE(dockerapi::Port);
JSON_TYPE(dockerapi::MountPoint);
JSON_TYPE(dockerapi::SummaryHostConfig);
JSON_TYPE(dockerapi::SummaryNetworkSettings);
JSON_TYPE(dockerapi::ContainerSummary);
JSON_TYPE(dockerapi::HealthcheckResult);
JSON_TYPE(dockerapi::Health);
JSON_TYPE(dockerapi::ContainerState);
JSON_TYPE(dockerapi::GraphDriverData);
JSON_TYPE(dockerapi::Address);
JSON_TYPE(dockerapi::NetworkSettings);
JSON_TYPE(dockerapi::ContainerInspect);
JSON_TYPE(dockerapi::TopResponse);
JSON_TYPE(dockerapi::WaitExitError);
JSON_TYPE(dockerapi::WaitResponse);
JSON_TYPE(dockerapi::UpdateRequest);
JSON_TYPE(dockerapi::UpdateResponse);
JSON_TYPE(dockerapi::ContainersPruneReport);
JSON_TYPE(dockerapi::FilesystemChange);
JSON_TYPE(dockerapi::PathStat);
JSON_TYPE(dockerapi::ExecCreateRequest);
JSON_TYPE(dockerapi::IdResponse);
JSON_TYPE(dockerapi::ExecStartRequest);
JSON_TYPE(dockerapi::ExecProcessConfig);
JSON_TYPE(dockerapi::ExecInspect);
