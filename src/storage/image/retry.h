// Small requests of a pull or push again, when the registry is busy or the way to it is broken.
#pragma once

#include "platform/base/stop_token.h"
#include "storage/registry/registry.h"

namespace image {

// Error kCancelled when `stop` fires first.
void pause(int seconds, const base::StopToken& stop);

// True: the same request may go well later (429, 5xx, a broken connection).
bool temporary(const base::Error& error);
// How long to wait before try number `failures` + 1: what the registry asks for, or doubling.
int delayAfter(const base::Error& error, int failures);

// True: asking again within seconds makes sense. Not for a host that cannot be reached, has no name
// or shows a certificate that nobody trusts: that is to be reported at once.
bool worthAnotherTry(const base::Error& error, int seconds);

// `work` up to three times.
template <class Work>
auto retried(Work&& work, const base::StopToken& stop) {
  constexpr int kTries = 3;
  for (int failures = 1;; ++failures) {
    int seconds = 0;
    try {
      return work();
    } catch (const base::Error& error) {
      seconds = delayAfter(error, failures);
      if (failures == kTries || !worthAnotherTry(error, seconds)) throw;
    }
    pause(seconds, stop);
  }
}

}  // namespace image
