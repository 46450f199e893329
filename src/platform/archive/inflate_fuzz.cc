// Any bytes as a compressed stream: inflated to its end or refused, within the limits.
#include <cstdint>
#include <cstdlib>

#include "platform/archive/compression.h"
#include "platform/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, size_t size) {
  archive::StringSource source({reinterpret_cast<const char*>(bytes), size});
  const archive::InflateLimits limits{
      .bytes = 4 << 20, .freeBytes = 1 << 20, .ratio = 1100, .memory = 32 << 20};
  try {
    const auto plain = archive::inflateDetected(source, limits).plain;
    // One read may pass the limit by its own size before it is noticed.
    if (archive::drain(*plain) > limits.bytes + (1 << 20)) std::abort();
  } catch (const base::Error&) {
  }
  return 0;
}
