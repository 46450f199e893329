// OCI runtime-spec 1.2: config.json and state.json of Linux containers, with the 1.3 additions that
// runc reads. Keys of other operating systems are kept verbatim in `rest`. Pointers of the Go types
// are optional: absent is not zero.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/time.h"
#include "platform/json/list.h"

namespace oci {

inline constexpr std::string_view kRuntimeSpecVersion = "1.2.1";

struct Box {
  unsigned height = 0;
  unsigned width = 0;
};

struct User {
  unsigned uid = 0;
  unsigned gid = 0;
  std::optional<unsigned> umask;
  std::vector<unsigned> additionalGids;
  std::string username;  // Windows
};

struct Capabilities {
  std::vector<std::string> bounding;
  std::vector<std::string> effective;
  std::vector<std::string> inheritable;
  std::vector<std::string> permitted;
  std::vector<std::string> ambient;
};

struct Rlimit {
  std::string type;  // "RLIMIT_NOFILE"
  std::uint64_t hard = 0;
  std::uint64_t soft = 0;
};

struct Scheduler {
  std::string policy;  // "SCHED_FIFO"
  int nice = 0;
  int priority = 0;
  std::vector<std::string> flags;
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

struct IoPriority {
  std::string ioClass;  // "IOPRIO_CLASS_BE"
  int priority = 0;
};

struct CpuAffinity {
  std::string initial;
  std::string finalCpus;
};

struct Process {
  bool terminal = false;
  std::optional<Box> consoleSize;
  User user;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::string cwd;
  std::optional<Capabilities> capabilities;
  std::vector<Rlimit> rlimits;
  bool noNewPrivileges = false;
  std::string apparmorProfile;
  std::optional<int> oomScoreAdj;
  std::optional<Scheduler> scheduler;
  std::string selinuxLabel;
  std::optional<IoPriority> ioPriority;
  std::optional<CpuAffinity> execCpuAffinity;
};

struct Root {
  std::string path;
  bool readonly = false;
};

struct IdMapping {
  unsigned containerId = 0;
  unsigned hostId = 0;
  unsigned size = 0;
};

struct Mount {
  std::string destination;
  std::string type;
  std::string source;
  std::vector<std::string> options;
  std::vector<IdMapping> uidMappings;
  std::vector<IdMapping> gidMappings;
};

struct Hook {
  std::string path;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::optional<int> timeout;  // seconds
};

struct Hooks {
  std::vector<Hook> prestart;
  std::vector<Hook> createRuntime;
  std::vector<Hook> createContainer;
  std::vector<Hook> startContainer;
  std::vector<Hook> poststart;
  std::vector<Hook> poststop;
};

struct Namespace {
  std::string type;  // pid network mount ipc uts user cgroup time
  std::string path;
};

struct Device {
  std::string path;
  std::string type;  // "c", "b", "p", "u"
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<unsigned> fileMode;
  std::optional<unsigned> uid;
  std::optional<unsigned> gid;
};

struct DeviceCgroup {
  bool allow = false;
  std::string type;                   // "a", "c", "b"
  std::optional<std::int64_t> major;  // absent: any
  std::optional<std::int64_t> minor;
  std::string access;  // of "rwm"
};

struct Memory {
  std::optional<std::int64_t> limit;  // bytes; -1: none
  std::optional<std::int64_t> reservation;
  std::optional<std::int64_t> swap;  // memory and swap together
  std::optional<std::int64_t> kernel;
  std::optional<std::int64_t> kernelTcp;
  std::optional<std::uint64_t> swappiness;
  std::optional<bool> disableOomKiller;
  std::optional<bool> useHierarchy;
  std::optional<bool> checkBeforeUpdate;
};

struct Cpu {
  std::optional<std::uint64_t> shares;
  std::optional<std::int64_t> quota;  // microseconds
  std::optional<std::uint64_t> burst;
  std::optional<std::uint64_t> period;
  std::optional<std::int64_t> realtimeRuntime;
  std::optional<std::uint64_t> realtimePeriod;
  std::string cpus;
  std::string mems;
  std::optional<std::int64_t> idle;
};

struct Pids {
  std::int64_t limit = 0;
};

struct WeightDevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint16_t> weight;
  std::optional<std::uint16_t> leafWeight;
};

struct ThrottleDevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::uint64_t rate = 0;
};

struct BlockIo {
  std::optional<std::uint16_t> weight;
  std::optional<std::uint16_t> leafWeight;
  std::vector<WeightDevice> weightDevice;
  std::vector<ThrottleDevice> throttleReadBpsDevice;
  std::vector<ThrottleDevice> throttleWriteBpsDevice;
  std::vector<ThrottleDevice> throttleReadIopsDevice;
  std::vector<ThrottleDevice> throttleWriteIopsDevice;
};

struct HugepageLimit {
  std::string pageSize;  // "2MB"
  std::uint64_t limit = 0;
};

struct InterfacePriority {
  std::string name;
  unsigned priority = 0;
};

struct NetworkResources {
  std::optional<unsigned> classId;
  std::vector<InterfacePriority> priorities;
};

struct Rdma {
  std::optional<unsigned> hcaHandles;
  std::optional<unsigned> hcaObjects;
};

struct Resources {
  std::vector<DeviceCgroup> devices;
  std::optional<Memory> memory;
  std::optional<Cpu> cpu;
  std::optional<Pids> pids;
  std::optional<BlockIo> blockIO;
  std::vector<HugepageLimit> hugepageLimits;
  std::optional<NetworkResources> network;
  std::map<std::string, Rdma> rdma;
  std::map<std::string, std::string> unified;  // cgroup v2 file -> value
};

