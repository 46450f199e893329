#include <atomic>
#include <cstdlib>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "runtime/seccomp/seccomp.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/plan_parts.h"
#include "runtime/spec/validate.h"

namespace spec {
namespace {

std::uint64_t capabilityBits(const std::vector<std::string>& names) {
  std::uint64_t bits = 0;
  for (const auto& name : names) bits |= 1ull << capabilityNumber(name).value();
  return bits;
}

// Of two variables with one name the last wins, as in runc; the order stays.
std::vector<std::string> withoutDuplicates(const std::vector<std::string>& env) {
  std::map<std::string_view, size_t> last;
  for (size_t i = 0; i < env.size(); ++i) last[base::cut(env[i], '=').first] = i;
  std::vector<std::string> result;
  for (size_t i = 0; i < env.size(); ++i) {
    if (last[base::cut(env[i], '=').first] == i) result.push_back(env[i]);
  }
  return result;
}

void fillUser(PlanWriter& writer, const oci::Process& process, const ProcessInputs& inputs) {
  auto& root = writer.root;
  if (inputs.user && *inputs.user) {
    root.flags |= launch::kFlagResolveUser;
    root.user = writer.text(**inputs.user);
    root.groups = writer.texts(*inputs.groups);
  } else {
    root.uid = process.user.uid;
    root.gid = process.user.gid;
  }
  root.gids = writer.list(std::vector<std::uint32_t>(process.user.additionalGids.begin(),
                                                     process.user.additionalGids.end()));
  if (process.user.umask) {
    root.flags |= launch::kFlagHasUmask;
    root.umask = *process.user.umask;
  }
}

void fillRights(PlanWriter& writer, const oci::Process& process, const ProcessInputs& inputs) {
  auto& root = writer.root;
  if (process.noNewPrivileges) root.flags |= launch::kFlagNoNewPrivs;
  if (process.capabilities) {
    const auto& sets = *process.capabilities;
    root.flags |= launch::kFlagSetCapabilities;
    root.capabilities = {capabilityBits(sets.bounding), capabilityBits(sets.effective),
                         capabilityBits(sets.permitted), capabilityBits(sets.inheritable),
                         capabilityBits(sets.ambient)};
  }
  if (inputs.seccomp && !inputs.seccomp->defaultAction.empty()) {
    const auto filter = seccomp::compile(*inputs.seccomp);
    root.seccomp = writer.blob(filter.program);
    root.seccompFlags = filter.flags;
  }
  const auto& profile = process.apparmorProfile;
  if (!profile.empty() && profile != "unconfined") {
    if (inputs.host && !inputs.host->apparmor) {
      base::fail(base::Code::kInvalidArgument,
                 "apparmor profile {} asked for, but the host has no AppArmor",
                 base::quote(profile));
    }
    root.apparmorProfile = writer.text(profile);
  }
  if (!process.selinuxLabel.empty()) {
    if (inputs.host && !inputs.host->selinux) {
      base::fail(base::Code::kInvalidArgument,
                 "selinux label asked for, but the host has no SELinux");
    }
    root.selinuxLabel = writer.text(process.selinuxLabel);
  }
}

void fillStreams(PlanWriter& writer, const oci::Process& process, const ProcessInputs& inputs) {
  auto& root = writer.root;
  if (process.terminal) {
    root.flags |= launch::kFlagTerminal;
    if (process.consoleSize) {
      root.rows = static_cast<std::uint16_t>(process.consoleSize->height);
      root.columns = static_cast<std::uint16_t>(process.consoleSize->width);
    }
  } else {
    for (int i = 0; i < 3; ++i) root.stdio[i] = writer.fd(std::move(inputs.stdio[i]));
  }
  std::vector<launch::KeptFd> kept;
  for (auto& fd : *inputs.preserved)
    kept.push_back({writer.fd(std::move(fd)), static_cast<std::uint32_t>(3 + kept.size())});
  root.keep = writer.list(kept);
}

}  // namespace

void fillProcess(PlanWriter& writer, const oci::Process& process, ProcessInputs inputs) {
  auto& root = writer.root;
  root.flags |= launch::kFlagSetsid;
  root.argv = writer.texts(process.args);
  root.env = writer.texts(withoutDuplicates(process.env));
  root.cwd = writer.text(process.cwd);
  std::vector<launch::Rlimit> limits;
  for (const auto& limit : process.rlimits)
    limits.push_back({rlimitNumber(limit.type), 0, limit.soft, limit.hard});
  root.rlimits = writer.list(limits);
  if (process.oomScoreAdj) {
    root.flags |= launch::kFlagHasOomScore;
    root.oomScore = *process.oomScoreAdj;
  }
  fillUser(writer, process, inputs);
  fillRights(writer, process, inputs);
  fillStreams(writer, process, inputs);
}

void fillCgroup(PlanWriter& writer, const cgroup::Group* group) {
  if (!group) return;
  std::vector<launch::FileWrite> writes;
  for (const auto& join : group->joins) {
    writes.push_back({writer.fd(join.directory.dup()), 0, writer.text(join.file), {}});
  }
  writer.root.cgroupWrites = writer.list(writes);
  if (group->into.valid()) writer.root.cgroup = writer.fd(group->into.dup());
}

#if SAMPAN_FAULTS
void addFaults(PlanWriter& writer) {
  static std::atomic<std::uint32_t> builds{0};
  const std::uint32_t build = ++builds;
  const char* asked = std::getenv("SAMPAN_FAULT");
  if (!asked) return;
  std::vector<launch::Fault> faults;
  for (const auto& entry : base::split(asked, ',')) {
    const auto pieces = base::split(entry, ':');
    if (pieces.size() != 3 || !pieces[0].starts_with("launch.")) continue;
    if (base::parseUint(pieces[1]).value_or(0) != build) continue;
    launch::Fault fault{writer.text(pieces[0]), 1, launch::FaultAction::kKill, 0, 0};
    if (pieces[2] == "pause") {
      // The first process of a pid namespace cannot stop itself: it sleeps, long enough to be found
      // and killed.
      fault.action = launch::FaultAction::kPause;
      fault.error = 600'000;
    } else if (pieces[2].starts_with("errno=")) {
      fault.action = launch::FaultAction::kErrno;
      fault.error = static_cast<std::uint32_t>(base::parseUint(pieces[2].substr(6)).value_or(5));
    }
    faults.push_back(fault);
  }
  writer.root.faults = writer.list(faults);
}
#else
void addFaults(PlanWriter&) {}
#endif

}  // namespace spec
