#include "platform/base/printable.h"

#include <fmt/format.h>

#include <algorithm>

namespace base {
namespace {

// Bytes of the character at the beginning of `text`; 0: none is there.
size_t characterAt(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const size_t size = first < 0x80             ? 1
                      : (first & 0xe0) == 0xc0 ? 2
                      : (first & 0xf0) == 0xe0 ? 3
                      : (first & 0xf8) == 0xf0 ? 4
                                               : 0;
  if (size > text.size()) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  return size;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const size_t size = characterAt(text.substr(i));
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
    const auto next = static_cast<unsigned char>(size == 2 ? text[i + 1] : 0);
    if (size == 0 || control) {
      result += fmt::format("\\x{:02x}", byte);
    } else if (byte == 0xc2 && next < 0xa0) {
      result += fmt::format("\\u{:04x}", next);
    } else {
      result += text.substr(i, size);
    }
    i += std::max<size_t>(size, 1);
  }
  return result;
}

}  // namespace base
