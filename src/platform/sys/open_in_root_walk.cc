#include "platform/sys/open_in_root_walk.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "platform/sys/check.h"

namespace sys {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel's MAXSYMLINKS
constexpr int kPathFlags = O_PATH | O_NOFOLLOW | O_CLOEXEC;

mode_t typeOf(int fd) {
  struct stat status {};
  check(::fstat(fd, &status), "stat", "path component");
  return status.st_mode & S_IFMT;
}

// Links of procfs whose text is no path (exe, cwd, fd/3, ns/net): the kernel jumps, it does not
// read them. Plain ones (self, mounts, net) are relative and made of these characters only.
bool isMagic(int link, std::string_view target) {
  struct statfs system {};
  if (::fstatfs(link, &system) != 0 || system.f_type != PROC_SUPER_MAGIC) return false;
  return target.starts_with('/') || !std::all_of(target.begin(), target.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '/' || c == '-' ||
                  c == '_' || c == '.';
         });
}

}  // namespace

void RootWalk::fail(int error) const {
  base::failErrno(error, "open", path_);
}

// The components of `path` come before what is pending. A trailing slash counts as "/.": it must be
// a directory.
void RootWalk::push(std::string_view path) {
  std::vector<std::string> components;
  if (path.starts_with('/')) stack_.clear();
  while (!path.empty()) {
    const auto slash = path.find('/');
    const auto component = path.substr(0, slash);
    if (!component.empty()) components.emplace_back(component);
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
    if (path.empty() && !components.empty()) components.emplace_back(".");
  }
  pending_.insert(pending_.begin(), components.begin(), components.end());
}

// True when the descriptor is a symbolic link: its text is pending now.
bool RootWalk::expandLink(int link) {
  if (typeOf(link) != S_IFLNK) return false;
  if (++links_ > kMaxLinks) fail(ELOOP);
  std::array<char, PATH_MAX> target;
  const auto n = ::readlinkat(link, "", target.data(), target.size());
  if (n < 0) fail(errno);
  if (static_cast<size_t>(n) >= target.size()) fail(ENAMETOOLONG);
  const std::string_view text(target.data(), static_cast<size_t>(n));
  if (text.empty()) fail(ENOENT);
  if (isMagic(link, text)) fail(ELOOP);
  push(text);
  return true;
}

Fd RootWalk::makeDirectory(const std::string& name) {
  const bool made = ::mkdirat(directory(), name.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) base::failErrno(errno, "mkdir", path_);
  if (!made) {
    const int fd = ::openat(directory(), name.c_str(), kPathFlags);
    if (fd < 0) fail(errno);
    return Fd(fd);
  }
  const Fd fresh(
      ::openat(directory(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fresh.valid()) fail(errno);
  if (maker_->uid != 0 || maker_->gid != 0)
    check(::fchown(fresh.get(), maker_->uid, maker_->gid), "chown", path_);
  check(::fchmod(fresh.get(), maker_->mode), "chmod",
        path_);  // said outright: the umask has no word in it
  return Fd(check(::openat(fresh.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC), "open", path_));
}

void RootWalk::step(const std::string& name) {
  if (name == ".") return;
  if (name == "..") {
    if (!stack_.empty()) stack_.pop_back();
    return;
  }
  Fd next(::openat(directory(), name.c_str(), kPathFlags));
  if (!next.valid()) {
    if (errno != ENOENT || maker_ == nullptr) fail(errno);
    next = makeDirectory(name);
  }
  if (expandLink(next.get())) return;
  if (typeOf(next.get()) != S_IFDIR) fail(ENOTDIR);
  stack_.push_back({std::move(next), name});
}

void RootWalk::enter(const std::string& path) {
  path_ = path;
  push(path);
  while (!pending_.empty()) {
    const std::string name = std::move(pending_.front());
    pending_.pop_front();
    step(name);
  }
}

Fd RootWalk::open(const std::string& path, int flags, mode_t mode) {
  path_ = path;
  push(path);
  if (pending_.empty()) pending_.emplace_back(".");
  const bool follow =
      (flags & O_NOFOLLOW) == 0 && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
  for (;;) {
    while (pending_.size() > 1) {
      const std::string name = std::move(pending_.front());
      pending_.pop_front();
      step(name);
    }
    std::string last = std::move(pending_.front());
    pending_.clear();
    if (last == "." || last == "..") {
      step(last);
      last = ".";
    } else if (follow) {
      const Fd peek(::openat(directory(), last.c_str(), kPathFlags));
      if (!peek.valid() && errno != ENOENT) fail(errno);
      if (peek.valid() && expandLink(peek.get())) {
        if (pending_.empty()) pending_.emplace_back(".");
        continue;
      }
    }
    // NOFOLLOW also where links are followed: what was no link a moment ago must not be one now.
    const int fd = retry(
        [&] { return ::openat(directory(), last.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, mode); });
    if (fd < 0) fail(errno);
    Fd opened(fd);
    // O_PATH|O_NOFOLLOW opens the link itself instead of failing.
    if (follow && (flags & O_PATH) != 0 && typeOf(opened.get()) == S_IFLNK) fail(ELOOP);
    return opened;
  }
}

Fd openInRootByWalk(int root, const std::string& path, int flags, mode_t mode) {
  return RootWalk(root, nullptr).open(path, flags, mode);
}

}  // namespace sys
