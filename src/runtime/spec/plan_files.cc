#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"
#include "platform/sys/mount.h"
#include "runtime/spec/mount_options.h"
#include "runtime/spec/plan_parts.h"
#include "runtime/spec/validate.h"

namespace spec {
namespace {

using base::Code;
using base::fail;

constexpr std::uint32_t kRecursivePrivate = (1u << 18) | 16384;  // MS_PRIVATE | MS_REC

class Files {
 public:
  Files(PlanWriter& writer, const oci::Spec& spec, ContainerInputs& inputs)
      : writer_(writer), spec_(spec), inputs_(inputs) {}

  void fill() {
    const auto& linuxPart = *spec_.linux;
    const auto* cgroups = findNamespace(linuxPart, "cgroup");
    for (const auto& mount : spec_.mounts) {
      if (mount.type == "cgroup" || mount.type == "cgroup2") {
        addCgroupMounts(writer_, mount, inputs_, cgroups && cgroups->path.empty(), mounts_);
      } else {
        addMount(mount);
      }
    }
    if (!devIsBind()) furnishDev();
    for (const auto& device : linuxPart.devices) addDevice(device);
    writer_.root.mounts = writer_.list(mounts_);
    writer_.root.devices = writer_.list(devices_);
    writer_.root.symlinks = writer_.list(symlinks_);
    writer_.root.maskedPaths = writer_.texts(linuxPart.maskedPaths);
    writer_.root.readonlyPaths = writer_.texts(linuxPart.readonlyPaths);
  }

 private:
  void addMount(const oci::Mount& source) {
    const auto options = parseMountOptions(source.options);
    launch::Mount mount{};
    mount.target = writer_.text(cleanPath(source.destination));
    mount.source = writer_.optionalText(source.source);
    mount.attributesSet = options.set;
    mount.treeSet = options.treeSet;
    mount.treeClear = options.treeClear;
    mount.propagation = options.propagation;
    if (options.bind || source.type == "bind") {
      fillBind(source, options, mount);
    } else if (options.remount) {
      mount.kind = launch::MountKind::kChange;
      mount.attributesClear = options.clear;
    } else {
      fillFileSystem(source, options, mount);
    }
    mounts_.push_back(mount);
  }

  void fillBind(const oci::Mount& source, const MountOptions& options, launch::Mount& mount) {
    mount.kind = launch::MountKind::kAttach;
    mount.fd = writer_.fd(openSource(source, options.recursive));
    // A clone is a peer of what it was made from: unless asked for, nothing is exchanged with the
    // host.
    if (mount.propagation == 0) mount.propagation = kRecursivePrivate;
    // An access time mode can only be set in place of the one that the source has.
    if (options.clear & MOUNT_ATTR__ATIME) mount.attributesClear = MOUNT_ATTR__ATIME;
  }

  void fillFileSystem(const oci::Mount& source, const MountOptions& options, launch::Mount& mount) {
    if (source.type.empty())
      fail(Code::kInvalidArgument, "mount {} has no type", base::quote(source.destination));
    mount.kind = launch::MountKind::kFilesystem;
    mount.type = writer_.text(source.type);
    mount.flags |= options.copyUp ? launch::kMountCopyUp : 0;
    if (source.type == "proc" || source.type == "sysfs")
      mount.flags |= launch::kMountPlainDirectory;
    if (source.type == "mqueue") mount.flags |= launch::kMountOptional;
    std::vector<launch::MountOption> data;
    for (const auto& [key, value] : options.data) {
      data.push_back({writer_.text(key), value ? writer_.text(*value) : launch::Text{}});
    }
    mount.options = writer_.list(data);
  }

  sys::Fd openSource(const oci::Mount& source, bool recursive) {
    for (auto& given : inputs_.mounts) {
      if (cleanPath(given.destination) != cleanPath(source.destination)) continue;
      return cloneOrTake(std::move(given.source), recursive);
    }
    std::string path = source.source;
    if (path.empty())
      fail(Code::kInvalidArgument, "bind mount {} has no source", base::quote(source.destination));
    if (path[0] != '/') path = inputs_.bundle + "/" + path;
    const auto fd = base::within("error mounting " + base::quote(source.source) + " to rootfs at " +
                                     base::quote(source.destination),
                                 [&] { return sys::openAt(AT_FDCWD, path, O_PATH); });
    return sys::cloneMount(fd.get(), recursive);
  }

  // A detached mount cannot be cloned by kernels before 6.15, and need not be.
  static sys::Fd cloneOrTake(sys::Fd source, bool recursive) {
    try {
      return sys::cloneMount(source.get(), recursive);
    } catch (const base::Error& error) {
      if (error.sysErrno() != EINVAL) throw;
      return source;
    }
  }

  bool devIsBind() const {
    return std::any_of(spec_.mounts.begin(), spec_.mounts.end(), [](const oci::Mount& mount) {
      return cleanPath(mount.destination) == "/dev" &&
             (mount.type == "bind" || parseMountOptions(mount.options).bind);
    });
  }

  void furnishDev() {
    static const std::pair<const char*, std::pair<int, int>> kDevices[] = {
        {"/dev/null", {1, 3}}, {"/dev/random", {1, 8}}, {"/dev/full", {1, 7}},
        {"/dev/tty", {5, 0}},  {"/dev/zero", {1, 5}},   {"/dev/urandom", {1, 9}}};
    for (const auto& [path, number] : kDevices) {
      oci::Device device;
      device.path = path;
      device.type = "c";
      device.major = number.first;
      device.minor = number.second;
      device.fileMode = 0666;
      if (!hasDevice(path)) addDevice(device);
    }
    static const std::pair<const char*, const char*> kLinks[] = {
        {"/proc/self/fd", "/dev/fd"},       {"/proc/self/fd/0", "/dev/stdin"},
        {"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"},
        {"/proc/kcore", "/dev/core"},       {"pts/ptmx", "/dev/ptmx"}};
    for (const auto& [target, path] : kLinks)
      symlinks_.push_back({writer_.text(target), writer_.text(path)});
  }

