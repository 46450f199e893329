#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <deque>
#include <optional>
#include <set>

#include "platform/base/error.h"
#include "platform/sys/file.h"
#include "storage/files/mount_points.h"
#include "storage/files/pack.h"
#include "storage/files/packer.h"
#include "storage/files/walk.h"

namespace files {

namespace {

std::string joined(const std::string& above, const std::string& name) {
  return above.empty() ? name : above + "/" + name;
}

// Nobody can use a longer path, and a guest can make trees so deep that all their paths together
// fill any memory.
bool canBeNamed(const std::string& path) {
  return path.size() + 2 <= PATH_MAX;  // with "/" before and the end after it
}

// -- overlay

// The directories that the lowers have at one place, topmost first, as far as they merge.
using Lowers = std::vector<sys::Fd>;

std::optional<struct stat> find(const Lowers& lowers, const std::string& name) {
  for (const auto& lower : lowers) {
    const auto status = sys::statAtIfExists(lower.get(), name);
    if (!status) continue;
    if (isWhiteout(*status)) return std::nullopt;
    return status;
  }
  return std::nullopt;
}

Lowers descend(const Lowers& lowers, const std::string& name) {
  Lowers below;
  for (const auto& lower : lowers) {
    const auto status = sys::statAtIfExists(lower.get(), name);
    if (!status) continue;
    if (!S_ISDIR(status->st_mode)) break;  // hides what is under it
    below.push_back(sys::openAt(lower.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (isOpaque(below.back().get())) break;
  }
  return below;
}

// Without recursion, since a guest makes its directories deep.
class OverlayDifference {
 public:
  explicit OverlayDifference(const base::StopToken& stop) : stop_(stop) {}

  void run(int upper, Lowers lowers) {
    enter({sys::openAt(upper, ".", O_RDONLY | O_DIRECTORY), std::move(lowers), {}, {}});
    while (!levels_.empty()) {
      stop_.throwIfStopped();
      Level& level = levels_.back();
      if (level.next < level.nodes.size()) {
        one(level, level.nodes[level.next++]);
        continue;
      }
      // A directory that was copied up on the way to something that was then not changed.
      if (level.same && changes.size() == level.own + 1) changes.pop_back();
      levels_.pop_back();
    }
  }

  std::vector<Change> changes;

 private:
  struct Level {
    sys::Fd upper;
    Lowers lowers;
    std::string path;
    std::vector<Node> nodes;
    size_t next = 0;
    size_t own = 0;     // which change it is
    bool same = false;  // as the lowers have it, or the engine's, but for what is in it
  };

  void note(const std::string& path, ChangeKind kind) { changes.push_back({"/" + path, kind}); }

  void enter(Level level) {
    level.nodes = readNodes(level.upper.get());
    if (isOpaque(level.upper.get())) deletedBelowOpaque(level.nodes, level.lowers, level.path);
    levels_.push_back(std::move(level));
  }

  void one(const Level& in, const Node& node) {
    const std::string path = joined(in.path, node.name);
    if (!canBeNamed(path)) return;
    const auto before = find(in.lowers, node.name);
    if (isWhiteout(node.status)) {
      if (before) note(path, ChangeKind::kDeleted);
      return;
    }
    const bool ours = !before && isMountPoint(path, node.status);
    if (!S_ISDIR(node.status.st_mode)) {
      if (!ours) note(path, before ? ChangeKind::kModified : ChangeKind::kAdded);
      return;
    }
    const size_t own = changes.size();
    note(path, before ? ChangeKind::kModified : ChangeKind::kAdded);
    const bool same = before && S_ISDIR(before->st_mode) &&
                      before->st_mtim.tv_sec == node.status.st_mtim.tv_sec &&
                      before->st_mtim.tv_nsec == node.status.st_mtim.tv_nsec;
    sys::Fd fd = openNode(in.upper.get(), node, O_RDONLY | O_DIRECTORY, true);
    if (fd.valid()) {
      enter({std::move(fd), descend(in.lowers, node.name), path, {}, 0, own, same || ours});
    } else if (same || ours) {
      changes.pop_back();
    }
  }

  void deletedBelowOpaque(const std::vector<Node>& nodes, const Lowers& lowers,
                          const std::string& path) {
    std::set<std::string> names;
    for (const auto& lower : lowers) {
      for (auto& name : sys::listDir(lower.get())) names.insert(std::move(name));
    }
    for (const auto& node : nodes) names.erase(node.name);
    for (const auto& name : names) {
      const auto gone = joined(path, name);
      if (canBeNamed(gone) && find(lowers, name)) note(gone, ChangeKind::kDeleted);
    }
  }

  const base::StopToken& stop_;
  std::deque<Level> levels_;  // whose elements stay where they are
};

// -- two trees

bool sameTime(const struct timespec& a, const struct timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool differs(int before, const Node& a, int after, const Node& b) {
  const auto &x = a.status, &y = b.status;
  if (x.st_mode != y.st_mode || x.st_uid != y.st_uid || x.st_gid != y.st_gid) return true;
  if (S_ISLNK(x.st_mode)) return readLink(before, a.name) != readLink(after, b.name);
  if (S_ISCHR(x.st_mode) || S_ISBLK(x.st_mode)) return x.st_rdev != y.st_rdev;
  if (!sameTime(x.st_mtim, y.st_mtim)) return true;
  if (!S_ISREG(x.st_mode)) return false;
  if (x.st_size != y.st_size) return true;
  const sys::Fd first = openNode(before, a, O_RDONLY, true),
                second = openNode(after, b, O_RDONLY, true);
  return first.valid() && second.valid() &&
         readAttributes(first.get()) != readAttributes(second.get());
}

// What one tree has that the other has not.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void deleted(const std::string& above, const Node& node) = 0;
  virtual void added(int parent, const Node& node, const std::string& path, int depth) = 0;
  virtual void modified(int parent, const Node& node, const std::string& path, int depth) = 0;
  // Around the contents of a directory that both have.
  virtual void enter(int directory, const Node& node, const std::string& path, bool changed) = 0;
  virtual void leave() = 0;
};

class TreeDifference {
 public:
  TreeDifference(Listener& listener, const base::StopToken& stop)
      : listener_(listener), stop_(stop) {}

  void directory(int before, int after, const std::string& path, int depth) {
    checkDepth(depth);
    const auto olds = readNodes(before), news = readNodes(after);
    auto a = olds.begin();
    for (const auto& b : news) {
      stop_.throwIfStopped();
      for (; a != olds.end() && a->name < b.name; ++a) listener_.deleted(path, *a);
      const auto here = joined(path, b.name);
      if (a == olds.end() || a->name != b.name) {
        listener_.added(after, b, here, depth);
      } else {
        both(before, *a++, after, b, here, depth);
      }
    }
    for (; a != olds.end(); ++a) listener_.deleted(path, *a);
  }

 private:
  void both(int before, const Node& a, int after, const Node& b, const std::string& path,
            int depth) {
    const bool changed = differs(before, a, after, b);
    if (!S_ISDIR(a.status.st_mode) || !S_ISDIR(b.status.st_mode)) {
      if (changed) listener_.modified(after, b, path, depth);
      return;
    }
    const sys::Fd old = openNode(before, a, O_RDONLY | O_DIRECTORY, true);
    const sys::Fd now = openNode(after, b, O_RDONLY | O_DIRECTORY, true);
    if (!old.valid() || !now.valid()) return;
    listener_.enter(now.get(), b, path, changed);
    directory(old.get(), now.get(), path, depth + 1);
    listener_.leave();
  }

  Listener& listener_;
  const base::StopToken& stop_;
};

class ListChanges : public Listener {
 public:
  explicit ListChanges(const base::StopToken& stop) : stop_(stop) {}

  void deleted(const std::string& above, const Node& node) override {
    note(joined(above, node.name), ChangeKind::kDeleted);
  }
  void added(int parent, const Node& node, const std::string& path, int depth) override {
    const bool ours = isMountPoint(path, node.status);
    const bool directory = S_ISDIR(node.status.st_mode);
    if (ours && !directory) return;
    const size_t own = changes.size();
    note(path, ChangeKind::kAdded);
    if (directory) addedBelow(parent, node, path, depth + 1);
    if (ours && changes.size() == own + 1) changes.pop_back();
  }
  void modified(int parent, const Node& node, const std::string& path, int depth) override {
    note(path, ChangeKind::kModified);
    if (S_ISDIR(node.status.st_mode)) addedBelow(parent, node, path, depth + 1);
  }
  void enter(int, const Node&, const std::string& path, bool changed) override {
    open_.push_back({changes.size(), changed});
    note(path, ChangeKind::kModified);
  }
  void leave() override {
    const auto [at, changed] = open_.back();
    open_.pop_back();
    if (!changed && changes.size() == at + 1) changes.pop_back();
  }

  std::vector<Change> changes;

 private:
  void note(const std::string& path, ChangeKind kind) { changes.push_back({"/" + path, kind}); }
  void addedBelow(int parent, const Node& node, const std::string& path, int depth) {
    checkDepth(depth);
    stop_.throwIfStopped();
    const sys::Fd fd = openNode(parent, node, O_RDONLY | O_DIRECTORY, true);
    if (!fd.valid()) return;
    for (const auto& child : readNodes(fd.get())) {
      const auto below = joined(path, child.name);
      if (canBeNamed(below)) added(fd.get(), child, below, depth);
    }
  }

  const base::StopToken& stop_;
  std::vector<std::pair<size_t, bool>> open_;
};

// Directories that did not change themselves are written only when something below them did, so
// that the layer leaves nothing to its parents.
class PackChanges : public Listener {
 public:
  explicit PackChanges(Packer& packer) : packer_(packer) {}

  void deleted(const std::string& above, const Node& node) override {
    writeOpen();
    packer_.whiteout(above, node.name, node.status);
  }
  void added(int parent, const Node& node, const std::string& path, int depth) override {
    if (!S_ISDIR(node.status.st_mode) && isMountPoint(path, node.status)) return;
    writeOpen();
    packer_.tree(parent, node, path, depth);
  }
  void modified(int parent, const Node& node, const std::string& path, int depth) override {
    added(parent, node, path, depth);
  }
  void enter(int directory, const Node& node, const std::string& path, bool changed) override {
    open_.push_back({sys::openAt(directory, ".", O_RDONLY | O_DIRECTORY), node, path, false});
    if (changed) writeOpen();
  }
  void leave() override { open_.pop_back(); }

 private:
  struct Open {
    sys::Fd fd;
    Node node;
    std::string path;
    bool written;
  };

  void writeOpen() {
    for (auto& directory : open_) {
      if (!directory.written)
        packer_.directoryEntry(directory.fd.get(), directory.node, directory.path);
      directory.written = true;
    }
  }

  Packer& packer_;
  std::vector<Open> open_;
};

void sortByPath(std::vector<Change>& changes) {
  std::sort(changes.begin(), changes.end(),
            [](const Change& a, const Change& b) { return a.path < b.path; });
}

}  // namespace

std::vector<Change> overlayChanges(int upper, const std::vector<int>& lowers,
                                   const base::StopToken& stop) {
  Lowers opened;
  for (const int lower : lowers) opened.push_back(sys::openAt(lower, ".", O_RDONLY | O_DIRECTORY));
  OverlayDifference difference(stop);
  difference.run(upper, std::move(opened));
  sortByPath(difference.changes);
  return std::move(difference.changes);
}

std::vector<Change> treeChanges(int before, int after, const base::StopToken& stop) {
  ListChanges list(stop);
  TreeDifference(list, stop).directory(before, after, "", 0);
  sortByPath(list.changes);
  return std::move(list.changes);
}

PackRecord packDifference(int before, int after, archive::Sink& tar, const PackOptions& options) {
  Packer packer(tar, options);
  packer.changesOnly = true;
  PackChanges changes(packer);
  TreeDifference(changes, options.stop).directory(before, after, "", 0);
  packer.finish();
  return packer.record;
}

}  // namespace files
