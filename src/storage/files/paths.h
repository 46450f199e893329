// Names in archives, as text; private to this library.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace files {

constexpr std::string_view kWhiteoutPrefix = ".wh.";
constexpr std::string_view kOpaqueName = ".wh..wh..opq";
constexpr std::string_view kAufsPrefix = ".wh..wh.";
constexpr const char* kOpaqueAttribute = "trusted.overlay.opaque";

// "./a//b/../c/" -> "a/c"; "" is the root. nullopt: it climbs out of the root.
std::optional<std::string> cleanName(std::string_view name);

struct Split {
  std::string_view parent;  // "" for the root
  std::string_view base;
};
Split splitPath(std::string_view path);

// Overlay's own attributes, with which an image could forge what overlay believes of a layer.
bool isOverlayAttribute(std::string_view name);

}  // namespace files
