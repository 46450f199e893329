#include "network/firewall/ruleset.h"

#include <arpa/inet.h>  // before the kernel's headers, which define the same otherwise
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_bridge.h>
#include <linux/rtnetlink.h>

#include <utility>

namespace firewall {
namespace {

// Standard priorities (linux/netfilter_ipv4.h, linux/netfilter_bridge.h).
constexpr std::int32_t kRaw = -300, kDestinationNat = -100, kFilter = 0, kSourceNat = 100,
                       kBridgeRaw = -300;
constexpr std::uint32_t kLoopbackIndex = 1;  // in every namespace

std::string number32(std::uint32_t value) {
  return std::string(reinterpret_cast<const char*>(&value), 4);
}
std::string number16(std::uint16_t value) {
  return std::string(reinterpret_cast<const char*>(&value), 2);
}

PortSets portSets(Type address, const std::string& suffix) {
  return {
      .any = {"ports" + suffix, {Type::kProtocol, Type::kPort}, {address, Type::kPort}},
      .at = {"ports_at" + suffix, {address, Type::kProtocol, Type::kPort}, {address, Type::kPort}},
      .rangesAny = {"ranges" + suffix, {Type::kProtocol, Type::kPort}, {address}, true},
      .rangesAt = {"ranges_at" + suffix, {address, Type::kProtocol, Type::kPort}, {address}, true},
  };
}

Sets makeSets() {
  const std::vector<Type> link = {Type::kInterface};
  return {
      .bridges = {"bridges", link, {}},
      .internal = {"internal", link, {}},
      .direct = {"direct", link, {}},
      .masquerade = {"masquerade", link, {}},
      .snat = {"snat_to", link, {Type::kIpv4}},
      .same = {"same", {Type::kInterface, Type::kInterface}, {Type::kVerdict}},
      .pairs = {"pairs", {Type::kInterface, Type::kInterface}, {}},
      .selves4 = {"selves4", {Type::kIpv4, Type::kIpv4}, {}},
      .ports4 = portSets(Type::kIpv4, "4"),
      .ports6 = portSets(Type::kIpv6, "6"),
      .guests = {"guests", link, {}},
      .owned4 = {"owned4", {Type::kIpv4}, {}},
      .owned6 = {"owned6", {Type::kIpv6}, {}},
      .ownedMacs = {"owned_macs", {Type::kMac}, {}},
      .owners4 = {"owners4", {Type::kInterface, Type::kIpv4}, {}},
      .owners6 = {"owners6", {Type::kInterface, Type::kIpv6}, {}},
      .ownerMacs = {"owner_macs", {Type::kInterface, Type::kMac}, {}},
  };
}

// Appends rules to one table and counts them.
class Writer {
 public:
  explicit Writer(Transaction& transaction) : transaction_(transaction) {}
  void chain(const ChainSpec& spec) {
    transaction_.chain(spec);
    chain_ = spec.name;
  }
  void rule(const Rule& rule) {
    transaction_.rule(chain_, rule);
    ++count;
  }
  size_t count = 0;

