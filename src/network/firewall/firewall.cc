#include "network/firewall/firewall.h"

#include <arpa/inet.h>  // before the kernel's headers, which define the same otherwise
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>

#include "network/firewall/ruleset.h"
#include "platform/base/error.h"
#include "platform/base/log.h"

namespace firewall {
namespace {

const std::uint8_t kOurFamilies[] = {NFPROTO_INET, NFPROTO_BRIDGE};

// Elements by set, in the order of allSets().
class Elements {
 public:
  void add(const SetSpec& set, Element element) { lists_[&set].push_back(std::move(element)); }
  void write(Transaction& transaction, std::uint8_t family, const std::string& table,
             bool add) const {
    for (const OwnedSet& owned : allSets()) {
      const auto list = lists_.find(owned.set);
      if (owned.family != family || list == lists_.end()) continue;
      transaction.table(family, table);
      if (add) {
        transaction.add(*owned.set, list->second);
      } else {
        transaction.remove(*owned.set, list->second);
      }
    }
  }

 private:
  std::map<const SetSpec*, std::vector<Element>> lists_;
};

void collect(const Bridge& bridge, Elements& elements) {
  const Sets& sets = Sets::instance();
  const Value name = Value().interface(bridge.name);
  elements.add(sets.bridges, {.key = name});
  const bool talk = bridge.icc;
  const Value pair = Value().interface(bridge.name).interface(bridge.name);
  elements.add(sets.pairs, {.key = pair});
  elements.add(
      sets.same,
      {.key = pair, .verdict = Verdict{talk ? Verdict::Kind::kAccept : Verdict::Kind::kDrop, {}}});
  if (bridge.internal) elements.add(sets.internal, {.key = name});
  if (bridge.direct) elements.add(sets.direct, {.key = name});
  if (bridge.masquerade && !bridge.internal) elements.add(sets.masquerade, {.key = name});
  if (bridge.snat) elements.add(sets.snat, {.key = name, .data = Value().ip(*bridge.snat)});
  for (const auto& gateway : bridge.gateways) {
    elements.add(gateway.isV6() ? sets.owned6 : sets.owned4, {.key = Value().ip(gateway)});
  }
}

void collect(const Published& port, Elements& elements) {
  const PortSets& sets = port.target.isV6() ? Sets::instance().ports6 : Sets::instance().ports4;
  const auto key = [&](std::uint16_t number) {
    Value value;
    if (port.hostIp) value.ip(*port.hostIp);
    return value.protocol(port.protocol).port(number);
  };
  if (port.hostPortEnd > port.hostPort) {
    elements.add(port.hostIp ? sets.rangesAt : sets.rangesAny, {.key = key(port.hostPort),
                                                                .keyEnd = key(port.hostPortEnd),
                                                                .data = Value().ip(port.target)});
  } else {
    elements.add(
        port.hostIp ? sets.at : sets.any,
        {.key = key(port.hostPort), .data = Value().ip(port.target).port(port.targetPort)});
  }
}

// Two networks may each have a guest with one hardware address: the last one takes the shared
// element along.
void collect(const Guest& guest, Elements& elements, bool ownsMac = true) {
  const Sets& sets = Sets::instance();
  elements.add(sets.guests, {.key = Value().interface(guest.port)});
  if (ownsMac) elements.add(sets.ownedMacs, {.key = Value().mac(guest.mac)});
  elements.add(sets.ownerMacs, {.key = Value().interface(guest.port).mac(guest.mac)});
  for (const auto& address : guest.addresses) {
    if (!address.isV6()) elements.add(sets.selves4, {.key = Value().ip(address).ip(address)});
    elements.add(address.isV6() ? sets.owned6 : sets.owned4, {.key = Value().ip(address)});
    elements.add(address.isV6() ? sets.owners6 : sets.owners4,
                 {.key = Value().interface(guest.port).ip(address)});
  }
}

size_t count(netlink::Socket& socket, std::uint16_t message, const std::string& table) {
  size_t found = 0;
  for (const std::uint8_t family : kOurFamilies) {
    netlink::Batch request;
    request.begin(static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message), NLM_F_DUMP);
    request.header(nfgenmsg{family, NFNETLINK_V0, 0});
    request.text(NFTA_RULE_TABLE, table);
    socket.dump(request, [&](const netlink::Received& received) {
      const auto name = received.attributes<nfgenmsg>().find(NFTA_RULE_TABLE);
      if (name && name->text() == table) ++found;
    });
  }
  return found;
}

}  // namespace

Firewall::Firewall(std::string table)
    : table_(std::move(table)), notices_(NETLINK_NETFILTER), socket_(NETLINK_NETFILTER) {
  notices_.join(NFNLGRP_NFTABLES);
}

void Firewall::rememberLocked(const Change& change) {
  for (const auto& name : change.removeBridges) bridges_.erase(name);
  for (const auto& port : change.removePorts) ports_.erase(port);
  for (const auto& port : change.removeGuests) guests_.erase(port);
  for (const auto& bridge : change.addBridges) bridges_[bridge.name] = bridge;
  for (const auto& port : change.addPorts) ports_[port] = true;
  for (const auto& guest : change.addGuests) guests_[guest.port] = guest;
}

