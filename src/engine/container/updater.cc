#include "engine/container/updater.h"

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

// What of `after` the kernel has to be told. Memory and swap go together: v2 counts them apart.
oci::Resources difference(const dockerapi::Resources& wanted, const dockerapi::Resources& after) {
  dockerapi::Resources told = wanted;
  if (wanted.memory != 0 || wanted.memorySwap != 0) {
    told.memory = after.memory;
    told.memorySwap = after.memorySwap;
  }
  if (wanted.cpuPeriod != 0 || wanted.cpuQuota != 0) {
    told.cpuPeriod = after.cpuPeriod;
    told.cpuQuota = after.cpuQuota;
  }
  if (told.pidsLimit && *told.pidsLimit == 0) told.pidsLimit = -1;  // here it takes a limit away
  return resourcesOf(told);
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
  const auto& before = view->hostConfig.resources;
  dockerapi::HostConfig after = view->hostConfig;
  merge(after, request);
  if (view->running()) {
    try {
      core.cgroups.update(core.cgroupOf(id), difference(request.resources, after.resources));
    } catch (const base::Error& error) {
      try {
        core.cgroups.update(core.cgroupOf(id), difference(after.resources, before));
      } catch (const base::Error& again) {
        base::log::warn("limits could not be put back after a refused update",
                        {{"container", id}, {"error", again.message()}});
      }
      base::fail(error.code(), "Cannot update container {}: {}", id, error.message());
    }
  }
  base::faultPoint("update.record");
  changeRecord(
      core, store::Durability::kDurable, id, [&](Record& record) { record.hostConfig = after; },
      [&](store::Transaction& t, const Record& record) {
        core.events.append(t, containerEvent(record, "update"));
      });
  return {};
}

}  // namespace container
