// A directory tree being filled: walks by cached descriptors, so that most entries cost one openat
// of their own. Private to this library.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "platform/sys/fd.h"

namespace files {

class Tree {
 public:
  struct Directory {
    sys::Fd fd;                 // O_PATH
    bool inheritGroup = false;  // setgid: what is made in it gets its group
  };

  // `made` hears of every directory that had to be made on the way.
  Tree(int root, std::function<void(const std::string& path)> made);

  // The directory `path` (clean; "" is the root), made 0755 root:root with those above it when
  // missing. Symbolic links on the way are followed inside the root. Valid until the next call.
  const Directory& directory(std::string_view path);
  // The same, nullptr instead of making it.
  const Directory* findDirectory(std::string_view path);

  // After something was removed: a cached path may mean another directory now.
  void forget() {
    cache_.clear();
    recent_.clear();
  }

 private:
  struct Cached {
    Directory directory;
    std::list<std::string>::iterator place;
  };
  const Directory& remember(const std::string& path, sys::Fd fd);

  static constexpr size_t kCached = 64;

  int root_;
  std::function<void(const std::string&)> made_;
  std::unordered_map<std::string, Cached> cache_;
  std::list<std::string> recent_;  // most recent first
};

}  // namespace files
