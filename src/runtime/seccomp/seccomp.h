// Seccomp: profiles and OCI rules -> BPF, by an emitter of our own (libseccomp needs 40 ms for the
// default profile, this well under one).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/oci/runtime_spec.h"

namespace seccomp {

// What decides which rules of a Docker profile apply.
struct Conditions {
  std::vector<std::string> capabilities;  // effective set, "CAP_SYS_ADMIN"
  std::string architecture = "amd64";     // Go's name: amd64, arm64
  int kernelMajor = 6, kernelMinor = 1;
};

// A profile in Docker's JSON (includes and excludes by caps, arches, minKernel; archMap) -> the OCI
// rules for this container. Error kInvalidArgument names what is wrong. An empty text: the default
// profile.
oci::Seccomp fromProfile(std::string_view json, const Conditions& conditions);
// The built-in profile as JSON text.
std::string_view defaultProfile();

struct Filter {
  std::string program;      // struct sock_filter[]
  std::uint32_t flags = 0;  // SECCOMP_FILTER_FLAG_*
};

// Error kInvalidArgument names the action, operator or architecture that is unknown. System calls
// that this build does not know are left out, as runc does (profiles name calls of many kernels),
// and fall to the default action. Thread-safe; the last results are cached by their content.
Filter compile(const oci::Seccomp& rules);

}  // namespace seccomp
