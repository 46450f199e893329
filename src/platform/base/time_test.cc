#include "platform/base/time.h"

#include <gtest/gtest.h>

#include "platform/base/error.h"

namespace {

using base::Time;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

TEST(Time, PrintsAsGoDoes) {
  const Time time = Time::fromUnix(1'700'000'000, 120'000'000);
  EXPECT_EQ(base::formatRfc3339Nano(time), "2023-11-14T22:13:20.12Z");
  EXPECT_EQ(base::formatRfc3339Fixed(time), "2023-11-14T22:13:20.120000000Z");
  EXPECT_EQ(base::formatRfc3339(time), "2023-11-14T22:13:20Z");
  EXPECT_EQ(base::formatRfc3339Nano(Time::fromUnix(1)), "1970-01-01T00:00:01Z");
  EXPECT_EQ(base::formatRfc3339Nano(Time::fromUnix(-1, 500'000'000)), "1969-12-31T23:59:59.5Z");
}

TEST(Time, ZeroIsGosZeroTime) {
  EXPECT_EQ(base::formatRfc3339Nano(Time{}), "0001-01-01T00:00:00Z");
  EXPECT_EQ(base::formatRfc3339Fixed(Time{}), "0001-01-01T00:00:00.000000000Z");
  EXPECT_EQ(base::parseRfc3339("0001-01-01T00:00:00Z"), Time{});
}

TEST(Time, ReadsEveryRfc3339Form) {
  const auto ns = [](const char* text) { return base::parseRfc3339(text).value_or(Time{-1}).ns; };
  EXPECT_EQ(ns("2023-11-14T22:13:20Z"), 1'700'000'000 * kSecond);
  EXPECT_EQ(ns("2023-11-14T22:13:20.000000001Z"), 1'700'000'000 * kSecond + 1);
  EXPECT_EQ(ns("2023-11-14T22:13:20.12345678901Z"), 1'700'000'000 * kSecond + 123'456'789);
  EXPECT_EQ(ns("2023-11-15T00:13:20+02:00"), 1'700'000'000 * kSecond);
  EXPECT_EQ(ns("2023-11-14T21:43:20-00:30"), 1'700'000'000 * kSecond);
}

TEST(Time, RefusesWhatIsNoTime) {
  for (const char* text : {"", "2023", "2023-11-14", "2023-11-14T22:13Z", "2023-11-14T22:13:20",
                           "2023-13-14T22:13:20Z", "2023-11-14T24:13:20Z", "2023-11-14T22:13:20.Z",
                           "2023-11-14T22:13:20Zx", "2023-11-14T22:13:20+25:00",
                           "9999-01-01T00:00:00Z", "x023-11-14T22:13:20Z"}) {
    EXPECT_FALSE(base::parseRfc3339(text)) << text;
  }
}

TEST(Time, EveryPrintedTimeIsReadBack) {
  std::uint64_t seed = 1;
  for (int i = 0; i < 2000; ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const Time time{static_cast<std::int64_t>(seed >> 2)};
    EXPECT_EQ(base::parseRfc3339(base::formatRfc3339Nano(time)), time);
  }
}

TEST(Time, UnixTimestamps) {
  EXPECT_EQ(base::parseUnixTimestamp("1700000000").ns, 1'700'000'000 * kSecond);
  EXPECT_EQ(base::parseUnixTimestamp("1700000000.5").ns, 1'700'000'000 * kSecond + kSecond / 2);
  EXPECT_EQ(base::parseUnixTimestamp("1.000000001").ns, kSecond + 1);
  EXPECT_EQ(base::parseUnixTimestamp("0").ns, 0);
  for (const char* text : {"", "x", "1.", "1.x", ".5", "99999999999999", "1 "}) {
    EXPECT_THROW(base::parseUnixTimestamp(text), base::Error) << text;
  }
}

TEST(Duration, GosTextsBothWays) {
  const std::pair<std::int64_t, const char*> cases[] = {
      {0, "0s"},
      {1, "1ns"},
      {1'500, "1.5\xC2\xB5s"},
      {300 * 1'000'000, "300ms"},
      {kSecond, "1s"},
      {90 * kSecond, "1m30s"},
      {kHour, "1h0m0s"},
      {kHour + 2 * kMinute + 3 * kSecond + kSecond / 2, "1h2m3.5s"},
      {-2 * kSecond, "-2s"},
  };
  for (const auto& [ns, text] : cases) {
    EXPECT_EQ(base::formatGoDuration(ns), text);
    EXPECT_EQ(base::parseGoDuration(text), ns) << text;
  }
  EXPECT_EQ(base::parseGoDuration("1.5h"), kHour + 30 * kMinute);
  EXPECT_EQ(base::parseGoDuration("0"), 0);
  EXPECT_EQ(base::parseGoDuration("+5s"), 5 * kSecond);
  EXPECT_EQ(base::parseGoDuration(".5s"), kSecond / 2);
  EXPECT_EQ(base::parseGoDuration("1us"), 1'000);
  for (const char* text : {"", "1", "s", "1x", "-", "1..5s", ".s", "3000000h", "1 s"}) {
    EXPECT_FALSE(base::parseGoDuration(text)) << text;
  }
}

TEST(Duration, HumanTextsOfGoUnits) {
  const std::pair<std::int64_t, const char*> cases[] = {
      {450'000'000, "Less than a second"},
      {kSecond, "1 second"},
      {45 * kSecond, "45 seconds"},
      {59 * kSecond, "59 seconds"},
      {60 * kSecond, "About a minute"},
      {46 * kMinute, "46 minutes"},
      {59 * kMinute, "59 minutes"},
      {60 * kMinute, "About an hour"},
      {89 * kMinute, "About an hour"},
      {91 * kMinute, "2 hours"},
      {45 * kHour, "45 hours"},
      {48 * kHour, "2 days"},
      {13 * kDay, "13 days"},
      {14 * kDay, "2 weeks"},
      {59 * kDay, "8 weeks"},
      {60 * kDay, "2 months"},
      {700 * kDay, "23 months"},
      {730 * kDay, "2 years"},
      {1500 * kDay, "4 years"},
  };
  for (const auto& [ns, text] : cases) EXPECT_EQ(base::humanDuration(ns), text);
}

TEST(Time, MonotonicGoesForward) {
  const auto before = base::monotonicNs();
  EXPECT_GE(base::monotonicNs(), before);
  EXPECT_GT(before, 0);
}

}  // namespace
