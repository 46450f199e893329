#include "platform/gotemplate/unquote.h"

#include "platform/json/utf8.h"

namespace gotemplate {

namespace {

std::optional<unsigned> digits(std::string_view& text, size_t count, unsigned base) {
  if (text.size() < count) return std::nullopt;
  unsigned value = 0;
  for (size_t i = 0; i < count; ++i) {
    const char c = text[i];
    const char lower = static_cast<char>(c | 0x20);
    unsigned digit = 99;
    if (c >= '0' && c <= '9') digit = static_cast<unsigned>(c - '0');
    if (lower >= 'a' && lower <= 'f') digit = static_cast<unsigned>(lower - 'a' + 10);
    if (digit >= base) return std::nullopt;
    value = value * base + digit;
  }
  text.remove_prefix(count);
  return value;
}

struct Unit {
  char32_t value;
  bool isByte;  // \x and octal escapes give bytes, not runes
};

// The next character of a literal's inside; `quote` must be escaped.
std::optional<Unit> nextUnit(std::string_view& text, char quote) {
  if (text.empty() || text[0] == quote || text[0] == '\n') return std::nullopt;
  if (text[0] != '\\') {
    const json::Rune rune = json::decodeRune(text.data(), text.data() + text.size());
    const bool invalid = rune.value == json::kReplacementRune && rune.length == 1;
    const Unit unit = {invalid ? static_cast<unsigned char>(text[0]) : rune.value, invalid};
    text.remove_prefix(static_cast<size_t>(rune.length));
    return unit;
  }
  text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  const char c = text[0];
  const auto simple = [&](char value) {
    text.remove_prefix(1);
    return Unit{static_cast<unsigned char>(value), false};
  };
  const auto coded = [&](size_t count, bool isByte) -> std::optional<Unit> {
    text.remove_prefix(1);
    const auto value = digits(text, count, 16);
    if (!value || (!isByte && (*value > 0x10ffff || (*value >= 0xd800 && *value < 0xe000))))
      return std::nullopt;
    return Unit{*value, isByte};
  };
  switch (c) {
    case 'a':
      return simple('\a');
    case 'b':
      return simple('\b');
    case 'f':
      return simple('\f');
    case 'n':
      return simple('\n');
    case 'r':
      return simple('\r');
    case 't':
      return simple('\t');
    case 'v':
      return simple('\v');
    case '\\':
      return simple('\\');
    case 'x':
      return coded(2, true);
    case 'u':
      return coded(4, false);
    case 'U':
      return coded(8, false);
    case '\'':
    case '"':
      return c == quote ? std::optional<Unit>(simple(c)) : std::nullopt;
  }
  const auto octal = digits(text, 3, 8);
  if (!octal || *octal > 255) return std::nullopt;
  return Unit{*octal, true};
}

}  // namespace

std::optional<std::string> unquote(std::string_view literal) {
  if (literal.size() < 2 || literal.front() != literal.back()) return std::nullopt;
  std::string_view inside = literal.substr(1, literal.size() - 2);
  std::string out;
  if (literal.front() == '`') {
    for (const char c : inside)
      if (c != '\r') out += c;
    return out;
  }
  while (!inside.empty()) {
    const auto unit = nextUnit(inside, '"');
    if (!unit) return std::nullopt;
    if (unit->isByte) {
      out += static_cast<char>(unit->value);
    } else {
      json::appendRune(out, unit->value);
    }
  }
  return out;
}

std::optional<char32_t> unquoteChar(std::string_view literal) {
  if (literal.size() < 3 || literal.front() != '\'' || literal.back() != '\'') return std::nullopt;
  std::string_view inside = literal.substr(1, literal.size() - 2);
  const auto unit = nextUnit(inside, '\'');
  if (!unit || !inside.empty()) return std::nullopt;
  return unit->value;
}

}  // namespace gotemplate
