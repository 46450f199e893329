// API versions, "1.51".
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace server {

struct ApiVersion {
  int major = 1;
  int minor = 0;

  // "1.51"; nullopt: not one.
  static std::optional<ApiVersion> parse(std::string_view text);
  std::string str() const;
  // version.atLeast(44) reads: API 1.44 or later.
  bool atLeast(int apiMinor) const noexcept { return major > 1 || minor >= apiMinor; }
  bool before(int apiMinor) const noexcept { return !atLeast(apiMinor); }
  auto operator<=>(const ApiVersion&) const = default;
};

}  // namespace server
