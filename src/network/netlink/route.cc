#include "network/netlink/route.h"

#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cstring>

#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/scope_exit.h"

namespace netlink {
namespace {

Link readLink(const Received& message) {
  const auto head = message.header<ifinfomsg>();
  Link link;
  link.index = head.ifi_index;
  link.flags = head.ifi_flags;
  for (const Attribute& attribute : message.attributes<ifinfomsg>()) {
    switch (attribute.type) {
      case IFLA_IFNAME:
        link.name = attribute.text();
        break;
      case IFLA_IFALIAS:
        link.alias = attribute.text();
        break;
      case IFLA_MASTER:
        link.master = attribute.as<int>();
        break;
      case IFLA_MTU:
        link.mtu = attribute.as<unsigned>();
        break;
      case IFLA_OPERSTATE:
        link.operState = attribute.as<std::uint8_t>();
        break;
      case IFLA_ADDRESS:
        if (attribute.data.size() == 6) link.mac = attribute.as<Mac>();
        break;
      case IFLA_LINKINFO:
        if (const auto kind = Attributes(attribute).find(IFLA_INFO_KIND)) link.kind = kind->text();
        break;
      case IFLA_STATS64: {
        const auto stats = attribute.as<rtnl_link_stats64>();
        link.counters = {stats.rx_bytes, stats.rx_packets, stats.rx_errors, stats.rx_dropped,
                         stats.tx_bytes, stats.tx_packets, stats.tx_errors, stats.tx_dropped};
        break;
      }
      default:
        break;
    }
  }
  return link;
}

void putAddress(Batch& batch, std::uint16_t attribute, const base::IpAddress& address) {
  const auto raw = address.bytes();
  batch.bytes(attribute, raw.data(), static_cast<size_t>(address.size()));
}

unsigned char family(const base::IpAddress& address) {
  return address.isV6() ? AF_INET6 : AF_INET;
}

void putNewAddress(Batch& batch, int link, const base::IpPrefix& prefix) {
  batch.begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, "add address");
  ifaddrmsg head{};
  head.ifa_family = family(prefix.address);
  head.ifa_prefixlen = static_cast<unsigned char>(prefix.length);
  head.ifa_index = static_cast<unsigned>(link);
  // No duplicate address detection: it would hold the address back for a second, and the pool gives
  // each once.
  if (prefix.address.isV6()) head.ifa_flags = IFA_F_NODAD;
  batch.header(head);
  putAddress(batch, IFA_LOCAL, prefix.address);
  putAddress(batch, IFA_ADDRESS, prefix.address);
  if (!prefix.address.isV6() && prefix.length < 31) putAddress(batch, IFA_BROADCAST, prefix.last());
}

void putDefaultRoute(Batch& batch, int link, const base::IpAddress& gateway) {
  batch.begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, "add default route");
  rtmsg head{};
  head.rtm_family = family(gateway);
  head.rtm_table = RT_TABLE_MAIN;
  head.rtm_protocol = RTPROT_BOOT;
  head.rtm_scope = RT_SCOPE_UNIVERSE;
  head.rtm_type = RTN_UNICAST;
  batch.header(head);
  putAddress(batch, RTA_GATEWAY, gateway);
  batch.u32(RTA_OIF, static_cast<std::uint32_t>(link));
}

void putAlias(Batch& batch, int link, const std::string& alias) {
  batch.begin(RTM_NEWLINK, 0, "set alias");
  ifinfomsg head{};
  head.ifi_index = link;
  batch.header(head);
  batch.bytes(IFLA_IFALIAS, alias.data(), alias.size());
}

void putUp(Batch& batch, int link) {
  batch.begin(RTM_NEWLINK, 0, "set link up");
  ifinfomsg head{};
  head.ifi_index = link;
  head.ifi_flags = IFF_UP;
  head.ifi_change = IFF_UP;
  batch.header(head);
}

Batch dumpLinks(int master) {
  Batch batch;
  batch.begin(RTM_GETLINK, NLM_F_DUMP);
  batch.header(ifinfomsg{});
  if (master > 0) batch.u32(IFLA_MASTER, static_cast<std::uint32_t>(master));
  return batch;
}

