// Turns nodes of a tree into archive entries. Private to this library; the contract is pack.h.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "platform/archive/tar.h"
#include "storage/files/pack.h"
#include "storage/files/walk.h"

namespace files {

class Packer {
 public:
  Packer(archive::Sink& tar, const PackOptions& options) : writer_(tar), options_(options) {}

  // All that is in the directory; not the directory itself.
  void contents(int directory, const std::string& path, int depth);
  // One node, and what is below it.
  void tree(int parent, const Node& node, const std::string& path, int depth);
  // The entry of a directory alone.
  void directoryEntry(int directory, const Node& node, const std::string& path);
  void whiteout(const std::string& above, const std::string& name, const struct stat& like);
  void finish() { writer_.finish(); }

  PackRecord record;
  bool changesOnly = false;  // what the engine itself made in a container is left out

 private:
  archive::TarEntry entryOf(const Node& node, const std::string& path) const;
  void add(const archive::TarEntry& entry);
  bool addLink(const Node& node, const std::string& path);
  void remember(const Node& node, const std::string& path);
  void file(int parent, const Node& node, const std::string& path);
  void fileContents(int fd, std::uint64_t size);
  void marker(const std::string& path, const struct stat& like);

  archive::TarWriter writer_;
  const PackOptions& options_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
  std::vector<char> buffer_;
};

}  // namespace files
