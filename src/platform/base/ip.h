// IP addresses and prefixes as plain values, with the arithmetic that address pools need.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

// IPv4 or IPv6; the default value is 0.0.0.0. Ordered by family, then by number.
class IpAddress {
 public:
  using Number = unsigned __int128;  // IPv4 uses the low 32 bits

  IpAddress() = default;
  static IpAddress v4(std::uint32_t hostOrder) { return IpAddress(false, hostOrder); }
  static IpAddress of(bool isV6, Number number) { return IpAddress(isV6, number); }
  // 4 or 16 bytes in network order.
  static IpAddress fromBytes(const void* bytes, bool isV6);

  // Dotted quads without leading zeros, RFC 4291 texts without zone. nullopt: neither.
  static std::optional<IpAddress> parse(std::string_view text);
  std::string str() const;  // IPv6 as RFC 5952

  bool isV6() const noexcept { return v6_; }
  int bits() const noexcept { return v6_ ? 128 : 32; }
  Number number() const noexcept { return number_; }
  std::uint32_t v4Number() const noexcept { return static_cast<std::uint32_t>(number_); }
  IpAddress plus(Number offset) const { return IpAddress(v6_, number_ + offset); }
  bool unspecified() const noexcept { return number_ == 0; }
  bool loopback() const noexcept { return v6_ ? number_ == 1 : (v4Number() >> 24) == 127; }

  // Network order; the first size() bytes count.
  std::array<std::uint8_t, 16> bytes() const noexcept;
  int size() const noexcept { return v6_ ? 16 : 4; }

  auto operator<=>(const IpAddress&) const = default;

 private:
  IpAddress(bool isV6, Number number) : v6_(isV6), number_(number) {}
  bool v6_ = false;
  Number number_ = 0;
};

// An address with a prefix length. The address may have host bits ("192.0.2.5/24"); network() has
// none.
struct IpPrefix {
  IpAddress address;
  int length = 0;

  static std::optional<IpPrefix> parse(std::string_view text);  // "address/length"
  std::string str() const;

  IpPrefix network() const;
  IpAddress first() const;  // the network address
  IpAddress last() const;   // the broadcast address in IPv4
  bool contains(const IpAddress& candidate) const;
  bool contains(const IpPrefix& other) const {
    return other.length >= length && contains(other.address);
  }
  bool overlaps(const IpPrefix& other) const { return contains(other) || other.contains(*this); }

  auto operator<=>(const IpPrefix&) const = default;
};

}  // namespace base
