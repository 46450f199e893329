// The pieces of Docker's default spec, as functions for whoever makes one (engine/container: record
// -> spec).
#pragma once

#include <string>
#include <vector>

#include "api/oci/runtime_spec.h"

namespace spec {

// All names the kernel headers here know, "CAP_CHOWN" first, in the order of their numbers.
const std::vector<std::string>& allCapabilities();
// Those that this process could give away: /proc/self/status CapBnd.
std::vector<std::string> availableCapabilities();
// nullopt: no such name. "CAP_" prefix required.
std::optional<int> capabilityNumber(const std::string& name);

// Docker's fourteen.
std::vector<std::string> defaultCapabilities();
// --cap-add and --cap-drop (with or without CAP_, any case, ALL) on the default set; privileged
// gives all. Error kInvalidArgument `Unknown capability: "…"` with docker's text.
std::vector<std::string> adjustCapabilities(const std::vector<std::string>& add,
                                            const std::vector<std::string>& drop, bool privileged);

// /proc, /dev, /dev/pts, /sys, /sys/fs/cgroup, /dev/mqueue, /dev/shm (64 MiB or `shmSize` bytes).
// privileged: /sys and cgroup are writable.
std::vector<oci::Mount> defaultMounts(bool privileged, std::int64_t shmSize = 64 << 20);
std::vector<std::string> defaultMaskedPaths();
std::vector<std::string> defaultReadonlyPaths();
// Device cgroup rules: deny all, then what every container gets.
std::vector<oci::DeviceCgroup> defaultDeviceRules(bool privileged);
// What an OCI runtime allows whatever the spec says: mknod of everything, the usual devices,
// terminals, /dev/net/tun.
std::vector<oci::DeviceCgroup> runtimeDeviceRules();

// The default spec: namespaces mount, uts, ipc, pid, network (and cgroup where `cgroupNamespace`),
// the mounts, paths, capabilities and devices above, the default seccomp profile's rules left to
// the caller (seccomp/profile.h).
oci::Spec defaultSpec(bool cgroupNamespace);
// What --privileged changes on it: all capabilities, no masked or read-only paths, all devices
// allowed, no seccomp, writable /sys and cgroup.
void makePrivileged(oci::Spec& spec);

}  // namespace spec
