#include "api/oci/runtime_spec.h"

namespace oci {

constexpr auto jsonFields(const Box*) {
  return json::fields(json::goName("specs.Box"), json::field("height", &Box::height),
                      json::field("width", &Box::width));
}

constexpr auto jsonFields(const User*) {
  return json::fields(json::goName("specs.User"), json::field("uid", &User::uid),
                      json::field("gid", &User::gid),
                      json::field("umask", &User::umask, json::kOmitEmpty),
                      json::field("additionalGids", &User::additionalGids, json::kOmitEmpty),
                      json::field("username", &User::username, json::kOmitEmpty));
}

constexpr auto jsonFields(const Capabilities*) {
  return json::fields(json::goName("specs.LinuxCapabilities"),
                      json::field("bounding", &Capabilities::bounding, json::kOmitEmpty),
                      json::field("effective", &Capabilities::effective, json::kOmitEmpty),
                      json::field("inheritable", &Capabilities::inheritable, json::kOmitEmpty),
                      json::field("permitted", &Capabilities::permitted, json::kOmitEmpty),
                      json::field("ambient", &Capabilities::ambient, json::kOmitEmpty));
}

constexpr auto jsonFields(const Rlimit*) {
  return json::fields(json::goName("specs.POSIXRlimit"), json::field("type", &Rlimit::type),
                      json::field("hard", &Rlimit::hard), json::field("soft", &Rlimit::soft));
}

constexpr auto jsonFields(const Scheduler*) {
  return json::fields(json::goName("specs.Scheduler"), json::field("policy", &Scheduler::policy),
                      json::field("nice", &Scheduler::nice, json::kOmitEmpty),
                      json::field("priority", &Scheduler::priority, json::kOmitEmpty),
                      json::field("flags", &Scheduler::flags, json::kOmitEmpty),
                      json::field("runtime", &Scheduler::runtime, json::kOmitEmpty),
                      json::field("deadline", &Scheduler::deadline, json::kOmitEmpty),
                      json::field("period", &Scheduler::period, json::kOmitEmpty));
}

constexpr auto jsonFields(const IoPriority*) {
  return json::fields(json::goName("specs.LinuxIOPriority"),
                      json::field("class", &IoPriority::ioClass),
                      json::field("priority", &IoPriority::priority));
}

constexpr auto jsonFields(const CpuAffinity*) {
  return json::fields(json::goName("specs.CPUAffinity"),
                      json::field("initial", &CpuAffinity::initial, json::kOmitEmpty),
                      json::field("final", &CpuAffinity::finalCpus, json::kOmitEmpty));
}

constexpr auto jsonFields(const Process*) {
  return json::fields(
      json::goName("specs.Process"), json::field("terminal", &Process::terminal, json::kOmitEmpty),
      json::field("consoleSize", &Process::consoleSize, json::kOmitEmpty),
      json::field("user", &Process::user), json::field("args", &Process::args, json::kOmitEmpty),
      json::field("env", &Process::env, json::kOmitEmpty), json::field("cwd", &Process::cwd),
      json::field("capabilities", &Process::capabilities, json::kOmitEmpty),
      json::field("rlimits", &Process::rlimits, json::kOmitEmpty),
      json::field("noNewPrivileges", &Process::noNewPrivileges, json::kOmitEmpty),
      json::field("apparmorProfile", &Process::apparmorProfile, json::kOmitEmpty),
      json::field("oomScoreAdj", &Process::oomScoreAdj, json::kOmitEmpty),
      json::field("scheduler", &Process::scheduler, json::kOmitEmpty),
      json::field("selinuxLabel", &Process::selinuxLabel, json::kOmitEmpty),
      json::field("ioPriority", &Process::ioPriority, json::kOmitEmpty),
      json::field("execCPUAffinity", &Process::execCpuAffinity, json::kOmitEmpty));
}

constexpr auto jsonFields(const Root*) {
  return json::fields(json::goName("specs.Root"), json::field("path", &Root::path),
                      json::field("readonly", &Root::readonly, json::kOmitEmpty));
}

constexpr auto jsonFields(const IdMapping*) {
  return json::fields(
      json::goName("specs.LinuxIDMapping"), json::field("containerID", &IdMapping::containerId),
      json::field("hostID", &IdMapping::hostId), json::field("size", &IdMapping::size));
}

constexpr auto jsonFields(const Mount*) {
  return json::fields(json::goName("specs.Mount"), json::field("destination", &Mount::destination),
                      json::field("type", &Mount::type, json::kOmitEmpty),
                      json::field("source", &Mount::source, json::kOmitEmpty),
                      json::field("options", &Mount::options, json::kOmitEmpty),
                      json::field("uidMappings", &Mount::uidMappings, json::kOmitEmpty),
                      json::field("gidMappings", &Mount::gidMappings, json::kOmitEmpty));
}

constexpr auto jsonFields(const Hook*) {
  return json::fields(json::goName("specs.Hook"), json::field("path", &Hook::path),
                      json::field("args", &Hook::args, json::kOmitEmpty),
                      json::field("env", &Hook::env, json::kOmitEmpty),
                      json::field("timeout", &Hook::timeout, json::kOmitEmpty));
}

constexpr auto jsonFields(const Hooks*) {
  return json::fields(json::goName("specs.Hooks"),
                      json::field("prestart", &Hooks::prestart, json::kOmitEmpty),
                      json::field("createRuntime", &Hooks::createRuntime, json::kOmitEmpty),
                      json::field("createContainer", &Hooks::createContainer, json::kOmitEmpty),
                      json::field("startContainer", &Hooks::startContainer, json::kOmitEmpty),
                      json::field("poststart", &Hooks::poststart, json::kOmitEmpty),
                      json::field("poststop", &Hooks::poststop, json::kOmitEmpty));
}

constexpr auto jsonFields(const Namespace*) {
  return json::fields(json::goName("specs.LinuxNamespace"), json::field("type", &Namespace::type),
                      json::field("path", &Namespace::path, json::kOmitEmpty));
}

constexpr auto jsonFields(const Device*) {
  return json::fields(json::goName("specs.LinuxDevice"), json::field("path", &Device::path),
                      json::field("type", &Device::type), json::field("major", &Device::major),
                      json::field("minor", &Device::minor),
                      json::field("fileMode", &Device::fileMode, json::kOmitEmpty),
                      json::field("uid", &Device::uid, json::kOmitEmpty),
                      json::field("gid", &Device::gid, json::kOmitEmpty));
}

constexpr auto jsonFields(const DeviceCgroup*) {
  return json::fields(json::goName("specs.LinuxDeviceCgroup"),
                      json::field("allow", &DeviceCgroup::allow),
                      json::field("type", &DeviceCgroup::type, json::kOmitEmpty),
                      json::field("major", &DeviceCgroup::major, json::kOmitEmpty),
                      json::field("minor", &DeviceCgroup::minor, json::kOmitEmpty),
                      json::field("access", &DeviceCgroup::access, json::kOmitEmpty));
}

constexpr auto jsonFields(const Memory*) {
  return json::fields(
      json::goName("specs.LinuxMemory"), json::field("limit", &Memory::limit, json::kOmitEmpty),
      json::field("reservation", &Memory::reservation, json::kOmitEmpty),
      json::field("swap", &Memory::swap, json::kOmitEmpty),
      json::field("kernel", &Memory::kernel, json::kOmitEmpty),
      json::field("kernelTCP", &Memory::kernelTcp, json::kOmitEmpty),
      json::field("swappiness", &Memory::swappiness, json::kOmitEmpty),
      json::field("disableOOMKiller", &Memory::disableOomKiller, json::kOmitEmpty),
      json::field("useHierarchy", &Memory::useHierarchy, json::kOmitEmpty),
      json::field("checkBeforeUpdate", &Memory::checkBeforeUpdate, json::kOmitEmpty));
}

constexpr auto jsonFields(const Cpu*) {
  return json::fields(json::goName("specs.LinuxCPU"),
                      json::field("shares", &Cpu::shares, json::kOmitEmpty),
                      json::field("quota", &Cpu::quota, json::kOmitEmpty),
                      json::field("burst", &Cpu::burst, json::kOmitEmpty),
                      json::field("period", &Cpu::period, json::kOmitEmpty),
                      json::field("realtimeRuntime", &Cpu::realtimeRuntime, json::kOmitEmpty),
                      json::field("realtimePeriod", &Cpu::realtimePeriod, json::kOmitEmpty),
                      json::field("cpus", &Cpu::cpus, json::kOmitEmpty),
                      json::field("mems", &Cpu::mems, json::kOmitEmpty),
                      json::field("idle", &Cpu::idle, json::kOmitEmpty));
}

constexpr auto jsonFields(const Pids*) {
  return json::fields(json::goName("specs.LinuxPids"), json::field("limit", &Pids::limit));
}

constexpr auto jsonFields(const WeightDevice*) {
  return json::fields(json::goName("specs.LinuxWeightDevice"),
                      json::field("major", &WeightDevice::major),
                      json::field("minor", &WeightDevice::minor),
                      json::field("weight", &WeightDevice::weight, json::kOmitEmpty),
                      json::field("leafWeight", &WeightDevice::leafWeight, json::kOmitEmpty));
}

constexpr auto jsonFields(const ThrottleDevice*) {
  return json::fields(
      json::goName("specs.LinuxThrottleDevice"), json::field("major", &ThrottleDevice::major),
      json::field("minor", &ThrottleDevice::minor), json::field("rate", &ThrottleDevice::rate));
}

constexpr auto jsonFields(const BlockIo*) {
  return json::fields(
      json::goName("specs.LinuxBlockIO"), json::field("weight", &BlockIo::weight, json::kOmitEmpty),
      json::field("leafWeight", &BlockIo::leafWeight, json::kOmitEmpty),
      json::field("weightDevice", &BlockIo::weightDevice, json::kOmitEmpty),
      json::field("throttleReadBpsDevice", &BlockIo::throttleReadBpsDevice, json::kOmitEmpty),
      json::field("throttleWriteBpsDevice", &BlockIo::throttleWriteBpsDevice, json::kOmitEmpty),
      json::field("throttleReadIOPSDevice", &BlockIo::throttleReadIopsDevice, json::kOmitEmpty),
      json::field("throttleWriteIOPSDevice", &BlockIo::throttleWriteIopsDevice, json::kOmitEmpty));
}

constexpr auto jsonFields(const HugepageLimit*) {
  return json::fields(json::goName("specs.LinuxHugepageLimit"),
                      json::field("pageSize", &HugepageLimit::pageSize),
                      json::field("limit", &HugepageLimit::limit));
}

constexpr auto jsonFields(const InterfacePriority*) {
  return json::fields(json::goName("specs.LinuxInterfacePriority"),
                      json::field("name", &InterfacePriority::name),
                      json::field("priority", &InterfacePriority::priority));
}

constexpr auto jsonFields(const NetworkResources*) {
  return json::fields(json::goName("specs.LinuxNetwork"),
                      json::field("classID", &NetworkResources::classId, json::kOmitEmpty),
                      json::field("priorities", &NetworkResources::priorities, json::kOmitEmpty));
}

constexpr auto jsonFields(const Rdma*) {
  return json::fields(json::goName("specs.LinuxRdma"),
                      json::field("hcaHandles", &Rdma::hcaHandles, json::kOmitEmpty),
                      json::field("hcaObjects", &Rdma::hcaObjects, json::kOmitEmpty));
}

constexpr auto jsonFields(const Resources*) {
  return json::fields(json::goName("specs.LinuxResources"),
                      json::field("devices", &Resources::devices, json::kOmitEmpty),
                      json::field("memory", &Resources::memory, json::kOmitEmpty),
                      json::field("cpu", &Resources::cpu, json::kOmitEmpty),
                      json::field("pids", &Resources::pids, json::kOmitEmpty),
                      json::field("blockIO", &Resources::blockIO, json::kOmitEmpty),
                      json::field("hugepageLimits", &Resources::hugepageLimits, json::kOmitEmpty),
                      json::field("network", &Resources::network, json::kOmitEmpty),
                      json::field("rdma", &Resources::rdma, json::kOmitEmpty),
                      json::field("unified", &Resources::unified, json::kOmitEmpty));
}

constexpr auto jsonFields(const SeccompArg*) {
  return json::fields(json::goName("specs.LinuxSeccompArg"),
                      json::field("index", &SeccompArg::index),
                      json::field("value", &SeccompArg::value),
                      json::field("valueTwo", &SeccompArg::valueTwo, json::kOmitEmpty),
                      json::field("op", &SeccompArg::op));
}

constexpr auto jsonFields(const SeccompSyscall*) {
  return json::fields(json::goName("specs.LinuxSyscall"),
                      json::field("names", &SeccompSyscall::names),
                      json::field("action", &SeccompSyscall::action),
                      json::field("errnoRet", &SeccompSyscall::errnoRet, json::kOmitEmpty),
                      json::field("args", &SeccompSyscall::args, json::kOmitEmpty));
}

constexpr auto jsonFields(const Seccomp*) {
  return json::fields(json::goName("specs.LinuxSeccomp"),
                      json::field("defaultAction", &Seccomp::defaultAction),
                      json::field("defaultErrnoRet", &Seccomp::defaultErrnoRet, json::kOmitEmpty),
                      json::field("architectures", &Seccomp::architectures, json::kOmitEmpty),
                      json::field("flags", &Seccomp::flags, json::kOmitEmpty),
                      json::field("listenerPath", &Seccomp::listenerPath, json::kOmitEmpty),
                      json::field("listenerMetadata", &Seccomp::listenerMetadata, json::kOmitEmpty),
                      json::field("syscalls", &Seccomp::syscalls, json::kOmitEmpty));
}

constexpr auto jsonFields(const TimeOffset*) {
  return json::fields(json::goName("specs.LinuxTimeOffset"),
                      json::field("secs", &TimeOffset::secs, json::kOmitEmpty),
                      json::field("nanosecs", &TimeOffset::nanosecs, json::kOmitEmpty));
}

constexpr auto jsonFields(const NetDevice*) {
  return json::fields(json::goName("specs.LinuxNetDevice"),
                      json::field("name", &NetDevice::name, json::kOmitEmpty));
}

constexpr auto jsonFields(const IntelRdt*) {
  return json::fields(json::goName("specs.LinuxIntelRdt"),
                      json::field("closID", &IntelRdt::closId, json::kOmitEmpty),
                      json::field("l3CacheSchema", &IntelRdt::l3CacheSchema, json::kOmitEmpty),
                      json::field("memBwSchema", &IntelRdt::memBwSchema, json::kOmitEmpty),
                      json::field("enableCMT", &IntelRdt::enableCmt, json::kOmitEmpty),
                      json::field("enableMBM", &IntelRdt::enableMbm, json::kOmitEmpty));
}

constexpr auto jsonFields(const MemoryPolicy*) {
  return json::fields(json::goName("specs.LinuxMemoryPolicy"),
                      json::field("mode", &MemoryPolicy::mode),
                      json::field("nodes", &MemoryPolicy::nodes, json::kOmitEmpty),
                      json::field("flags", &MemoryPolicy::flags, json::kOmitEmpty));
}

constexpr auto jsonFields(const Personality*) {
  return json::fields(json::goName("specs.LinuxPersonality"),
                      json::field("domain", &Personality::domain),
                      json::field("flags", &Personality::flags, json::kOmitEmpty));
}

constexpr auto jsonFields(const Linux*) {
  return json::fields(json::goName("specs.Linux"),
                      json::field("uidMappings", &Linux::uidMappings, json::kOmitEmpty),
                      json::field("gidMappings", &Linux::gidMappings, json::kOmitEmpty),
                      json::field("sysctl", &Linux::sysctl, json::kOmitEmpty),
                      json::field("resources", &Linux::resources, json::kOmitEmpty),
                      json::field("cgroupsPath", &Linux::cgroupsPath, json::kOmitEmpty),
                      json::field("namespaces", &Linux::namespaces, json::kOmitEmpty),
                      json::field("devices", &Linux::devices, json::kOmitEmpty),
                      json::field("netDevices", &Linux::netDevices, json::kOmitEmpty),
                      json::field("seccomp", &Linux::seccomp, json::kOmitEmpty),
                      json::field("rootfsPropagation", &Linux::rootfsPropagation, json::kOmitEmpty),
                      json::field("maskedPaths", &Linux::maskedPaths, json::kOmitEmpty),
                      json::field("readonlyPaths", &Linux::readonlyPaths, json::kOmitEmpty),
                      json::field("mountLabel", &Linux::mountLabel, json::kOmitEmpty),
                      json::field("intelRdt", &Linux::intelRdt, json::kOmitEmpty),
                      json::field("memoryPolicy", &Linux::memoryPolicy, json::kOmitEmpty),
                      json::field("personality", &Linux::personality, json::kOmitEmpty),
                      json::field("timeOffsets", &Linux::timeOffsets, json::kOmitEmpty));
}

constexpr auto jsonFields(const Spec*) {
  return json::fields(json::goName("specs.Spec"), json::field("ociVersion", &Spec::ociVersion),
                      json::field("process", &Spec::process, json::kOmitEmpty),
                      json::field("root", &Spec::root, json::kOmitEmpty),
                      json::field("hostname", &Spec::hostname, json::kOmitEmpty),
                      json::field("domainname", &Spec::domainname, json::kOmitEmpty),
                      json::field("mounts", &Spec::mounts, json::kOmitEmpty),
                      json::field("hooks", &Spec::hooks, json::kOmitEmpty),
                      json::field("annotations", &Spec::annotations, json::kOmitEmpty),
                      json::field("linux", &Spec::linux, json::kOmitEmpty),
                      json::rest(&Spec::rest));
}

constexpr auto jsonFields(const State*) {
  return json::fields(json::goName("specs.State"), json::field("ociVersion", &State::ociVersion),
                      json::field("id", &State::id), json::field("status", &State::status),
                      json::field("pid", &State::pid, json::kOmitEmpty),
                      json::field("bundle", &State::bundle),
                      json::field("annotations", &State::annotations, json::kOmitEmpty));
}

constexpr auto jsonFields(const RuncState*) {
  return json::fields(
      json::goName("main.containerState"), json::field("ociVersion", &RuncState::ociVersion),
      json::field("id", &RuncState::id), json::field("pid", &RuncState::pid),
      json::field("status", &RuncState::status), json::field("bundle", &RuncState::bundle),
      json::field("rootfs", &RuncState::rootfs), json::field("created", &RuncState::created),
      json::field("annotations", &RuncState::annotations, json::kOmitEmpty),
      json::field("owner", &RuncState::owner));
}

}  // namespace oci

