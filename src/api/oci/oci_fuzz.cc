// What registries and bundles hold.
#include <cstdlib>

#include "api/oci/image_spec.h"
#include "api/oci/reference.h"
#include "api/oci/runtime_spec.h"
#include "platform/base/error.h"
#include "platform/json/json_fuzz_util.h"

using json::fuzz::roundTrip;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 7) {
    case 0:
      roundTrip<oci::Image>(text);
      break;
    case 1:
      roundTrip<oci::Manifest>(text);
      break;
    case 2:
      roundTrip<oci::Index>(text);
      break;
    case 3:
      roundTrip<oci::Spec>(text);
      break;
    case 4:
      if (const auto reference = oci::Reference::tryParse(text)) {
        if (oci::Reference::parse(reference->familiar()) != *reference) std::abort();
        if (oci::Reference::parse(reference->str()) != *reference) std::abort();
      }
      break;
    case 5:
      try {
        oci::Platform::parse(text).str();
      } catch (const base::Error&) {
      }
      break;
    case 6:
      try {
        oci::matchPath(text.substr(0, text.size() / 2), text.substr(text.size() / 2));
      } catch (const base::Error&) {
      }
      break;
  }
  return 0;
}
