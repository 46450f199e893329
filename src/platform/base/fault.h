// Named places where tests make a program die, fail or stop. In builds without SAMPAN_FAULTS
// nothing of it is left.
//
// SAMPAN_FAULT="point:n:action" in the environment, several separated by ",". `n` counts from 1 the
// hits of that point in this process. Actions: kill (SIGKILL to the process), errno=N (an Error
// with that errno is thrown), pause (SIGSTOP).
#pragma once

#include <atomic>
#include <string_view>

namespace base {

#if SAMPAN_FAULTS

namespace fault {
enum class State { kUnread, kNone, kArmed };
inline std::atomic<State> g_state{State::kUnread};
void hit(std::string_view point);
// Reads the environment anew and forgets the counts. For tests.
void reload();
}  // namespace fault

// Thread-safe; one relaxed load when nothing is armed. Error kInternal with the errno asked for;
// kInvalidArgument when the environment is not understood.
inline void faultPoint(std::string_view point) {
  if (fault::g_state.load(std::memory_order_relaxed) != fault::State::kNone) fault::hit(point);
}

#else

inline void faultPoint(std::string_view) {}

#endif

}  // namespace base
