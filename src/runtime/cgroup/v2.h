// v2 with the cgroupfs driver; what hybrid hosts use of a v2 tree is here as functions. Included by
// the library only.
#pragma once

#include "runtime/cgroup/files.h"

namespace cgroup {

// -- on any v2 tree, controllers or not
// ------------------------------------------------------------------------------

// Freezes or thaws. Error kDeadlineExceeded (and thawed again) when not all froze within 2 s.
void freezeV2(int dir, bool frozen);
bool frozenV2(int dir);
// cgroup.kill (5.14), by signals where it is missing. Thaws.
void killV2(int dir);

// Controllers that every group on the way from `root` to the parent of `path` hands down; makes the
// groups.
sys::Fd makeV2Group(int root, const std::string& path);
void applyV2(int dir, const oci::Resources& resources);
Stats readV2(int dir);

class V2Driver : public Driver {
 public:
  V2Driver(std::string mountPoint);

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
  sys::Fd existing(const std::string& path) const;  // Error kNotFound

  const std::string mount_point_;
  sys::Fd root_;
};

}  // namespace cgroup
