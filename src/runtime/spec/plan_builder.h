// OCI spec -> launch plan. Looking at the host (opening sources, cloning mounts) happens here and
// before the clone; everything else is pure, with golden files in plan_builder_test.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/oci/runtime_spec.h"
#include "platform/sys/fd.h"
#include "platform/sys/host.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/spec/plan.h"

namespace spec {

// A mount source that the caller opened: an O_PATH descriptor (cloned into a detached mount here,
// recursively for "rbind") or a detached mount already. Replaces the spec's `source` of the mount
// with this destination.
struct MountSource {
  std::string destination;
  sys::Fd source;
};

struct ContainerInputs {
  sys::Fd rootfs;                // detached mount; invalid: spec.root.path below `bundle` is cloned
  std::string bundle;            // directory that relative paths of the spec start from
  std::optional<sys::Fd> netns;  // joined instead of the spec's network namespace
  std::vector<MountSource> mounts;
  const cgroup::Group* cgroup =
      nullptr;  // its descriptors are duplicated into the plan; null: stay where we are
  cgroup::Driver* driver = nullptr;  // for a mount of type "cgroup"; null: such mounts are refused
  std::string cgroupPath;  // the group's path, for cgroup mounts without a cgroup namespace
  const sys::HostFacts* host = nullptr;

  sys::Fd stdio[3];                // invalid: /dev/null. Ignored with process.terminal
  std::vector<sys::Fd> preserved;  // become 3, 4, …
  sys::Fd hold;                    // OCI create: the program waits for one byte of it
  bool barrier = false;            // stop before the pivot (hooks)
  bool newKeyring = true;
  bool noPivot = false;

  // "user[:group]" and groups by name, resolved inside the container instead of spec.process.user's
  // numbers.
  std::optional<std::string> user;
  std::vector<std::string> groups;
};

// In builds with SAMPAN_FAULTS a SAMPAN_FAULT of a point "launch.<step>:n:…" goes into the n-th
// plan that this process builds. Error kInvalidArgument says which field of the spec is wrong;
// kNotFound, kInternal which source could not be opened.
Plan buildContainer(const oci::Spec& spec, ContainerInputs inputs);

struct ExecInputs {
  sys::Fd target;     // pidfd of the container's first process
  int targetPid = 0;  // the same as a number: to see which namespaces differ from ours
  const cgroup::Group* cgroup = nullptr;
  sys::Fd stdio[3];
  std::vector<sys::Fd> preserved;
  std::optional<std::string> user;
  std::vector<std::string> groups;
  const oci::Seccomp* seccomp = nullptr;  // of the container's spec; null: unconfined
  const sys::HostFacts* host = nullptr;
};

Plan buildExec(const oci::Process& process, ExecInputs inputs);

// The checks of buildContainer that need no host: for create requests and `sampan-runtime` before
// anything is made.
void validate(const oci::Spec& spec);

}  // namespace spec
