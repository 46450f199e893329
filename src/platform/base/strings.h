// Small helpers on text that the standard library lacks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace base {

// Always at least one piece; "a,,b" gives three.
std::vector<std::string> split(std::string_view text, char separator);
// At most two pieces, cut at the first separator; second is nullopt when there is none.
std::pair<std::string_view, std::optional<std::string_view>> cut(std::string_view text,
                                                                 char separator);
std::string join(const std::vector<std::string>& pieces, std::string_view separator);
std::string_view trim(std::string_view text);
std::string lower(std::string_view text);
bool equalsIgnoreCase(std::string_view a, std::string_view b) noexcept;
// The whole text must be one decimal number in range.
std::optional<std::int64_t> parseInt(std::string_view text) noexcept;
std::optional<std::uint64_t> parseUint(std::string_view text) noexcept;
// Go's strconv.Quote.
std::string quote(std::string_view text);
// Go's strconv.ParseBool words: 1 t T TRUE true True 0 f F FALSE false False.
std::optional<bool> parseBool(std::string_view text) noexcept;

std::string base64Encode(std::string_view bytes);     // standard alphabet, padded
std::string base64UrlEncode(std::string_view bytes);  // URL alphabet, padded
std::optional<std::string> base64Decode(
    std::string_view text);  // either alphabet, padding optional

}  // namespace base
