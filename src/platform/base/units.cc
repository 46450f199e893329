#include "platform/base/units.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>

#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace base {
namespace {

template <size_t N>
std::string scaled(double value, double step, const std::array<const char*, N>& units,
                   int precision) {
  size_t unit = 0;
  while (value >= step && unit + 1 < N) {
    value /= step;
    ++unit;
  }
  return fmt::format("{:.{}g}{}", value, precision, units[unit]);
}

constexpr std::array<const char*, 9> kDecimal{"B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
constexpr std::array<const char*, 9> kBinary{"B",   "KiB", "MiB", "GiB", "TiB",
                                             "PiB", "EiB", "ZiB", "YiB"};

// Go's ParseFloat for the characters that a size can have.
double number(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  const bool allowed = text.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
  if (copy.empty() || !allowed || *end != '\0') {
    fail(Code::kInvalidArgument, "strconv.ParseFloat: parsing {}: invalid syntax", quote(text));
  }
  return value;
}

// "k", "kb" or "kib" (lower case) times the number of steps; nullopt: not a suffix.
std::optional<double> multiplier(std::string_view suffix, double step) {
  if (suffix.empty() || suffix == "b") return 1;
  const auto power = std::string_view("kmgtp").find(suffix[0]);
  if (power == std::string_view::npos) return std::nullopt;
  const auto rest = suffix.substr(1);
  if (!rest.empty() && rest != "b" && rest != "ib") return std::nullopt;
  return std::pow(step, static_cast<double>(power + 1));
}

// The number ends at the last digit, point or space: one space may stand between it and the suffix.
std::int64_t parse(std::string_view text, double step) {
  const auto last = text.find_last_of("0123456789. ");
  if (last == std::string_view::npos) fail(Code::kInvalidArgument, "invalid size: '{}'", text);
  const double value = number(text.substr(0, text[last] == ' ' ? last : last + 1));
  if (value < 0) fail(Code::kInvalidArgument, "invalid size: '{}'", text);
  const auto suffix = text.substr(last + 1);
  const auto factor = multiplier(lower(suffix), step);
  if (!factor) fail(Code::kInvalidArgument, "invalid suffix: '{}'", suffix);
  if (value * *factor > 9.2e18) fail(Code::kInvalidArgument, "invalid size: '{}'", text);
  return static_cast<std::int64_t>(value * *factor);
}

}  // namespace

std::string humanSize(double bytes) {
  return scaled(bytes, 1000, kDecimal, 4);
}
std::string humanSize(double bytes, int precision) {
  return scaled(bytes, 1000, kDecimal, precision);
}
std::string bytesSize(double bytes) {
  return scaled(bytes, 1024, kBinary, 4);
}
std::int64_t parseRamBytes(std::string_view text) {
  return parse(text, 1024);
}
std::int64_t parseHumanSize(std::string_view text) {
  return parse(text, 1000);
}

}  // namespace base
