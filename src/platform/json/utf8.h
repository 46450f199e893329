// UTF-8 as Go's unicode/utf8 sees it: overlong forms, surrogates and runes above U+10FFFF are
// invalid, byte by byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace json {

constexpr char32_t kReplacementRune = 0xfffd;

// Bytes of the rune that starts at `at`; 0: invalid there (one byte is to be replaced).
int runeLength(const char* at, const char* end) noexcept;
// The rune at `at` and its bytes; {kReplacementRune, 1} when invalid.
struct Rune {
  char32_t value;
  int length;
};
Rune decodeRune(const char* at, const char* end) noexcept;
void appendRune(std::string& out, char32_t rune);  // an invalid one as U+FFFD
size_t countRunes(std::string_view text) noexcept;

}  // namespace json
