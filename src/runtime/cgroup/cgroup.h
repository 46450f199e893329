// Control groups behind one interface: v1 (also hybrid, where a v2 tree without controllers stands
// beside it) and v2 with the cgroupfs driver. One conformance suite (cgroup_conformance_test.cc) is
// run by each on the hosts it is for.
//
//   create(path, resources) -> launch with Group::writes and Group::into -> update, stats, freeze,
//   killAll -> remove
//
// `path` is relative to the root of every hierarchy: "sampan/<id>"; parents are made as needed.
// Nothing here waits for processes except remove(). Thread-safe for different paths; operations on
// one path are serialised by the caller.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/oci/runtime_spec.h"
#include "platform/sys/fd.h"
#include "platform/sys/host.h"

namespace cgroup {

// What a launch needs to put a process into a cgroup, as the fields of its plan.
struct Group {
  struct Join {
    sys::Fd directory;  // of one v1 hierarchy
    std::string file;   // to which the joining process, with one thread, writes "0"
  };
  std::vector<Join> joins;
  sys::Fd into;  // v2 directory for CLONE_INTO_CGROUP (v2 and hybrid); may be invalid on pure v1
  sys::Fd oomEvents;  // readable file with a line "oom_kill N": v1 memory.oom_control, v2
                      // memory.events; may be invalid
};

struct BlkioEntry {
  std::uint64_t major = 0, minor = 0;
  std::string op;  // "Read", "Write", "Sync", …; "" where the kernel names none
  std::uint64_t value = 0;
};

// What the kernel counted, in the units of the API's stats.
struct Stats {
  // CPU, nanoseconds.
  std::uint64_t cpuTotal = 0, cpuUser = 0, cpuSystem = 0;
  std::vector<std::uint64_t> cpuPerCore;  // v1 only
  std::uint64_t periods = 0, throttledPeriods = 0, throttledTime = 0;
  // Memory, bytes.
  std::uint64_t memoryUsage = 0, memoryMax = 0, memoryFailures = 0;
  std::uint64_t memoryLimit = 0;                // 0: none
  std::map<std::string, std::uint64_t> memory;  // memory.stat as it stands
  std::uint64_t oomKills = 0;
  std::uint64_t pids = 0, pidsLimit = 0;  // limit 0: none
  std::vector<BlkioEntry> ioBytes, ioOperations;
  // v1 with CFQ/BFQ accounting; empty elsewhere.
  std::vector<BlkioEntry> ioQueue, ioServiceTime, ioWaitTime, ioMerged, ioTime, ioSectors;
};

class Driver {
 public:
  virtual ~Driver() = default;

  // Makes the cgroup in every hierarchy and writes the limits and device rules. What exists already
  // is used, so that a retry works. Errors name file and value as the user knows them; nothing
  // stays behind after one.
  virtual Group create(const std::string& path, const oci::Resources& resources) = 0;
  // The same descriptors for an exec or a reconnect. Error kNotFound.
  virtual Group open(const std::string& path) = 0;
  // Only what is set in `resources` changes; devices as well, if any are given.
  virtual void update(const std::string& path, const oci::Resources& resources) = 0;

  virtual Stats stats(const std::string& path) = 0;
  // Every process, of child cgroups as well; as this process sees them.
  virtual std::vector<int> processes(const std::string& path) = 0;
  // Returns when all are frozen (at most 2 s, then Error kDeadlineExceeded and thawed again).
  virtual void freeze(const std::string& path) = 0;
  virtual void thaw(const std::string& path) = 0;
  virtual bool frozen(const std::string& path) = 0;
  // SIGKILL to all, atomically where the kernel can (cgroup.kill), thawed afterwards so that they
  // die. Missing is fine.
  virtual void killAll(const std::string& path) = 0;
  virtual std::uint64_t oomKills(const std::string& path) = 0;

  // Removes it with child cgroups, killing nothing; waits up to `patience` for dying processes to
  // leave (the kernel answers EBUSY until then). Missing is fine. Error kConflict: processes are
  // still there.
  virtual void remove(const std::string& path, std::chrono::milliseconds patience) = 0;
  // Removes exactly this directory everywhere if nothing is in it: for a parent that the last
  // container has left. False: something is, and nothing was changed in that hierarchy.
  virtual bool prune(const std::string& path) = 0;
  // Names directly below `path` in any hierarchy: what a sweep compares with the records.
  virtual std::vector<std::string> children(const std::string& path) = 0;

  // For the mount at /sys/fs/cgroup. One entry a hierarchy: where the host has it mounted, how it
  // is mounted anew
  // ("cgroup" with {"cpu", "cpuacct"}, or {"none", "name=systemd"}; "cgroup2"), and the name below
  // /sys/fs/cgroup.
  struct Hierarchy {
    std::string mountPoint;  // "/sys/fs/cgroup/cpu"; on pure v2 "/sys/fs/cgroup"
    std::string name;        // "cpu"; "unified" on hybrid; "" on pure v2
    std::string type;        // "cgroup" or "cgroup2"
    std::vector<std::string> options;
  };
  virtual std::vector<Hierarchy> hierarchies() const = 0;
  virtual sys::CgroupVersion version() const = 0;
};

// The driver for this host (sys::HostFacts::cgroups). Reads the mount table once.
std::unique_ptr<Driver> makeDriver(const sys::HostFacts& host);
// For tests: a v2 tree mounted somewhere else.
std::unique_ptr<Driver> makeV2Driver(const std::string& mountPoint);

// Removes every cgroup below `parent` whose name `keep` does not know: leftovers of a crash. Kills
// what is inside.
void sweep(Driver& driver, const std::string& parent, const std::vector<std::string>& keep);

// -- conversions (pure)
// ----------------------------------------------------------------------------------------------

// Docker's cpu shares (2…262144, default 1024) to cpu.weight (1…10000), as runc converts. 0: unset.
std::uint64_t weightOfShares(std::uint64_t shares);
// memory.swap.max from OCI's memory+swap total: nullopt leaves it unset. -1: "max". Error
// kInvalidArgument when the total is below the memory limit.
std::optional<std::string> swapMax(std::int64_t memory, std::int64_t memoryAndSwap);
// blkio weight (10…1000) to io.weight (1…10000). 0: unset.
std::uint64_t ioWeightOfBlkio(std::uint64_t weight);

}  // namespace cgroup
