#include "runtime/shimserver/fault.h"

#if defined(SAMPAN_FAULTS)

#include <signal.h>

#include <cstring>

#include "platform/sysraw/sysraw.h"

namespace shimserver {

void Faults::set(const char* text) noexcept {
  countdown_ = 0;
  const char* colon = std::strchr(text, ':');
  if (colon == nullptr || static_cast<std::size_t>(colon - text) >= sizeof point_) return;
  std::memcpy(point_, text, static_cast<std::size_t>(colon - text));
  point_[colon - text] = '\0';
  unsigned nth = 0;
  for (++colon; *colon >= '0' && *colon <= '9'; ++colon)
    nth = nth * 10 + static_cast<unsigned>(*colon - '0');
  if (*colon != ':') return;
  ++colon;
  pause_ = std::strncmp(colon, "pause", 5) == 0;
  error_ = 0;
  if (std::strncmp(colon, "errno=", 6) == 0) colon += 6;
  for (; *colon >= '0' && *colon <= '9'; ++colon) error_ = error_ * 10 + (*colon - '0');
  countdown_ = nth;
}

int Faults::at(const char* point) noexcept {
  if (countdown_ == 0 || std::strcmp(point, point_) != 0 || --countdown_ > 0) return 0;
  if (error_ > 0) return -error_;
  sysraw::call(__NR_kill, sysraw::call(__NR_getpid), pause_ ? SIGSTOP : SIGKILL);
  return 0;
}

}  // namespace shimserver

#endif
