#include "storage/files/tree.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "platform/base/error.h"
#include "platform/sys/file.h"
#include "platform/sys/open_in_root.h"
#include "storage/files/paths.h"

namespace files {

Tree::Tree(int root, std::function<void(const std::string&)> made)
    : root_(root), made_(std::move(made)) {}

const Tree::Directory& Tree::remember(const std::string& path, sys::Fd fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) < 0) base::failErrno(errno, "stat", "/" + path);
  if (cache_.size() >= kCached) {
    cache_.erase(recent_.back());
    recent_.pop_back();
  }
  recent_.push_front(path);
  auto& cached = cache_[path];
  cached = Cached{{std::move(fd), (status.st_mode & S_ISGID) != 0}, recent_.begin()};
  return cached.directory;
}

const Tree::Directory* Tree::findDirectory(std::string_view path) {
  const std::string key(path);
  if (const auto found = cache_.find(key); found != cache_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second.place);
    return &found->second.directory;
  }
  auto fd = sys::openInRootIfExists(root_, key.empty() ? "." : key, O_PATH | O_DIRECTORY);
  return fd ? &remember(key, std::move(*fd)) : nullptr;
}

const Tree::Directory& Tree::directory(std::string_view path) {
  if (const auto* found = findDirectory(path)) return *found;
  const std::string key(path);
  const auto [above, name] = splitPath(key);
  const int parent = directory(above).fd.get();
  const std::string base(name);
  if (::mkdirat(parent, base.c_str(), 0755) < 0) base::failErrno(errno, "mkdir", "/" + key);
  // The umask may have cut the mode.
  sys::Fd fd = sys::openAt(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (::fchmod(fd.get(), 0755) < 0 || ::fchown(fd.get(), 0, 0) < 0)
    base::failErrno(errno, "chmod", "/" + key);
  made_(key);
  return remember(key, std::move(fd));
}

}  // namespace files
