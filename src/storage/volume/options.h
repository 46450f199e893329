// Options of the local driver: type, device and o as mount(8) takes them, and size.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "platform/sys/fd.h"
#include "platform/sys/mount.h"

namespace volume {

using Options = std::map<std::string, std::string>;

// Error kInvalidArgument in Docker's words.
void validateName(const std::string& name);
void validateOptions(const Options& options);

// What "o" means to the kernel.
struct MountPlan {
  bool needed = false;  // false: a plain directory
  std::string type;
  std::string device;
  bool bind = false;
  bool recursive = false;
  std::uint64_t attributes = 0;   // MOUNT_ATTR_*
  std::uint64_t cleared = 0;      // MOUNT_ATTR_* that were named in the negative
  std::uint64_t propagation = 0;  // MS_PRIVATE and its like
  unsigned long flags = 0;        // MS_*, for messages
  std::vector<sys::MountOption> super;
  std::string data;  // what is no flag, for messages
};

// Pure: host names in it are still names.
MountPlan planMount(const Options& options);

// The mount, attached nowhere. `target` is only named in the error, which reads as Docker's.
// Resolves host names of nfs and cifs, and may hang as long as their servers do.
sys::Fd makeVolumeMount(const MountPlan& plan, const std::string& target);

}  // namespace volume
