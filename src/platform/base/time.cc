#include "platform/base/time.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <ctime>

#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace base {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::string calendar(Time time) {
  if (time.zero()) return "0001-01-01T00:00:00";
  const std::time_t seconds = time.unixSeconds();
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", tm.tm_year + 1900, tm.tm_mon + 1,
                     tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

std::int64_t fraction(Time time) {
  return time.ns - time.unixSeconds() * kSecond;
}

std::optional<int> digits(std::string_view& text, size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool literal(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// The digits behind the point as nanoseconds; further digits are dropped, as Go does.
std::optional<std::int64_t> nanos(std::string_view& text) {
  std::int64_t value = 0;
  std::int64_t scale = kSecond / 10;
  size_t count = 0;
  for (; count < text.size() && text[count] >= '0' && text[count] <= '9'; ++count, scale /= 10) {
    value += (text[count] - '0') * scale;
  }
  if (count == 0) return std::nullopt;
  text.remove_prefix(count);
  return value;
}

std::optional<int> zoneOffset(std::string_view& text) {
  if (literal(text, 'Z') || literal(text, 'z')) return 0;
  const int sign = literal(text, '-') ? -1 : literal(text, '+') ? 1 : 0;
  if (sign == 0) return std::nullopt;
  const auto hours = digits(text, 2);
  if (!hours || !literal(text, ':')) return std::nullopt;
  const auto minutes = digits(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return sign * (*hours * 3600 + *minutes * 60);
}

struct Unit {
  std::string_view name;
  double ns;
};
constexpr std::array<Unit, 8> kUnits{{{"ns", 1},
                                      {"us", 1e3},
                                      {"\xC2\xB5s", 1e3},
                                      {"\xCE\xBCs", 1e3},
                                      {"ms", 1e6},
                                      {"s", 1e9},
                                      {"m", 6e10},
                                      {"h", 3.6e12}}};

// "1.5h" -> ns; the text moves behind the unit.
std::optional<double> durationPart(std::string_view& text) {
  size_t length = 0;
  while (length < text.size() &&
         ((text[length] >= '0' && text[length] <= '9') || text[length] == '.'))
    ++length;
  const std::string number(text.substr(0, length));
  if (number.empty() || number == "." || number.find('.') != number.rfind('.')) return std::nullopt;
  text.remove_prefix(length);
  size_t unit = 0;
  while (unit < text.size() && text[unit] != '.' && !(text[unit] >= '0' && text[unit] <= '9'))
    ++unit;
  for (const Unit& candidate : kUnits) {
    if (text.substr(0, unit) != candidate.name) continue;
    text.remove_prefix(unit);
    return std::stod(number) * candidate.ns;
  }
  return std::nullopt;
}

}  // namespace

Time Time::now() noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return fromUnix(now.tv_sec, now.tv_nsec);
}

std::int64_t monotonicNs() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

std::string formatRfc3339Nano(Time time) {
  std::string text = calendar(time);
  if (const auto ns = fraction(time); !time.zero() && ns != 0) {
    text += fmt::format(".{:09}", ns);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text + "Z";
}

std::string formatRfc3339Fixed(Time time) {
  return fmt::format("{}.{:09}Z", calendar(time), time.zero() ? 0 : fraction(time));
}

std::string formatRfc3339(Time time) {
  return calendar(time) + "Z";
}

std::optional<Time> parseRfc3339(std::string_view text) {
  const auto year = digits(text, 4);
  if (!year || !literal(text, '-')) return std::nullopt;
  const auto month = digits(text, 2);
  if (!month || !literal(text, '-')) return std::nullopt;
  const auto day = digits(text, 2);
  if (!day || !(literal(text, 'T') || literal(text, 't') || literal(text, ' ')))
    return std::nullopt;
  const auto hour = digits(text, 2);
  if (!hour || !literal(text, ':')) return std::nullopt;
  const auto minute = digits(text, 2);
  if (!minute || !literal(text, ':')) return std::nullopt;
  const auto second = digits(text, 2);
  if (!second) return std::nullopt;
  std::int64_t ns = 0;
  if (literal(text, '.')) {
    const auto parsed = nanos(text);
    if (!parsed) return std::nullopt;
    ns = *parsed;
  }
  const auto offset = zoneOffset(text);
  if (!offset || !text.empty()) return std::nullopt;
  if (*month < 1 || *month > 12 || *day < 1 || *day > 31 || *hour > 23 || *minute > 59 ||
      *second > 60)
    return std::nullopt;
  if (*year == 1 && *month == 1 && *day == 1) return Time{};  // Go's zero time
  if (*year < 1678 || *year > 2261) return std::nullopt;      // beyond 64-bit nanoseconds
  std::tm tm{};
  tm.tm_year = *year - 1900;
  tm.tm_mon = *month - 1;
  tm.tm_mday = *day;
  tm.tm_hour = *hour;
  tm.tm_min = *minute;
  tm.tm_sec = *second;
  return Time::fromUnix(timegm(&tm) - *offset, ns);
}

Time parseUnixTimestamp(std::string_view text) {
  const auto [seconds, rest] = cut(text, '.');
  const auto whole = parseInt(seconds);
  std::int64_t ns = 0;
  bool good = whole.has_value() && *whole > -1'000'000'000'000 && *whole < 1'000'000'000'000;
  if (good && rest) {
    std::string_view digitsLeft = *rest;
    const auto parsed = nanos(digitsLeft);
    good = parsed.has_value() && digitsLeft.empty();
    ns = parsed.value_or(0);
  }
  if (!good) fail(Code::kInvalidArgument, "invalid timestamp: {}", quote(text));
  // Beyond 64-bit nanoseconds (the year 2262) lies only "never".
  if (*whole > 9'000'000'000) return Time{INT64_MAX};
  if (*whole < -9'000'000'000) return Time{INT64_MIN};
  return Time::fromUnix(*whole, ns);
}

std::optional<std::int64_t> parseGoDuration(std::string_view text) {
  double sign = 1;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    sign = text.front() == '-' ? -1 : 1;
    text.remove_prefix(1);
  }
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const auto part = durationPart(text);
    if (!part) return std::nullopt;
    total += *part;
  }
  if (total > 9.2e18) return std::nullopt;
  return static_cast<std::int64_t>(sign * std::round(total));
}

std::string formatGoDuration(std::int64_t ns) {
  if (ns == 0) return "0s";
  const std::string sign = ns < 0 ? "-" : "";
  const auto magnitude = static_cast<std::uint64_t>(ns < 0 ? -ns : ns);
  auto decimal = [](std::uint64_t value, std::uint64_t unit, int width) {
    std::string text = std::to_string(value / unit);
    if (value % unit != 0) {
      text += fmt::format(".{:0{}}", value % unit, width);
      text.erase(text.find_last_not_of('0') + 1);
    }
    return text;
  };
  if (magnitude < 1'000) return fmt::format("{}{}ns", sign, magnitude);
  if (magnitude < 1'000'000) return sign + decimal(magnitude, 1'000, 3) + "\xC2\xB5s";
  if (magnitude < 1'000'000'000) return sign + decimal(magnitude, 1'000'000, 6) + "ms";
  const std::uint64_t minutes = magnitude / 60'000'000'000;
  std::string text = sign;
  if (minutes >= 60) text += fmt::format("{}h", minutes / 60);
  if (minutes > 0) text += fmt::format("{}m", minutes % 60);
  return text + decimal(magnitude % 60'000'000'000, 1'000'000'000, 9) + "s";
}

std::string humanDuration(std::int64_t ns) {
  const std::int64_t seconds = ns / kSecond;
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return fmt::format("{} seconds", seconds);
  const std::int64_t minutes = seconds / 60;
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return fmt::format("{} minutes", minutes);
  const auto hours = static_cast<std::int64_t>(std::round(static_cast<double>(ns) / 3.6e12));
  if (hours == 1) return "About an hour";
  if (hours < 48) return fmt::format("{} hours", hours);
  if (hours < 24 * 7 * 2) return fmt::format("{} days", hours / 24);
  if (hours < 24 * 30 * 2) return fmt::format("{} weeks", hours / 24 / 7);
  if (hours < 24 * 365 * 2) return fmt::format("{} months", hours / 24 / 30);
  return fmt::format("{} years", ns / (365LL * 24 * 3600 * kSecond));
}

}  // namespace base