// A change of one bridge port's flags, addressed by name so that no look-up goes before.
Batch portChange(const std::string& port, const std::function<void(Batch&)>& put) {
  Batch batch;
  batch.begin(RTM_NEWLINK, 0, "change bridge port");
  batch.header(ifinfomsg{});
  batch.text(IFLA_IFNAME, port);
  const size_t info = batch.nest(IFLA_LINKINFO);
  batch.text(IFLA_INFO_SLAVE_KIND, "bridge");
  const size_t data = batch.nest(IFLA_INFO_SLAVE_DATA);
  put(batch);
  batch.close(data);
  batch.close(info);
  return batch;
}

}  // namespace

std::string macText(const Mac& mac) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3],
                     mac[4], mac[5]);
}

std::optional<Mac> parseMac(std::string_view text) {
  Mac mac{};
  if (text.size() != 17) return std::nullopt;
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  };
  for (size_t i = 0; i < 6; ++i) {
    const int high = digit(text[i * 3]), low = digit(text[i * 3 + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    if (i < 5 && text[i * 3 + 2] != text[2]) return std::nullopt;
    mac[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  if (text[2] != ':' && text[2] != '-') return std::nullopt;
  return mac;
}

Route::Route() : socket_(NETLINK_ROUTE) {}

std::vector<Link> Route::links() {
  std::vector<Link> all;
  socket_.dump(dumpLinks(0), [&](const Received& message) { all.push_back(readLink(message)); });
  return all;
}

std::vector<Link> Route::ports(int bridge) {
  std::vector<Link> all;
  socket_.dump(dumpLinks(bridge), [&](const Received& message) {
    Link link = readLink(message);
    if (link.master == bridge) all.push_back(std::move(link));
  });
  return all;
}

std::optional<Link> Route::link(const std::string& name) {
  Batch batch;
  batch.begin(RTM_GETLINK, 0);
  batch.header(ifinfomsg{});
  batch.text(IFLA_IFNAME, name);
  const auto answer = socket_.get(std::move(batch));
  if (!answer) return std::nullopt;
  const auto* head = reinterpret_cast<const nlmsghdr*>(answer->data());
  return readLink({head, std::span(*answer).subspan(sizeof(nlmsghdr))});
}

std::vector<Address> Route::addresses() {
  std::vector<Address> all;
  Batch batch;
  batch.begin(RTM_GETADDR, NLM_F_DUMP);
  batch.header(ifaddrmsg{});
  socket_.dump(batch, [&](const Received& message) {
    const auto head = message.header<ifaddrmsg>();
    const bool isV6 = head.ifa_family == AF_INET6;
    if (!isV6 && head.ifa_family != AF_INET) return;
    const Attributes attributes = message.attributes<ifaddrmsg>();
    auto raw = attributes.find(IFA_LOCAL);
    if (!raw) raw = attributes.find(IFA_ADDRESS);
    if (!raw || raw->data.size() != (isV6 ? 16u : 4u)) return;
    all.push_back({static_cast<int>(head.ifa_index),
                   {base::IpAddress::fromBytes(raw->data.data(), isV6), head.ifa_prefixlen}});
  });
  return all;
}

std::vector<RouteEntry> Route::routes(bool ipv6) {
  std::vector<RouteEntry> all;
  Batch batch;
  batch.begin(RTM_GETROUTE, NLM_F_DUMP);
  rtmsg head{};
  head.rtm_family = ipv6 ? AF_INET6 : AF_INET;
  batch.header(head);
  const size_t size = ipv6 ? 16 : 4;
  socket_.dump(batch, [&](const Received& message) {
    const auto found = message.header<rtmsg>();
    if (found.rtm_family != head.rtm_family || (found.rtm_flags & RTM_F_CLONED) != 0) return;
    RouteEntry route;
    route.local = found.rtm_type != RTN_UNICAST;
    route.table = found.rtm_table;
    route.destination = {base::IpAddress::of(ipv6, 0), found.rtm_dst_len};
    for (const Attribute& attribute : message.attributes<rtmsg>()) {
      if (attribute.type == RTA_DST && attribute.data.size() == size) {
        route.destination.address = base::IpAddress::fromBytes(attribute.data.data(), ipv6);
      }
      if (attribute.type == RTA_GATEWAY && attribute.data.size() == size) {
        route.gateway = base::IpAddress::fromBytes(attribute.data.data(), ipv6);
      }
      if (attribute.type == RTA_OIF) route.link = attribute.as<int>();
      if (attribute.type == RTA_TABLE) route.table = attribute.as<unsigned>();
    }
    all.push_back(std::move(route));
  });
  return all;
}

int Route::addBridge(const BridgeSpec& spec, const std::vector<base::IpPrefix>& addresses) {
  Batch batch;
  batch.begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "add bridge");
  batch.header(ifinfomsg{});
  batch.text(IFLA_IFNAME, spec.name);
  if (spec.mtu > 0) batch.u32(IFLA_MTU, spec.mtu);
  if (spec.mac) batch.bytes(IFLA_ADDRESS, spec.mac->data(), spec.mac->size());
  const size_t info = batch.nest(IFLA_LINKINFO);
  batch.text(IFLA_INFO_KIND, "bridge");
  batch.close(info);
  const int error = socket_.tryTransact(std::move(batch));
  if (error == EEXIST)
    base::fail(base::Code::kConflict, "a link named {} exists already", spec.name);
  if (error != 0) base::failErrno(error, "add bridge", spec.name);

  base::ScopeExit undo{[&] { removeLink(spec.name); }};
  base::faultPoint("bridge.made");
  const auto made = link(spec.name);
  if (!made) base::fail(base::Code::kInternal, "bridge {} vanished", spec.name);
  Batch rest;
  // Ignored by the kernel in the message that makes a link.
  if (!spec.alias.empty()) putAlias(rest, made->index, spec.alias);
  for (const base::IpPrefix& address : addresses) putNewAddress(rest, made->index, address);
  putUp(rest, made->index);
  socket_.transact(std::move(rest));
  undo.dismiss();
  return made->index;
}

void Route::setAlias(int link, const std::string& alias) {
  Batch batch;
  putAlias(batch, link, alias);
  socket_.transact(std::move(batch));
}

void Route::addAddress(int link, const base::IpPrefix& address) {
  Batch batch;
  putNewAddress(batch, link, address);
  const int error = socket_.tryTransact(std::move(batch));
  if (error != 0 && error != EEXIST) base::failErrno(error, "add address", address.str());
}

void Route::removeAddress(int link, const base::IpPrefix& address) {
  Batch batch;
  batch.begin(RTM_DELADDR, 0, "remove address");
  ifaddrmsg head{};
  head.ifa_family = family(address.address);
  head.ifa_prefixlen = static_cast<unsigned char>(address.length);
  head.ifa_index = static_cast<unsigned>(link);
  batch.header(head);
  putAddress(batch, IFA_LOCAL, address.address);
  const int error = socket_.tryTransact(std::move(batch));
  if (error != 0 && error != EADDRNOTAVAIL) base::failErrno(error, "remove address", address.str());
}

void Route::setUp(int link) {
  Batch batch;
  putUp(batch, link);
  socket_.transact(std::move(batch));
}

void Route::setMaster(int link, int bridge) {
  Batch batch;
  batch.begin(RTM_NEWLINK, 0, "set master");
  ifinfomsg head{};
  head.ifi_index = link;
  batch.header(head);
  batch.u32(IFLA_MASTER, static_cast<std::uint32_t>(bridge));
  socket_.transact(std::move(batch));
}

void Route::addVeth(const VethSpec& spec) {
  Batch batch;
  batch.begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "add veth pair");
  ifinfomsg up{};
  up.ifi_flags = IFF_UP;
  up.ifi_change = IFF_UP;
  batch.header(up);
  batch.text(IFLA_IFNAME, spec.hostName);
  batch.u32(IFLA_MASTER, static_cast<std::uint32_t>(spec.bridge));
  if (spec.mtu > 0) batch.u32(IFLA_MTU, spec.mtu);
  const size_t info = batch.nest(IFLA_LINKINFO);
  batch.text(IFLA_INFO_KIND, "veth");
  const size_t data = batch.nest(IFLA_INFO_DATA);
  const size_t peer = batch.nest(VETH_INFO_PEER);
  const ifinfomsg
      inner{};  // not up: while the pair is made, the peer has no other end yet (ENOTCONN)
  batch.raw(&inner, sizeof(inner));
  batch.text(IFLA_IFNAME, spec.peerName);
  batch.bytes(IFLA_ADDRESS, spec.peerMac.data(), spec.peerMac.size());
  if (spec.mtu > 0) batch.u32(IFLA_MTU, spec.mtu);
  batch.u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(spec.netns));
  batch.close(peer);
  batch.close(data);
  batch.close(info);
  socket_.transact(std::move(batch));
}