 private:
  Transaction& transaction_;
  std::string chain_;
};

// Before connection tracking: nothing from outside may use a loopback address, since with
// route_localnet the kernel itself would let it pass, and a port published on 127.0.0.1 would
// answer the neighbours of the host.
void writeGuard(Writer& writer) {
  writer.chain({"guard", "filter", NF_INET_PRE_ROUTING, kRaw});
  for (const std::uint32_t offset : {12u, 16u}) {  // source, destination
    Rule rule;
    rule.meta(NFT_META_IIF, 0).differs(0, number32(kLoopbackIndex)).family(false);
    rule.payload(NFT_PAYLOAD_NETWORK_HEADER, offset, 1, 1).equals(1, "\x7f");
    writer.rule(rule.drop());
  }
  // The addresses that a bridge takes for itself (01:80:c2:00:00:00 to 0f): frames to them do not
  // pass it, the host hears them from the cable, and no hook of the bridge has looked at whose
  // address is in them.
  Rule reserved;
  reserved.payload(NFT_PAYLOAD_LL_HEADER, 0, 5, 0);
  writer.rule(reserved.equals(0, std::string_view("\x01\x80\xc2\0\0", 5)).drop());
}

void writePublishedFamily(Writer& writer, const PortSets& sets, bool ipv6) {
  const int words = ipv6 ? 4 : 1;  // registers of an address
  const int protocol = words, port = words + 1, target = 8;
  const auto key = [&](bool withAddress) {
    Rule rule;
    rule.family(ipv6);
    if (withAddress) rule.payload(NFT_PAYLOAD_NETWORK_HEADER, ipv6 ? 24 : 16, ipv6 ? 16 : 4, 0);
    rule.meta(NFT_META_L4PROTO, protocol).payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, port);
    return rule;
  };
  // A binding to one address comes before the one to all.
  writer.rule(key(true).map(sets.at.name, 0, target).dnat(ipv6, target, target + words));
  writer.rule(key(true).map(sets.rangesAt.name, 0, target).dnat(ipv6, target, std::nullopt));
  writer.rule(key(false).map(sets.any.name, protocol, target).dnat(ipv6, target, target + words));
  writer.rule(
      key(false).map(sets.rangesAny.name, protocol, target).dnat(ipv6, target, std::nullopt));
}

void writePublish(Writer& writer, const Sets& sets) {
  writer.chain({.name = "publish"});
  writePublishedFamily(writer, sets.ports4, false);
  writePublishedFamily(writer, sets.ports6, true);
  for (const auto& [name, hook] : {std::pair{"nat_prerouting", NF_INET_PRE_ROUTING},
                                   std::pair{"nat_output", NF_INET_LOCAL_OUT}}) {
    writer.chain({name, "nat", static_cast<std::uint32_t>(hook), kDestinationNat});
    writer.rule(Rule().fibType(false, 0).equals(0, number32(RTN_LOCAL)).jump("publish"));
  }
}

void writePostrouting(Writer& writer, const Sets& sets) {
  writer.chain({"nat_postrouting", "nat", NF_INET_POST_ROUTING, kSourceNat});
  // A client on 127.0.0.1: the guest must answer to the bridge's address.
  Rule loopback;
  loopback.family(false).payload(NFT_PAYLOAD_NETWORK_HEADER, 12, 1, 8).equals(8, "\x7f");
  writer.rule(loopback.outputName(0).in(sets.bridges.name, 0).masquerade());
  // A guest that reaches its own bridge by a published port: the answer must come back this way.
  Rule hairpin;
  hairpin.conntrack(NFT_CT_STATUS, 8).mask(8, 8, IPS_DST_NAT).differs(8, number32(0));
  writer.rule(hairpin.inputName(0).outputName(4).in(sets.pairs.name, 0).masquerade());
  // The same where br_netfilter translates on the bridge: the input interface is not known there,
  // and only a guest that reaches itself needs a new source (all other answers pass the bridge
  // again).
  Rule self;
  self.conntrack(NFT_CT_STATUS, 8).mask(8, 8, IPS_DST_NAT).differs(8, number32(0));
  writer.rule(self.family(false).source4(0).destination4(1).in(sets.selves4.name, 0).masquerade());
  writer.rule(Rule().inputName(0).outputName(4).in(sets.pairs.name, 0).accept());
  writer.rule(Rule().family(false).inputName(0).map(sets.snat.name, 0, 8).snat(false, 8));
  writer.rule(Rule().inputName(0).in(sets.masquerade.name, 0).masquerade());
}

void writeForward(Writer& writer, const Sets& sets) {
  writer.chain({.name = "within_or_drop"});
  writer.rule(Rule().inputName(0).outputName(4).verdictMap(sets.same.name, 0));
  writer.rule(Rule().drop());

  writer.chain({"forward", "filter", NF_INET_FORWARD, kFilter});
  writer.rule(Rule().inputName(0).in(sets.internal.name, 0).jump("within_or_drop"));
  writer.rule(Rule().outputName(0).in(sets.internal.name, 0).drop());
  const std::uint32_t known = NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED);
  // Without icc the translated way through a published port stays open; the direct one is closed
  // below, so an established connection is let through only when it was translated or leaves the
  // bridge.
  writer.rule(
      Rule().conntrack(NFT_CT_STATUS, 0).mask(0, 0, IPS_DST_NAT).differs(0, number32(0)).accept());
  writer.rule(Rule().inputName(0).outputName(4).verdictMap(sets.same.name, 0));
  writer.rule(Rule().conntrack(NFT_CT_STATE, 0).mask(0, 0, known).differs(0, number32(0)).accept());
  writer.rule(Rule().outputName(0).in(sets.direct.name, 0).accept());
  // Other networks and the world outside: only what was published.
  writer.rule(Rule().outputName(0).in(sets.bridges.name, 0).drop());
}

