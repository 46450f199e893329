// Identifiers as Docker's users know them: 64 hex digits, twelve of them shown.
#pragma once

#include <string>
#include <string_view>

namespace base {

// 64 lower-case hex digits from getrandom(2), never all decimal in the first twelve (a short id
// must not look like a number: YAML and shells would take it for one).
std::string randomId();

// `bytes` random bytes as lower-case hex.
std::string randomHex(int bytes);

// The first twelve digits, without a "sha256:" in front.
std::string shortId(std::string_view id);

bool isHex(std::string_view text) noexcept;  // lower case; false when empty

}  // namespace base
