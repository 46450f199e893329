#include "storage/files/mount_points.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "platform/base/error.h"
#include "platform/sys/file.h"
#include "platform/sys/open_in_root.h"

namespace files {
namespace {

constexpr std::array<std::string_view, 4> kDirectories{"dev", "etc", "proc", "sys"};
constexpr std::array<const char*, 3> kEtcFiles{"hosts", "hostname", "resolv.conf"};
constexpr const char* kMark = ".dockerenv";
constexpr const char* kMountTable = "mtab";

// False: something is there already.
bool made(int result, const char* what) {
  if (result == 0) return true;
  if (errno != EEXIST) base::failErrno(errno, "create", what);
  return false;
}

}  // namespace

void makeMountPoints(int root) {
  made(::mknodat(root, kMark, S_IFREG | 0755, 0), kMark);
  auto etc = sys::openInRootIfExists(root, "etc", O_PATH);
  if (!etc) etc = sys::makeDirsInRoot(root, "etc", 0755);
  struct stat before {};
  if (::fstat(etc->get(), &before) < 0) base::failErrno(errno, "stat", "etc");
  if (!S_ISDIR(before.st_mode)) return;  // the mounts will say so in the words users know
  bool changed = made(::symlinkat("/proc/mounts", etc->get(), kMountTable), kMountTable);
  for (const char* name : kEtcFiles)
    changed |= made(::mknodat(etc->get(), name, S_IFREG | 0644, 0), name);
  if (!changed) return;
  const std::array<struct timespec, 2> times{before.st_atim, before.st_mtim};
  const sys::Fd directory = sys::openAt(etc->get(), ".", O_RDONLY | O_DIRECTORY);
  if (::futimens(directory.get(), times.data()) < 0) base::failErrno(errno, "set times of", "etc");
}

bool isMountPoint(const std::string& path, const struct stat& status) {
  if (S_ISDIR(status.st_mode))
    return std::find(kDirectories.begin(), kDirectories.end(), path) != kDirectories.end();
  constexpr std::string_view kEtc = "etc/";
  const bool inEtc = path.starts_with(kEtc);
  const std::string_view name = std::string_view(path).substr(inEtc ? kEtc.size() : 0);
  if (S_ISLNK(status.st_mode)) return inEtc && name == kMountTable;
  if (!S_ISREG(status.st_mode) || status.st_size != 0) return false;
  return inEtc ? std::find(kEtcFiles.begin(), kEtcFiles.end(), name) != kEtcFiles.end()
               : name == kMark;
}

}  // namespace files
