#include "platform/http/message.h"

#include <algorithm>

#include "platform/base/strings.h"

namespace http {
namespace {

const std::string kEmpty;

int hexValue(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string encodeExcept(std::string_view text, std::string_view kept) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (alnum || kept.find(c) != std::string_view::npos) {
      result += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      result += '%';
      result += kDigits[byte >> 4];
      result += kDigits[byte & 15];
    }
  }
  return result;
}

}  // namespace

void Headers::set(std::string_view name, std::string value) {
  for (auto field = fields_.begin(); field != fields_.end(); ++field) {
    if (!base::equalsIgnoreCase(field->first, name)) continue;
    field->second = std::move(value);
    fields_.erase(std::remove_if(
                      field + 1, fields_.end(),
                      [&](const auto& other) { return base::equalsIgnoreCase(other.first, name); }),
                  fields_.end());
    return;
  }
  add(name, std::move(value));
}

void Headers::add(std::string_view name, std::string value) {
  fields_.emplace_back(std::string(name), std::move(value));
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_,
                [&](const auto& field) { return base::equalsIgnoreCase(field.first, name); });
}

const std::string& Headers::get(std::string_view name) const noexcept {
  for (const auto& field : fields_) {
    if (base::equalsIgnoreCase(field.first, name)) return field.second;
  }
  return kEmpty;
}

bool Headers::has(std::string_view name) const noexcept {
  return std::any_of(fields_.begin(), fields_.end(),
                     [&](const auto& field) { return base::equalsIgnoreCase(field.first, name); });
}

bool Headers::contains(std::string_view name, std::string_view token) const noexcept {
  for (const auto& field : fields_) {
    if (!base::equalsIgnoreCase(field.first, name)) continue;
    std::string_view rest = field.second;
    while (!rest.empty()) {
      const auto comma = rest.find(',');
      if (base::equalsIgnoreCase(base::trim(rest.substr(0, comma)), token)) return true;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return false;
}

Query Query::parse(std::string_view encoded) {
  Query query;
  while (!encoded.empty()) {
    const auto ampersand = encoded.find('&');
    const std::string_view pair = encoded.substr(0, ampersand);
    if (!pair.empty()) {
      const auto [key, value] = base::cut(pair, '=');
      query.pairs_.emplace_back(percentDecode(key, true),
                                percentDecode(value.value_or(std::string_view()), true));
    }
    if (ampersand == std::string_view::npos) break;
    encoded.remove_prefix(ampersand + 1);
  }
  return query;
}

const std::string& Query::get(std::string_view key) const noexcept {
  for (const auto& pair : pairs_) {
    if (pair.first == key) return pair.second;
  }
  return kEmpty;
}

bool Query::has(std::string_view key) const noexcept {
  return std::any_of(pairs_.begin(), pairs_.end(),
                     [&](const auto& pair) { return pair.first == key; });
}

std::vector<std::string> Query::list(std::string_view key) const {
  std::vector<std::string> values;
  for (const auto& pair : pairs_) {
    if (pair.first == key) values.push_back(pair.second);
  }
  return values;
}

bool Query::flag(std::string_view key, bool absent) const noexcept {
  if (!has(key)) return absent;
  const std::string_view value = base::trim(get(key));
  for (const std::string_view word : {"", "0", "no", "false", "none"}) {
    if (base::equalsIgnoreCase(value, word)) return false;
  }
  return true;
}

std::string percentDecode(std::string_view text, bool plusIsSpace) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hexValue(text[i + 1]) : -1;
    const int low = high >= 0 ? hexValue(text[i + 2]) : -1;
    if (low >= 0) {
      result += static_cast<char>(high << 4 | low);
      i += 2;
    } else {
      result += plusIsSpace && text[i] == '+' ? ' ' : text[i];
    }
  }
  return result;
}

std::string percentEncode(std::string_view text) {
  return encodeExcept(text, "-._~");
}
std::string percentEncodePath(std::string_view text) {
  return encodeExcept(text, "-._~/:@");
}

}  // namespace http
