// The json-file format: one line a record, byte for byte as Docker writes it.
//
//   {"log":"text\n","stream":"stdout","attrs":{…},"time":"2006-01-02T15:04:05.999999999Z"}\n
//
// `log` ends with "\n" when the line was complete. A line longer than kPieceBytes becomes several
// records: pieces of exactly kPieceBytes without a newline, then the rest with it; output that ends
// without a newline gives a last record without one. Escapes are those of Go's encoding/json with
// HTML safety: \" \\ \n \r, \u00XX for other control characters and < > &, \u2028, \u2029, and
// \ufffd for every byte that is not part of valid UTF-8. Times are UTC, RFC 3339 with up to nine
// digits, trailing zeros dropped.
#pragma once

#include <cstddef>
#include <cstdint>

namespace logfile {

enum class Stream : std::uint8_t { kStdout = 0, kStderr = 1 };

inline constexpr std::size_t kPieceBytes = 16 * 1024;
inline constexpr std::size_t kTimeBytes = 32;  // room for any time

// Room for any record without attributes.
inline constexpr std::size_t kMaxRecord = kPieceBytes * 6 + 128;

// Writes `bytes` escaped, without quotes; returns behind the last one. `out` has room for six times
// `count`.
char* escape(const std::uint8_t* bytes, std::size_t count, char* out) noexcept;

// How many bytes at `bytes` contain no newline, at most `count`.
std::size_t untilNewline(const std::uint8_t* bytes, std::size_t count) noexcept;

// RFC 3339, UTC, of nanoseconds since the epoch. Returns its length.
std::size_t formatTime(std::int64_t ns, char* out) noexcept;

}  // namespace logfile
