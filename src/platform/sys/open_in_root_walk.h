// The walk of our own behind open_in_root.h, component by component over directory descriptors.
// Used where openat2(2) is missing or filtered, and to make directories. Private to the library,
// and for its tests.
#pragma once

#include <sys/types.h>

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "platform/sys/fd.h"

namespace sys {

// What makes a missing directory on the way; none by default.
struct DirectoryMaker {
  mode_t mode = 0755;
  uid_t uid = 0;
  gid_t gid = 0;
};

class RootWalk {
 public:
  // `root` is borrowed for the life of the walk.
  RootWalk(int root, const DirectoryMaker* maker) : root_(root), maker_(maker) {}

  // Goes to the directory that `path` names, following symbolic links. Error kInternal with errno.
  void enter(const std::string& path);
  // Opens what `path` names, with openat(2) flags.
  Fd open(const std::string& path, int flags, mode_t mode);

  // Where enter() arrived.
  int directory() const noexcept { return stack_.empty() ? root_ : stack_.back().fd.get(); }
  // One directory up, and the name that led down from there; {root, "."} at the root.
  int parent() const noexcept {
    return stack_.size() < 2 ? root_ : stack_[stack_.size() - 2].fd.get();
  }
  std::string name() const { return stack_.empty() ? "." : stack_.back().name; }

 private:
  struct Level {
    Fd fd;  // O_PATH
    std::string name;
  };

  void push(std::string_view path);
  void step(const std::string& name);
  bool expandLink(int link);
  Fd makeDirectory(const std::string& name);
  [[noreturn]] void fail(int error) const;

  const int root_;
  const DirectoryMaker* const maker_;
  std::string path_;
  std::deque<std::string> pending_;
  std::vector<Level>
      stack_;  // ".." pops it, so that a directory moved meanwhile leads nowhere else
  int links_ = 0;
};

Fd openInRootByWalk(int root, const std::string& path, int flags, mode_t mode);

}  // namespace sys
