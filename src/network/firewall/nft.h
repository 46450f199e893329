// nftables transactions written in the kernel's own language: tables, chains, sets, rules of
// expressions. About 3 us an element where the text interface costs 45, and no library of 2 MB in
// the daemon.
//
// Registers are the 32-bit ones, numbered 0 to 15 here; a key that is a concatenation lies in
// registers that follow each other, each field rounded up to whole registers.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "network/netlink/message.h"
#include "platform/base/ip.h"

namespace firewall {

// Types of set keys and data, numbered as the nft program numbers them, so that `nft list` shows
// what is meant.
enum class Type : std::uint32_t {
  kVerdict = 1,
  kIpv4 = 7,
  kIpv6 = 8,
  kMac = 9,
  kProtocol = 12,
  kPort = 13,
  kInterface = 41
};
size_t typeSize(Type type);  // bytes, before rounding up to a register

// Bytes of a key or datum, field by field.
class Value {
 public:
  Value& ip(const base::IpAddress& address);
  Value& protocol(std::uint8_t number);
  Value& port(std::uint16_t number);
  Value& interface(std::string_view name);
  Value& mac(const std::array<std::uint8_t, 6>& address);
  const std::string& bytes() const noexcept { return bytes_; }
  auto operator<=>(const Value&) const = default;

 private:
  Value& field(const void* data, size_t size, size_t padded);
  std::string bytes_;
};

// What a verdict map or rule ends with.
struct Verdict {
  enum class Kind { kAccept, kDrop, kReturn, kJump, kGoto };
  Kind kind = Kind::kAccept;
  std::string chain;
};

struct SetSpec {
  std::string name;
  std::vector<Type> key;
  std::vector<Type> data;  // empty: a set, else a map
  bool interval = false;   // keys may be ranges
};

struct Element {
  Value key;
  Value keyEnd;  // with interval sets: the last key of the range
  Value data;
  std::optional<Verdict> verdict;
};

struct ChainSpec {
  std::string name;
  std::string type;        // "filter", "nat"; empty: no base chain
  std::uint32_t hook = 0;  // NF_INET_*
  std::int32_t priority = 0;
};

// The expressions of one rule, in order; a rule goes on while they match.
class Rule {
 public:
  Rule& meta(std::uint32_t key, int destination);
  Rule& payload(std::uint32_t base, std::uint32_t offset, std::uint32_t size, int destination);
  Rule& conntrack(std::uint32_t key, int destination);
  Rule& fibType(bool source, int destination);                  // RTN_* of the address
  Rule& mask(int source, int destination, std::uint32_t mask);  // host order
  Rule& equals(int source, std::string_view bytes) { return compare(source, bytes, true); }
  Rule& differs(int source, std::string_view bytes) { return compare(source, bytes, false); }
  Rule& in(std::string_view set, int source, bool inverted = false);
  Rule& map(std::string_view map, int source, int destination);
  Rule& verdictMap(std::string_view map, int source);
  Rule& dnat(bool ipv6, int address, std::optional<int> port);
  Rule& snat(bool ipv6, int address);
  Rule& masquerade();
  Rule& load(int destination, std::string_view bytes);
  Rule& verdict(const Verdict& verdict);
  Rule& counter();  // packets and bytes that came so far, shown by `nft list`
  Rule& accept() { return verdict({Verdict::Kind::kAccept, {}}); }
  Rule& drop() { return counter().verdict({Verdict::Kind::kDrop, {}}); }
  Rule& jump(std::string chain) { return verdict({Verdict::Kind::kJump, std::move(chain)}); }

  // ---- the ones that every rule here begins with
  Rule& family(bool ipv6);  // nfproto
  Rule& source4(int destination);
  Rule& destination4(int destination);
  Rule& inputName(int destination);
  Rule& outputName(int destination);

 private:
  friend class Transaction;
  Rule& compare(int source, std::string_view bytes, bool equal);
  Rule& expression(std::string_view name, const std::function<void(netlink::Batch&)>& put);
  std::vector<std::function<void(netlink::Batch&)>> expressions_;
};

// One atomic change of tables of any family.
class Transaction {
 public:
  Transaction();

  // The table that the calls below mean. `family`: NFPROTO_INET, NFPROTO_BRIDGE, NFPROTO_IPV4.
  void table(std::uint8_t family, std::string_view name);
  // An empty table, whether there was one or not.
  void freshTable();
  // Removes the table, whether there is one or not.
  void dropTable();
  void chain(const ChainSpec& spec);
  void set(const SetSpec& spec);
  void rule(std::string_view chain, const Rule& rule);
  void add(const SetSpec& set, const std::vector<Element>& elements) {
    change(set, elements, true);
  }
  void remove(const SetSpec& set, const std::vector<Element>& elements) {
    change(set, elements, false);
  }

  bool empty() const noexcept { return changes_ == 0; }
  // For Socket::transact.
  netlink::Batch finish();

 private:
  void begin(std::uint16_t message, std::uint16_t flags, std::string_view step);
  void change(const SetSpec& set, const std::vector<Element>& elements, bool add);

  netlink::Batch batch_;
  std::uint8_t family_ = 0;
  std::string table_;
  std::uint32_t set_id_ = 0;
  int changes_ = 0;
};

}  // namespace firewall
