// JSON string contents back to bytes.
#pragma once

#include <string>
#include <string_view>

namespace logs {

// Replaces `out`. False: not the inside of a JSON string.
bool unescape(std::string_view raw, std::string& out);

}  // namespace logs
