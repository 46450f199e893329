#include "platform/sys/inet.h"

#include <netinet/in.h>

#include <cstring>

namespace sys {

socklen_t socketAddress(const base::IpAddress& address, std::uint16_t port,
                        sockaddr_storage& storage) noexcept {
  storage = {};
  const auto raw = address.bytes();
  if (address.isV6()) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, raw.data(), 16);
    return sizeof(v6);
  }
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  std::memcpy(&v4.sin_addr, raw.data(), 4);
  return sizeof(v4);
}

}  // namespace sys