void Firewall::writeAllLocked() {
  Elements elements;
  for (const auto& [name, bridge] : bridges_) collect(bridge, elements);
  for (const auto& [port, present] : ports_) collect(port, elements);
  for (const auto& [name, guest] : guests_) collect(guest, elements);
  Transaction transaction;
  rules_ = writeRuleset(transaction, table_);
  for (const std::uint8_t family : kOurFamilies) elements.write(transaction, family, table_, true);
  socket_.transact(transaction.finish());
  installed_ = true;
}

void Firewall::install(const Change& everything) {
  base::Lock lock(mutex_);
  bridges_.clear();
  ports_.clear();
  guests_.clear();
  rememberLocked(everything);
  writeAllLocked();
}

void Firewall::apply(const Change& change) {
  base::Lock lock(mutex_);
  Elements removed, added;
  Change undo;
  for (const auto& name : change.removeBridges) {
    const auto known = bridges_.find(name);
    if (known == bridges_.end()) continue;
    collect(known->second, removed);
    undo.addBridges.push_back(known->second);
  }
  for (const auto& port : change.removePorts) {
    if (!ports_.contains(port)) continue;
    collect(port, removed);
    undo.addPorts.push_back(port);
  }
  for (const auto& name : change.removeGuests) {
    const auto known = guests_.find(name);
    if (known == guests_.end()) continue;
    const bool shared = std::any_of(guests_.begin(), guests_.end(), [&](const auto& other) {
      return other.first != name && other.second.mac == known->second.mac;
    });
    collect(known->second, removed, !shared);
    undo.addGuests.push_back(known->second);
  }
  for (const auto& bridge : change.addBridges) {
    collect(bridge, added);
    undo.removeBridges.push_back(bridge.name);
  }
  for (const auto& port : change.addPorts) collect(port, added);
  undo.removePorts = change.addPorts;
  for (const auto& guest : change.addGuests) {
    collect(guest, added);
    undo.removeGuests.push_back(guest.port);
  }

  Transaction transaction;
  for (const std::uint8_t family : kOurFamilies) {
    removed.write(transaction, family, table_, false);
    added.write(transaction, family, table_, true);
  }
  rememberLocked(change);
  if (transaction.empty()) return;
  if (installed_ && socket_.tryTransact(transaction.finish()) == 0) return;
  try {
    writeAllLocked();  // flushed by somebody, or never written
  } catch (const base::Error&) {
    rememberLocked(undo);
    throw;
  }
}

void Firewall::remove() {
  base::Lock lock(mutex_);
  Transaction transaction;
  for (const std::uint8_t family : kOurFamilies) {
    transaction.table(family, table_);
    transaction.dropTable();
  }
  socket_.transact(transaction.finish());
  installed_ = false;
  bridges_.clear();
  ports_.clear();
  guests_.clear();
}

bool Firewall::intactLocked() {
  return count(socket_, NFT_MSG_GETRULE, table_) == rules_;
}

bool Firewall::heal() {
  bool touched = false;
  std::uint32_t self = 0;
  {
    base::Lock lock(mutex_);
    self = socket_.portId();
  }
  const bool complete = notices_.drain([&](const netlink::Received& notice) {
    if (notice.head->nlmsg_pid == self || notice.head->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
      return;
    const int message = notice.head->nlmsg_type & 0xff;
    if (message == NFT_MSG_NEWGEN) return;
    // Attribute 1 is the table's name in every message that concerns us.
    const auto name = notice.attributes<nfgenmsg>().find(NFTA_RULE_TABLE);
    const bool ours = name && name->text() == table_;
    touched = touched || ours;
    if (!ours) ++foreign_changes_;
  });
  if (!complete) ++foreign_changes_;
  base::Lock lock(mutex_);
  if (!installed_ || (complete && !touched)) return false;
  if (!touched && intactLocked()) return false;
  writeAllLocked();
  base::log::warn(
      "the daemon's firewall tables were changed by another program and have been restored",
      {{"table", table_}});
  return true;
}

void redirectDns(netlink::Socket& socket, const base::IpAddress& server, std::uint16_t udpPort,
                 std::uint16_t tcpPort) {
  Transaction transaction;
  transaction.table(NFPROTO_IPV4, "sampan-dns");
  transaction.freshTable();
  transaction.chain({.name = "output", .type = "nat", .hook = NF_INET_LOCAL_OUT, .priority = -100});
  for (const auto& [protocol, port] :
       {std::pair{IPPROTO_UDP, udpPort}, std::pair{IPPROTO_TCP, tcpPort}}) {
    const char number = static_cast<char>(protocol);
    Rule rule;
    rule.destination4(0).equals(0, Value().ip(server).bytes());
    rule.meta(NFT_META_L4PROTO, 1).equals(1, {&number, 1});
    rule.payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 2)
        .equals(2, Value().port(53).bytes().substr(0, 2));
    rule.load(4, Value().ip(server).bytes())
        .load(5, Value().port(port).bytes().substr(0, 2))
        .dnat(false, 4, 5);
    transaction.rule("output", rule);
  }
  socket.transact(transaction.finish());
}

}  // namespace firewall
