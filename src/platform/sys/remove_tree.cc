// rm -rf with a bounded number of descriptors, whatever depth a guest gave its tree.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "platform/base/ids.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"

namespace sys {
namespace {

// Descriptors held at once. Deeper directories are moved up to the top of the tree and removed from
// there.
constexpr size_t kMaxDepth = 64;

struct CloseDir {
  void operator()(DIR* dir) const noexcept { ::closedir(dir); }
};
using Dir = std::unique_ptr<DIR, CloseDir>;

std::uint64_t mountId(int fd, const std::string& name) {
  struct statx result {};
  check(::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &result), "statx", name);
  return result.stx_mnt_id;
}

class TreeRemover {
 public:
  TreeRemover(std::uint64_t mount, int top) : mount_(mount), top_(top) {}

  // Empties the open directory. `depth` counts from the top of the tree.
  void empty(int dir, size_t depth) {
    // A descriptor of its own: readdir's position must not be shared with the next round.
    Fd own(check(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", "directory"));
    const Dir stream(::fdopendir(own.get()));
    if (!stream) base::failErrno(errno, "opendir", "directory");
    (void)own.release();
    for (;;) {
      errno = 0;
      const dirent* entry =
          ::readdir(stream.get());  // NOLINT(concurrency-mt-unsafe): the stream is ours
      if (entry == nullptr) break;
      const std::string name = entry->d_name;
      if (name != "." && name != "..") remove(dir, name, entry->d_type == DT_DIR, depth);
    }
    if (errno != 0) base::failErrno(errno, "readdir", "directory");
  }

  // One entry of `dir`, whatever it is, also when somebody puts something else in its place
  // meanwhile.
  void remove(int dir, const std::string& name, bool isDirectory, size_t depth) {
    for (int attempt = 0; attempt < 100'000; ++attempt) {
      if (!isDirectory) {
        if (::unlinkat(dir, name.c_str(), 0) == 0 || errno == ENOENT) return;
        if (errno != EISDIR) base::failErrno(errno, "unlink", name);
      }
      if (::unlinkat(dir, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return;
      isDirectory = errno != ENOTDIR;
      if (!isDirectory) continue;
      if (errno != ENOTEMPTY && errno != EEXIST) base::failErrno(errno, "rmdir", name);
      if (depth >= kMaxDepth && moveUp(dir, name)) return;
      descend(dir, name, depth);
      isDirectory = false;
    }
    base::failErrno(ENOTEMPTY, "remove", name);
  }

 private:
  bool moveUp(int dir, const std::string& name) {
    const std::string moved = ".removed-" + base::randomHex(8);
    return ::renameat(dir, name.c_str(), top_, moved.c_str()) == 0;
  }

  // Empties the directory; whether it stays empty is seen by the caller's rmdir.
  void descend(int dir, const std::string& name, size_t depth) {
    const Fd child(retry([&] {
      return ::openat(dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }));
    if (!child.valid()) {
      if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return;
      base::failErrno(errno, "open", name);
    }
    if (mountId(child.get(), name) != mount_) base::failErrno(EBUSY, "remove mount point", name);
    const bool top = top_ < 0;
    if (top) top_ = child.get();
    empty(child.get(), depth + 1);
    if (top) top_ = -1;
  }

  const std::uint64_t mount_;
  int top_;
};

}  // namespace

void removeTree(int dir, const std::string& path) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
  const auto slash = trimmed.rfind('/');
  const std::string name = slash == std::string::npos ? trimmed : trimmed.substr(slash + 1);
  if (name.empty() || name == "." || name == "..") base::failErrno(EINVAL, "remove", path);
  const std::string above = slash == std::string::npos ? "."
                            : slash == 0               ? "/"
                                                       : trimmed.substr(0, slash);
  const auto parent = openAtIfExists(dir, above, O_RDONLY | O_DIRECTORY);
  if (!parent) return;
  TreeRemover(mountId(parent->get(), above), -1).remove(parent->get(), name, false, 0);
}

}  // namespace sys
