// When a container that ended is started again, and when the daemon starts one that it finds ended.
#pragma once

#include <cstdint>
#include <string>

namespace container {

struct RestartDecision {
  bool restart = false;
  std::int64_t delayNs = 0;
};

// What users have done to it since its last start. `cancelled`: stopped, or killed with what stops
// it; no policy restarts it. `byUser`: any signal sent by a user, which only unless-stopped heeds.
struct Stopped {
  bool cancelled = false;
  bool byUser = false;
};

// Pure. `name` is no, always, unless-stopped or on-failure; `ranNs` how long it ran;
// `previousDelayNs` what the last decision said (0: none). The delay starts at 100 ms, doubles to
// one minute, and starts anew after ten seconds of life.
RestartDecision decideRestart(const std::string& name, int maximumRetries, int restartCount,
                              int exitCode, Stopped stopped, std::int64_t ranNs,
                              std::int64_t previousDelayNs);

// At daemon start, for a container that does not run: always, and unless-stopped when no user had
// stopped it.
bool startsWithDaemon(const std::string& name, bool stoppedByUser, int exitCode, bool wasRunning);

}  // namespace container
