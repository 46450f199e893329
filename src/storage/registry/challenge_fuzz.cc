// What a registry says in its headers, and the addresses that it sends its clients to.
#include <cstdlib>

#include "platform/base/error.h"
#include "platform/http/client.h"
#include "storage/registry/address.h"
#include "storage/registry/registry.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& challenge : registry::parseChallenges(text)) {
    if (challenge.scheme.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string::npos)
      std::abort();
  }
  const std::string entry(text.substr(0, size / 2));
  registry::matchesInsecure(std::string(text.substr(size / 2)), {entry});
  try {
    const http::Url url = http::Url::parse(text);
    if (http::Url::parse(url.str()).str() != url.str()) std::abort();
    const http::Url home = http::Url::parse("https://registry.example.org/v2/");
    // Never to another party over a weaker scheme.
    if (registry::mayShowCredentials(home, url) && url.scheme != "https") std::abort();
  } catch (const base::Error&) {
  }
  return 0;
}
