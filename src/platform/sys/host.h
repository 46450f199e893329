// What this host can do, probed once at start and passed around as a value.
#pragma once

#include <string>
#include <vector>

namespace sys {

enum class CgroupVersion { kV1, kHybrid, kV2 };  // hybrid: controllers on v1, a v2 tree beside them

struct HostFacts {
  std::string kernel;  // uname -r
  int kernelMajor = 0;
  int kernelMinor = 0;
  std::string architecture;     // "x86_64"
  std::string operatingSystem;  // PRETTY_NAME of os-release
  std::string osVersion;        // VERSION_ID
  std::string hostname;
  int cpus = 0;
  long long memory = 0;  // bytes

  CgroupVersion cgroups = CgroupVersion::kV2;
  std::vector<std::string> cgroupControllers;  // those that can be used, by their names
  bool systemd = false;                        // PID 1

  bool seccomp = false;
  bool apparmor = false;
  bool selinux = false;
  bool memfdExec = false;  // MFD_EXEC (6.3)
  bool idmappedMounts = false;
  bool ipv6 = false;
};

HostFacts probeHost();

}  // namespace sys
