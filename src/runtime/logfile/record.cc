#include "runtime/logfile/record.h"

#include <cstring>

namespace logfile {

namespace {

constexpr char kHex[] = "0123456789abcdef";

using Block = std::uint8_t __attribute__((vector_size(16)));
using Halves = std::uint64_t __attribute__((vector_size(16)));

bool anySet(Block mask) noexcept {
  const Halves halves = reinterpret_cast<Halves>(mask);
  return (halves[0] | halves[1]) != 0;
}

// Sixteen bytes at once: is one of them not copied as it is?
bool needsEscape(Block b) noexcept {
  const Block control = reinterpret_cast<Block>(b < 0x20);
  const Block high = reinterpret_cast<Block>(b > 0x7f);
  const Block quote = reinterpret_cast<Block>(b == '"');
  const Block slash = reinterpret_cast<Block>(b == '\\');
  // '<' and '>' differ in one bit only.
  const Block angle = reinterpret_cast<Block>((b | 2) == '>');
  const Block ampersand = reinterpret_cast<Block>(b == '&');
  return anySet(control | high | quote | slash | angle | ampersand);
}

bool plain(std::uint8_t c) noexcept {
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

char* unicode(unsigned value, char* out) noexcept {
  std::memcpy(out, "\\u", 2);
  out[2] = kHex[value >> 12 & 15];
  out[3] = kHex[value >> 8 & 15];
  out[4] = kHex[value >> 4 & 15];
  out[5] = kHex[value & 15];
  return out + 6;
}

bool continues(std::uint8_t c) noexcept {
  return (c & 0xc0) == 0x80;
}

// Length of the valid UTF-8 sequence at `s`, 0 for none (RFC 3629: no surrogates, no overlong
// forms, at most U+10FFFF).
std::size_t sequenceLength(const std::uint8_t* s, std::size_t left) noexcept {
  const std::uint8_t c = s[0];
  if (c >= 0xc2 && c <= 0xdf) return left >= 2 && continues(s[1]) ? 2 : 0;
  if (c >= 0xe0 && c <= 0xef) {
    if (left < 3 || !continues(s[1]) || !continues(s[2])) return 0;
    if (c == 0xe0 && s[1] < 0xa0) return 0;
    if (c == 0xed && s[1] > 0x9f) return 0;
    return 3;
  }
  if (c >= 0xf0 && c <= 0xf4) {
    if (left < 4 || !continues(s[1]) || !continues(s[2]) || !continues(s[3])) return 0;
    if (c == 0xf0 && s[1] < 0x90) return 0;
    if (c == 0xf4 && s[1] > 0x8f) return 0;
    return 4;
  }
  return 0;
}

char* escapeAscii(std::uint8_t c, char* out) noexcept {
  if (c != '"' && c != '\\' && c != '\n' && c != '\r') return unicode(c, out);
  *out++ = '\\';
  *out++ = c == '\n' ? 'n' : c == '\r' ? 'r' : static_cast<char>(c);
  return out;
}

// One character that is not plain; advances `at`.
char* escapeOne(const std::uint8_t* bytes, std::size_t count, std::size_t& at, char* out) noexcept {
  const std::uint8_t c = bytes[at];
  if (c < 0x80) {
    ++at;
    return escapeAscii(c, out);
  }
  const std::size_t length = sequenceLength(bytes + at, count - at);
  if (length == 0) {
    ++at;
    return unicode(0xfffd, out);
  }
  const std::uint8_t* s = bytes + at;
  at += length;
  if (length == 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] & 0xfe) == 0xa8) {
    return unicode(0x2000u + (s[2] & 0x3fu), out);
  }
  std::memcpy(out, s, length);
  return out + length;
}

char* digits(unsigned value, int width, char* out) noexcept {
  for (int i = width; i-- > 0; value /= 10) out[i] = static_cast<char>('0' + value % 10);
  return out + width;
}

}  // namespace

char* escape(const std::uint8_t* bytes, std::size_t count, char* out) noexcept {
  std::size_t at = 0;
  while (at < count) {
    while (count - at >= sizeof(Block)) {
      Block block;
      std::memcpy(&block, bytes + at, sizeof block);
      if (needsEscape(block)) break;
      std::memcpy(out, &block, sizeof block);
      out += sizeof block;
      at += sizeof block;
    }
    while (at < count && plain(bytes[at])) *out++ = static_cast<char>(bytes[at++]);
    if (at < count) out = escapeOne(bytes, count, at, out);
  }
  return out;
}

std::size_t untilNewline(const std::uint8_t* bytes, std::size_t count) noexcept {
  std::size_t at = 0;
  for (; count - at >= sizeof(Block); at += sizeof(Block)) {
    Block block;
    std::memcpy(&block, bytes + at, sizeof block);
    if (anySet(reinterpret_cast<Block>(block == '\n'))) break;
  }
  while (at < count && bytes[at] != '\n') ++at;
  return at;
}

std::size_t formatTime(std::int64_t ns, char* out) noexcept {
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::int64_t seconds = ns / kSecond;
  if (ns % kSecond < 0) --seconds;
  unsigned fraction = static_cast<unsigned>(ns - seconds * kSecond);
  std::int64_t days = seconds / 86400;
  if (seconds % 86400 < 0) --days;
  const unsigned second = static_cast<unsigned>(seconds - days * 86400);

  // Civil date from days since 1970-01-01, counting years from March so that leap days come last.
  const std::int64_t shifted = days + 719468;
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const unsigned dayOfEra = static_cast<unsigned>(shifted - era * 146097);
  const unsigned yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365;
  const unsigned dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const unsigned monthFromMarch = (5 * dayOfYear + 2) / 153;
  const unsigned day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1;
  const unsigned month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const unsigned year = static_cast<unsigned>(era * 400) + yearOfEra + (month <= 2 ? 1 : 0);

  char* p = digits(year, 4, out);
  *p++ = '-';
  p = digits(month, 2, p);
  *p++ = '-';
  p = digits(day, 2, p);
  *p++ = 'T';
  p = digits(second / 3600, 2, p);
  *p++ = ':';
  p = digits(second / 60 % 60, 2, p);
  *p++ = ':';
  p = digits(second % 60, 2, p);
  if (fraction != 0) {
    int width = 9;
    for (; fraction % 10 == 0; fraction /= 10) --width;
    *p++ = '.';
    p = digits(fraction, width, p);
  }
  *p++ = 'Z';
  return static_cast<std::size_t>(p - out);
}

}  // namespace logfile
