// Connection tracking entries that would keep sending packets where nothing is any more.
#pragma once

#include <cstdint>

#include "network/netlink/socket.h"
#include "platform/base/ip.h"

namespace publish {

// Not thread-safe. Works on the namespace of the thread that constructs it.
class Conntrack {
 public:
  Conntrack();

  // Whether this namespace tracks any connection at all: the looks below walk a table that all
  // namespaces share, some 10 ms whatever is in it.
  static bool any();

  // Entries whose answers come from `guest`: everything that was translated to it. `still` is asked
  // when they are known and before they go: false leaves them alone (somebody else has the address
  // by now). Returns how many went.
  int forgetGuest(const base::IpAddress& guest, const std::function<bool()>& still = {});
  // Entries to that port of this host that were made before it was published: a client that sends
  // UDP all the time would keep its untranslated entry alive for ever. IPv4.
  int forgetPort(std::uint8_t protocol, std::uint16_t port);

 private:
  int forget(bool ipv6, const std::function<void(netlink::Batch&)>& filter,
             const std::function<bool()>& still);
  netlink::Socket socket_;
};

}  // namespace publish
