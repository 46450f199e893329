// Content digests, "sha256:<64 hex>" (OCI image-spec, descriptor.md). Computing one:
// platform/crypto.
#pragma once

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace base {

class Digest {
 public:
  Digest() = default;  // empty: stands for "none"

  // sha256 and sha512 in lower-case hex of the right length. Error kInvalidArgument otherwise.
  static Digest parse(std::string_view text);
  static std::optional<Digest> tryParse(std::string_view text);
  static Digest sha256(std::string_view hex) { return parse("sha256:" + std::string(hex)); }

  bool empty() const noexcept { return text_.empty(); }
  const std::string& str() const noexcept { return text_; }
  std::string_view algorithm() const noexcept {
    return std::string_view(text_).substr(0, text_.find(':'));
  }
  std::string_view hex() const noexcept {
    return text_.empty() ? std::string_view() : std::string_view(text_).substr(text_.find(':') + 1);
  }
  auto operator<=>(const Digest&) const = default;

 private:
  std::string text_;
};

}  // namespace base

template <>
struct std::hash<base::Digest> {
  size_t operator()(const base::Digest& digest) const noexcept {
    return std::hash<std::string>()(digest.str());
  }
};
