#include "storage/snapshot/overlay_mount.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <thread>

#include "platform/base/error.h"
#include "platform/sys/file.h"
#include "platform/sys/mount.h"

namespace snapshot {

namespace {

constexpr size_t kMaxString = 255;  // of one fsconfig parameter
constexpr size_t kMaxOptions = 4095;

// What is off is said: distributions and boots may have other defaults, and each would change what
// a layer means.
constexpr const char* kOff[] = {"redirect_dir", "metacopy", "index"};

std::string oldOptions(const OverlayPlan& plan) {
  std::string options = "lowerdir=";
  for (size_t i = 0; i < plan.lowers.size(); ++i) options += (i > 0 ? ":" : "") + plan.lowers[i];
  if (!plan.upperFromLayers.empty()) {
    options += ",upperdir=" + plan.upperFromLayers + ",workdir=" + plan.workFromLayers;
  }
  for (const char* name : kOff) options += std::string(",") + name + "=off";
  if (options.size() > kMaxOptions) {
    base::fail(base::Code::kInvalidArgument, "{} layers do not fit the options of mount(2)",
               plan.lowers.size());
  }
  return options;
}

sys::Fd mountInOwnNamespace(const OverlayPlan& plan, const std::string& options) {
  // The working directory first, of this thread alone: the new namespace moves it into its own copy
  // of the mount, and nothing can be mounted on what is another namespace's.
  if (::unshare(CLONE_FS) < 0) base::failErrno(errno, "unshare", "working directory");
  if (::fchdir(plan.layers) < 0) base::failErrno(errno, "chdir", plan.layersPath);
  if (::unshare(CLONE_NEWNS) < 0) base::failErrno(errno, "unshare", "mount namespace");
  // Or the mount would appear on the host, where mounts are shared.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0)
    base::failErrno(errno, "mount", "private /");
  const unsigned long flags = plan.upperFromLayers.empty() ? MS_RDONLY : 0;
  if (::mount("overlay", "../mount", "overlay", flags, options.c_str()) < 0)
    base::failErrno(errno, "mount", "overlay");
  sys::Fd clone(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, "../mount", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!clone.valid()) base::failErrno(errno, "open_tree", "overlay");
  return clone;
}

}  // namespace

bool overlayAppendsLowers() {
  const sys::Fd context(::fsopen("overlay", FSOPEN_CLOEXEC));
  if (!context.valid()) return false;
  // Before 6.5 overlayfs collects whatever it is given, and reads it only when it is mounted.
  if (::fsconfig(context.get(), FSCONFIG_SET_FLAG, "no-such-parameter", nullptr, 0) == 0)
    return false;
  return ::fsconfig(context.get(), FSCONFIG_SET_STRING, "lowerdir+", "/", 0) == 0;
}

sys::Fd mountOverlayNew(const OverlayPlan& plan) {
  // Real paths, which tell an administrator reading mountinfo what lies where; those longer than
  // the kernel takes (a deep data root) are named by descriptor.
  const std::string above = plan.layersPath.substr(0, plan.layersPath.rfind('/'));
  const auto path = [&](const std::string& name) {
    const bool beside = name.starts_with("../");
    const std::string real = beside ? above + name.substr(2) : plan.layersPath + "/" + name;
    return real.size() <= kMaxString ? real : sys::procPath(plan.layers) + "/" + name;
  };
  std::vector<sys::MountOption> options = {{"source", "overlay"}};
  for (const auto& lower : plan.lowers) options.emplace_back("lowerdir+", path(lower));
  if (!plan.upperFromLayers.empty()) {
    options.emplace_back("upperdir", path(plan.upperFromLayers));
    options.emplace_back("workdir", path(plan.workFromLayers));
  }
  for (const char* name : kOff) options.emplace_back(name, "off");
  return sys::makeMount("overlay", options, plan.upperFromLayers.empty() ? MOUNT_ATTR_RDONLY : 0);
}

sys::Fd mountOverlayOld(const OverlayPlan& plan) {
  const std::string options = oldOptions(plan);
  sys::Fd mount;
  std::exception_ptr error;
  std::thread thread([&] {
    try {
      mount = mountInOwnNamespace(plan, options);
    } catch (...) {  // the edge of a thread: rethrown below
      error = std::current_exception();
    }
  });
  thread.join();
  if (error) std::rethrow_exception(error);
  return mount;
}

}  // namespace snapshot
