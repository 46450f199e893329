#include "platform/base/digest.h"

#include "platform/base/error.h"
#include "platform/base/ids.h"

namespace base {

std::optional<Digest> Digest::tryParse(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto algorithm = text.substr(0, colon);
  const auto hex = text.substr(colon + 1);
  const size_t length = algorithm == "sha256" ? 64 : algorithm == "sha512" ? 128 : 0;
  if (length == 0 || hex.size() != length || !isHex(hex)) return std::nullopt;
  Digest digest;
  digest.text_ = std::string(text);
  return digest;
}

Digest Digest::parse(std::string_view text) {
  if (auto digest = tryParse(text)) return *digest;
  fail(Code::kInvalidArgument, "invalid checksum digest format: {:.100}", text);
}

}  // namespace base