void Route::configure(int link, const std::vector<base::IpPrefix>& addresses,
                      const std::vector<base::IpAddress>& gateways) {
  Batch batch;
  for (const base::IpPrefix& address : addresses) putNewAddress(batch, link, address);
  putUp(batch, link);
  for (const base::IpAddress& gateway : gateways) putDefaultRoute(batch, link, gateway);
  socket_.transact(std::move(batch));
}

void Route::addDefaultRoute(int link, const base::IpAddress& gateway) {
  Batch batch;
  putDefaultRoute(batch, link, gateway);
  socket_.transact(std::move(batch));
}

void Route::setPort(const std::string& port, bool isolated, bool hairpin) {
  socket_.transact(portChange(port, [&](Batch& batch) {
    if (isolated) batch.u8(IFLA_BRPORT_ISOLATED, 1);
    if (hairpin) batch.u8(IFLA_BRPORT_MODE, 1);
  }));
}

void Route::settle(const std::string& port) {
  ethtool_value value{};
  value.cmd = ETHTOOL_GLINK;
  ifreq request{};
  if (port.size() >= sizeof(request.ifr_name)) return;
  std::memcpy(request.ifr_name, port.data(), port.size());
  request.ifr_data = reinterpret_cast<char*>(&value);
  (void)::ioctl(socket_.fd(), SIOCETHTOOL,
                &request);  // for its side effect; a link that is gone needs none
}

