#include <cstring>

#include "runtime/launch/child.h"

namespace launch {

long openInside(long root, const char* path, std::uint64_t flags, std::uint64_t mode,
                bool noLinks) noexcept {
  return kernel::openAt2(
      root, path, flags, mode,
      RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (noLinks ? RESOLVE_NO_SYMLINKS : 0));
}

namespace {

// The last directory of the part of `path` that ends at `end`, making what is missing. Every
// component is looked up from the root again by the kernel, so that a link swapped in meanwhile
// leads at most elsewhere inside the root.
long makeUpTo(long root, const char* path, std::size_t end, unsigned mode) noexcept {
  char prefix[4096];
  if (end >= sizeof prefix) return -ENAMETOOLONG;
  std::memcpy(prefix, path, end);
  prefix[end] = 0;
  if (end == 0) return openInside(root, "/", O_PATH | O_DIRECTORY);
  long found = openInside(root, prefix, O_PATH | O_DIRECTORY);
  if (found != -ENOENT) return found;

  long parent = openInside(root, "/", O_PATH | O_DIRECTORY);
  for (std::size_t at = 0; at < end && parent >= 0;) {
    while (at < end && prefix[at] == '/') ++at;
    const std::size_t start = at;
    while (at < end && prefix[at] != '/') ++at;
    if (at == start) break;
    const char saved = prefix[at];
    prefix[at] = 0;
    found = openInside(root, prefix, O_PATH | O_DIRECTORY);
    if (found == -ENOENT) {
      const long made = kernel::mkdirAt(parent, prefix + start, mode);
      // EEXIST: a dangling link, or somebody was faster; the second look tells.
      found = made < 0 && made != -EEXIST ? made : openInside(root, prefix, O_PATH | O_DIRECTORY);
    }
    prefix[at] = saved;
    kernel::close(parent);
    parent = found;
  }
  return parent;
}

}  // namespace

long makeDirsInside(long root, const char* path, unsigned mode) noexcept {
  return makeUpTo(root, path, length(path), mode);
}

long makeParentInside(long root, const char* path, const char*& name) noexcept {
  std::size_t end = length(path);
  std::size_t start = end;
  while (start > 0 && path[start - 1] != '/') --start;
  name = path + start;
  if (*name == 0 || equal(name, ".") || equal(name, "..")) return -EINVAL;
  while (start > 0 && path[start - 1] == '/') --start;
  return makeUpTo(root, path, start, 0755);
}

}  // namespace launch
