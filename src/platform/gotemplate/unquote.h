// Go's string and character literals.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gotemplate {

// "…" with escapes or `…` as it is. nullopt: no valid literal.
std::optional<std::string> unquote(std::string_view literal);
// 'x'
std::optional<char32_t> unquoteChar(std::string_view literal);

}  // namespace gotemplate
