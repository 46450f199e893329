// Wall-clock instants in nanoseconds and Go's texts for them: RFC 3339 and durations.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

// Nanoseconds since the Unix epoch, UTC. Zero stands for Go's zero time, "0001-01-01T00:00:00Z".
struct Time {
  std::int64_t ns = 0;

  static Time now() noexcept;
  static Time fromUnix(std::int64_t seconds, std::int64_t nanos = 0) noexcept {
    return {seconds * 1'000'000'000 + nanos};
  }
  std::int64_t unixSeconds() const noexcept {
    return ns >= 0 ? ns / 1'000'000'000 : (ns - 999'999'999) / 1'000'000'000;
  }
  bool zero() const noexcept { return ns == 0; }
  auto operator<=>(const Time&) const = default;
};

std::string formatRfc3339Nano(Time time);   // trailing zeros of the fraction dropped, UTC "Z"
std::string formatRfc3339Fixed(Time time);  // always nine digits: what `logs -t` prints
std::string formatRfc3339(Time time);       // whole seconds
// RFC 3339 with or without fraction, any offset. nullopt: not one.
std::optional<Time> parseRfc3339(std::string_view text);

// "sec[.nanos]" as the API's since and until. Error kInvalidArgument.
Time parseUnixTimestamp(std::string_view text);

// Go's time.Duration: "1h2m3.5s", "300ms"; nanoseconds. nullopt: not one.
std::optional<std::int64_t> parseGoDuration(std::string_view text);
std::string formatGoDuration(std::int64_t ns);

// go-units HumanDuration: "Less than a second", "5 minutes", "About an hour", "3 weeks".
std::string humanDuration(std::int64_t ns);

// CLOCK_MONOTONIC in nanoseconds.
std::int64_t monotonicNs() noexcept;

}  // namespace base
