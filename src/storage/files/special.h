// Owner, mode and times of what is not opened to be written: symbolic links, fifos, devices.
// Private to this library.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <string>

#include "platform/sys/fd.h"

namespace files {

// What was just made at `name` is held by descriptor, since whoever else may write to the directory
// (a guest that has a volume mounted while it is filled) can put a symbolic link there at any time,
// and chmod(2) by name would follow it out of the tree. `path`: for the words of errors.
class Special {
 public:
  // Error kConflict: something of another type stands there by now.
  Special(int parent, const std::string& name, mode_t type, std::string path);

  void owner(uid_t user, gid_t group) const;
  void mode(mode_t bits) const;  // not of a symbolic link, which has none
  // Accessed, modified.
  void times(const struct timespec (&times)[2]) const;

 private:
  std::string path_;
  sys::Fd fd_;  // O_PATH
};

}  // namespace files
