// v1, alone or with a v2 tree beside it (hybrid). Included by the cgroup library only.
#pragma once

#include "runtime/cgroup/files.h"

namespace cgroup {

struct V1Hierarchy {
  std::string mountPoint;
  std::string name;                      // below /sys/fs/cgroup: "cpu,cpuacct", "systemd"
  std::vector<std::string> options;      // to mount it again
  std::vector<std::string> controllers;  // empty for a named one
  sys::Fd root;

  bool has(const std::string& controller) const;
};

// -- limits and counters (v1_limits.cc, v1_stats.cc)
// -----------------------------------------------------------------

// Writes what `resources` sets and `controller` is for; `fresh`: a new group, whose devices start
// from nothing.
void applyV1(const std::string& controller, int dir, const oci::Resources& resources, bool fresh);
void readV1(const std::string& controller, int dir, Stats& stats);

class V1Driver : public Driver {
 public:
  V1Driver(std::vector<V1Hierarchy> hierarchies, std::string unifiedMountPoint);

  Group create(const std::string& path, const oci::Resources& resources) override;
  Group open(const std::string& path) override;
  void update(const std::string& path, const oci::Resources& resources) override;
  Stats stats(const std::string& path) override;
  std::vector<int> processes(const std::string& path) override;
  void freeze(const std::string& path) override;
  void thaw(const std::string& path) override;
  bool frozen(const std::string& path) override;
  void killAll(const std::string& path) override;
  std::uint64_t oomKills(const std::string& path) override;
  void remove(const std::string& path, std::chrono::milliseconds patience) override;
  bool prune(const std::string& path) override;
  std::vector<std::string> children(const std::string& path) override;
  std::vector<Hierarchy> hierarchies() const override;
  sys::CgroupVersion version() const override;

 private:
  template <class Each>
  void eachRoot(Each&& each) const;
  // Of the hierarchy with this controller, or an invalid one.
  sys::Fd dirOf(const std::string& controller, const std::string& path) const;
  void apply(const std::string& path, const oci::Resources& resources, bool fresh);
  void setFreezer(const std::string& path, bool frozen);
  void killOld(const std::string& path);

  const std::vector<V1Hierarchy> all_;
  const std::string unified_mount_point_;
  sys::Fd unified_;  // invalid: no v2 tree
};

}  // namespace cgroup
