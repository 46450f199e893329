#include "api/dockerapi/timestamp.h"

#include <algorithm>
#include <ctime>
#include <optional>

#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace dockerapi {

namespace {

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

// "2006", "01"…: exactly `width` digits, cut off `text`.
std::optional<int> digits(std::string_view& text, size_t width) {
  if (text.size() < width || !std::all_of(text.begin(), text.begin() + width, isDigit))
    return std::nullopt;
  const auto value = base::parseInt(text.substr(0, width));
  text.remove_prefix(width);
  return static_cast<int>(*value);
}

bool eat(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

struct Fields {
  struct tm when = {};
  std::int64_t nanos = 0;
};

// Date, then as much of Thh[:mm[:ss[.frac]]] as is there. nullopt: not of that shape or out of
// range.
std::optional<Fields> parseFields(std::string_view& text) {
  Fields fields;
  const auto year = digits(text, 4);
  if (!year || !eat(text, '-')) return std::nullopt;
  const auto month = digits(text, 2);
  if (!month || !eat(text, '-')) return std::nullopt;
  const auto day = digits(text, 2);
  if (!day) return std::nullopt;
  int hour = 0, minute = 0, second = 0;
  const auto part = [&](char separator, int& target) {
    if (!eat(text, separator)) return false;
    const auto value = digits(text, 2);
    target = value.value_or(-1);
    return value.has_value();
  };
  if (part('T', hour) && part(':', minute) && part(':', second) && eat(text, '.')) {
    std::int64_t unit = 1'000'000'000;
    bool any = false;
    for (; !text.empty() && isDigit(text[0]); text.remove_prefix(1), any = true) {
      unit /= 10;
      fields.nanos += (text[0] - '0') * unit;
    }
    if (!any) return std::nullopt;
  }
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (*month < 1 || *month > 12) return std::nullopt;
  const bool leap = (*year % 4 == 0 && *year % 100 != 0) || *year % 400 == 0;
  if (*day < 1 || *day > kDays[*month - 1] + (*month == 2 && leap ? 1 : 0)) return std::nullopt;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
    return std::nullopt;
  fields.when.tm_year = *year - 1900;
  fields.when.tm_mon = *month - 1;
  fields.when.tm_mday = *day;
  fields.when.tm_hour = hour;
  fields.when.tm_min = minute;
  fields.when.tm_sec = second;
  fields.when.tm_isdst = -1;
  return fields;
}

std::optional<base::Time> parseDate(std::string_view text) {
  auto fields = parseFields(text);
  if (!fields) return std::nullopt;
  if (text.empty()) return base::Time::fromUnix(::mktime(&fields->when), fields->nanos);
  int offset = 0;
  if (!eat(text, 'Z')) {
    const int sign = text.starts_with('-') ? -1 : 1;
    if (!eat(text, '+') && !eat(text, '-')) return std::nullopt;
    const auto hours = digits(text, 2);
    if (!hours || !eat(text, ':')) return std::nullopt;
    const auto minutes = digits(text, 2);
    if (!minutes) return std::nullopt;
    offset = sign * (*hours * 3600 + *minutes * 60);
  }
  if (!text.empty()) return std::nullopt;
  return base::Time::fromUnix(::timegm(&fields->when) - offset, fields->nanos);
}

bool isUnix(std::string_view text) {
  const auto [seconds, fraction] = base::cut(text, '.');
  return base::parseInt(seconds) && (!fraction || base::parseUint(*fraction));
}

}  // namespace

base::Time parseTimestamp(std::string_view text, base::Time now) {
  if (const auto duration = base::parseGoDuration(text)) return {now.ns - *duration};
  if (const auto time = parseDate(text)) return *time;
  if (text.find('-') != text.npos)
    base::fail(base::Code::kInvalidArgument, "parsing time {}: it is no RFC 3339 date or time",
               base::quote(text));
  if (!isUnix(text))
    base::fail(base::Code::kInvalidArgument, "failed to parse value as time or duration: {}",
               base::quote(text));
  return base::parseUnixTimestamp(text);
}

std::string resolveTimestamp(std::string_view text, base::Time now) {
  if (text.find('-') == text.npos && isUnix(text)) return std::string(text);
  const base::Time time = parseTimestamp(text, now);
  return fmt::format("{}.{:09}", time.unixSeconds(), time.ns - time.unixSeconds() * 1'000'000'000);
}

}  // namespace dockerapi
