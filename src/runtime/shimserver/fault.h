// Fault points of the shim, "shim.<name>". Compiled in with SAMPAN_FAULTS only; otherwise nothing
// of them remains.
#pragma once

#include <cstddef>

namespace shimserver {

class Faults {
 public:
#if defined(SAMPAN_FAULTS)
  // As in SAMPAN_FAULT: "shim.record:2:kill", "…:pause" (SIGSTOP) or "…:errno=5"; anything else:
  // none.
  void set(const char* text) noexcept;
  // 0, or a negative errno that the step is to fail with.
  int at(const char* point) noexcept;

 private:
  char point_[32] = {};
  unsigned countdown_ = 0;
  int error_ = 0;
  bool pause_ = false;
#else
  void set(const char*) noexcept {}
  int at(const char*) noexcept { return 0; }
#endif
};

}  // namespace shimserver
