// A launch plan as it is handed over: to launch::start in this process, or to a shim.
#pragma once

#include <string>
#include <vector>

#include "platform/sys/fd.h"

namespace spec {

// The flat bytes and, in the order of their FdRef, the descriptors that go with them.
struct Plan {
  std::string bytes;
  std::vector<sys::Fd> fds;

  // The fds as plain numbers, for launch::start or a message.
  std::vector<int> numbers() const;
};

}  // namespace spec
