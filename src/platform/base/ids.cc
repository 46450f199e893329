#include "platform/base/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "platform/base/error.h"

namespace base {

std::string randomHex(int bytes) {
  std::vector<unsigned char> raw(static_cast<size_t>(bytes));
  for (size_t done = 0; done < raw.size();) {
    const ssize_t n = getrandom(raw.data() + done, raw.size() - done, 0);
    if (n < 0 && errno != EINTR) failErrno(errno, "getrandom", "");
    if (n > 0) done += static_cast<size_t>(n);
  }
  std::string text;
  text.reserve(raw.size() * 2);
  for (const unsigned char byte : raw) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string randomId() {
  for (;;) {
    std::string id = randomHex(32);
    if (std::any_of(id.begin(), id.begin() + 12, [](char c) { return c > '9'; })) return id;
  }
}

std::string shortId(std::string_view id) {
  if (const auto colon = id.find(':'); colon != std::string_view::npos) id.remove_prefix(colon + 1);
  return std::string(id.substr(0, 12));
}

bool isHex(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

}  // namespace base
