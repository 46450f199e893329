#include "engine/logs/unescape.h"

#include <cstdint>
#include <optional>

namespace logs {
namespace {

std::optional<std::uint32_t> hex4(std::string_view digits) {
  if (digits.size() < 4) return std::nullopt;
  std::uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    const char c = digits[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = value << 4 | static_cast<std::uint32_t>(digit);
  }
  return value;
}

void appendUtf8(std::uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

// The \uXXXX (perhaps a surrogate pair) at the front of `rest`, which moves behind it.
bool unicode(std::string_view& rest, std::string& out) {
  const auto high = hex4(rest);
  if (!high) return false;
  rest.remove_prefix(4);
  std::uint32_t code = *high;
  if (code >= 0xD800 && code < 0xE000) {
    const auto low = rest.starts_with("\\u") ? hex4(rest.substr(2)) : std::nullopt;
    if (code < 0xDC00 && low && *low >= 0xDC00 && *low < 0xE000) {
      code = 0x10000 + ((code - 0xD800) << 10) + (*low - 0xDC00);
      rest.remove_prefix(6);
    } else {
      code = 0xFFFD;  // a lone surrogate, as Go reads it
    }
  }
  appendUtf8(code, out);
  return true;
}

}  // namespace

bool unescape(std::string_view raw, std::string& out) {
  out.clear();
  out.reserve(raw.size());
  while (!raw.empty()) {
    const size_t slash = raw.find('\\');
    out += raw.substr(0, slash);
    if (slash == std::string_view::npos) return true;
    raw.remove_prefix(slash + 1);
    if (raw.empty()) return false;
    const char kind = raw.front();
    raw.remove_prefix(1);
    switch (kind) {
      case '"':
      case '\\':
      case '/':
        out += kind;
        break;
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case 'u':
        if (!unicode(raw, out)) return false;
        break;
      default:
        return false;
    }
  }
  return true;
}

}  // namespace logs
