// Checks of a spec that need no host, in one place; plan_builder.h offers validate().
#pragma once

#include <string>

#include "api/oci/runtime_spec.h"

namespace spec {

// CLONE_NEW* of "network", "mount", …. Error kInvalidArgument.
std::uint64_t namespaceFlag(const std::string& type);

const oci::Namespace* findNamespace(const oci::Linux& linuxPart, const std::string& type);

// "net.ipv4.ip_forward" or "net/ipv4/ip_forward" -> "net/ipv4/ip_forward". Error kInvalidArgument
// for ".." and the like.
std::string sysctlPath(const std::string& key);

// 7 for "RLIMIT_NOFILE". Error kInvalidArgument.
std::uint32_t rlimitNumber(const std::string& type);

// The checks of a process alone.
void validateProcess(const oci::Process& process);

}  // namespace spec
