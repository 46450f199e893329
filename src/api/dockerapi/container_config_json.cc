#include "api/dockerapi/container_config.h"

namespace dockerapi {

// Order, names and null rules are those of Docker Engine 28.5.
constexpr auto jsonFields(const Config*) {
  return json::fields(
      json::goName("container.Config"), json::field("Hostname", &Config::hostname),
      json::field("Domainname", &Config::domainname), json::field("User", &Config::user),
      json::field("AttachStdin", &Config::attachStdin),
      json::field("AttachStdout", &Config::attachStdout),
      json::field("AttachStderr", &Config::attachStderr),
      json::field("ExposedPorts", &Config::exposedPorts, json::kOmitEmpty | json::kNamedKeys),
      json::field("Tty", &Config::tty), json::field("OpenStdin", &Config::openStdin),
      json::field("StdinOnce", &Config::stdinOnce), json::field("Env", &Config::env),
      json::field("Cmd", &Config::cmd),
      json::field("Healthcheck", &Config::healthcheck, json::kOmitEmpty),
      json::field("ArgsEscaped", &Config::argsEscaped, json::kOmitEmpty),
      json::field("Image", &Config::image), json::field("Volumes", &Config::volumes),
      json::field("WorkingDir", &Config::workingDir),
      json::field("Entrypoint", &Config::entrypoint),
      json::field("NetworkDisabled", &Config::networkDisabled, json::kOmitEmpty),
      json::field("MacAddress", &Config::macAddress, json::kOmitEmpty),
      json::field("OnBuild", &Config::onBuild), json::field("Labels", &Config::labels),
      json::field("StopSignal", &Config::stopSignal, json::kOmitEmpty),
      json::field("StopTimeout", &Config::stopTimeout, json::kOmitEmpty),
      json::field("Shell", &Config::shell, json::kOmitEmpty));
}

constexpr auto jsonFields(const LogConfig*) {
  return json::fields(json::goName("container.LogConfig"), json::field("Type", &LogConfig::type),
                      json::field("Config", &LogConfig::config));
}

constexpr auto jsonFields(const PortBinding*) {
  return json::fields(json::goName("nat.PortBinding"), json::field("HostIp", &PortBinding::hostIp),
                      json::field("HostPort", &PortBinding::hostPort));
}

constexpr auto jsonFields(const RestartPolicy*) {
  return json::fields(json::goName("container.RestartPolicy"),
                      json::field("Name", &RestartPolicy::name),
                      json::field("MaximumRetryCount", &RestartPolicy::maximumRetryCount));
}

constexpr auto jsonFields(const BindOptions*) {
  return json::fields(
      json::goName("mount.BindOptions"),
      json::field("Propagation", &BindOptions::propagation, json::kOmitEmpty),
      json::field("NonRecursive", &BindOptions::nonRecursive, json::kOmitEmpty),
      json::field("CreateMountpoint", &BindOptions::createMountpoint, json::kOmitEmpty),
      json::field("ReadOnlyNonRecursive", &BindOptions::readOnlyNonRecursive, json::kOmitEmpty),
      json::field("ReadOnlyForceRecursive", &BindOptions::readOnlyForceRecursive,
                  json::kOmitEmpty));
}

constexpr auto jsonFields(const DriverConfig*) {
  return json::fields(json::goName("mount.Driver"),
                      json::field("Name", &DriverConfig::name, json::kOmitEmpty),
                      json::field("Options", &DriverConfig::options, json::kOmitEmpty));
}

constexpr auto jsonFields(const VolumeOptions*) {
  return json::fields(json::goName("mount.VolumeOptions"),
                      json::field("NoCopy", &VolumeOptions::noCopy, json::kOmitEmpty),
                      json::field("Labels", &VolumeOptions::labels, json::kOmitEmpty),
                      json::field("Subpath", &VolumeOptions::subpath, json::kOmitEmpty),
                      json::field("DriverConfig", &VolumeOptions::driverConfig, json::kOmitEmpty));
}

constexpr auto jsonFields(const ImageOptions*) {
  return json::fields(json::goName("mount.ImageOptions"),
                      json::field("Subpath", &ImageOptions::subpath, json::kOmitEmpty));
}

constexpr auto jsonFields(const TmpfsOptions*) {
  return json::fields(json::goName("mount.TmpfsOptions"),
                      json::field("SizeBytes", &TmpfsOptions::sizeBytes, json::kOmitEmpty),
                      json::field("Mode", &TmpfsOptions::mode, json::kOmitEmpty),
                      json::field("Options", &TmpfsOptions::options, json::kOmitEmpty));
}

constexpr auto jsonFields(const Mount*) {
  return json::fields(json::goName("mount.Mount"),
                      json::field("Type", &Mount::type, json::kOmitEmpty),
                      json::field("Source", &Mount::source, json::kOmitEmpty),
                      json::field("Target", &Mount::target, json::kOmitEmpty),
                      json::field("ReadOnly", &Mount::readOnly, json::kOmitEmpty),
                      json::field("Consistency", &Mount::consistency, json::kOmitEmpty),
                      json::field("BindOptions", &Mount::bindOptions, json::kOmitEmpty),
                      json::field("VolumeOptions", &Mount::volumeOptions, json::kOmitEmpty),
                      json::field("ImageOptions", &Mount::imageOptions, json::kOmitEmpty),
                      json::field("TmpfsOptions", &Mount::tmpfsOptions, json::kOmitEmpty),
                      json::field("ClusterOptions", &Mount::clusterOptions, json::kOmitEmpty));
}

constexpr auto jsonFields(const WeightDevice*) {
  return json::fields(json::goName("blkiodev.WeightDevice"),
                      json::field("Path", &WeightDevice::path),
                      json::field("Weight", &WeightDevice::weight));
}

constexpr auto jsonFields(const ThrottleDevice*) {
  return json::fields(json::goName("blkiodev.ThrottleDevice"),
                      json::field("Path", &ThrottleDevice::path),
                      json::field("Rate", &ThrottleDevice::rate));
}

constexpr auto jsonFields(const DeviceMapping*) {
  return json::fields(json::goName("container.DeviceMapping"),
                      json::field("PathOnHost", &DeviceMapping::pathOnHost),
                      json::field("PathInContainer", &DeviceMapping::pathInContainer),
                      json::field("CgroupPermissions", &DeviceMapping::cgroupPermissions));
}

constexpr auto jsonFields(const DeviceRequest*) {
  return json::fields(json::goName("container.DeviceRequest"),
                      json::field("Driver", &DeviceRequest::driver),
                      json::field("Count", &DeviceRequest::count),
                      json::field("DeviceIDs", &DeviceRequest::deviceIDs),
                      json::field("Capabilities", &DeviceRequest::capabilities),
                      json::field("Options", &DeviceRequest::options));
}

constexpr auto jsonFields(const Ulimit*) {
  return json::fields(json::goName("container.Ulimit"), json::field("Name", &Ulimit::name),
                      json::field("Hard", &Ulimit::hard), json::field("Soft", &Ulimit::soft));
}

constexpr auto jsonFields(const Resources*) {
  return json::fields(
      json::goName("container.Resources"), json::field("CpuShares", &Resources::cpuShares),
      json::field("Memory", &Resources::memory), json::field("NanoCpus", &Resources::nanoCpus),
      json::field("CgroupParent", &Resources::cgroupParent),
      json::field("BlkioWeight", &Resources::blkioWeight),
      json::field("BlkioWeightDevice", &Resources::blkioWeightDevice),
      json::field("BlkioDeviceReadBps", &Resources::blkioDeviceReadBps),
      json::field("BlkioDeviceWriteBps", &Resources::blkioDeviceWriteBps),
      json::field("BlkioDeviceReadIOps", &Resources::blkioDeviceReadIOps),
      json::field("BlkioDeviceWriteIOps", &Resources::blkioDeviceWriteIOps),
      json::field("CpuPeriod", &Resources::cpuPeriod),
      json::field("CpuQuota", &Resources::cpuQuota),
      json::field("CpuRealtimePeriod", &Resources::cpuRealtimePeriod),
      json::field("CpuRealtimeRuntime", &Resources::cpuRealtimeRuntime),
      json::field("CpusetCpus", &Resources::cpusetCpus),
      json::field("CpusetMems", &Resources::cpusetMems),
      json::field("Devices", &Resources::devices),
      json::field("DeviceCgroupRules", &Resources::deviceCgroupRules),
      json::field("DeviceRequests", &Resources::deviceRequests),
      json::field("KernelMemory", &Resources::kernelMemory, json::kOmitEmpty),
      json::field("KernelMemoryTCP", &Resources::kernelMemoryTcp, json::kOmitEmpty),
      json::field("MemoryReservation", &Resources::memoryReservation),
      json::field("MemorySwap", &Resources::memorySwap),
      json::field("MemorySwappiness", &Resources::memorySwappiness),
      json::field("OomKillDisable", &Resources::oomKillDisable),
      json::field("PidsLimit", &Resources::pidsLimit), json::field("Ulimits", &Resources::ulimits),
      json::field("CpuCount", &Resources::cpuCount),
      json::field("CpuPercent", &Resources::cpuPercent),
      json::field("IOMaximumIOps", &Resources::ioMaximumIOps),
      json::field("IOMaximumBandwidth", &Resources::ioMaximumBandwidth));
}

constexpr auto jsonFields(const HostConfig*) {
  return json::fields(
      json::goName("container.HostConfig"), json::field("Binds", &HostConfig::binds),
      json::field("ContainerIDFile", &HostConfig::containerIDFile),
      json::field("LogConfig", &HostConfig::logConfig),
      json::field("NetworkMode", &HostConfig::networkMode),
      json::field("PortBindings", &HostConfig::portBindings, json::kNamedKeys),
      json::field("RestartPolicy", &HostConfig::restartPolicy),
      json::field("AutoRemove", &HostConfig::autoRemove),
      json::field("VolumeDriver", &HostConfig::volumeDriver),
      json::field("VolumesFrom", &HostConfig::volumesFrom),
      json::field("ConsoleSize", &HostConfig::consoleSize),
      json::field("Annotations", &HostConfig::annotations, json::kOmitEmpty),
      json::field("CapAdd", &HostConfig::capAdd), json::field("CapDrop", &HostConfig::capDrop),
      json::field("CgroupnsMode", &HostConfig::cgroupnsMode), json::field("Dns", &HostConfig::dns),
      json::field("DnsOptions", &HostConfig::dnsOptions),
      json::field("DnsSearch", &HostConfig::dnsSearch),
      json::field("ExtraHosts", &HostConfig::extraHosts),
      json::field("GroupAdd", &HostConfig::groupAdd), json::field("IpcMode", &HostConfig::ipcMode),
      json::field("Cgroup", &HostConfig::cgroup), json::field("Links", &HostConfig::links),
      json::field("OomScoreAdj", &HostConfig::oomScoreAdj),
      json::field("PidMode", &HostConfig::pidMode),
      json::field("Privileged", &HostConfig::privileged),
      json::field("PublishAllPorts", &HostConfig::publishAllPorts),
      json::field("ReadonlyRootfs", &HostConfig::readonlyRootfs),
      json::field("SecurityOpt", &HostConfig::securityOpt),
      json::field("StorageOpt", &HostConfig::storageOpt, json::kOmitEmpty),
      json::field("Tmpfs", &HostConfig::tmpfs, json::kOmitEmpty),
      json::field("UTSMode", &HostConfig::utsMode),
      json::field("UsernsMode", &HostConfig::usernsMode),
      json::field("ShmSize", &HostConfig::shmSize),
      json::field("Sysctls", &HostConfig::sysctls, json::kOmitEmpty),
      json::field("Runtime", &HostConfig::runtime, json::kOmitEmpty),
      json::field("Isolation", &HostConfig::isolation), json::inlined(&HostConfig::resources),
      json::field("Mounts", &HostConfig::mounts, json::kOmitEmpty),
      json::field("MaskedPaths", &HostConfig::maskedPaths),
      json::field("ReadonlyPaths", &HostConfig::readonlyPaths),
      json::field("Init", &HostConfig::init, json::kOmitEmpty));
}

constexpr auto jsonFields(const EndpointIPAMConfig*) {
  return json::fields(
      json::goName("network.EndpointIPAMConfig"),
      json::field("IPv4Address", &EndpointIPAMConfig::ipv4Address, json::kOmitEmpty),
      json::field("IPv6Address", &EndpointIPAMConfig::ipv6Address, json::kOmitEmpty),
      json::field("LinkLocalIPs", &EndpointIPAMConfig::linkLocalIPs, json::kOmitEmpty));
}

constexpr auto jsonFields(const EndpointSettings*) {
  return json::fields(json::goName("network.EndpointSettings"),
                      json::field("IPAMConfig", &EndpointSettings::ipamConfig),
                      json::field("Links", &EndpointSettings::links),
                      json::field("Aliases", &EndpointSettings::aliases),
                      json::field("MacAddress", &EndpointSettings::macAddress),
                      json::field("DriverOpts", &EndpointSettings::driverOpts),
                      json::field("GwPriority", &EndpointSettings::gwPriority),
                      json::field("NetworkID", &EndpointSettings::networkID),
                      json::field("EndpointID", &EndpointSettings::endpointID),
                      json::field("Gateway", &EndpointSettings::gateway),
                      json::field("IPAddress", &EndpointSettings::ipAddress),
                      json::field("IPPrefixLen", &EndpointSettings::ipPrefixLen),
                      json::field("IPv6Gateway", &EndpointSettings::ipv6Gateway),
                      json::field("GlobalIPv6Address", &EndpointSettings::globalIPv6Address),
                      json::field("GlobalIPv6PrefixLen", &EndpointSettings::globalIPv6PrefixLen),
                      json::field("DNSNames", &EndpointSettings::dnsNames));
}

constexpr auto jsonFields(const NetworkingConfig*) {
  return json::fields(json::goName("network.NetworkingConfig"),
                      json::field("EndpointsConfig", &NetworkingConfig::endpointsConfig));
}

constexpr auto jsonFields(const CreateRequest*) {
  return json::fields(json::goName("container.CreateRequest"),
                      json::inlined(&CreateRequest::config),
                      json::field("HostConfig", &CreateRequest::hostConfig),
                      json::field("NetworkingConfig", &CreateRequest::networkingConfig));
}

constexpr auto jsonFields(const CreateResponse*) {
  return json::fields(json::goName("container.CreateResponse"),
                      json::field("Id", &CreateResponse::id),
                      json::field("Warnings", &CreateResponse::warnings));
}

}  // namespace dockerapi

JSON_TYPE(dockerapi::Config);
JSON_TYPE(dockerapi::LogConfig);
JSON_TYPE(dockerapi::PortBinding);
JSON_TYPE(dockerapi::RestartPolicy);
JSON_TYPE(dockerapi::BindOptions);
JSON_TYPE(dockerapi::DriverConfig);
JSON_TYPE(dockerapi::VolumeOptions);
JSON_TYPE(dockerapi::ImageOptions);
JSON_TYPE(dockerapi::TmpfsOptions);
JSON_TYPE(dockerapi::Mount);
JSON_TYPE(dockerapi::WeightDevice);
JSON_TYPE(dockerapi::ThrottleDevice);
JSON_TYPE(dockerapi::DeviceMapping);
JSON_TYPE(dockerapi::DeviceRequest);
JSON_TYPE(dockerapi::Ulimit);
JSON_TYPE(dockerapi::Resources);
JSON_TYPE(dockerapi::HostConfig);
JSON_TYPE(dockerapi::EndpointIPAMConfig);
JSON_TYPE(dockerapi::EndpointSettings);
JSON_TYPE(dockerapi::NetworkingConfig);
JSON_TYPE(dockerapi::CreateRequest);
JSON_TYPE(dockerapi::CreateResponse);
