#include "engine/container/updater.h"

#include <type_traits>

#include "engine/container/spec_maker.h"
#include "engine/container/validate.h"
#include "platform/base/fault.h"
#include "platform/base/log.h"

namespace container {
namespace {

using base::Code;

void checkTogether(const Record& record, const dockerapi::UpdateRequest& request) {
  const auto& now = record.hostConfig.resources;
  const auto& wanted = request.resources;
  const auto conflict = [](const char* what, const char* with) {
    base::fail(Code::kConflict,
               "Conflicting options: {} cannot be updated as {} has already been set", what, with);
  };
  if (wanted.nanoCpus > 0 && now.cpuPeriod > 0) conflict("Nano CPUs", "CPU Period");
  if (wanted.nanoCpus > 0 && now.cpuQuota > 0) conflict("Nano CPUs", "CPU Quota");
  if (wanted.cpuPeriod > 0 && now.nanoCpus > 0) conflict("CPU Period", "NanoCPUs");
  if (wanted.cpuQuota > 0 && now.nanoCpus > 0) conflict("CPU Quota", "NanoCPUs");
  if (wanted.memorySwap == 0 && now.memorySwap > 0 && wanted.memory > now.memorySwap) {
    base::fail(Code::kConflict,
               "Memory limit should be smaller than already set memoryswap limit, update the "
               "memoryswap at the same time");
  }
  const std::int64_t memory = wanted.memory != 0 ? wanted.memory : now.memory;
  if (wanted.memorySwap > 0 && memory == 0) {
    base::fail(Code::kInvalidArgument,
               "You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  if (wanted.memorySwap > 0 && wanted.memorySwap < memory) {
    base::fail(Code::kInvalidArgument,
               "Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  const std::string& policy = request.restartPolicy.name;
  if (record.hostConfig.autoRemove && !policy.empty() && policy != "no") {
    base::fail(Code::kConflict,
               "Restart policy cannot be updated because AutoRemove is enabled for the container");
  }
}

template <class T>
void take(T& standing, const T& wanted) {
  if (wanted != T()) standing = wanted;
}

void merge(dockerapi::HostConfig& h, const dockerapi::UpdateRequest& request) {
  auto& r = h.resources;
  const auto& wanted = request.resources;
  take(r.blkioWeight, wanted.blkioWeight);
  take(r.cpuShares, wanted.cpuShares);
  take(r.nanoCpus, wanted.nanoCpus);
  take(r.cpuPeriod, wanted.cpuPeriod);
  take(r.cpuQuota, wanted.cpuQuota);
  take(r.cpusetCpus, wanted.cpusetCpus);
  take(r.cpusetMems, wanted.cpusetMems);
  take(r.memory, wanted.memory);
  take(r.memorySwap, wanted.memorySwap);
  take(r.memoryReservation, wanted.memoryReservation);
  if (wanted.pidsLimit) r.pidsLimit = wanted.pidsLimit;
  if (!request.restartPolicy.name.empty()) h.restartPolicy = request.restartPolicy;
}

// Those limits of `target` that `asked` names, for the kernel. Memory and swap go together, since
// v2 counts them apart; so do quota and period. `back`: where `target` has none, none is what is
// told.
oci::Resources limitsOf(const dockerapi::Resources& asked, const dockerapi::Resources& target,
                        bool back) {
  dockerapi::Resources told;
  const auto pick = [&](auto member) {
    if (asked.*member != std::remove_cvref_t<decltype(asked.*member)>())
      told.*member = target.*member;
  };
  pick(&dockerapi::Resources::blkioWeight);
  pick(&dockerapi::Resources::cpuShares);
  pick(&dockerapi::Resources::cpusetCpus);
  pick(&dockerapi::Resources::cpusetMems);
  pick(&dockerapi::Resources::memoryReservation);
  if (asked.memory != 0 || asked.memorySwap != 0) {
    told.memory = back && target.memory == 0 ? -1 : target.memory;
    told.memorySwap = back && target.memorySwap == 0 ? -1 : target.memorySwap;
  }
  if (asked.nanoCpus != 0 || asked.cpuPeriod != 0 || asked.cpuQuota != 0) {
    told.nanoCpus = target.nanoCpus;
    told.cpuPeriod = target.cpuPeriod;
    told.cpuQuota = back && target.cpuQuota == 0 && target.nanoCpus == 0 ? -1 : target.cpuQuota;
  }
  if (asked.pidsLimit) told.pidsLimit = target.pidsLimit.value_or(0);
  if (told.pidsLimit && *told.pidsLimit == 0) told.pidsLimit = -1;  // here it takes a limit away
  return resourcesOf(told);
}

// On error the kernel's limits are as before, as far as the kernel lets them.
void tellKernel(Core& core, const Record& record, const dockerapi::Resources& asked,
                const dockerapi::Resources& after) {
  const std::string group = core.cgroupOf(record.id);
  try {
    core.cgroups.update(group, limitsOf(asked, after, false));
  } catch (const base::Error& error) {
    try {
      core.cgroups.update(group, limitsOf(asked, record.hostConfig.resources, true));
    } catch (const base::Error& again) {
      base::log::warn("limits could not be put back after a refused update",
                      {{"container", record.id}, {"error", again.message()}});
    }
    base::fail(error.code(), "Cannot update container {}: {}", record.id, error.message());
  }
}

// The second half of an update: the kernel, if there is a process, and then the record. On error
// both are as before.
void carryOut(Core& core, const Record& record, const dockerapi::UpdateRequest& request) {
  dockerapi::HostConfig after = record.hostConfig;
  merge(after, request);
  try {
    if (record.running()) tellKernel(core, record, request.resources, after.resources);
  } catch (const base::Error&) {
    dropUpdate(core, record.id);
    throw;
  }
  base::faultPoint("update.record");
  changeRecord(
      core, store::Durability::kDurable, record.id,
      [&](Record& r) {
        r.hostConfig = after;
        r.updating.reset();
      },
      [&](store::Transaction& t, const Record& r) {
        core.events.append(t, containerEvent(r, "update"));
      });
}

}  // namespace

std::vector<std::string> updateContainer(Core& core, const std::string& reference,
                                         const dockerapi::UpdateRequest& request) {
  refuseUnimplementedUpdate(request.resources);
  validateUpdate(request.resources, request.restartPolicy, core.host);
  const std::string id = core.records.get(reference)->id;
  const auto turn = core.strands.enter(id);
  const View view = core.records.get(id);
  if (view->state.status == Status::kRemoving || view->state.status == Status::kDead) {
    base::fail(
        Code::kConflict,
        "Cannot update container {}: container is marked for removal and cannot be \"update\"", id);
  }
  checkTogether(*view, request);
  // A record that said nothing of it could not tell, after a death in the middle, what the kernel
  // was told.
  if (view->running()) {
    changeRecord(core, store::Durability::kLazy, id,
                 [&](Record& record) { record.updating = request; });
    base::faultPoint("update.begun");
  }
  carryOut(core, *view, request);
  return {};
}

void dropUpdate(Core& core, const std::string& id) {
  changeRecord(core, store::Durability::kLazy, id, [](Record& record) { record.updating.reset(); });
}

void finishUpdate(Core& core, const Record& record) {
  if (!record.updating) return;
  if (!record.running()) return dropUpdate(core, record.id);
  const dockerapi::UpdateRequest request = *record.updating;
  carryOut(core, record, request);
}

}  // namespace container
