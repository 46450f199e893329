#include "network/publish/conntrack.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <utility>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"

namespace publish {
namespace {

// Bits of CTA_FILTER_*_FLAGS: the kernel's header keeps them to itself
// (net/netfilter/nf_internals.h).
constexpr std::uint32_t kFilterSource = 1 << 0, kFilterProtocol = 1 << 3,
                        kFilterDestinationPort = 1 << 5;

constexpr std::uint16_t message(int type) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | type);
}

}  // namespace

Conntrack::Conntrack() : socket_(NETLINK_NETFILTER) {}

bool Conntrack::any() {
  const auto count =
      sys::readFileIfExists(AT_FDCWD, "/proc/sys/net/netfilter/nf_conntrack_count", 64);
  return !count || base::trim(*count) != "0";
}

int Conntrack::forget(bool ipv6, const std::function<void(netlink::Batch&)>& filter,
                      const std::function<bool()>& still) {
  if (!any()) return 0;
  const nfgenmsg head{static_cast<std::uint8_t>(ipv6 ? AF_INET6 : AF_INET), NFNETLINK_V0, 0};
  netlink::Batch request;
  request.begin(message(IPCTNL_MSG_CT_GET), NLM_F_DUMP);
  request.header(head);
  filter(request);
  netlink::Batch removal;
  socket_.dump(request, [&](const netlink::Received& received) {
    const auto attributes = received.attributes<nfgenmsg>();
    const auto tuple = attributes.find(CTA_TUPLE_ORIG);
    if (!tuple) return;
    removal.begin(message(IPCTNL_MSG_CT_DELETE), 0);
    removal.header(head);
    removal.bytes(CTA_TUPLE_ORIG | NLA_F_NESTED, tuple->data.data(), tuple->data.size());
    // The identity, so that an entry that took the same addresses meanwhile stays.
    if (const auto id = attributes.find(CTA_ID))
      removal.bytes(CTA_ID, id->data.data(), id->data.size());
    if (const auto zone = attributes.find(CTA_ZONE))
      removal.bytes(CTA_ZONE, zone->data.data(), zone->data.size());
  });
  const int found = static_cast<int>(removal.count());
  if (found == 0 || (still && !still())) return 0;
  (void)socket_.tryTransact(std::move(removal));  // an entry that is gone already is what we want
  return found;
}

int Conntrack::forgetGuest(const base::IpAddress& guest, const std::function<bool()>& still) {
  return forget(
      guest.isV6(),
      [&](netlink::Batch& batch) {
        const size_t tuple = batch.nest(CTA_TUPLE_REPLY);
        const size_t ip = batch.nest(CTA_TUPLE_IP);
        const auto raw = guest.bytes();
        batch.bytes(guest.isV6() ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, raw.data(),
                    static_cast<size_t>(guest.size()));
        batch.close(ip);
        batch.close(tuple);
        const size_t filter = batch.nest(CTA_FILTER);
        batch.u32(CTA_FILTER_ORIG_FLAGS, 0);
        batch.u32(CTA_FILTER_REPLY_FLAGS, kFilterSource);
        batch.close(filter);
      },
      still);
}

int Conntrack::forgetPort(std::uint8_t protocol, std::uint16_t port) {
  return forget(false,
                [&](netlink::Batch& batch) {
                  const size_t tuple = batch.nest(CTA_TUPLE_ORIG);
                  const size_t proto = batch.nest(CTA_TUPLE_PROTO);
                  batch.u8(CTA_PROTO_NUM, protocol);
                  batch.be16(CTA_PROTO_DST_PORT, port);
                  batch.close(proto);
                  batch.close(tuple);
                  const size_t filter = batch.nest(CTA_FILTER);
                  batch.u32(CTA_FILTER_ORIG_FLAGS, kFilterProtocol | kFilterDestinationPort);
                  batch.u32(CTA_FILTER_REPLY_FLAGS, 0);
                  batch.close(filter);
                },
                {});
}

}  // namespace publish
