#include "api/dockerapi/versions.h"

#include <algorithm>

#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace dockerapi {

std::optional<ApiVersion> ApiVersion::parse(std::string_view text) {
  const std::vector<std::string> parts = base::split(text, '.');
  const auto number = [&](size_t i) -> std::optional<int> {
    if (i >= parts.size()) return 0;
    const auto value = base::parseUint(parts[i]);
    return value && *value < 1'000'000 ? std::optional<int>(static_cast<int>(*value))
                                       : std::nullopt;
  };
  const auto major = number(0), minor = number(1);
  if (!major || !minor) return std::nullopt;
  return ApiVersion{*major, *minor};
}

std::string ApiVersion::str() const {
  return fmt::format("{}.{}", major, minor);
}

ApiVersion checkVersion(std::string_view text) {
  const ApiVersion version = ApiVersion::parse(text).value_or(ApiVersion{});
  if (version < kMinVersion)
    base::fail(base::Code::kInvalidArgument,
               "client version {} is too old. Minimum supported API version is {}, please upgrade "
               "your client to a newer version",
               text, kMinVersion.str());
  if (version > kMaxVersion)
    base::fail(base::Code::kInvalidArgument,
               "client version {} is too new. Maximum supported API version is {}", text,
               kMaxVersion.str());
  return version;
}

}  // namespace dockerapi
