#include "platform/json/utf8.h"

namespace json {

int runeLength(const char* at, const char* end) noexcept {
  const auto byte = [at](int i) { return static_cast<unsigned char>(at[i]); };
  const auto continues = [&](int i, unsigned low = 0x80, unsigned high = 0xbf) {
    return at + i < end && byte(i) >= low && byte(i) <= high;
  };
  if (at >= end) return 0;
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  if (first < 0xe0) return continues(1) ? 2 : 0;
  if (first < 0xf0) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;   // overlong
    const unsigned high = first == 0xed ? 0x9f : 0xbf;  // surrogates
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  const unsigned low = first == 0xf0 ? 0x90 : 0x80;
  const unsigned high = first == 0xf4 ? 0x8f : 0xbf;  // above U+10FFFF
  return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
}

Rune decodeRune(const char* at, const char* end) noexcept {
  const int length = runeLength(at, end);
  const auto bits = [at](int i) { return static_cast<char32_t>(at[i] & 0x3f); };
  switch (length) {
    case 1:
      return {static_cast<char32_t>(at[0]), 1};
    case 2:
      return {(static_cast<char32_t>(at[0] & 0x1f) << 6) | bits(1), 2};
    case 3:
      return {(static_cast<char32_t>(at[0] & 0x0f) << 12) | (bits(1) << 6) | bits(2), 3};
    case 4:
      return {
          (static_cast<char32_t>(at[0] & 0x07) << 18) | (bits(1) << 12) | (bits(2) << 6) | bits(3),
          4};
  }
  return {kReplacementRune, 1};
}

void appendRune(std::string& out, char32_t rune) {
  if (rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff)) rune = kReplacementRune;
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (rune < 0x80) {
    put(rune);
  } else if (rune < 0x800) {
    put(0xc0 | (rune >> 6));
    put(0x80 | (rune & 0x3f));
  } else if (rune < 0x10000) {
    put(0xe0 | (rune >> 12));
    put(0x80 | ((rune >> 6) & 0x3f));
    put(0x80 | (rune & 0x3f));
  } else {
    put(0xf0 | (rune >> 18));
    put(0x80 | ((rune >> 12) & 0x3f));
    put(0x80 | ((rune >> 6) & 0x3f));
    put(0x80 | (rune & 0x3f));
  }
}

size_t countRunes(std::string_view text) noexcept {
  size_t count = 0;
  for (const char *at = text.data(), *end = at + text.size(); at < end; ++count)
    at += decodeRune(at, end).length;
  return count;
}

}  // namespace json
