#include "storage/image/retry.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "platform/base/error.h"
#include "platform/base/time.h"

namespace image {

void pause(int seconds, const base::StopToken& stop) {
  pollfd wait{stop.fd(), POLLIN, 0};
  const std::int64_t until = base::monotonicNs() + seconds * 1'000'000'000LL;
  while (base::monotonicNs() < until) {
    ::poll(&wait, 1, static_cast<int>((until - base::monotonicNs()) / 1'000'000) + 1);
    stop.throwIfStopped();
  }
}

bool temporary(const base::Error& error) {
  const auto* answer = dynamic_cast<const registry::RegistryError*>(&error);
  return answer ? answer->temporary() : error.code() == base::Code::kUnavailable;
}

bool worthAnotherTry(const base::Error& error, int seconds) {
  constexpr int kLongest = 10;  // a registry that wants a longer pause is the user's to wait for
  const bool answered = dynamic_cast<const registry::RegistryError*>(&error) != nullptr;
  // EAGAIN: the session says so itself.
  const int number = error.sysErrno();
  const bool broke = number == EPIPE || number == ECONNRESET || number == EAGAIN;
  return temporary(error) && (answered || broke) && seconds <= kLongest;
}

int delayAfter(const base::Error& error, int failures) {
  const auto* answer = dynamic_cast<const registry::RegistryError*>(&error);
  if (answer && answer->retryAfter > 0) return answer->retryAfter;
  return std::min(1 << (failures - 1), 60);
}

}  // namespace image
