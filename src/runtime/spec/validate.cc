#include "runtime/spec/validate.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <map>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/mount_options.h"
#include "runtime/spec/plan_builder.h"

namespace spec {

using base::Code;
using base::fail;

std::uint64_t namespaceFlag(const std::string& type) {
  static const std::map<std::string, std::uint64_t> table{
      {"mount", CLONE_NEWNS},      {"pid", CLONE_NEWPID}, {"network", CLONE_NEWNET},
      {"uts", CLONE_NEWUTS},       {"ipc", CLONE_NEWIPC}, {"user", CLONE_NEWUSER},
      {"cgroup", CLONE_NEWCGROUP}, {"time", 0x80},
  };
  const auto found = table.find(type);
  if (found == table.end())
    fail(Code::kInvalidArgument, "namespace {} does not exist", base::quote(type));
  return found->second;
}

const oci::Namespace* findNamespace(const oci::Linux& linuxPart, const std::string& type) {
  for (const auto& space : linuxPart.namespaces) {
    if (space.type == type) return &space;
  }
  return nullptr;
}

std::string sysctlPath(const std::string& key) {
  // sysctl(8): the separator that comes first is the separator, the other one is part of a name.
  const auto separator = key.find_first_of("./");
  std::string path = key;
  if (separator != key.npos && key[separator] == '.') {
    for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
  }
  for (const auto& piece : base::split(path, '/')) {
    if (piece.empty() || piece == "." || piece == "..")
      fail(Code::kInvalidArgument, "invalid sysctl {}", base::quote(key));
  }
  return path;
}

std::uint32_t rlimitNumber(const std::string& type) {
  static const std::map<std::string, int> table{
      {"RLIMIT_AS", RLIMIT_AS},
      {"RLIMIT_CORE", RLIMIT_CORE},
      {"RLIMIT_CPU", RLIMIT_CPU},
      {"RLIMIT_DATA", RLIMIT_DATA},
      {"RLIMIT_FSIZE", RLIMIT_FSIZE},
      {"RLIMIT_LOCKS", RLIMIT_LOCKS},
      {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
      {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
      {"RLIMIT_NICE", RLIMIT_NICE},
      {"RLIMIT_NOFILE", RLIMIT_NOFILE},
      {"RLIMIT_NPROC", RLIMIT_NPROC},
      {"RLIMIT_RSS", RLIMIT_RSS},
      {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
      {"RLIMIT_RTTIME", RLIMIT_RTTIME},
      {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
      {"RLIMIT_STACK", RLIMIT_STACK},
  };
  const auto found = table.find(type);
  if (found == table.end())
    fail(Code::kInvalidArgument, "invalid rlimit type {}", base::quote(type));
  return static_cast<std::uint32_t>(found->second);
}

namespace {

bool has(const oci::Linux& linuxPart, const char* type) {
  return findNamespace(linuxPart, type) != nullptr;
}
bool isNew(const oci::Linux& linuxPart, const char* type) {
  const auto* space = findNamespace(linuxPart, type);
  return space && space->path.empty();
}

// Only what belongs to a namespace of the container: everything else would change the host.
void validateSysctls(const oci::Linux& linuxPart) {
  static const std::vector<std::string> ipc{
      "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem",
      "kernel/shmall", "kernel/shmmax", "kernel/shmmni", "kernel/shm_rmid_forced"};
  for (const auto& [key, value] : linuxPart.sysctl) {
    const std::string path = sysctlPath(key);
    if (std::find(ipc.begin(), ipc.end(), path) != ipc.end() || path.starts_with("fs/mqueue/")) {
      if (!has(linuxPart, "ipc"))
        fail(Code::kInvalidArgument, "sysctl {} is not allowed in the hosts ipc namespace",
             base::quote(key));
    } else if (path.starts_with("net/")) {
      if (!has(linuxPart, "network")) {
        fail(Code::kInvalidArgument, "sysctl {} not allowed in host network namespace",
             base::quote(key));
      }
    } else if (path == "kernel/domainname") {
      if (!has(linuxPart, "uts")) {
        fail(Code::kInvalidArgument, "sysctl {} is not allowed in the hosts uts namespace",
             base::quote(key));
      }
    } else if (path == "kernel/hostname") {
      fail(Code::kInvalidArgument, "sysctl {} is not allowed as it conflicts with the OCI {} field",
           base::quote(key), base::quote("hostname"));
    } else {
      fail(Code::kInvalidArgument, "sysctl {} is not in a separate kernel namespace",
           base::quote(key));
    }
  }
}

void validateNamespaces(const oci::Spec& spec) {
  const auto& linuxPart = *spec.linux;
  std::vector<std::string> seen;
  for (const auto& space : linuxPart.namespaces) {
    namespaceFlag(space.type);
    if (std::find(seen.begin(), seen.end(), space.type) != seen.end()) {
      fail(Code::kInvalidArgument, "malformed spec file: duplicated namespace {}",
           base::quote(space.type));
    }
    seen.push_back(space.type);
  }
  if (!isNew(linuxPart, "mount"))
    fail(Code::kNotImplemented, "a container without a mount namespace of its own");
  const auto* user = findNamespace(linuxPart, "user");
  if (user && !user->path.empty()) fail(Code::kNotImplemented, "joining a user namespace by path");
  if (user && linuxPart.uidMappings.empty()) {
    fail(Code::kInvalidArgument, "User namespaces enabled, but no uid mappings found.");
  }
  if (user && linuxPart.gidMappings.empty()) {
    fail(Code::kInvalidArgument, "User namespaces enabled, but no gid mappings found.");
  }
  if (!user && (!linuxPart.uidMappings.empty() || !linuxPart.gidMappings.empty())) {
    fail(Code::kInvalidArgument,
         "User namespace mappings specified, but user namespace isn't enabled in the config");
  }
  if (!linuxPart.timeOffsets.empty()) fail(Code::kNotImplemented, "linux.timeOffsets");
  if (!spec.hostname.empty() && !has(linuxPart, "uts")) {
    fail(Code::kInvalidArgument, "unable to set hostname without a private UTS namespace");
  }
  if (!spec.domainname.empty() && !has(linuxPart, "uts")) {
    fail(Code::kInvalidArgument, "unable to set domainname without a private UTS namespace");
  }
}

void validateMounts(const oci::Spec& spec) {
  for (const auto& mount : spec.mounts) {
    if (mount.destination.empty()) fail(Code::kInvalidArgument, "a mount has no destination");
    if (cleanPath(mount.destination) == "/") {
      fail(Code::kInvalidArgument, "mount destination {} is the root of the container",
           base::quote(mount.destination));
    }
    const auto options = parseMountOptions(mount.options);
    if (options.idmap || !mount.uidMappings.empty() || !mount.gidMappings.empty()) {
      fail(Code::kNotImplemented, "id-mapped mounts ({})", mount.destination);
    }
  }
}

void refuseUnbuilt(const oci::Linux& linuxPart) {
  if (linuxPart.intelRdt) fail(Code::kNotImplemented, "linux.intelRdt");
  if (linuxPart.memoryPolicy) fail(Code::kNotImplemented, "linux.memoryPolicy");
  if (!linuxPart.netDevices.empty()) fail(Code::kNotImplemented, "linux.netDevices");
  if (!linuxPart.mountLabel.empty()) fail(Code::kNotImplemented, "linux.mountLabel");
  if (linuxPart.seccomp && !linuxPart.seccomp->listenerPath.empty()) {
    fail(Code::kNotImplemented, "linux.seccomp.listenerPath");
  }
}

}  // namespace

void validateProcess(const oci::Process& process) {
  if (process.args.empty()) fail(Code::kInvalidArgument, "args must not be empty");
  if (process.cwd.empty()) fail(Code::kInvalidArgument, "Cwd property must not be empty");
  if (process.cwd[0] != '/') fail(Code::kInvalidArgument, "Cwd must be an absolute path");
  if (process.user.uid > 0x7fffffff || process.user.gid > 0x7fffffff) {
    fail(Code::kInvalidArgument, "uids and gids must be in range 0-2147483647");
  }
  for (const auto& entry : process.env) {
    const auto at = entry.find('=');
    if (at == entry.npos || at == 0)
      fail(Code::kInvalidArgument, "invalid environment variable: {}", base::quote(entry));
  }
  for (const auto& limit : process.rlimits) {
    rlimitNumber(limit.type);
    if (limit.soft > limit.hard)
      fail(Code::kInvalidArgument, "rlimit {}: soft limit is above the hard limit", limit.type);
  }
  if (process.capabilities) {
    const auto& sets = *process.capabilities;
    for (const auto* set :
         {&sets.bounding, &sets.effective, &sets.inheritable, &sets.permitted, &sets.ambient}) {
      for (const auto& name : *set) {
        if (!capabilityNumber(name))
          fail(Code::kInvalidArgument, "unknown capability {}", base::quote(name));
      }
    }
  }
  if (process.scheduler) fail(Code::kNotImplemented, "process.scheduler");
  if (process.ioPriority) fail(Code::kNotImplemented, "process.ioPriority");
  if (process.execCpuAffinity) fail(Code::kNotImplemented, "process.execCPUAffinity");
}

void validate(const oci::Spec& spec) {
  if (!spec.ociVersion.starts_with("1.")) {
    fail(Code::kInvalidArgument, "ociVersion {} is not supported", base::quote(spec.ociVersion));
  }
  if (!spec.process) fail(Code::kInvalidArgument, "process property must not be empty");
  if (!spec.root) fail(Code::kInvalidArgument, "root must be set");
  if (!spec.linux) fail(Code::kInvalidArgument, "linux must be set");
  validateProcess(*spec.process);
  validateNamespaces(spec);
  validateSysctls(*spec.linux);
  validateMounts(spec);
  refuseUnbuilt(*spec.linux);
  parsePropagation(spec.linux->rootfsPropagation);
}

}  // namespace spec
