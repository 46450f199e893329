// The part of DNS (RFC 1035, 6891) that a container's name server needs: reading one question,
// writing answers. Everything else passes through as bytes. All input is hostile: nothing here
// trusts a length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "platform/base/ip.h"

namespace dns {

using Bytes = std::span<const std::uint8_t>;

enum RecordType : std::uint16_t { kA = 1, kPtr = 12, kAaaa = 28, kOpt = 41, kAny = 255 };
enum ReplyCode : std::uint8_t {
  kNoError = 0,
  kFormatError = 1,
  kServerFailure = 2,
  kNameError = 3,
  kNotImplemented = 4,
  kRefused = 5
};

constexpr size_t kHeaderSize = 12;
constexpr size_t kMaxUdpWithoutEdns = 512;

struct Question {
  std::string name;  // lower case, labels joined by '.', no final dot; bytes outside of hostnames
                     // stay as they are
  std::uint16_t type = 0;
  std::uint16_t klass = 0;  // 1: IN
};

struct Query {
  std::uint16_t id = 0;
  std::uint8_t opcode = 0;
  bool recursionDesired = false;
  Question question;
  size_t questionEnd = 0;  // offset behind the question
  bool edns = false;
  std::uint16_t udpSize = kMaxUdpWithoutEdns;  // what the client takes in one datagram
};

// nullopt: not a query with exactly one question.
std::optional<Query> parseQuery(Bytes message);

using Record = std::variant<base::IpAddress, std::string>;  // A or AAAA; PTR

// An answer to `query`, whose bytes are `original`, with the question as the client spelled it.
// Records that do not fit `limit` bytes are left out and TC is set.
std::vector<std::uint8_t> buildReply(Bytes original, const Query& query, ReplyCode code,
                                     const std::vector<Record>& records, std::uint32_t ttl,
                                     size_t limit);

// Whether `reply` answers the question of `query` (same name but for case, same type and class)
// under `id`.
bool answers(Bytes reply, std::uint16_t id, Bytes query, const Query& parsed);
std::uint8_t replyCode(Bytes message);  // of a message with a whole header
void setId(std::span<std::uint8_t> message, std::uint16_t id);

// "2.0.17.172.in-addr.arpa", "…ip6.arpa" -> address. nullopt: neither.
std::optional<base::IpAddress> addressOfReverseName(std::string_view name);

}  // namespace dns
