#include "platform/base/build_info.h"

#include <fmt/format.h>

// The build sets both for this file alone, so that a commit compiles one file again.
#ifndef SAMPAN_BUILD
#define SAMPAN_BUILD "unknown"
#endif
#ifndef SAMPAN_BUILD_TIME
#define SAMPAN_BUILD_TIME ""
#endif

namespace base {

std::string buildCommit() {
  return SAMPAN_BUILD;
}

std::string buildTime() {
  return SAMPAN_BUILD_TIME;
}

std::string buildCompiler() {
#ifdef __clang__
  return fmt::format("clang{}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  return fmt::format("gcc{}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

}  // namespace base
