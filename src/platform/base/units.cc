#include "platform/base/units.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>

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

std::int64_t parse(std::string_view text, double step) {
  size_t length = 0;
  while (length < text.size() &&
         ((text[length] >= '0' && text[length] <= '9') || text[length] == '.'))
    ++length;
  const std::string number(text.substr(0, length));
  std::string suffix = lower(trim(text.substr(length)));
  const bool wellFormed =
      !number.empty() && number.front() != '.' && number.find('.') == number.rfind('.');
  if (suffix.size() == 3 && suffix.substr(1) == "ib") suffix.resize(1);
  if (suffix.size() == 2 && suffix[1] == 'b') suffix.resize(1);
  constexpr std::string_view kSuffixes = "kmgtp";
  double factor = 1;
  bool known = suffix.empty() || suffix == "b";
  if (const auto at = kSuffixes.find(suffix);
      !known && suffix.size() == 1 && at != std::string_view::npos) {
    known = true;
    for (size_t i = 0; i <= at; ++i) factor *= step;
  }
  if (!wellFormed) fail(Code::kInvalidArgument, "invalid size: '{}'", text);
  if (!known) fail(Code::kInvalidArgument, "invalid suffix: '{}'", trim(text.substr(length)));
  const double value = std::strtod(number.c_str(), nullptr) * factor;
  if (value > 9.2e18) fail(Code::kInvalidArgument, "invalid size: '{}'", text);
  return static_cast<std::int64_t>(value);
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
