// Points in time as `--since`, `--until` and `until` filters take them.
#pragma once

#include <string>
#include <string_view>

#include "platform/base/time.h"

namespace dockerapi {

// A duration before `now` ("10m", "1h30m"), RFC 3339 in full or cut off after the date, hour or
// minute, with a zone or in local time ("2006-01-02", "2006-01-02T15:04"), or Unix seconds with an
// optional fraction. Error kInvalidArgument: "failed to parse value as time or duration: …" or
// "parsing time …".
base::Time parseTimestamp(std::string_view text, base::Time now);

// The same as the API's query parameters carry it, resolved by the client: "sec.nnnnnnnnn". Unix
// seconds stay as given.
std::string resolveTimestamp(std::string_view text, base::Time now);

}  // namespace dockerapi