JSON_TYPE(oci::Box);
JSON_TYPE(oci::User);
JSON_TYPE(oci::Capabilities);
JSON_TYPE(oci::Rlimit);
JSON_TYPE(oci::Scheduler);
JSON_TYPE(oci::IoPriority);
JSON_TYPE(oci::CpuAffinity);
JSON_TYPE(oci::Process);
JSON_TYPE(oci::Root);
JSON_TYPE(oci::IdMapping);
JSON_TYPE(oci::Mount);
JSON_TYPE(oci::Hook);
JSON_TYPE(oci::Hooks);
JSON_TYPE(oci::Namespace);
JSON_TYPE(oci::Device);
JSON_TYPE(oci::DeviceCgroup);
JSON_TYPE(oci::Memory);
JSON_TYPE(oci::Cpu);
JSON_TYPE(oci::Pids);
JSON_TYPE(oci::WeightDevice);
JSON_TYPE(oci::ThrottleDevice);
JSON_TYPE(oci::BlockIo);
JSON_TYPE(oci::HugepageLimit);
JSON_TYPE(oci::InterfacePriority);
JSON_TYPE(oci::NetworkResources);
JSON_TYPE(oci::Rdma);
JSON_TYPE(oci::Resources);
JSON_TYPE(oci::SeccompArg);
JSON_TYPE(oci::SeccompSyscall);
JSON_TYPE(oci::Seccomp);
JSON_TYPE(oci::TimeOffset);
JSON_TYPE(oci::NetDevice);
JSON_TYPE(oci::IntelRdt);
JSON_TYPE(oci::MemoryPolicy);
JSON_TYPE(oci::Personality);
JSON_TYPE(oci::Linux);
JSON_TYPE(oci::Spec);
JSON_TYPE(oci::State);
JSON_TYPE(oci::RuncState);
