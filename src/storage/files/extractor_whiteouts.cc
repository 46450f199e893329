#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"
#include "storage/files/extractor.h"
#include "storage/files/paths.h"

namespace files {

namespace {

constexpr size_t kListed = 10'000;
constexpr size_t kWarnings = 20;

[[noreturn]] void failAt(std::string_view call, const std::string& path) {
  base::failErrno(errno, call, "/" + path);
}

// What depends on the file system or the privileges and is not worth an image.
bool isTolerable(int error) {
  return error == ENOTSUP || error == EPERM || error == EACCES || error == EINVAL;
}

}  // namespace

// True: the entry was a whiteout, or AUFS's own, and is done.
bool Extractor::addWhiteout(const std::string& path) {
  const auto [above, base] = splitPath(path);
  if (!base.starts_with(kWhiteoutPrefix)) {
    return path.starts_with(
        kAufsPrefix);  // .wh..wh.plnk/…: hard links of AUFS, of no use to anybody
  }
  const std::string directory(above);
  if (base == kOpaqueName) {
    makeOpaque(directory);
    return true;
  }
  if (base.starts_with(kAufsPrefix)) return true;
  const std::string name(base.substr(kWhiteoutPrefix.size()));
  if (name.empty() || name == "." || name == "..") {
    base::fail(base::Code::kInvalidArgument, "invalid whiteout {}", base::quote(path));
  }
  whiteOut(directory, name);
  return true;
}

void Extractor::makeOpaque(const std::string& directory) {
  const auto& at = tree_.directory(directory);
  if (options_.whiteouts == Whiteouts::kOverlay) {
    const sys::Fd fd = sys::openAt(at.fd.get(), ".", O_RDONLY | O_DIRECTORY);
    if (::fsetxattr(fd.get(), kOpaqueAttribute, "y", 1, 0) < 0) failAt("setxattr", directory);
    return;
  }
  for (const auto& name : sys::listDir(at.fd.get())) {
    purge(at.fd.get(), name, directory.empty() ? name : directory + "/" + name);
  }
  forget_ = true;
}

// Removes what the parents have at `path`; what this layer made stays.
void Extractor::purge(int parent, const std::string& name, const std::string& path) {
  if (!touched(path)) return sys::removeTree(parent, name);
  if (!S_ISDIR(sys::statAt(parent, name).st_mode)) return;
  const sys::Fd fd = sys::openAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  for (const auto& below : sys::listDir(fd.get())) purge(fd.get(), below, path + "/" + below);
}

void Extractor::whiteOut(const std::string& directory, const std::string& name) {
  const int parent = tree_.directory(directory).fd.get();
  const std::string path = directory.empty() ? name : directory + "/" + name;
  if (options_.whiteouts == Whiteouts::kApply) {
    if (sys::statAtIfExists(parent, name)) purge(parent, name, path);
    forget_ = true;
    return;
  }
  note(record.whiteouts, path);
  if (::mknodat(parent, name.c_str(), S_IFCHR, 0) == 0) return;
  if (errno != EEXIST) failAt("mknod", path);
  // The layer has something of its own there, which a whiteout does not touch; but the files of a
  // lower directory must not shine through it.
  if (!S_ISDIR(sys::statAt(parent, name).st_mode)) return;
  const sys::Fd fd = sys::openAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (::fsetxattr(fd.get(), kOpaqueAttribute, "y", 1, 0) < 0) failAt("setxattr", path);
}

void Extractor::setAttributes(int fd, const Place& at, const std::string& path,
                              const archive::TarEntry& entry) {
  for (const auto& [name, value] : entry.xattrs) {
    if (isOverlayAttribute(name)) {
      warn(fmt::format("/{}: attribute {} left out", path, name));
    } else if (name == "system.posix_acl_default") {
      lateAttributes_.push_back(
          {path, name, value});  // now, it would shape the modes of all that is made below
    } else {
      setAttribute(fd, at, path, name, value);
    }
  }
}

void Extractor::setAttribute(int fd, const Place& at, const std::string& path,
                             const std::string& name, const std::string& value) {
  const int done = fd >= 0 ? ::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0)
                           : ::lsetxattr((sys::procPath(at.parent) + "/" + at.base).c_str(),
                                         name.c_str(), value.data(), value.size(), 0);
  if (done == 0) return;
  if (!isTolerable(errno)) failAt("setxattr " + name, path);
  warn(fmt::format("/{}: attribute {}: {}", path, name, base::errnoText(errno)));
}

void Extractor::finish() {
  if (std::exchange(forget_, false)) tree_.forget();
  for (const auto& late : lateAttributes_) {
    const auto* directory = tree_.findDirectory(late.path);
    if (directory == nullptr) continue;  // replaced by something that is no directory
    const sys::Fd fd = sys::openAt(directory->fd.get(), ".", O_RDONLY | O_DIRECTORY);
    setAttribute(fd.get(), {}, late.path, late.name, late.value);
  }
  for (const auto& late : directories_) {
    const auto [above, base] = splitPath(late.path);
    const auto* parent = tree_.findDirectory(above);
    const std::string name = base.empty() ? "." : std::string(base);
    const int done = parent == nullptr ? 0
                                       : ::utimensat(parent->fd.get(), name.c_str(), late.times,
                                                     AT_SYMLINK_NOFOLLOW);
    if (done < 0 && errno != ENOENT) failAt("utimes", late.path);
  }
  record.impliedDirectories.assign(implied_.begin(), implied_.end());
  if (record.impliedDirectories.size() > kListed) record.impliedDirectories.resize(kListed);
  if (options_.whiteouts == Whiteouts::kOverlay && (impliedMore_ || !implied_.empty()))
    record.leavesToParents = true;
  std::sort(record.hardLinksBelow.begin(), record.hardLinksBelow.end());
  std::sort(record.whiteouts.begin(), record.whiteouts.end());
}

void Extractor::warn(std::string text) {
  if (record.warnings.size() < kWarnings) record.warnings.push_back(std::move(text));
}

void Extractor::note(std::vector<std::string>& list, const std::string& path) {
  if (list.size() < kListed) list.push_back(path);
}

}  // namespace files
