#include <fcntl.h>

#include <cerrno>
#include <set>
#include <utility>
#include <vector>

#include "platform/base/error.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "storage/files/pack.h"
#include "storage/files/walk.h"

namespace files {
namespace {

// Levels that keep their descriptors: the uppermost, to go on from when a tree is moved about while
// it is walked, and those next to where the walk is.
constexpr size_t kUppermost = 16;
constexpr size_t kRecent = 64;

// Depth first without recursion: a guest makes its directories as deep as it likes.
class UsageWalk {
 public:
  explicit UsageWalk(const base::StopToken& stop) : stop_(stop) {}

  Usage run(int directory) {
    enter(sys::openAt(directory, ".", O_RDONLY | O_DIRECTORY));
    while (!levels_.empty()) {
      stop_.throwIfStopped();
      Level& level = levels_.back();
      if (level.below.empty()) {
        leave();
        continue;
      }
      const Node node = std::move(level.below.back());
      level.below.pop_back();
      sys::Fd fd = openNode(level.fd.get(), node, O_RDONLY | O_DIRECTORY, true);
      if (fd.valid()) enter(std::move(fd));
    }
    return total_;
  }

 private:
  struct Level {
    sys::Fd fd;  // closed while the walk is far below
    dev_t device;
    ino_t inode;
    std::vector<Node> below;  // directories that are still to be seen
  };

  void enter(sys::Fd fd) {
    struct stat status {};
    if (::fstat(fd.get(), &status) < 0) base::failErrno(errno, "stat", "directory");
    Level level{std::move(fd), status.st_dev, status.st_ino, {}};
    for (Node& node : readNodes(level.fd.get())) {
      stop_.throwIfStopped();
      if (S_ISDIR(node.status.st_mode)) {
        ++total_.inodes;
        level.below.push_back(std::move(node));
      } else if (node.status.st_nlink < 2 ||
                 links_.insert({node.status.st_dev, node.status.st_ino}).second) {
        ++total_.inodes;
        total_.bytes += static_cast<std::uint64_t>(node.status.st_size);
      }
    }
    levels_.push_back(std::move(level));
    if (levels_.size() > kUppermost + kRecent) levels_[levels_.size() - kRecent - 1].fd.reset();
  }

  void leave() {
    const sys::Fd left = std::move(levels_.back().fd);
    levels_.pop_back();
    if (levels_.empty() || levels_.back().fd.valid()) return;
    Level& above = levels_.back();
    sys::Fd fd(
        sys::retry([&] { return ::openat(left.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    struct stat status {};
    if (fd.valid() && ::fstat(fd.get(), &status) == 0 && status.st_dev == above.device &&
        status.st_ino == above.inode) {
      above.fd = std::move(fd);
      return;
    }
    // Moved to another place: nothing leads back but what is still open.
    while (!levels_.back().fd.valid()) levels_.pop_back();
  }

  const base::StopToken& stop_;
  std::vector<Level> levels_;
  std::set<std::pair<dev_t, ino_t>> links_;
  Usage total_;
};

}  // namespace

Usage usage(int directory, const base::StopToken& stop) {
  return UsageWalk(stop).run(directory);
}

}  // namespace files
