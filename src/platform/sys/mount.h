// The kernel's mount API by descriptor (fsopen, open_tree, move_mount, mount_setattr) and mount
// table reading.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "platform/sys/fd.h"

namespace sys {

using MountOption = std::pair<std::string, std::optional<std::string>>;  // nullopt: a flag

// A new file system, mounted nowhere. `attributes`: MOUNT_ATTR_*. Error names the option that was
// refused, with the kernel's own message from the context's log.
Fd makeMount(const std::string& type, const std::vector<MountOption>& options,
             unsigned attributes = 0);

// A detached copy of what `fd` (any directory or file) is in; `recursive` takes the mounts below
// along.
Fd cloneMount(int fd, bool recursive);
// MOUNT_ATTR_* bits set and cleared; `recursive` for the whole tree.
void setMountAttributes(int mount, std::uint64_t set, std::uint64_t clear, bool recursive,
                        std::uint64_t propagation = 0);
// Maps the ids of a detached mount through a user namespace (its descriptor). Once a mount.
void idmapMount(int mount, int userns, bool recursive);
// Attaches a detached mount on the directory or file `target` (O_PATH).
void attachMount(int mount, int target);
// umount2(MNT_DETACH) of the mount that `path` names; false when it is none.
bool detachMount(const std::string& path);

struct MountInfo {
  int id = 0;
  int parent = 0;
  std::string device;  // "8:1"
  std::string root;
  std::string mountPoint;
  std::string options;
  std::string propagation;  // "shared:1 master:2", optional fields
  std::string type;
  std::string source;
  std::string superOptions;
};
// /proc/self/mountinfo, unescaped.
std::vector<MountInfo> readMounts();

}  // namespace sys
