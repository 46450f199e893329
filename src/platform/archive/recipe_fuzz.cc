// Any bytes as a recipe: a damaged one is an error, never a crash or a flood.
#include <cstdint>

#include "platform/archive/compression.h"
#include "platform/archive/recipe.h"
#include "platform/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, size_t size) {
  // The records themselves are fuzzed, packed as they would be.
  archive::StringSink packed;
  packed.writeText("sampan recipe 1\n");
  const auto deflater = archive::deflate(packed, archive::Compression::kZstd, 1);
  deflater->write({reinterpret_cast<const char*>(bytes), size});
  deflater->finish();
  archive::StringSink out(16 << 20);
  try {
    archive::rebuild(
        [&] { return std::make_unique<archive::StringSource>(packed.text); },
        [](const std::string&) { return std::make_unique<archive::StringSource>("contents"); },
        out);
  } catch (const base::Error&) {
  }
  return 0;
}
