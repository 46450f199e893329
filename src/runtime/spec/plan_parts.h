// What container and exec plans share. Included by the spec library only.
#pragma once

#include "runtime/spec/plan_builder.h"
#include "runtime/spec/plan_writer.h"

namespace spec {

struct ProcessInputs {
  sys::Fd* stdio = nullptr;  // three
  std::vector<sys::Fd>* preserved = nullptr;
  const std::optional<std::string>* user = nullptr;
  const std::vector<std::string>* groups = nullptr;
  const oci::Seccomp* seccomp = nullptr;
  const sys::HostFacts* host = nullptr;
};

// argv, env, cwd, user, limits, capabilities, filter, streams.
void fillProcess(PlanWriter& writer, const oci::Process& process, ProcessInputs inputs);
void fillCgroup(PlanWriter& writer, const cgroup::Group* group);
// The n-th build of this process gets the faults that SAMPAN_FAULT asks for.
void addFaults(PlanWriter& writer);

// Mounts, devices, links, masked and read-only paths.
void fillFileSystem(PlanWriter& writer, const oci::Spec& spec, ContainerInputs& inputs);
// A mount of type "cgroup": one or, on v1, a tmpfs with one for every hierarchy. Appends to
// `mounts`.
void addCgroupMounts(PlanWriter& writer, const oci::Mount& mount, const ContainerInputs& inputs,
                     bool ownNamespace, std::vector<launch::Mount>& mounts);

}  // namespace spec
