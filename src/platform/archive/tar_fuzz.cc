// Any bytes as a tar: read to the end or refused, within memory, and told to the listener byte for
// byte.
#include <cstdint>
#include <cstdlib>

#include "platform/archive/tar.h"
#include "platform/base/error.h"

namespace {

class Echo : public archive::TarListener {
 public:
  void raw(std::span<const char> bytes) override { text.append(bytes.data(), bytes.size()); }
  void data(std::span<const char> bytes) override { text.append(bytes.data(), bytes.size()); }
  std::string text;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  archive::StringSource source(input);
  Echo echo;
  archive::TarReader reader(source, {.entries = 1000}, &echo);
  try {
    archive::TarEntry entry;
    for (int i = 0; reader.next(entry); ++i) {
      if (i % 2 == 0)
        while (!reader.data().empty()) continue;
    }
    if (echo.text != input) std::abort();
  } catch (const base::Error&) {
  }
  return 0;
}