  bool hasDevice(const std::string& path) const {
    const auto& given = spec_.linux->devices;
    return std::any_of(given.begin(), given.end(),
                       [&](const auto& device) { return cleanPath(device.path) == path; });
  }

  void addDevice(const oci::Device& device) {
    launch::Device result{};
    const std::string path = cleanPath(device.path);
    if (path == "/")
      fail(Code::kInvalidArgument, "device path {} is not valid", base::quote(device.path));
    result.path = writer_.text(path);
    mode_t kind = 0;
    if (device.type == "c" || device.type == "u") kind = S_IFCHR;
    if (device.type == "b") kind = S_IFBLK;
    if (device.type == "p") kind = S_IFIFO;
    if (kind == 0)
      fail(Code::kInvalidArgument, "device {}: type {} is not valid", path,
           base::quote(device.type));
    result.mode = kind | (device.fileMode.value_or(0666) & 07777);
    result.major = static_cast<std::uint32_t>(device.major);
    result.minor = static_cast<std::uint32_t>(device.minor);
    result.uid = device.uid.value_or(0);
    result.gid = device.gid.value_or(0);
    if (findNamespace(*spec_.linux, "user") && kind != S_IFIFO)
      result.fd = writer_.fd(hostDevice(path, device));
    devices_.push_back(result);
  }

  // mknod is refused in a user namespace: the host's own node, if it is that device, is bound
  // instead.
  static sys::Fd hostDevice(const std::string& path, const oci::Device& device) {
    auto fd = sys::openAtIfExists(AT_FDCWD, path, O_PATH | O_NOFOLLOW);
    struct stat info {};
    if (!fd || ::fstat(fd->get(), &info) < 0 ||
        (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode)) ||
        info.st_rdev !=
            makedev(static_cast<unsigned>(device.major), static_cast<unsigned>(device.minor))) {
      return {};
    }
    return sys::cloneMount(fd->get(), false);
  }

  PlanWriter& writer_;
  const oci::Spec& spec_;
  ContainerInputs& inputs_;
  std::vector<launch::Mount> mounts_;
  std::vector<launch::Device> devices_;
  std::vector<launch::Symlink> symlinks_;
};

}  // namespace

void fillFileSystem(PlanWriter& writer, const oci::Spec& spec, ContainerInputs& inputs) {
  Files(writer, spec, inputs).fill();
}

void addCgroupMounts(PlanWriter& writer, const oci::Mount& mount, const ContainerInputs& inputs,
                     bool ownNamespace, std::vector<launch::Mount>& mounts) {
  if (!inputs.driver) fail(Code::kInvalidArgument, "a mount of type cgroup needs a cgroup");
  const auto options = parseMountOptions(mount.options);
  const std::string target = cleanPath(mount.destination);
  const auto add = [&](const std::string& type, const std::string& path,
                       const std::vector<std::string>& data) {
    launch::Mount result{};
    result.kind = launch::MountKind::kFilesystem;
    result.type = writer.text(type);
    result.target = writer.text(path);
    result.attributesSet = options.set;
    std::vector<launch::MountOption> list;
    for (const auto& word : data) {
      const auto [key, value] = base::cut(word, '=');
      list.push_back({writer.text(key), value ? writer.text(*value) : launch::Text{}});
    }
    result.options = writer.list(list);
    mounts.push_back(result);
  };
  const auto hierarchies = inputs.driver->hierarchies();
  if (hierarchies.size() == 1 && hierarchies[0].name.empty()) return add("cgroup2", target, {});

  // v1: a directory of hierarchies, writable until they are all in it.
  add("tmpfs", target, {"mode=755"});
  mounts.back().attributesSet &= ~static_cast<std::uint64_t>(MOUNT_ATTR_RDONLY);
  for (const auto& hierarchy : hierarchies) {
    const std::string path = target + "/" + hierarchy.name;
    if (ownNamespace) {
      add(hierarchy.type, path, hierarchy.options);
    } else {
      // The container sees its own cgroup, not its neighbours'.
      const auto own = sys::openAt(AT_FDCWD, hierarchy.mountPoint + "/" + inputs.cgroupPath,
                                   O_PATH | O_DIRECTORY);
      launch::Mount bind{};
      bind.kind = launch::MountKind::kAttach;
      bind.target = writer.text(path);
      bind.source = writer.text("cgroup");
      bind.fd = writer.fd(sys::cloneMount(own.get(), false));
      bind.attributesSet = options.set;
      bind.propagation = kRecursivePrivate;
      mounts.push_back(bind);
    }
    if (hierarchy.name.find(',') == std::string::npos) continue;
    for (const auto& controller : base::split(hierarchy.name, ',')) {
      launch::Mount link{};
      link.kind = launch::MountKind::kSymlink;
      link.source = writer.text(hierarchy.name);
      link.target = writer.text(target + "/" + controller);
      mounts.push_back(link);
    }
  }
  if ((options.set & MOUNT_ATTR_RDONLY) == 0) return;
  launch::Mount seal{};
  seal.kind = launch::MountKind::kChange;
  seal.target = writer.text(target);
  seal.attributesSet = MOUNT_ATTR_RDONLY;
  mounts.push_back(seal);
}

}  // namespace spec
