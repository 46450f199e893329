#include "runtime/launch/plan.h"

#include <cstring>
#include <initializer_list>

namespace launch {
namespace {

// Checks references before anything follows them. One `bad_` for all: a plan is either sound or
// refused.
class Checker {
 public:
  Checker(const char* base, std::size_t size, std::size_t first, std::uint32_t fds) noexcept
      : base_(base), size_(size), first_(first), fds_(fds) {}

  bool good() const noexcept { return !bad_; }

  void text(Text text) noexcept {
    if (text.offset == 0) {
      bad_ |= text.size != 0;
      return;
    }
    if (text.offset < first_ || text.offset >= size_ || text.size >= size_ - text.offset) {
      bad_ = true;
      return;
    }
    const char* at = base_ + text.offset;
    bad_ |= at[text.size] != 0 || std::memchr(at, 0, text.size) != nullptr;
  }

  void blob(Blob blob) noexcept { range(blob.offset, blob.size, 1, 8); }

  void fd(FdRef fd) noexcept { bad_ |= fd > fds_; }

  template <class T, class Each>
  void list(List<T> list, Each&& each) noexcept {
    if (!range(list.offset, list.count, sizeof(T), alignof(T))) return;
    const T* at = reinterpret_cast<const T*>(base_ + list.offset);
    for (std::uint32_t i = 0; i < list.count && !bad_; ++i) each(at[i]);
  }

  void require(bool condition) noexcept { bad_ |= !condition; }

 private:
  bool range(std::uint64_t offset, std::uint64_t count, std::uint64_t each,
             std::uint64_t alignment) noexcept {
    if (count == 0) return true;
    if (offset < first_ || offset % alignment != 0 || offset > size_ ||
        count * each > size_ - offset) {
      bad_ = true;
      return false;
    }
    return true;
  }

  const char* base_;
  std::size_t size_;
  std::size_t first_;  // where the writer's root ends
  std::uint32_t fds_;
  bool bad_ = false;
};

void checkFileSystem(Checker& check, const PlanRoot& root) noexcept {
  const auto text = [&](Text value) { check.text(value); };
  check.list(root.mounts, [&](const Mount& mount) {
    check.require(mount.kind >= MountKind::kFilesystem && mount.kind <= MountKind::kSymlink);
    check.require(mount.kind != MountKind::kAttach || mount.fd != 0);
    check.require(mount.kind != MountKind::kFilesystem || mount.type.offset != 0);
    check.require(mount.target.size != 0);
    text(mount.target);
    text(mount.type);
    text(mount.source);
    check.fd(mount.fd);
    check.list(mount.options, [&](const MountOption& option) {
      text(option.key);
      text(option.value);
    });
  });
  check.list(root.devices, [&](const Device& device) {
    text(device.path);
    check.require(device.path.size != 0);
    check.fd(device.fd);
  });
  check.list(root.symlinks, [&](const Symlink& link) {
    text(link.target);
    text(link.path);
    check.require(link.target.size != 0 && link.path.size != 0);
  });
  check.list(root.maskedPaths, text);
  check.list(root.readonlyPaths, text);
  check.list(root.sysctls, [&](const Sysctl& sysctl) {
    text(sysctl.path);
    text(sysctl.value);
    check.require(sysctl.path.size != 0);
  });
}

void checkProcess(Checker& check, const PlanRoot& root) noexcept {
  const auto text = [&](Text value) { check.text(value); };
  check.list(root.argv, text);
  check.list(root.env, text);
  check.list(root.groups, text);
  check.list(root.gids, [](std::uint32_t) {});
  check.list(root.rlimits, [](const Rlimit&) {});
  check.list(root.keep, [&](const KeptFd& kept) {
    check.fd(kept.fd);
    check.require(kept.fd != 0 && kept.number >= 3 && kept.number < 3 + kMaxPlanFds);
  });
  for (const Text value :
       {root.cwd, root.user, root.apparmorProfile, root.selinuxLabel, root.keyring})
    text(value);
  for (const FdRef fd : root.stdio) check.fd(fd);
  check.fd(root.hold);
  check.blob(root.seccomp);
  check.require(root.seccomp.size % 8 == 0 && root.seccomp.size / 8 <= 0xffff);
  check.require(root.argv.count != 0);
  // The kernel takes 2^31-1 as the largest id that nothing interprets as "none" or as negative
  // (CVE-2024-40635).
  check.require(root.uid <= 0x7fffffff && root.gid <= 0x7fffffff);
  check.require(root.gids.count <= 65536);
  check.list(root.faults, [&](const Fault& fault) { text(fault.point); });
}

void checkNamespaces(Checker& check, const PlanRoot& root) noexcept {
  check.list(root.joins, [&](const NamespaceJoin& join) {
    check.fd(join.fd);
    check.require(join.fd != 0 && join.type != 0);
  });
  check.fd(root.target);
  check.fd(root.cgroup);
  check.fd(root.rootfs);
  check.list(root.cgroupWrites, [&](const FileWrite& write) {
    check.fd(write.directory);
    check.text(write.file);
    check.text(write.value);
    check.require(write.directory != 0 && write.file.size != 0);
  });
  for (const Text value : {root.uidMap, root.gidMap, root.hostname, root.domainname})
    check.text(value);
  check.require((root.target != 0) != (root.rootfs != 0) ||
                (root.target == 0 && root.mounts.count == 0));
}

}  // namespace

const char* openPlan(const void* bytes, std::size_t size, Plan& plan) noexcept {
  constexpr std::size_t kHead = offsetof(PlanRoot, flags);
  if (size < kHead || reinterpret_cast<std::uintptr_t>(bytes) % 8 != 0)
    return "the plan is too short";
  const auto* base = static_cast<const char*>(bytes);
  PlanRoot root{};
  std::memcpy(&root, base, kHead);
  if (root.magic != kPlanMagic) return "this is no plan";
  if (root.size != size || size > kMaxPlanBytes) return "the plan has another size than it says";
  if (root.version != kPlanVersion) return "the plan is of another version";
  if (root.rootSize < kHead || root.rootSize > size) return "the plan's root does not fit into it";
  if (root.fdCount > kMaxPlanFds) return "the plan has too many descriptors";
  const std::size_t known = root.rootSize < sizeof root ? root.rootSize : sizeof root;
  std::memcpy(&root, base, known);
  for (std::size_t i = known; i < root.rootSize; ++i) {
    if (base[i] != 0) return "the plan asks for something this version does not know";
  }
  Checker check(base, size, root.rootSize, root.fdCount);
  checkNamespaces(check, root);
  checkFileSystem(check, root);
  checkProcess(check, root);
  if (!check.good()) return "the plan is damaged";
  plan.base_ = base;
  plan.root_ = root;
  return nullptr;
}

}  // namespace launch
