#include "storage/files/special.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "platform/base/error.h"
#include "platform/sys/file.h"

namespace files {

Special::Special(int parent, const std::string& name, mode_t type, std::string path)
    : path_(std::move(path)), fd_(sys::openAt(parent, name, O_PATH | O_NOFOLLOW)) {
  struct stat status {};
  if (::fstat(fd_.get(), &status) < 0) base::failErrno(errno, "stat", "/" + path_);
  if ((status.st_mode & S_IFMT) != type) {
    base::fail(base::Code::kConflict, "/{} was exchanged by somebody else while it was made",
               path_);
  }
}

void Special::owner(uid_t user, gid_t group) const {
  if (::fchownat(fd_.get(), "", user, group, AT_EMPTY_PATH) < 0)
    base::failErrno(errno, "chown", "/" + path_);
}

// fchmodat2(2) takes a descriptor like this only from kernel 6.6 on; through proc all do. It ends
// at the node itself: the constructor has seen that it is no link.
void Special::mode(mode_t bits) const {
  if (::chmod(sys::procPath(fd_.get()).c_str(), bits) < 0)
    base::failErrno(errno, "chmod", "/" + path_);
}

void Special::times(const struct timespec (&times)[2]) const {
  if (::utimensat(fd_.get(), "", times, AT_EMPTY_PATH) < 0)
    base::failErrno(errno, "utimes", "/" + path_);
}

}  // namespace files