bool Route::silence(const std::string& port) {
  const auto found = link(port);
  if (!found || found->master == 0) return false;
  // By the bridge's own message: one through IFLA_INFO_SLAVE_DATA ends with a state change of the
  // link, at which the bridge puts every disabled port with a carrier into service again.
  Batch batch;
  batch.begin(RTM_SETLINK, 0, "silence bridge port");
  ifinfomsg head{};
  head.ifi_family = AF_BRIDGE;
  head.ifi_index = found->index;
  batch.header(head);
  const size_t info = batch.nest(IFLA_PROTINFO);
  batch.u8(IFLA_BRPORT_STATE, BR_STATE_DISABLED);
  for (const std::uint16_t flag : {IFLA_BRPORT_LEARNING, IFLA_BRPORT_UNICAST_FLOOD,
                                   IFLA_BRPORT_MCAST_FLOOD, IFLA_BRPORT_BCAST_FLOOD}) {
    batch.u8(flag, 0);
  }
  batch.flag(IFLA_BRPORT_FLUSH);
  batch.close(info);
  const int error = socket_.tryTransact(std::move(batch));
  if (error == 0) return true;
  // The link is gone, is no port any more, or went down and is as silent as can be.
  if (error == ENODEV || error == EINVAL || error == ENETDOWN || error == EOPNOTSUPP) return false;
  base::failErrno(error, "silence bridge port", port);
}

bool Route::removeLink(const std::string& name) {
  Batch batch;
  batch.begin(RTM_DELLINK, 0, "remove link");
  batch.header(ifinfomsg{});
  batch.text(IFLA_IFNAME, name);
  const int error = socket_.tryTransact(std::move(batch));
  if (error == ENODEV) return false;
  if (error != 0) base::failErrno(error, "remove link", name);
  return true;
}

void Route::removeNeighbour(int link, const base::IpAddress& address) {
  Batch batch;
  batch.begin(RTM_DELNEIGH, 0, "remove neighbour");
  ndmsg head{};
  head.ndm_family = family(address);
  head.ndm_ifindex = link;
  batch.header(head);
  putAddress(batch, NDA_DST, address);
  (void)socket_.tryTransact(std::move(batch));  // there is none, or it goes away by itself
}

Route::Watcher::Watcher() : socket_(NETLINK_ROUTE) {
  socket_.join(RTNLGRP_LINK);
}

bool Route::Watcher::drain(const std::function<void(const std::string&)>& gone) {
  return socket_.drain([&](const Received& message) {
    if (message.head->nlmsg_type == RTM_DELLINK &&
        message.header<ifinfomsg>().ifi_family == AF_UNSPEC) {
      gone(readLink(message).name);
    }
  });
}

}  // namespace netlink
