// Addresses as the socket calls want them.
#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "platform/base/ip.h"

namespace sys {

// Fills `storage` for `address` and `port`; returns how much of it counts.
socklen_t socketAddress(const base::IpAddress& address, std::uint16_t port,
                        sockaddr_storage& storage) noexcept;

}  // namespace sys
