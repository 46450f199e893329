// API versions: which are served, and what a client of another one is told.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace dockerapi {

struct ApiVersion {
  int major = 0;
  int minor = 0;

  static std::optional<ApiVersion> parse(
      std::string_view text);  // "1.41"; further parts are ignored
  std::string str() const;
  auto operator<=>(const ApiVersion&) const = default;
};

inline constexpr ApiVersion kMaxVersion = {1, 51};
inline constexpr ApiVersion kMinVersion = {1, 24};

// The version of a request for /v<text>/…. Error kInvalidArgument: "client version 1.23 is too old.
// Minimum supported API version is 1.24, please upgrade your client to a newer version" or "… is
// too new. Maximum supported API version is 1.51".
ApiVersion checkVersion(std::string_view text);

}  // namespace dockerapi
