// Reading trees that others may change meanwhile: by descriptor, without following links. Private
// to this library.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "platform/sys/fd.h"

namespace files {

// Deeper ones (a guest can make them) would cost a descriptor and a frame a level.
constexpr int kMaxDepth = 1000;
void checkDepth(int depth);

struct Node {
  std::string name;
  struct stat status {};
};

// In byte order of their names; what vanishes while reading is left out.
std::vector<Node> readNodes(int directory);

// Opens what `node` was: -1 inside when it is gone, is something else now, or (`sameMount`) lies on
// another mount.
sys::Fd openNode(int directory, const Node& node, int flags, bool sameMount);

bool isWhiteout(const struct stat& status);
bool isOpaque(int directory);
// nullopt: gone, or no link any more.
std::optional<std::string> readLink(int directory, const std::string& name);

using Attributes = std::vector<std::pair<std::string, std::string>>;
// All attributes of an open file, in byte order of their names. Empty where the file system has
// none.
Attributes readAttributes(int fd);

}  // namespace files