// What the checks below do not understand must not pass: a receiver takes as many tags of VLAN 0
// off a frame as there are, and the address within would be believed. The link layer's type is read
// as the guest wrote it, since a tag that the kernel has moved to the side is put back for this
// expression.
void writeUnderstoodOnly(Writer& writer, const Sets& sets) {
  Rule rule;
  rule.payload(NFT_PAYLOAD_LL_HEADER, 12, 2, 4);
  for (const std::uint16_t known : {ETH_P_IP, ETH_P_ARP, ETH_P_IPV6})
    rule.differs(4, number16(htons(known)));
  writer.rule(rule.inputName(0).in(sets.guests.name, 0).drop());
}

void writeSpoofing(Writer& writer, const Sets& sets) {
  writer.chain({"spoofing", "filter", NF_BR_PRE_ROUTING, kBridgeRaw});
  writeUnderstoodOnly(writer, sets);
  struct Check {
    std::uint16_t protocol;  // 0: every frame
    std::uint32_t base, offset, size;
    const SetSpec* owned;
    const SetSpec* owners;
  };
  const Check checks[] = {
      {0, NFT_PAYLOAD_LL_HEADER, 6, 6, &sets.ownedMacs, &sets.ownerMacs},
      {ETH_P_IP, NFT_PAYLOAD_NETWORK_HEADER, 12, 4, &sets.owned4, &sets.owners4},
      {ETH_P_ARP, NFT_PAYLOAD_NETWORK_HEADER, 14, 4, &sets.owned4, &sets.owners4},
      {ETH_P_IPV6, NFT_PAYLOAD_NETWORK_HEADER, 8, 16, &sets.owned6, &sets.owners6},
  };
  for (const Check& check : checks) {
    Rule rule;
    if (check.protocol != 0)
      rule.meta(NFT_META_PROTOCOL, 0).equals(0, number16(htons(check.protocol)));
    rule.inputName(0).in(sets.guests.name, 0);
    rule.payload(check.base, check.offset, check.size, 4).in(check.owned->name, 4);
    writer.rule(rule.in(check.owners->name, 0, true).drop());
  }
}

}  // namespace

const Sets& Sets::instance() {
  static const Sets sets = makeSets();
  return sets;
}

const std::vector<OwnedSet>& allSets() {
  static const std::vector<OwnedSet> all = [] {
    const Sets& sets = Sets::instance();
    std::vector<OwnedSet> list;
    for (const SetSpec* set : {&sets.bridges, &sets.internal, &sets.direct, &sets.masquerade,
                               &sets.snat, &sets.same, &sets.pairs, &sets.selves4}) {
      list.push_back({NFPROTO_INET, set});
    }
    for (const PortSets* ports : {&sets.ports4, &sets.ports6}) {
      for (const SetSpec* set : {&ports->any, &ports->at, &ports->rangesAny, &ports->rangesAt}) {
        list.push_back({NFPROTO_INET, set});
      }
    }
    for (const SetSpec* set : {&sets.guests, &sets.owned4, &sets.owned6, &sets.ownedMacs,
                               &sets.owners4, &sets.owners6, &sets.ownerMacs}) {
      list.push_back({NFPROTO_BRIDGE, set});
    }
    return list;
  }();
  return all;
}

size_t writeRuleset(Transaction& transaction, const std::string& table) {
  const Sets& sets = Sets::instance();
  Writer writer(transaction);
  for (const std::uint8_t family : {std::uint8_t{NFPROTO_INET}, std::uint8_t{NFPROTO_BRIDGE}}) {
    transaction.table(family, table);
    transaction.freshTable();
    for (const OwnedSet& owned : allSets()) {
      if (owned.family == family) transaction.set(*owned.set);
    }
    if (family == NFPROTO_INET) {
      writeGuard(writer);
      writePublish(writer, sets);
      writePostrouting(writer, sets);
      writeForward(writer, sets);
    } else {
      writeSpoofing(writer, sets);
    }
  }
  return writer.count;
}

}  // namespace firewall
