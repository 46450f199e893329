#include "platform/archive/tar_format.h"

#include <charconv>

#include "platform/base/strings.h"

namespace archive {

std::int64_t tarChecksum(std::span<const char> header, bool asSigned) {
  std::int64_t sum = 0;
  for (size_t i = 0; i < kTarBlock; ++i) {
    const bool own = i >= kChecksum.at && i < kChecksum.at + kChecksum.size;
    const char c = own ? ' ' : header[i];
    sum += asSigned ? static_cast<signed char>(c) : static_cast<unsigned char>(c);
  }
  return sum;
}

namespace {

std::optional<std::int64_t> parseBase256(std::string_view text) {
  const bool negative = (text[0] & 0x40) != 0;
  // Two's complement over the whole field; the marker bit is not part of the number.
  std::uint64_t value = negative ? ~0ull : 0;
  for (size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    if (i == 0) byte = negative ? byte | 0x80 : byte & 0x7f;
    const auto top = value >> 55;  // the nine bits that the shift would lose or turn into the sign
    if (top != (negative ? 0x1ffu : 0u)) return std::nullopt;
    value = value << 8 | byte;
  }
  return static_cast<std::int64_t>(value);
}

}  // namespace

std::optional<std::int64_t> parseTarNumber(std::string_view text) {
  if (!text.empty() && (text[0] & 0x80) != 0) return parseBase256(text);
  const auto blank = [](char c) { return c == ' ' || c == '\0'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  if (const auto end = text.find('\0'); end != std::string_view::npos) text = text.substr(0, end);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  if (text.empty()) return 0;
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || value < 0)
    return std::nullopt;
  return value;
}

std::optional<TarTime> parsePaxTime(std::string_view text) {
  const auto [whole, fraction] = base::cut(text, '.');
  const bool negative = whole.starts_with('-');
  TarTime time;
  if (!(whole == "-" && fraction)) {
    const auto seconds = base::parseInt(whole);
    if (!seconds) return std::nullopt;
    time.seconds = *seconds;
  }
  std::int32_t nanos = 0;
  if (fraction) {
    std::int32_t scale = 100'000'000;
    for (const char c : *fraction) {
      if (c < '0' || c > '9') return std::nullopt;
      nanos += (c - '0') * scale;
      scale /= 10;
    }
  }
  // -1.25 is 0.25 before -1: the fraction of a time stamp always counts forward.
  if (negative && nanos > 0) {
    if (time.seconds == INT64_MIN) return std::nullopt;
    time.seconds -= 1;
    nanos = 1'000'000'000 - nanos;
  }
  time.nanos = nanos;
  return time;
}

bool parsePax(std::string_view records,
              const std::function<void(std::string_view, std::string_view)>& each) {
  while (!records.empty()) {
    const auto space = records.find(' ');
    if (space == std::string_view::npos || space > 10) return false;
    const auto length = base::parseUint(records.substr(0, space));
    if (!length || *length <= space + 1 || *length > records.size()) return false;
    auto record = records.substr(space + 1, *length - space - 1);
    if (record.back() != '\n') return false;
    record.remove_suffix(1);
    const auto equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) return false;
    each(record.substr(0, equals), record.substr(equals + 1));
    records.remove_prefix(*length);
  }
  return true;
}

std::string paxRecord(std::string_view key, std::string_view value) {
  const size_t rest = key.size() + value.size() + 3;  // space, '=', newline
  size_t length = rest + std::to_string(rest).size();
  if (std::to_string(length).size() != std::to_string(rest).size()) ++length;
  std::string record = std::to_string(length);
  record.append(" ").append(key).append("=").append(value).append("\n");
  return record;
}

}  // namespace archive
