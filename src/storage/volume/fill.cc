#include "storage/volume/fill.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/stop_token.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "storage/files/copy.h"

namespace volume {
namespace {

// What the directory itself is: owner first, since chown takes bits and attributes away.
void copyAttributes(int from, int to) {
  struct stat status {};
  sys::check(::fstat(from, &status), "stat", "image directory");
  sys::check(::fchown(to, status.st_uid, status.st_gid), "chown", "volume");
  sys::check(::fchmod(to, status.st_mode & 07777), "chmod", "volume");
  std::vector<char> names(64 * 1024);
  const auto length = ::flistxattr(from, names.data(), names.size());
  std::vector<char> value(64 * 1024);
  for (ssize_t at = 0; at < length;) {
    const char* name = names.data() + at;
    at += static_cast<ssize_t>(std::strlen(name)) + 1;
    if (std::string_view(name).starts_with("trusted.overlay."))
      continue;  // of the mount that is read through
    const auto size = ::fgetxattr(from, name, value.data(), value.size());
    if (size < 0) continue;
    if (::fsetxattr(to, name, value.data(), static_cast<size_t>(size), 0) < 0 && errno != ENOTSUP &&
        errno != EPERM) {
      base::failErrno(errno, "setxattr", name);
    }
  }
}

bool isEmpty(int volume, const Staging& staging) {
  for (const std::string& name : sys::listDir(volume)) {
    if (name != staging.copying && name != staging.copied) return false;
  }
  return true;
}

// A name that has come into being meanwhile is the volume's and stays; ours then goes with the
// rest.
void moveEntries(int copied, int volume) {
  for (const std::string& name : sys::listDir(copied)) {
    base::faultPoint("volume.copy-up.move");
    if (::renameat2(copied, name.c_str(), volume, name.c_str(), RENAME_NOREPLACE) == 0 ||
        errno == EEXIST)
      continue;
    // NFS knows no flags here.
    if (errno == EINVAL && !sys::statAtIfExists(volume, name)) {
      sys::check(::renameat(copied, name.c_str(), volume, name.c_str()), "rename", name);
    } else if (errno != EINVAL) {
      base::failErrno(errno, "rename", name);
    }
  }
}

}  // namespace

Staging stagingInside(int volume) {
  return {volume, ".sampan-copying", ".sampan-copied"};
}

bool finishFill(int volume, const Staging& staging) {
  bool found = false;
  if (sys::statAtIfExists(staging.dir, staging.copying)) {
    sys::removeTree(staging.dir, staging.copying);
    found = true;
  }
  const auto copied =
      sys::openAtIfExists(staging.dir, staging.copied, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!copied) return found;
  copyAttributes(copied->get(), volume);
  moveEntries(copied->get(), volume);
  sys::removeTree(staging.dir, staging.copied);
  return true;
}

bool fill(int volume, int image, const Staging& staging) {
  finishFill(volume, staging);
  if (!isEmpty(volume, staging)) return false;
  const sys::Fd source = sys::openAt(image, ".", O_RDONLY | O_DIRECTORY);
  if (sys::listDir(source.get()).empty()) {
    copyAttributes(source.get(), volume);
    return true;
  }
  sys::check(::mkdirat(staging.dir, staging.copying.c_str(), 0700), "mkdir", staging.copying);
  const sys::Fd copy =
      sys::openAt(staging.dir, staging.copying, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const auto record = files::copyTree(source.get(), copy.get(), base::StopToken());
  base::faultPoint("volume.copy-up.copied");
  // The rename below says that all is there; after a power cut it must not be the only thing that
  // is.
  if (record.bytes > 0) sys::check(::syncfs(copy.get()), "syncfs", "volume");
  sys::check(::renameat(staging.dir, staging.copying.c_str(), staging.dir, staging.copied.c_str()),
             "rename", staging.copied);
  finishFill(volume, staging);
  return true;
}

}  // namespace volume
