#include "network/firewall/host_policy.h"

#include <arpa/inet.h>  // before the kernel's headers, which define the same otherwise
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_conntrack.h>
#include <net/if.h>

#include <cstddef>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "network/netlink/socket.h"
#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace firewall {
namespace {

constexpr int kMaxDepth = 16;  // the kernel's own limit of jumps

enum class Truth { kNo, kMaybe, kYes };

// What an expression needs to know of the packet that is followed.
struct Packet {
  std::string in, out;
};

struct Expression {
  std::string name;
  std::vector<std::byte> data;
  netlink::Attributes attributes() const {
    return netlink::Attributes(std::span<const std::byte>(data));
  }
};

struct Chain {
  std::string name;
  bool forward = false;  // a filter base chain of the forward hook
  bool dropPolicy = false;
  std::vector<std::vector<Expression>> rules;
};

struct Table {
  std::uint8_t family = 0;
  std::string name;
  std::map<std::string, Chain> chains;
};

using TableKey = std::pair<std::uint8_t, std::string>;

// ---- reading

void readChains(netlink::Socket& socket, std::map<TableKey, Table>& tables) {
  netlink::Batch request;
  request.begin(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, NLM_F_DUMP);
  request.header(nfgenmsg{AF_UNSPEC, NFNETLINK_V0, 0});
  socket.dump(request, [&](const netlink::Received& received) {
    const std::uint8_t family = received.header<nfgenmsg>().nfgen_family;
    if (family != NFPROTO_IPV4 && family != NFPROTO_INET) return;
    const auto attributes = received.attributes<nfgenmsg>();
    const auto table = attributes.find(NFTA_CHAIN_TABLE);
    const auto name = attributes.find(NFTA_CHAIN_NAME);
    if (!table || !name || table->text().starts_with("sampan-")) return;
    Table& known = tables[{family, table->text()}];
    known.family = family;
    known.name = table->text();
    Chain& chain = known.chains[name->text()];
    chain.name = name->text();
    const auto type = attributes.find(NFTA_CHAIN_TYPE);
    const auto hook = attributes.find(NFTA_CHAIN_HOOK);
    const auto policy = attributes.find(NFTA_CHAIN_POLICY);
    if (!hook || !type || type->text() != "filter") return;
    const auto number = netlink::Attributes(*hook).find(NFTA_HOOK_HOOKNUM);
    chain.forward = number && number->be32() == NF_INET_FORWARD;
    chain.dropPolicy = policy && policy->be32() == NF_DROP;
  });
}

void readRules(netlink::Socket& socket, Table& table) {
  netlink::Batch request;
  request.begin(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, NLM_F_DUMP);
  request.header(nfgenmsg{table.family, NFNETLINK_V0, 0});
  request.text(NFTA_RULE_TABLE, table.name);
  socket.dump(request, [&](const netlink::Received& received) {
    const auto attributes = received.attributes<nfgenmsg>();
    const auto from = attributes.find(NFTA_RULE_TABLE);
    const auto chain = attributes.find(NFTA_RULE_CHAIN);
    const auto list = attributes.find(NFTA_RULE_EXPRESSIONS);
    if (!from || from->text() != table.name || !chain) return;
    std::vector<Expression> rule;
    if (list) {
      for (const netlink::Attribute& element : netlink::Attributes(*list)) {
        const netlink::Attributes parts(element);
        const auto name = parts.find(NFTA_EXPR_NAME);
        const auto data = parts.find(NFTA_EXPR_DATA);
        if (!name) continue;
        rule.push_back({name->text(), {}});
        if (data) rule.back().data.assign(data->data.begin(), data->data.end());
      }
    }
    table.chains[chain->text()].rules.push_back(std::move(rule));
  });
}

// ---- following

std::string bytesOf(const netlink::Attributes& attributes, std::uint16_t type) {
  const auto nest = attributes.find(type);
  const auto value = nest ? netlink::Attributes(*nest).find(NFTA_DATA_VALUE) : std::nullopt;
  return value ? std::string(reinterpret_cast<const char*>(value->data.data()), value->data.size())
               : std::string();
}

std::uint32_t number(const netlink::Attributes& attributes, std::uint16_t type) {
  const auto found = attributes.find(type);
  return found ? found->be32() : 0;
}

std::string padded(const std::string& name) {
  std::string bytes = name;
  bytes.resize(IFNAMSIZ, '\0');
  return bytes;
}

std::string word(std::uint32_t value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

constexpr std::uint32_t kNewState = NF_CT_STATE_BIT(IP_CT_NEW);

enum class Outcome { kNothing, kAccept, kDrop, kReturn };

class Follower {
 public:
  Follower(const Table& table, const Packet& packet) : table_(table), packet_(packet) {}

  // Whether a packet that enters `chain` is dropped for sure; why() says where.
  bool dropped(const Chain& chain) {
    why_.clear();
    doubtful_ = false;
    const Outcome outcome = walk(chain, 0);
    if (outcome == Outcome::kDrop) return true;
    if (outcome == Outcome::kAccept || doubtful_ || !chain.dropPolicy) return false;
    why_ = "policy drop";
    return true;
  }
  const std::string& why() const { return why_; }

 private:
  Outcome walk(const Chain& chain, int depth) {
    if (depth > kMaxDepth) return Outcome::kNothing;
    for (size_t i = 0; i < chain.rules.size(); ++i) {
      const Outcome outcome = apply(chain, i, depth);
      if (outcome == Outcome::kReturn) return Outcome::kNothing;
      if (outcome != Outcome::kNothing) return outcome;
    }
    return Outcome::kNothing;
  }

  Outcome apply(const Chain& chain, size_t index, int depth) {
    registers_.clear();
    Truth matched = Truth::kYes;
    for (const Expression& expression : chain.rules[index]) {
      const auto outcome = verdictOf(expression, depth, matched);
      if (outcome) {
        if (*outcome == Outcome::kDrop && why_.empty())
          why_ = fmt::format("rule {} of chain {}", index + 1, chain.name);
        return *outcome;
      }
      matched = std::min(matched, test(expression));
      if (matched == Truth::kNo) return Outcome::kNothing;
    }
    return Outcome::kNothing;
  }

  // nullopt: the expression decides nothing.
  std::optional<Outcome> verdictOf(const Expression& expression, int depth, Truth matched) {
    const auto attributes = expression.attributes();
    if (expression.name == "reject") return certain(Outcome::kDrop, matched);
    if (expression.name == "target") {
      const auto name = attributes.find(NFTA_TARGET_NAME);
      if (name && name->text() == "REJECT") return certain(Outcome::kDrop, matched);
      return std::nullopt;
    }
    if (expression.name != "immediate" ||
        number(attributes, NFTA_IMMEDIATE_DREG) != NFT_REG_VERDICT)
      return std::nullopt;
    const auto data = attributes.find(NFTA_IMMEDIATE_DATA);
    const auto verdict = data ? netlink::Attributes(*data).find(NFTA_DATA_VERDICT) : std::nullopt;
    if (!verdict) return std::nullopt;
    const netlink::Attributes parts(*verdict);
    const auto code = static_cast<std::int32_t>(number(parts, NFTA_VERDICT_CODE));
    if (code == NF_ACCEPT) return certain(Outcome::kAccept, matched);
    if (code == NF_DROP) return certain(Outcome::kDrop, matched);
    if (code == NFT_RETURN) return certain(Outcome::kReturn, matched);
    if (code != NFT_JUMP && code != NFT_GOTO) return std::nullopt;
    const auto name = parts.find(NFTA_VERDICT_CHAIN);
    const auto target = name ? table_.chains.find(name->text()) : table_.chains.end();
    if (target == table_.chains.end()) return std::nullopt;
    const Outcome inner = walk(target->second, depth + 1);
    if (inner == Outcome::kNothing)
      return code == NFT_GOTO ? certain(Outcome::kReturn, matched) : Outcome::kNothing;
    return certain(inner, matched);
  }

  // What may happen is no drop, and an accept or return that may happen ends all certainty.
  Outcome certain(Outcome outcome, Truth matched) {
    if (matched == Truth::kYes) return outcome;
    if (outcome != Outcome::kDrop) doubtful_ = true;
    return Outcome::kNothing;
  }

  Truth test(const Expression& expression) {
    const auto attributes = expression.attributes();
    const std::string& name = expression.name;
    if (name == "meta" || name == "ct") return load(name, attributes);
    if (name == "payload") {
      // Ports and addresses: general traffic is not what such a rule speaks of, but ours may be.
      registers_[number(attributes, NFTA_PAYLOAD_DREG)] = std::nullopt;
      port_ = number(attributes, NFTA_PAYLOAD_BASE) == NFT_PAYLOAD_TRANSPORT_HEADER;
      return Truth::kYes;
    }
    if (name == "bitwise") return mask(attributes);
    if (name == "cmp") return compare(attributes);
    if (name == "match") return legacyMatch(attributes);
    if (name == "counter" || name == "log" || name == "immediate" || name == "notrack" ||
        name == "target")
      return Truth::kYes;
    return Truth::kMaybe;  // lookup, limit, fib, and whatever comes
  }

  Truth load(const std::string& name, const netlink::Attributes& attributes) {
    std::optional<std::string> value;
    std::uint32_t target;
    port_ = false;
    if (name == "meta") {
      target = number(attributes, NFTA_META_DREG);
      switch (number(attributes, NFTA_META_KEY)) {
        case NFT_META_IIFNAME:
          value = padded(packet_.in);
          break;
        case NFT_META_OIFNAME:
          value = padded(packet_.out);
          break;
        case NFT_META_IIF:
          value = word(::if_nametoindex(packet_.in.c_str()));
          break;
        case NFT_META_OIF:
          value = word(::if_nametoindex(packet_.out.c_str()));
          break;
        case NFT_META_NFPROTO:
          value = std::string(1, char{NFPROTO_IPV4});
          break;
        case NFT_META_L4PROTO:
          value = std::string(1, char{IPPROTO_TCP});
          break;
        default:
          break;
      }
    } else {
      target = number(attributes, NFTA_CT_DREG);
      if (number(attributes, NFTA_CT_KEY) == NFT_CT_STATE) value = word(kNewState);
    }
    registers_[target] = value;
    return Truth::kYes;
  }

  Truth mask(const netlink::Attributes& attributes) {
    const auto source = registers_.find(number(attributes, NFTA_BITWISE_SREG));
    const std::string bits = bytesOf(attributes, NFTA_BITWISE_MASK);
    std::optional<std::string> result;
    if (source != registers_.end() && source->second && bits.size() == source->second->size()) {
      result = *source->second;
      for (size_t i = 0; i < bits.size(); ++i)
        (*result)[i] = static_cast<char>((*result)[i] & bits[i]);
    }
    registers_[number(attributes, NFTA_BITWISE_DREG)] = result;
    return Truth::kYes;
  }

  Truth compare(const netlink::Attributes& attributes) {
    const auto source = registers_.find(number(attributes, NFTA_CMP_SREG));
    const std::string wanted = bytesOf(attributes, NFTA_CMP_DATA);
    if (source == registers_.end() || !source->second) return port_ ? Truth::kNo : Truth::kMaybe;
    // Interface wildcards compare only the bytes before the star.
    const bool equal = source->second->compare(0, wanted.size(), wanted) == 0;
    const std::uint32_t operation = number(attributes, NFTA_CMP_OP);
    if (operation == NFT_CMP_EQ) return equal ? Truth::kYes : Truth::kNo;
    if (operation == NFT_CMP_NEQ) return equal ? Truth::kNo : Truth::kYes;
    return Truth::kMaybe;
  }

  // Matches of iptables-nft that have no expression of their own.
  static Truth legacyMatch(const netlink::Attributes& attributes) {
    const auto name = attributes.find(NFTA_MATCH_NAME);
    const auto info = attributes.find(NFTA_MATCH_INFO);
    if (!name) return Truth::kMaybe;
    const std::string text = name->text();
    if (text == "comment") return Truth::kYes;
    if (text == "tcp" || text == "udp" || text == "multiport" || text == "icmp")
      return Truth::kNo;  // one service only
    constexpr size_t kNeeded =
        offsetof(xt_conntrack_mtinfo3, state_mask) + sizeof(xt_conntrack_mtinfo3::state_mask);
    if (text != "conntrack" || !info || info->data.size() < kNeeded) return Truth::kMaybe;
    xt_conntrack_mtinfo3 conntrack{};
    std::memcpy(&conntrack, info->data.data(), std::min(sizeof(conntrack), info->data.size()));
    if (conntrack.match_flags != XT_CONNTRACK_STATE) return Truth::kMaybe;
    const bool hit = (conntrack.state_mask & XT_CONNTRACK_STATE_BIT(IP_CT_NEW)) != 0;
    const bool inverted = (conntrack.invert_flags & XT_CONNTRACK_STATE) != 0;
    return hit != inverted ? Truth::kYes : Truth::kNo;
  }

  const Table& table_;
  const Packet& packet_;
  std::map<std::uint32_t, std::optional<std::string>> registers_;
  bool port_ = false;  // the last load was a port number
  bool doubtful_ = false;
  std::string why_;
};

// ---- telling

std::string remedyFor(const Table& table, const Chain& chain,
                      const std::vector<std::string>& bridges) {
  std::vector<std::string> commands;
  for (const std::string& bridge : bridges) {
    if (table.name == "firewalld") {
      commands.push_back("firewall-cmd --permanent --zone=trusted --add-interface=" + bridge);
    } else if (table.chains.contains("ufw-user-forward")) {
      commands.push_back(
          fmt::format("ufw route allow in on {0}; ufw route allow out on {0}", bridge));
    } else if (table.family == NFPROTO_IPV4 && table.name == "filter" && chain.name == "FORWARD") {
      const char* place = table.chains.contains("DOCKER-USER") ? "DOCKER-USER" : "FORWARD";
      commands.push_back(fmt::format(
          "iptables -I {0} -i {1} -j ACCEPT; iptables -I {0} -o {1} -j ACCEPT", place, bridge));
    } else {
      const char* family = table.family == NFPROTO_IPV4 ? "ip" : "inet";
      commands.push_back(
          fmt::format("nft insert rule {0} {1} {2} iifname {3} accept; nft insert rule {0} {1} {2} "
                      "oifname {3} accept",
                      family, table.name, chain.name, bridge));
    }
  }
  if (table.name == "firewalld") commands.push_back("firewall-cmd --reload");
  return base::join(commands, "; ");
}

}  // namespace

std::vector<Obstacle> findObstacles(const std::vector<std::string>& bridges,
                                    const std::string& uplink) {
  netlink::Socket socket(NETLINK_NETFILTER);
  std::map<TableKey, Table> tables;
  readChains(socket, tables);
  std::vector<Obstacle> obstacles;
  for (auto& [key, table] : tables) {
    std::vector<const Chain*> forward;
    for (const auto& [name, chain] : table.chains) {
      if (chain.forward) forward.push_back(&chain);
    }
    if (forward.empty()) continue;
    readRules(socket, table);
    for (const Chain* chain : forward) {
      Obstacle obstacle;
      for (const std::string& bridge : bridges) {
        for (const Packet& packet : {Packet{bridge, uplink}, Packet{uplink, bridge}}) {
          Follower follower(table, packet);
          if (!follower.dropped(*chain)) continue;
          obstacle.bridges.push_back(bridge);
          obstacle.where =
              fmt::format("table {} {}, chain {}, {}", table.family == NFPROTO_IPV4 ? "ip" : "inet",
                          table.name, chain->name, follower.why());
          break;
        }
      }
      if (obstacle.bridges.empty()) continue;
      obstacle.remedy = remedyFor(table, *chain, obstacle.bridges);
      obstacles.push_back(std::move(obstacle));
    }
  }
  return obstacles;
}

}  // namespace firewall
