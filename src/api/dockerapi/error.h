// Errors on the wire: {"message":"…"} and an HTTP status; and the way back in a client.
#pragma once

#include <string>
#include <string_view>

#include "platform/base/error.h"

namespace dockerapi {

// {"message":"…"} and a newline.
std::string errorBody(std::string_view message);

int httpStatus(base::Code code) noexcept;
base::Code codeOf(int httpStatus) noexcept;

// What the official client makes of an answer of 400 and above: the message of the body, or a
// sentence about the status where the body is no such object. Without the prefix "Error response
// from daemon: ".
base::Error errorFromResponse(int httpStatus, std::string_view reason, std::string_view contentType,
                              std::string_view body, std::string_view url);

}  // namespace dockerapi
