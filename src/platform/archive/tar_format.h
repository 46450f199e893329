// The ustar header block and the pax record; private to this library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "platform/archive/tar.h"

namespace archive {

constexpr size_t kTarBlock = 512;

struct TarField {
  size_t at;
  size_t size;
};

// POSIX.1-1988; GNU and star differ only behind `devMinor`.
constexpr TarField kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12},
    kTime{136, 12}, kChecksum{148, 8}, kType{156, 1}, kLinkName{157, 100}, kMagic{257, 8},
    kUserName{265, 32}, kGroupName{297, 32}, kDevMajor{329, 8}, kDevMinor{337, 8},
    kPrefix{345, 155}, kStarTrailer{508, 4};

inline std::string_view field(std::span<const char> header, TarField which) {
  return {header.data() + which.at, which.size};
}

inline std::uint32_t paddingOf(std::uint64_t size) {
  return static_cast<std::uint32_t>(-size & (kTarBlock - 1));
}

// The sum with the checksum field taken as spaces; `asSigned`: as old tars on signed-char machines
// counted.
std::int64_t tarChecksum(std::span<const char> header, bool asSigned);

// Octal digits, or base-256 when the first bit is set. nullopt: neither, or more than 63 bits.
std::optional<std::int64_t> parseTarNumber(std::string_view text);
// "-12.345" as in pax; more than nine digits of fraction are cut.
std::optional<TarTime> parsePaxTime(std::string_view text);

// Calls `each` for every record. False: malformed.
bool parsePax(std::string_view records,
              const std::function<void(std::string_view key, std::string_view value)>& each);
// "<length> key=value\n", the length counting itself.
std::string paxRecord(std::string_view key, std::string_view value);

}  // namespace archive
