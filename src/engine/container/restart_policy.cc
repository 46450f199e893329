#include "engine/container/restart_policy.h"

#include <algorithm>

namespace container {
namespace {

constexpr std::int64_t kFirstDelay = 100'000'000;
constexpr std::int64_t kLongestDelay = 60'000'000'000;
constexpr std::int64_t kSteadyAfter = 10'000'000'000;

}  // namespace

RestartDecision decideRestart(const std::string& name, int maximumRetries, int restartCount,
                              int exitCode, Stopped stopped, std::int64_t ranNs,
                              std::int64_t previousDelayNs) {
  bool restart = false;
  if (name == "always") restart = true;
  if (name == "unless-stopped") restart = !stopped.byUser;
  if (name == "on-failure")
    restart = exitCode != 0 && (maximumRetries == 0 || restartCount < maximumRetries);
  if (!restart || stopped.cancelled) return {};
  const bool steady = ranNs >= kSteadyAfter || previousDelayNs == 0;
  return {true, steady ? kFirstDelay : std::min(previousDelayNs * 2, kLongestDelay)};
}

bool startsWithDaemon(const std::string& name, bool stoppedByUser, int exitCode, bool wasRunning) {
  if (name == "always") return true;
  if (name == "unless-stopped") return !stoppedByUser;
  return name == "on-failure" && !stoppedByUser && wasRunning && exitCode != 0;
}

}  // namespace container