struct SeccompArg {
  unsigned index = 0;
  std::uint64_t value = 0;
  std::uint64_t valueTwo = 0;
  std::string op;  // "SCMP_CMP_EQ"
};

struct SeccompSyscall {
  std::vector<std::string> names;
  std::string action;
  std::optional<unsigned> errnoRet;
  std::vector<SeccompArg> args;
};

struct Seccomp {
  std::string defaultAction;
  std::optional<unsigned> defaultErrnoRet;
  std::vector<std::string> architectures;  // "SCMP_ARCH_X86_64"
  std::vector<std::string> flags;
  std::string listenerPath;
  std::string listenerMetadata;
  std::vector<SeccompSyscall> syscalls;
};

struct TimeOffset {
  std::int64_t secs = 0;
  unsigned nanosecs = 0;
};

struct NetDevice {
  std::string name;
};

struct IntelRdt {
  std::string closId;
  std::string l3CacheSchema;
  std::string memBwSchema;
  bool enableCmt = false;
  bool enableMbm = false;
};

struct MemoryPolicy {
  std::string mode;
  std::string nodes;
  std::vector<std::string> flags;
};

struct Personality {
  std::string domain;  // "LINUX" or "LINUX32"
  std::vector<std::string> flags;
};

struct Linux {
  std::vector<IdMapping> uidMappings;
  std::vector<IdMapping> gidMappings;
  std::map<std::string, std::string> sysctl;
  std::optional<Resources> resources;
  std::string cgroupsPath;
  std::vector<Namespace> namespaces;
  std::vector<Device> devices;
  std::map<std::string, NetDevice> netDevices;
  std::optional<Seccomp> seccomp;
  std::string rootfsPropagation;
  std::vector<std::string> maskedPaths;
  std::vector<std::string> readonlyPaths;
  std::string mountLabel;
  std::optional<IntelRdt> intelRdt;
  std::optional<MemoryPolicy> memoryPolicy;
  std::optional<Personality> personality;
  std::map<std::string, TimeOffset> timeOffsets;
};

// config.json.
struct Spec {
  std::string ociVersion;
  std::optional<Process> process;
  std::optional<Root> root;
  std::string hostname;
  std::string domainname;
  std::vector<Mount> mounts;
  std::optional<Hooks> hooks;
  std::map<std::string, std::string> annotations;
  std::optional<Linux> linux;
  json::Extra rest;
};

// What hooks read on stdin and `state` begins with.
struct State {
  std::string ociVersion;
  std::string id;
  std::string status;  // creating created running stopped
  int pid = 0;
  std::string bundle;
  std::map<std::string, std::string> annotations;
};

// What runc's `state` and `list -f json` print.
struct RuncState {
  std::string ociVersion;
  std::string id;
  int pid = 0;
  std::string status;
  std::string bundle;
  std::string rootfs;
  base::Time created;
  std::map<std::string, std::string> annotations;
  std::string owner;
};

}  // namespace oci

JSON_TYPE_EXTERN(oci::Box);
JSON_TYPE_EXTERN(oci::User);
JSON_TYPE_EXTERN(oci::Capabilities);
JSON_TYPE_EXTERN(oci::Rlimit);
JSON_TYPE_EXTERN(oci::Scheduler);
JSON_TYPE_EXTERN(oci::IoPriority);
JSON_TYPE_EXTERN(oci::CpuAffinity);
JSON_TYPE_EXTERN(oci::Process);
JSON_TYPE_EXTERN(oci::Root);
JSON_TYPE_EXTERN(oci::IdMapping);
JSON_TYPE_EXTERN(oci::Mount);
JSON_TYPE_EXTERN(oci::Hook);
JSON_TYPE_EXTERN(oci::Hooks);
JSON_TYPE_EXTERN(oci::Namespace);
JSON_TYPE_EXTERN(oci::Device);
JSON_TYPE_EXTERN(oci::DeviceCgroup);
JSON_TYPE_EXTERN(oci::Memory);
JSON_TYPE_EXTERN(oci::Cpu);
JSON_TYPE_EXTERN(oci::Pids);
JSON_TYPE_EXTERN(oci::WeightDevice);
JSON_TYPE_EXTERN(oci::ThrottleDevice);
JSON_TYPE_EXTERN(oci::BlockIo);
JSON_TYPE_EXTERN(oci::HugepageLimit);
JSON_TYPE_EXTERN(oci::InterfacePriority);
JSON_TYPE_EXTERN(oci::NetworkResources);
JSON_TYPE_EXTERN(oci::Rdma);
JSON_TYPE_EXTERN(oci::Resources);
JSON_TYPE_EXTERN(oci::SeccompArg);
JSON_TYPE_EXTERN(oci::SeccompSyscall);
JSON_TYPE_EXTERN(oci::Seccomp);
JSON_TYPE_EXTERN(oci::TimeOffset);
JSON_TYPE_EXTERN(oci::NetDevice);
JSON_TYPE_EXTERN(oci::IntelRdt);
JSON_TYPE_EXTERN(oci::MemoryPolicy);
JSON_TYPE_EXTERN(oci::Personality);
JSON_TYPE_EXTERN(oci::Linux);
JSON_TYPE_EXTERN(oci::Spec);
JSON_TYPE_EXTERN(oci::State);
JSON_TYPE_EXTERN(oci::RuncState);
