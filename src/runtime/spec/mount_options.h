// The options of an OCI mount, sorted into what the mount API wants.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace spec {

struct MountOptions {
  bool bind = false;
  bool recursive = false;  // rbind
  bool remount = false;
  bool copyUp = false;                       // tmpcopyup
  bool idmap = false;                        // idmap, ridmap
  std::uint64_t set = 0, clear = 0;          // MOUNT_ATTR_* of this mount
  std::uint64_t treeSet = 0, treeClear = 0;  // of the tree ("rro", "rnosuid", …)
  std::uint32_t propagation = 0;             // MS_* with MS_REC; 0: none given
  // What is for the file system: key and value, or key alone.
  std::vector<std::pair<std::string, std::optional<std::string>>> data;
};

MountOptions parseMountOptions(const std::vector<std::string>& options);

// "private", "rslave", …; 0 for an empty text. Error kInvalidArgument for another word.
std::uint32_t parsePropagation(const std::string& word);

// A path in the container without ".", "..", double and trailing slashes; always absolute.
std::string cleanPath(const std::string& path);

}  // namespace spec
