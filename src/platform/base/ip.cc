#include "platform/base/ip.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include "platform/base/strings.h"

namespace base {
namespace {

IpAddress::Number hostMask(const IpPrefix& prefix) {
  const int hostBits = prefix.address.bits() - prefix.length;
  if (hostBits >= 128) return ~IpAddress::Number{0};
  return (IpAddress::Number{1} << hostBits) - 1;
}

}  // namespace

IpAddress IpAddress::fromBytes(const void* bytes, bool isV6) {
  const auto* octets = static_cast<const std::uint8_t*>(bytes);
  Number number = 0;
  for (int i = 0; i < (isV6 ? 16 : 4); ++i) number = number << 8 | octets[i];
  return IpAddress(isV6, number);
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.size() > 45 || text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string terminated(text);
  std::array<std::uint8_t, 16> raw{};
  const bool isV6 = text.find(':') != std::string_view::npos;
  if (::inet_pton(isV6 ? AF_INET6 : AF_INET, terminated.c_str(), raw.data()) != 1)
    return std::nullopt;
  return fromBytes(raw.data(), isV6);
}

std::array<std::uint8_t, 16> IpAddress::bytes() const noexcept {
  std::array<std::uint8_t, 16> raw{};
  Number rest = number_;
  for (int i = size() - 1; i >= 0; --i, rest >>= 8)
    raw[static_cast<size_t>(i)] = static_cast<std::uint8_t>(rest);
  return raw;
}

std::string IpAddress::str() const {
  char text[INET6_ADDRSTRLEN] = {};
  const auto raw = bytes();
  ::inet_ntop(v6_ ? AF_INET6 : AF_INET, raw.data(), text, sizeof(text));
  return text;
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const auto [address, length] = cut(text, '/');
  if (!length) return std::nullopt;
  const auto parsed = IpAddress::parse(address);
  const auto bits = parseUint(*length);
  if (!parsed || !bits || *bits > static_cast<std::uint64_t>(parsed->bits())) return std::nullopt;
  if (length->size() > 1 && length->front() == '0') return std::nullopt;
  return IpPrefix{*parsed, static_cast<int>(*bits)};
}

std::string IpPrefix::str() const {
  return fmt::format("{}/{}", address.str(), length);
}

IpPrefix IpPrefix::network() const {
  return {first(), length};
}

IpAddress IpPrefix::first() const {
  return IpAddress::of(address.isV6(), address.number() & ~hostMask(*this));
}

IpAddress IpPrefix::last() const {
  return IpAddress::of(address.isV6(), address.number() | hostMask(*this));
}

bool IpPrefix::contains(const IpAddress& candidate) const {
  return candidate.isV6() == address.isV6() && candidate >= first() && candidate <= last();
}

}  // namespace base
