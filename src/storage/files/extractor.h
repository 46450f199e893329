// Puts one archive entry after the other into a tree. Private to this library; the contract is
// unpack.h.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "platform/archive/recipe.h"
#include "platform/archive/tar.h"
#include "storage/files/tree.h"
#include "storage/files/unpack.h"

namespace files {

class Extractor {
 public:
  Extractor(int root, const UnpackOptions& options, archive::TarReader& reader,
            archive::RecipeWriter* recipe);

  void add(archive::TarEntry& entry);
  // Directory times, which everything made in them has changed.
  void finish();

  UnpackRecord record;

 private:
  struct Place {
    int parent;
    std::string base;
    bool inheritGroup;
  };

  Place place(const std::string& path);
  void addDirectory(const std::string& path, const archive::TarEntry& entry);
  void addRoot(const archive::TarEntry& entry);
  void addFile(const std::string& path, const archive::TarEntry& entry);
  void addHardLink(const std::string& path, const archive::TarEntry& entry);
  void addSymlink(const std::string& path, const archive::TarEntry& entry);
  void addNode(const std::string& path, const archive::TarEntry& entry);
  bool addWhiteout(const std::string& path);
  void makeOpaque(const std::string& directory);
  void whiteOut(const std::string& directory, const std::string& name);

  int createFile(const Place& at, const std::string& path, const archive::TarEntry& entry);
  void writeContents(int fd, const std::string& path, const archive::TarEntry& entry);
  void finishFile(int fd, const Place& at, const std::string& path, const archive::TarEntry& entry);
  void finishLink(const Place& at, const std::string& path, const archive::TarEntry& entry,
                  mode_t type);
  // Makes way for a new entry. True: there was a whiteout.
  bool replace(const Place& at, const std::string& path, const struct stat& existing);
  void saveReplaced(const Place& at, const std::string& path, const struct stat& existing);
  void purge(int parent, const std::string& name, const std::string& path);
  void setAttributes(int fd, const Place& at, const std::string& path,
                     const archive::TarEntry& entry);
  void setAttribute(int fd, const Place& at, const std::string& path, const std::string& name,
                    const std::string& value);
  bool needsOwner(const Place& at, const archive::TarEntry& entry) const;
  void touch(const std::string& path);
  bool touched(std::string_view path) const { return touched_.contains(markOf(path)); }
  void imply(const std::string& path);
  void warn(std::string text);
  void note(std::vector<std::string>& list, const std::string& path);

  // Stands for a path where many are kept.
  using Mark = std::pair<std::uint64_t, std::uint64_t>;
  struct MarkHash {
    size_t operator()(const Mark& mark) const { return static_cast<size_t>(mark.first); }
  };
  static Mark markOf(std::string_view path);

  struct LateDirectory {
    std::string path;
    struct timespec times[2];
  };
  struct LateAttribute {
    std::string path, name, value;
  };

  const int root_;
  const UnpackOptions& options_;
  archive::TarReader& reader_;
  archive::RecipeWriter* recipe_;
  Tree tree_;
  mode_t umask_;
  bool forget_ = false;            // before the next entry the tree's cache starts anew
  std::set<std::string> implied_;  // as far as kImpliedNames goes
  bool impliedMore_ = false;
  std::uint64_t impliedCount_ = 0;
  std::uint64_t impliedNames_ = 0;  // bytes of the paths of all
  std::unordered_set<std::string>
      hardLinks_;  // paths whose contents another entry's recipe record tells
  // kApply: what this layer made, with all directories above.
  std::unordered_set<Mark, MarkHash> touched_;
  std::vector<LateDirectory> directories_;
  std::vector<LateAttribute> lateAttributes_;
};

}  // namespace files
