// Waiting for one descriptor, cancellable and with an end.
#pragma once

#include <chrono>

#include "platform/base/stop_token.h"

namespace base {

// Blocks until poll(2) shows some of `events` (or an error) at `fd`, and returns what it showed.
// Error kCancelled when `stop` fires; kUnavailable "i/o timeout" (ETIMEDOUT) after `idle`, where
// zero is for ever.
short waitFor(int fd, short events, const StopToken& stop, std::chrono::milliseconds idle);

}  // namespace base
