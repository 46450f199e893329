#include "storage/files/copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "platform/base/error.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "storage/files/paths.h"
#include "storage/files/special.h"
#include "storage/files/walk.h"

namespace files {

namespace {

class Copier {
 public:
  Copier(int root, const base::StopToken& stop) : root_(root), stop_(stop) {}

  void directory(int from, int to, const std::string& path, int depth) {
    checkDepth(depth);
    struct stat status {};
    if (::fstat(from, &status) < 0) base::failErrno(errno, "stat", "/" + path);
    for (const auto& node : readNodes(from)) {
      stop_.throwIfStopped();
      copyNode(from, to, path.empty() ? node.name : path + "/" + node.name, node, depth);
    }
    finishOpen(from, to, status, path);
  }

  CopyRecord record;

 private:
  void copyNode(int from, int to, const std::string& path, const Node& node, int depth) {
    if (S_ISSOCK(node.status.st_mode)) return;  // means nothing without the process behind it
    if (S_ISDIR(node.status.st_mode)) {
      const sys::Fd source = openNode(from, node, O_RDONLY | O_DIRECTORY, true);
      if (!source.valid()) return;
      ++record.entries;
      if (::mkdirat(to, node.name.c_str(), 0700) < 0) base::failErrno(errno, "mkdir", "/" + path);
      const sys::Fd made = sys::openAt(to, node.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      return directory(source.get(), made.get(), path, depth + 1);
    }
    if (node.status.st_nlink > 1 && copyLink(to, path, node)) return;
    ++record.entries;
    if (S_ISREG(node.status.st_mode)) return copyFile(from, to, path, node);
    copySpecial(from, to, path, node);
  }

  // The second name of something that was copied.
  bool copyLink(int to, const std::string& path, const Node& node) {
    const auto [known, first] = links_.try_emplace({node.status.st_dev, node.status.st_ino}, path);
    if (first) return false;
    const auto [above, base] = splitPath(known->second);
    const sys::Fd parent = openMade(above);
    if (::linkat(parent.get(), std::string(base).c_str(), to, node.name.c_str(), 0) < 0) {
      base::failErrno(errno, "link", "/" + path);
    }
    ++record.entries;
    return true;
  }

  // A directory of the copy: by descriptors, a component at a time, so that no link leads elsewhere
  // and no path is too long.
  sys::Fd openMade(std::string_view path) const {
    sys::Fd at = sys::openAt(root_, ".", O_PATH | O_DIRECTORY);
    while (!path.empty()) {
      const size_t end = std::min(path.find('/'), path.size());
      at = sys::openAt(at.get(), std::string(path.substr(0, end)),
                       O_PATH | O_DIRECTORY | O_NOFOLLOW);
      path.remove_prefix(std::min(end + 1, path.size()));
    }
    return at;
  }

  void copyFile(int from, int to, const std::string& path, const Node& node) {
    const sys::Fd source = openNode(from, node, O_RDONLY, true);
    if (!source.valid()) return;
    const sys::Fd made = sys::openAt(to, node.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (::ioctl(made.get(), FICLONE, source.get()) < 0)
      copyContents(source.get(), made.get(), path);
    record.bytes += static_cast<std::uint64_t>(node.status.st_size);
    finishOpen(source.get(), made.get(), node.status, path);
  }

  void copyContents(int from, int to, const std::string& path) {
    for (;;) {
      stop_.throwIfStopped();
      const auto moved =
          sys::retry([&] { return ::copy_file_range(from, nullptr, to, nullptr, 64 << 20, 0); });
      if (moved == 0) return;
      if (moved > 0) continue;
      if (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS)
        base::failErrno(errno, "write", "/" + path);
      break;
    }
    std::string buffer(256 << 10, '\0');
    for (;;) {
      stop_.throwIfStopped();
      const auto got =
          sys::check(sys::retry([&] { return ::read(from, buffer.data(), buffer.size()); }), "read",
                     "/" + path);
      if (got == 0) return;
      sys::writeAll(to, std::string_view(buffer).substr(0, static_cast<size_t>(got)), "/" + path);
    }
  }

  void copySpecial(int from, int to, const std::string& path, const Node& node) {
    const auto& status = node.status;
    const char* name = node.name.c_str();
    if (S_ISLNK(status.st_mode)) {
      const auto text = readLink(from, node.name);
      if (!text) return;
      if (::symlinkat(text->c_str(), to, name) < 0) base::failErrno(errno, "symlink", "/" + path);
    } else if (::mknodat(to, name, status.st_mode & S_IFMT, status.st_rdev) < 0) {
      base::failErrno(errno, "mknod", "/" + path);
    }
    const Special made(to, node.name, status.st_mode & S_IFMT, path);
    made.owner(status.st_uid, status.st_gid);
    if (!S_ISLNK(status.st_mode)) made.mode(status.st_mode & 07777);
    made.times({status.st_atim, status.st_mtim});
  }

  // Owner first: chown(2) clears suid bits and file capabilities.
  static void finishOpen(int from, int to, const struct stat& status, const std::string& path) {
    if (::fchown(to, status.st_uid, status.st_gid) < 0) base::failErrno(errno, "chown", "/" + path);
    if (::fchmod(to, status.st_mode & 07777) < 0) base::failErrno(errno, "chmod", "/" + path);
    for (const auto& [name, value] : readAttributes(from)) {
      if (isOverlayAttribute(name)) continue;  // of the mount that is read through
      if (::fsetxattr(to, name.c_str(), value.data(), value.size(), 0) < 0 && errno != ENOTSUP &&
          errno != EPERM) {
        base::failErrno(errno, "setxattr " + name, "/" + path);
      }
    }
    const struct timespec times[2] = {status.st_atim, status.st_mtim};
    if (::futimens(to, times) < 0) base::failErrno(errno, "utimes", "/" + path);
  }

  const int root_;
  const base::StopToken& stop_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

}  // namespace

CopyRecord copyTree(int from, int to, const base::StopToken& stop) {
  Copier copier(to, stop);
  copier.directory(from, to, "", 0);
  return copier.record;
}

}  // namespace files
