#include "network/firewall/nft.h"

#include <arpa/inet.h>  // before the kernel's headers, which define the same otherwise
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>

#include "platform/base/error.h"

namespace firewall {
namespace {

constexpr size_t kMaxElementBytes = 48 * 1024;  // of one message's list: an attribute ends at 64 kB

std::uint32_t registerNumber(int index) {
  return NFT_REG32_00 + static_cast<std::uint32_t>(index);
}

size_t rounded(size_t size) {
  return (size + 3) & ~size_t{3};
}

size_t keySize(const std::vector<Type>& types) {
  if (types.size() == 1) return typeSize(types[0]);
  size_t size = 0;
  for (const Type type : types) size += rounded(typeSize(type));
  return size;
}

// nft packs the types of a concatenation into one number, six bits each.
std::uint32_t typeCode(const std::vector<Type>& types) {
  std::uint32_t code = 0;
  for (const Type type : types) code = code << 6 | static_cast<std::uint32_t>(type);
  return code;
}

void putVerdict(netlink::Batch& batch, std::uint16_t attribute, const Verdict& verdict) {
  std::int32_t code = NF_ACCEPT;
  switch (verdict.kind) {
    case Verdict::Kind::kAccept:
      code = NF_ACCEPT;
      break;
    case Verdict::Kind::kDrop:
      code = NF_DROP;
      break;
    case Verdict::Kind::kReturn:
      code = NFT_RETURN;
      break;
    case Verdict::Kind::kJump:
      code = NFT_JUMP;
      break;
    case Verdict::Kind::kGoto:
      code = NFT_GOTO;
      break;
  }
  const size_t data = batch.nest(attribute);
  const size_t nest = batch.nest(NFTA_DATA_VERDICT);
  batch.be32(NFTA_VERDICT_CODE, static_cast<std::uint32_t>(code));
  if (!verdict.chain.empty()) batch.text(NFTA_VERDICT_CHAIN, verdict.chain);
  batch.close(nest);
  batch.close(data);
}

void putValue(netlink::Batch& batch, std::uint16_t attribute, std::string_view bytes) {
  const size_t data = batch.nest(attribute);
  batch.bytes(NFTA_DATA_VALUE, bytes.data(), bytes.size());
  batch.close(data);
}

// A key or datum of a single type has its exact size, without the padding of a concatenation.
std::string_view exact(const Value& value, const std::vector<Type>& types) {
  return std::string_view(value.bytes()).substr(0, keySize(types));
}

}  // namespace

size_t typeSize(Type type) {
  switch (type) {
    case Type::kVerdict:
      return 16;
    case Type::kIpv4:
      return 4;
    case Type::kIpv6:
      return 16;
    case Type::kMac:
      return 6;
    case Type::kProtocol:
      return 1;
    case Type::kPort:
      return 2;
    case Type::kInterface:
      return IFNAMSIZ;
  }
  return 0;
}

// ---- Value

Value& Value::field(const void* data, size_t size, size_t padded) {
  bytes_.append(static_cast<const char*>(data), size);
  bytes_.append(padded - size, '\0');
  return *this;
}

Value& Value::ip(const base::IpAddress& address) {
  const auto raw = address.bytes();
  return field(raw.data(), static_cast<size_t>(address.size()),
               static_cast<size_t>(address.size()));
}

Value& Value::protocol(std::uint8_t number) {
  return field(&number, 1, 4);
}

Value& Value::port(std::uint16_t number) {
  const std::uint16_t network = htons(number);
  return field(&network, 2, 4);
}

Value& Value::interface(std::string_view name) {
  if (name.size() >= IFNAMSIZ)
    base::fail(base::Code::kInternal, "interface name {} is too long", name);
  return field(name.data(), name.size(), IFNAMSIZ);
}

Value& Value::mac(const std::array<std::uint8_t, 6>& address) {
  return field(address.data(), 6, 8);
}

// ---- Rule

Rule& Rule::expression(std::string_view name, const std::function<void(netlink::Batch&)>& put) {
  expressions_.push_back([name, put](netlink::Batch& batch) {
    const size_t element = batch.nest(NFTA_LIST_ELEM);
    batch.text(NFTA_EXPR_NAME, name);
    const size_t data = batch.nest(NFTA_EXPR_DATA);
    put(batch);
    batch.close(data);
    batch.close(element);
  });
  return *this;
}

Rule& Rule::meta(std::uint32_t key, int destination) {
  return expression("meta", [=](netlink::Batch& batch) {
    batch.be32(NFTA_META_KEY, key);
    batch.be32(NFTA_META_DREG, registerNumber(destination));
  });
}

Rule& Rule::payload(std::uint32_t base, std::uint32_t offset, std::uint32_t size, int destination) {
  return expression("payload", [=](netlink::Batch& batch) {
    batch.be32(NFTA_PAYLOAD_DREG, registerNumber(destination));
    batch.be32(NFTA_PAYLOAD_BASE, base);
    batch.be32(NFTA_PAYLOAD_OFFSET, offset);
    batch.be32(NFTA_PAYLOAD_LEN, size);
  });
}

Rule& Rule::conntrack(std::uint32_t key, int destination) {
  return expression("ct", [=](netlink::Batch& batch) {
    batch.be32(NFTA_CT_KEY, key);
    batch.be32(NFTA_CT_DREG, registerNumber(destination));
  });
}

Rule& Rule::fibType(bool source, int destination) {
  return expression("fib", [=](netlink::Batch& batch) {
    batch.be32(NFTA_FIB_DREG, registerNumber(destination));
    batch.be32(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    batch.be32(NFTA_FIB_FLAGS, source ? NFTA_FIB_F_SADDR : NFTA_FIB_F_DADDR);
  });
}

Rule& Rule::mask(int source, int destination, std::uint32_t mask) {
  return expression("bitwise", [=](netlink::Batch& batch) {
    batch.be32(NFTA_BITWISE_SREG, registerNumber(source));
    batch.be32(NFTA_BITWISE_DREG, registerNumber(destination));
    batch.be32(NFTA_BITWISE_LEN, 4);
    const std::uint32_t zero = 0;
    putValue(batch, NFTA_BITWISE_MASK, {reinterpret_cast<const char*>(&mask), 4});
    putValue(batch, NFTA_BITWISE_XOR, {reinterpret_cast<const char*>(&zero), 4});
  });
}

Rule& Rule::compare(int source, std::string_view bytes, bool equal) {
  return expression("cmp", [source, equal, copy = std::string(bytes)](netlink::Batch& batch) {
    batch.be32(NFTA_CMP_SREG, registerNumber(source));
    batch.be32(NFTA_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
    putValue(batch, NFTA_CMP_DATA, copy);
  });
}

Rule& Rule::in(std::string_view set, int source, bool inverted) {
  return expression("lookup", [name = std::string(set), source, inverted](netlink::Batch& batch) {
    batch.text(NFTA_LOOKUP_SET, name);
    batch.be32(NFTA_LOOKUP_SREG, registerNumber(source));
    if (inverted) batch.be32(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
  });
}

Rule& Rule::map(std::string_view map, int source, int destination) {
  return expression("lookup",
                    [name = std::string(map), source, destination](netlink::Batch& batch) {
                      batch.text(NFTA_LOOKUP_SET, name);
                      batch.be32(NFTA_LOOKUP_SREG, registerNumber(source));
                      batch.be32(NFTA_LOOKUP_DREG, registerNumber(destination));
                    });
}

Rule& Rule::verdictMap(std::string_view map, int source) {
  return expression("lookup", [name = std::string(map), source](netlink::Batch& batch) {
    batch.text(NFTA_LOOKUP_SET, name);
    batch.be32(NFTA_LOOKUP_SREG, registerNumber(source));
    batch.be32(NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
  });
}

Rule& Rule::dnat(bool ipv6, int address, std::optional<int> port) {
  return expression("nat", [=](netlink::Batch& batch) {
    batch.be32(NFTA_NAT_TYPE, NFT_NAT_DNAT);
    batch.be32(NFTA_NAT_FAMILY, ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
    batch.be32(NFTA_NAT_REG_ADDR_MIN, registerNumber(address));
    if (port) batch.be32(NFTA_NAT_REG_PROTO_MIN, registerNumber(*port));
  });
}

Rule& Rule::snat(bool ipv6, int address) {
  return expression("nat", [=](netlink::Batch& batch) {
    batch.be32(NFTA_NAT_TYPE, NFT_NAT_SNAT);
    batch.be32(NFTA_NAT_FAMILY, ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
    batch.be32(NFTA_NAT_REG_ADDR_MIN, registerNumber(address));
  });
}

Rule& Rule::masquerade() {
  return expression("masq", [](netlink::Batch&) {});
}

Rule& Rule::counter() {
  return expression("counter", [](netlink::Batch&) {});
}

Rule& Rule::load(int destination, std::string_view bytes) {
  return expression("immediate", [destination, copy = std::string(bytes)](netlink::Batch& batch) {
    batch.be32(NFTA_IMMEDIATE_DREG, registerNumber(destination));
    putValue(batch, NFTA_IMMEDIATE_DATA, copy);
  });
}

Rule& Rule::verdict(const Verdict& verdict) {
  return expression("immediate", [verdict](netlink::Batch& batch) {
    batch.be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    putVerdict(batch, NFTA_IMMEDIATE_DATA, verdict);
  });
}

Rule& Rule::family(bool ipv6) {
  const char number = ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
  return meta(NFT_META_NFPROTO, 15).equals(15, {&number, 1});
}

Rule& Rule::source4(int destination) {
  return payload(NFT_PAYLOAD_NETWORK_HEADER, 12, 4, destination);
}
Rule& Rule::destination4(int destination) {
  return payload(NFT_PAYLOAD_NETWORK_HEADER, 16, 4, destination);
}
Rule& Rule::inputName(int destination) {
  return meta(NFT_META_IIFNAME, destination);
}
Rule& Rule::outputName(int destination) {
  return meta(NFT_META_OIFNAME, destination);
}

// ---- Transaction

Transaction::Transaction() {
  batch_.begin(NFNL_MSG_BATCH_BEGIN, 0, "nftables");
  batch_.header(nfgenmsg{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)});
}

void Transaction::begin(std::uint16_t message, std::uint16_t flags, std::string_view step) {
  batch_.begin(static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message), flags, step);
  batch_.header(nfgenmsg{family_, NFNETLINK_V0, 0});
  ++changes_;
}

void Transaction::table(std::uint8_t family, std::string_view name) {
  family_ = family;
  table_ = name;
}

void Transaction::freshTable() {
  dropTable();
  begin(NFT_MSG_NEWTABLE, NLM_F_CREATE, "nft add table");
  batch_.text(NFTA_TABLE_NAME, table_);
}

void Transaction::dropTable() {
  // Adding first makes the removal succeed whether it was there or not.
  begin(NFT_MSG_NEWTABLE, NLM_F_CREATE, "nft add table");
  batch_.text(NFTA_TABLE_NAME, table_);
  begin(NFT_MSG_DELTABLE, 0, "nft delete table");
  batch_.text(NFTA_TABLE_NAME, table_);
}

void Transaction::chain(const ChainSpec& spec) {
  begin(NFT_MSG_NEWCHAIN, NLM_F_CREATE, "nft add chain");
  batch_.text(NFTA_CHAIN_TABLE, table_);
  batch_.text(NFTA_CHAIN_NAME, spec.name);
  if (spec.type.empty()) return;
  const size_t hook = batch_.nest(NFTA_CHAIN_HOOK);
  batch_.be32(NFTA_HOOK_HOOKNUM, spec.hook);
  batch_.be32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(spec.priority));
  batch_.close(hook);
  batch_.be32(NFTA_CHAIN_POLICY, NF_ACCEPT);
  batch_.text(NFTA_CHAIN_TYPE, spec.type);
}

void Transaction::set(const SetSpec& spec) {
  begin(NFT_MSG_NEWSET, NLM_F_CREATE, "nft add set");
  batch_.text(NFTA_SET_TABLE, table_);
  batch_.text(NFTA_SET_NAME, spec.name);
  std::uint32_t flags = 0;
  if (!spec.data.empty()) flags |= NFT_SET_MAP;
  if (spec.interval) flags |= NFT_SET_INTERVAL | (spec.key.size() > 1 ? NFT_SET_CONCAT : 0u);
  batch_.be32(NFTA_SET_FLAGS, flags);
  batch_.be32(NFTA_SET_KEY_TYPE, typeCode(spec.key));
  batch_.be32(NFTA_SET_KEY_LEN, static_cast<std::uint32_t>(keySize(spec.key)));
  if (!spec.data.empty()) {
    const bool verdicts = spec.data[0] == Type::kVerdict;
    batch_.be32(NFTA_SET_DATA_TYPE,
                verdicts ? std::uint32_t{NFT_DATA_VERDICT} : typeCode(spec.data));
    if (!verdicts) batch_.be32(NFTA_SET_DATA_LEN, static_cast<std::uint32_t>(keySize(spec.data)));
  }
  batch_.be32(NFTA_SET_ID, ++set_id_);
  if (spec.key == std::vector{Type::kInterface}) {
    // For the nft program alone: {key byte order, 4 bytes, host}, without which it prints names as
    // numbers.
    const std::uint8_t hint[] = {0, 4, 1, 0, 0, 0};
    batch_.bytes(NFTA_SET_USERDATA, hint, sizeof(hint));
  }
  if (spec.interval && spec.key.size() > 1) {
    const size_t description = batch_.nest(NFTA_SET_DESC);
    const size_t fields = batch_.nest(NFTA_SET_DESC_CONCAT);
    for (const Type type : spec.key) {
      const size_t field = batch_.nest(NFTA_LIST_ELEM);
      batch_.be32(NFTA_SET_FIELD_LEN, static_cast<std::uint32_t>(typeSize(type)));
      batch_.close(field);
    }
    batch_.close(fields);
    batch_.close(description);
  }
}

void Transaction::rule(std::string_view chain, const Rule& rule) {
  begin(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, "nft add rule");
  batch_.text(NFTA_RULE_TABLE, table_);
  batch_.text(NFTA_RULE_CHAIN, chain);
  const size_t expressions = batch_.nest(NFTA_RULE_EXPRESSIONS);
  for (const auto& put : rule.expressions_) put(batch_);
  batch_.close(expressions);
}

void Transaction::change(const SetSpec& set, const std::vector<Element>& elements, bool add) {
  for (size_t next = 0; next < elements.size();) {
    begin(add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, add ? NLM_F_CREATE : 0,
          add ? "nft add element" : "nft delete element");
    batch_.text(NFTA_SET_ELEM_LIST_TABLE, table_);
    batch_.text(NFTA_SET_ELEM_LIST_SET, set.name);
    const size_t list = batch_.nest(NFTA_SET_ELEM_LIST_ELEMENTS);
    for (; next < elements.size() && batch_.nestSize(list) < kMaxElementBytes; ++next) {
      const Element& element = elements[next];
      const size_t nest = batch_.nest(NFTA_LIST_ELEM);
      putValue(batch_, NFTA_SET_ELEM_KEY, exact(element.key, set.key));
      if (set.interval && !element.keyEnd.bytes().empty()) {
        putValue(batch_, NFTA_SET_ELEM_KEY_END, exact(element.keyEnd, set.key));
      }
      if (add && element.verdict) putVerdict(batch_, NFTA_SET_ELEM_DATA, *element.verdict);
      if (add && !element.verdict && !set.data.empty()) {
        putValue(batch_, NFTA_SET_ELEM_DATA, exact(element.data, set.data));
      }
      batch_.close(nest);
    }
    batch_.close(list);
  }
}

netlink::Batch Transaction::finish() {
  batch_.begin(NFNL_MSG_BATCH_END, 0);
  batch_.header(nfgenmsg{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)});
  return std::move(batch_);
}

}  // namespace firewall
