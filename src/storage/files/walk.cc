#include "storage/files/walk.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "platform/base/error.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "storage/files/paths.h"

namespace files {

void checkDepth(int depth) {
  if (depth > kMaxDepth)
    base::fail(base::Code::kInvalidArgument, "directories are nested deeper than {}", kMaxDepth);
}

std::vector<Node> readNodes(int directory) {
  std::vector<Node> nodes;
  for (auto& name : sys::listDir(directory)) {
    Node node{std::move(name), {}};
    if (::fstatat(directory, node.name.c_str(), &node.status, AT_SYMLINK_NOFOLLOW) == 0) {
      nodes.push_back(std::move(node));
    } else if (errno != ENOENT) {
      base::failErrno(errno, "stat", node.name);
    }
  }
  std::sort(nodes.begin(), nodes.end(),
            [](const Node& a, const Node& b) { return a.name < b.name; });
  return nodes;
}

sys::Fd openNode(int directory, const Node& node, int flags, bool sameMount) {
  // O_NONBLOCK: a fifo that took the place of a file must not hold us.
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  how.resolve = RESOLVE_NO_SYMLINKS | (sameMount ? RESOLVE_NO_XDEV : 0);
  sys::Fd fd(static_cast<int>(sys::retry(
      [&] { return ::syscall(SYS_openat2, directory, node.name.c_str(), &how, sizeof how); })));
  if (!fd.valid()) {
    if (errno == ENOENT || errno == ELOOP || errno == ENOTDIR || errno == EXDEV || errno == ENXIO)
      return {};
    base::failErrno(errno, "open", node.name);
  }
  struct stat now {};
  if (::fstat(fd.get(), &now) < 0) base::failErrno(errno, "stat", node.name);
  if (now.st_ino != node.status.st_ino || (now.st_mode & S_IFMT) != (node.status.st_mode & S_IFMT))
    return {};
  return fd;
}

bool isWhiteout(const struct stat& status) {
  return S_ISCHR(status.st_mode) && status.st_rdev == 0;
}

bool isOpaque(int directory) {
  char value = 0;
  return ::fgetxattr(directory, kOpaqueAttribute, &value, 1) == 1 && value == 'y';
}

std::optional<std::string> readLink(int directory, const std::string& name) {
  std::string text(4096, '\0');
  const auto size = ::readlinkat(directory, name.c_str(), text.data(), text.size());
  if (size < 0 && (errno == ENOENT || errno == EINVAL)) return std::nullopt;
  if (size < 0) base::failErrno(errno, "readlink", name);
  text.resize(static_cast<size_t>(size));
  return text;
}

Attributes readAttributes(int fd) {
  char names[4096];
  std::string list;
  auto size = ::flistxattr(fd, names, sizeof names);
  if (size > 0) list.assign(names, static_cast<size_t>(size));
  if (size < 0 && errno == ERANGE) {
    list.resize(64 << 10);  // XATTR_LIST_MAX
    size = ::flistxattr(fd, list.data(), list.size());
    list.resize(size < 0 ? 0 : static_cast<size_t>(size));
  }
  Attributes attributes;
  for (size_t at = 0; at < list.size();) {
    const std::string name = list.c_str() + at;
    at += name.size() + 1;
    std::string value(64 << 10, '\0');  // XATTR_SIZE_MAX
    const auto length = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
    if (length < 0) continue;  // gone meanwhile
    value.resize(static_cast<size_t>(length));
    attributes.emplace_back(name, std::move(value));
  }
  std::sort(attributes.begin(), attributes.end());
  return attributes;
}

}  // namespace files
