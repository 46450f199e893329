#include "platform/base/wait.h"

#include <poll.h>

#include <cerrno>

#include "platform/base/error.h"
#include "platform/base/time.h"

namespace base {

short waitFor(int fd, short events, const StopToken& stop, std::chrono::milliseconds idle) {
  const std::int64_t end = monotonicNs() + idle.count() * 1'000'000;
  for (;;) {
    stop.throwIfStopped();
    int left = -1;
    if (idle.count() > 0) {
      left = static_cast<int>((end - monotonicNs() + 999'999) / 1'000'000);
      if (left <= 0) throw Error(Code::kUnavailable, "i/o timeout", ETIMEDOUT);
    }
    pollfd waits[2] = {{fd, events, 0}, {stop.fd(), POLLIN, 0}};
    if (::poll(waits, 2, left) > 0 && waits[0].revents != 0) return waits[0].revents;
  }
}

}  // namespace base
