// Text from outside, made fit for a terminal.
#pragma once

#include <string>
#include <string_view>

namespace base {

// Control characters and bytes that are no UTF-8 become \x1b and the like, U+009B and its like
// \u009b. Newlines and tabs stay.
std::string printable(std::string_view text);

}  // namespace base
