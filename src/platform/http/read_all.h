// A body's bytes as one text, for both ends. Internal to platform/http.
#pragma once

#include <algorithm>
#include <span>
#include <string>

namespace http {

// `body.read` until it gives nothing; `tooLong()` throws once there is more than `limit`.
template <class Body, class TooLong>
std::string readAllOf(Body& body, size_t limit, const TooLong& tooLong) {
  std::string text;
  for (;;) {
    const size_t had = text.size();
    const size_t more = std::clamp<size_t>(had, 4096, 256 * 1024);
    text.resize(had + more);
    const size_t got = body.read(std::span(text.data() + had, more));
    text.resize(had + got);
    if (text.size() > limit) tooLong();
    if (got == 0) return text;
  }
}

}  // namespace http
