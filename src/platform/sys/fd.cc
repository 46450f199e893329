#include "platform/sys/fd.h"

#include <fcntl.h>

#include "platform/sys/check.h"

namespace sys {

Fd Fd::dup() const {
  return Fd(check(::fcntl(fd_, F_DUPFD_CLOEXEC, 0), "dup", "descriptor"));
}

}  // namespace sys
