// What a binary runs on: os/architecture/variant, in the words of Go (GOOS, GOARCH), and which
// images serve a host.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/json/list.h"

namespace oci {

struct Platform {
  std::string architecture;
  std::string os;
  std::string osVersion;
  std::vector<std::string> osFeatures;
  std::string variant;

  // "linux", "arm64", "linux/arm/v7", "linux(1.2)/amd64"; what is not said is the host's. Aliases
  // are resolved: x86_64 is amd64, aarch64 arm64, armhf arm/v7. Error kInvalidArgument in
  // containerd's words, with the text in quotes in front.
  static Platform parse(std::string_view text);
  // {"os":"linux","architecture":"arm","variant":"v7"}: the form some queries take. Empty text:
  // nullopt.
  static std::optional<Platform> parseJson(std::string_view text);
  static Platform host();

  bool empty() const { return architecture.empty() && os.empty(); }
  Platform normalized()
      const;  // aliases resolved, default variants dropped: arm64/v8 -> arm64, amd64/v1 -> amd64
  std::string str() const;  // "linux/arm/v7"
  // Without os version and features, normalized.
  bool same(const Platform& other) const;
  bool operator==(const Platform&) const = default;
};

// How well an image for `image` serves `wanted`: 0 exactly; greater: older variants of the same
// architecture, and for arm64 also arm, the newer the better; nullopt: not at all.
std::optional<int> platformRank(const Platform& wanted, const Platform& image);

}  // namespace oci

JSON_TYPE_EXTERN(oci::Platform);
