#include "platform/base/fault.h"

#if SAMPAN_FAULTS

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "platform/base/error.h"
#include "platform/base/mutex.h"
#include "platform/base/strings.h"

namespace base::fault {
namespace {

struct Spec {
  std::string point;
  std::uint64_t hitsLeft;
  int sysErrno;  // thrown when not 0
  int signal;    // else sent to ourselves
};

Mutex g_mutex;
std::vector<Spec>& specs() REQUIRES(g_mutex) {
  static std::vector<Spec> all;
  return all;
}

Spec parseSpec(std::string_view text) {
  const auto parts = split(text, ':');
  const auto count = parts.size() == 3 ? parseUint(parts[1]) : std::nullopt;
  if (count && *count > 0) {
    if (parts[2] == "kill") return {parts[0], *count, 0, SIGKILL};
    if (parts[2] == "pause") return {parts[0], *count, 0, SIGSTOP};
    const auto [word, value] = cut(parts[2], '=');
    const auto number = value ? parseUint(*value) : std::nullopt;
    if (word == "errno" && number && *number > 0 && *number < 4096) {
      return {parts[0], *count, static_cast<int>(*number), 0};
    }
  }
  fail(Code::kInvalidArgument, "SAMPAN_FAULT: not point:n:kill|errno=N|pause: {}", text);
}

void load() REQUIRES(g_mutex) {
  specs().clear();
  const char* text =
      ::secure_getenv("SAMPAN_FAULT");  // NOLINT(concurrency-mt-unsafe): read under our lock
  if (text != nullptr && *text != '\0') {
    for (const std::string& one : split(text, ',')) specs().push_back(parseSpec(one));
  }
  g_state = specs().empty() ? State::kNone : State::kArmed;
}

}  // namespace

void reload() {
  const Lock lock(g_mutex);
  load();
}

void hit(std::string_view point) {
  int sysErrno = 0;
  {
    const Lock lock(g_mutex);
    if (g_state == State::kUnread) load();
    for (Spec& spec : specs()) {
      if (spec.point != point || spec.hitsLeft == 0 || --spec.hitsLeft != 0) continue;
      if (spec.signal != 0) ::kill(::getpid(), spec.signal);
      if (spec.sysErrno != 0) sysErrno = spec.sysErrno;
    }
  }
  if (sysErrno != 0) failErrno(sysErrno, "fault", point);
}

}  // namespace base::fault

#endif
