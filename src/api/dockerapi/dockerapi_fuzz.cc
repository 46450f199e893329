// Bodies and parameters that any client of the socket can send.
#include <cstdlib>

#include "api/dockerapi/authconfig.h"
#include "api/dockerapi/container.h"
#include "api/dockerapi/filters.h"
#include "api/dockerapi/network.h"
#include "api/dockerapi/regex.h"
#include "api/dockerapi/timestamp.h"
#include "platform/base/error.h"
#include "platform/json/json_fuzz_util.h"

namespace {

using json::fuzz::roundTrip;

template <class Body>
void mayFail(Body&& body) {
  try {
    body();
  } catch (const base::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  using namespace dockerapi;
  switch (data[0] % 7) {
    case 0:
      roundTrip<CreateRequest>(text);
      break;
    case 1:
      roundTrip<NetworkCreateRequest>(text);
      break;
    case 2:
      roundTrip<ExecCreateRequest>(text);
      break;
    case 3:
      mayFail([&] { Filters::parse(Filters::parse(text).write()); });
      break;
    case 4:
      mayFail([&] { parseTimestamp(text, base::Time::fromUnix(1'700'000'000)); });
      break;
    case 5:
      decodeRegistryAuth(text);
      break;
    case 6:
      mayFail([&] { Regex(text.substr(0, text.size() / 2)).search(text.substr(text.size() / 2)); });
      break;
  }
  return 0;
}
