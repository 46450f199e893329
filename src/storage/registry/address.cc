#include "storage/registry/address.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>
#include <optional>

#include "platform/base/strings.h"

namespace registry {
namespace {

struct Address {
  int family = 0;
  std::array<unsigned char, 16> bytes{};
};

std::optional<Address> parseAddress(const std::string& text) {
  Address address;
  if (inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) {
    address.family = AF_INET;
    return address;
  }
  if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) {
    address.family = AF_INET6;
    return address;
  }
  return std::nullopt;
}

bool inNetwork(const Address& address, const std::string& cidr) {
  const auto [network, length] = base::cut(cidr, '/');
  const auto base = parseAddress(std::string(network));
  const auto bits = length ? base::parseUint(*length) : std::nullopt;
  if (!base || !bits || base->family != address.family ||
      *bits > (address.family == AF_INET ? 32u : 128u))
    return false;
  for (std::uint64_t bit = 0; bit < *bits; ++bit) {
    const unsigned mask = 0x80u >> (bit % 8);
    if ((address.bytes[bit / 8] & mask) != (base->bytes[bit / 8] & mask)) return false;
  }
  return true;
}

std::string withoutPort(const std::string& host) {
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  const auto colon = host.rfind(':');
  if (colon == std::string::npos || host.find(':') != colon) return host;
  return host.substr(0, colon);
}

}  // namespace

bool matchesInsecure(const std::string& host, const std::vector<std::string>& entries) {
  const std::string bare = withoutPort(host);
  if (bare == "localhost") return true;
  const auto address = parseAddress(bare);
  if (address && (inNetwork(*address, "127.0.0.0/8") || inNetwork(*address, "::1/128")))
    return true;
  for (const std::string& entry : entries) {
    if (base::equalsIgnoreCase(entry, host) || base::equalsIgnoreCase(entry, bare)) return true;
    if (address && inNetwork(*address, entry)) return true;
  }
  return false;
}

}  // namespace registry
