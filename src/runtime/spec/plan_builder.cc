#include "runtime/spec/plan_builder.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"
#include "platform/sys/mount.h"
#include "runtime/spec/mount_options.h"
#include "runtime/spec/plan_parts.h"
#include "runtime/spec/validate.h"

namespace spec {
namespace {

std::string mapText(const std::vector<oci::IdMapping>& mappings) {
  std::string text;
  for (const auto& entry : mappings)
    text += fmt::format("{} {} {}\n", entry.containerId, entry.hostId, entry.size);
  return text;
}

void fillNamespaces(PlanWriter& writer, const oci::Spec& spec, ContainerInputs& inputs) {
  auto& root = writer.root;
  std::vector<launch::NamespaceJoin> joins;
  for (const auto& space : spec.linux->namespaces) {
    const auto flag = namespaceFlag(space.type);
    if (space.type == "network" && inputs.netns) continue;
    if (space.path.empty()) {
      root.newNamespaces |= flag;
    } else {
      auto fd = base::within("join " + space.type + " namespace",
                             [&] { return sys::openAt(AT_FDCWD, space.path, O_RDONLY); });
      joins.push_back({writer.fd(std::move(fd)), static_cast<std::uint32_t>(flag)});
    }
  }
  if (inputs.netns) joins.push_back({writer.fd(std::move(*inputs.netns)), CLONE_NEWNET});
  root.joins = writer.list(joins);
  if (root.newNamespaces & CLONE_NEWUSER) {
    root.uidMap = writer.text(mapText(spec.linux->uidMappings));
    root.gidMap = writer.text(mapText(spec.linux->gidMappings));
  }
}

sys::Fd openRootfs(const oci::Spec& spec, const ContainerInputs& inputs) {
  std::string path = spec.root->path;
  if (path.empty()) base::fail(base::Code::kInvalidArgument, "root.path must not be empty");
  if (path[0] != '/') path = inputs.bundle + "/" + path;
  const auto fd = base::within("open the rootfs",
                               [&] { return sys::openAt(AT_FDCWD, path, O_PATH | O_DIRECTORY); });
  return sys::cloneMount(fd.get(), true);
}

void fillKernel(PlanWriter& writer, const oci::Spec& spec) {
  auto& root = writer.root;
  std::vector<launch::Sysctl> sysctls;
  for (const auto& [key, value] : spec.linux->sysctl)
    sysctls.push_back({writer.text(sysctlPath(key)), writer.text(value)});
  root.sysctls = writer.list(sysctls);
  root.hostname = writer.optionalText(spec.hostname);
  root.domainname = writer.optionalText(spec.domainname);
  if (const auto& personality = spec.linux->personality) {
    if (personality->domain != "LINUX" && personality->domain != "LINUX32") {
      base::fail(base::Code::kInvalidArgument, "invalid personality domain {}",
                 base::quote(personality->domain));
    }
    root.flags |= launch::kFlagHasPersonality;
    root.personality = personality->domain == "LINUX32" ? 8 : 0;
  }
}

// Which namespaces of process `pid` are not ours, as CLONE_NEW* bits.
std::uint32_t foreignNamespaces(int pid) {
  static const std::pair<const char*, std::uint32_t> kKinds[] = {
      {"user", CLONE_NEWUSER},     {"mnt", CLONE_NEWNS},  {"pid", CLONE_NEWPID},
      {"net", CLONE_NEWNET},       {"uts", CLONE_NEWUTS}, {"ipc", CLONE_NEWIPC},
      {"cgroup", CLONE_NEWCGROUP}, {"time", 0x80}};
  std::uint32_t flags = 0;
  const auto theirs = sys::openAt(AT_FDCWD, fmt::format("/proc/{}/ns", pid), O_PATH | O_DIRECTORY);
  const auto ours = sys::openAt(AT_FDCWD, "/proc/self/ns", O_PATH | O_DIRECTORY);
  for (const auto& [name, flag] : kKinds) {
    const auto a = sys::statAtIfExists(theirs.get(), name, 0);
    const auto b = sys::statAtIfExists(ours.get(), name, 0);
    if (a && b && a->st_ino != b->st_ino) flags |= flag;
  }
  return flags;
}

}  // namespace

Plan buildContainer(const oci::Spec& spec, ContainerInputs inputs) {
  validate(spec);
  PlanWriter writer;
  auto& root = writer.root;
  fillNamespaces(writer, spec, inputs);
  fillCgroup(writer, inputs.cgroup);
  root.rootfs =
      writer.fd(inputs.rootfs.valid() ? std::move(inputs.rootfs) : openRootfs(spec, inputs));
  root.rootPropagation = parsePropagation(spec.linux->rootfsPropagation);
  fillFileSystem(writer, spec, inputs);
  fillKernel(writer, spec);
  const auto& seccomp = spec.linux->seccomp;
  fillProcess(writer, *spec.process,
              {inputs.stdio, &inputs.preserved, &inputs.user, &inputs.groups,
               seccomp ? &*seccomp : nullptr, inputs.host});
  root.flags |= launch::kFlagCreateCwd;
  if (spec.root->readonly) root.flags |= launch::kFlagReadonlyRootfs;
  if (inputs.barrier) root.flags |= launch::kFlagBarrier;
  if (inputs.noPivot) root.flags |= launch::kFlagNoPivot;
  if (inputs.newKeyring) root.flags |= launch::kFlagNewKeyring;
  root.hold = writer.fd(std::move(inputs.hold));
  addFaults(writer);
  return writer.finish();
}

Plan buildExec(const oci::Process& process, ExecInputs inputs) {
  validateProcess(process);
  PlanWriter writer;
  auto& root = writer.root;
  root.targetNamespaces = foreignNamespaces(inputs.targetPid);
  root.target = writer.fd(std::move(inputs.target));
  fillCgroup(writer, inputs.cgroup);
  fillProcess(
      writer, process,
      {inputs.stdio, &inputs.preserved, &inputs.user, &inputs.groups, inputs.seccomp, inputs.host});
  addFaults(writer);
  return writer.finish();
}

}  // namespace spec
