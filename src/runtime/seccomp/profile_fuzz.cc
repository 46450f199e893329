// Profiles come from users: any text either becomes a filter or an Error.
#include <string_view>

#include "platform/base/error.h"
#include "runtime/seccomp/seccomp.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  try {
    const auto rules = seccomp::fromProfile({reinterpret_cast<const char*>(data), size}, {});
    seccomp::compile(rules);
  } catch (const base::Error&) {
  }
  return 0;
}
