// The only way into a tree that a guest can change: every walk is the kernel's own, confined below
// a directory descriptor by openat2(2), with a walk of our own, component by component, where
// seccomp or the kernel lacks it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "platform/sys/fd.h"

namespace sys {

// Opens `path` as a process would whose root directory is `root`: absolute symbolic links and ".."
// stay inside. Magic links (/proc/self/exe) are refused. An empty path is the root itself. `flags`
// gets O_CLOEXEC. Error kInternal with errno (ELOOP, EXDEV, ENOENT…).
Fd openInRoot(int root, const std::string& path, int flags, mode_t mode = 0);
// nullopt for ENOENT and ENOTDIR.
std::optional<Fd> openInRootIfExists(int root, const std::string& path, int flags);

// mkdir -p inside the root: each missing component is made in the directory that was really opened,
// so that a symbolic link swapped in between never leads outside. Returns the last directory,
// O_PATH.
Fd makeDirsInRoot(int root, const std::string& path, mode_t mode, uid_t uid = 0, gid_t gid = 0);

// The parent directory (O_PATH) and last component of `path`, which need not exist and is not
// followed; "." when the path names the root itself. A path that ends in "." or ".." names the
// directory that it leads to.
struct Located {
  Fd parent;
  std::string name;
};
Located locateInRoot(int root, const std::string& path);

}  // namespace sys
