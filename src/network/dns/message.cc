#include "network/dns/message.h"

#include <algorithm>
#include <cstring>

#include "platform/base/strings.h"

namespace dns {
namespace {

constexpr size_t kMaxName = 255;
constexpr size_t kMaxLabel = 63;

std::uint16_t read16(Bytes bytes, size_t offset) {
  return static_cast<std::uint16_t>(bytes[offset] << 8 | bytes[offset + 1]);
}

void put16(std::vector<std::uint8_t>& out, std::uint32_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put32(std::vector<std::uint8_t>& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

char lowerCase(std::uint8_t c) {
  return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

// A name without compression, as questions have it. nullopt: too long, compressed or cut off.
std::optional<std::string> readName(Bytes message, size_t& offset) {
  std::string name;
  const size_t start = offset;
  for (;;) {
    if (offset >= message.size()) return std::nullopt;
    const size_t length = message[offset++];
    if (length == 0) return name;
    if (length > kMaxLabel || offset + length > message.size() ||
        offset + length - start > kMaxName)
      return std::nullopt;
    if (!name.empty()) name += '.';
    for (size_t i = 0; i < length; ++i) name += lowerCase(message[offset + i]);
    offset += length;
  }
}

// Behind a name that may be compressed.
bool skipName(Bytes message, size_t& offset) {
  for (;;) {
    if (offset >= message.size()) return false;
    const size_t length = message[offset];
    if ((length & 0xc0) == 0xc0) return (offset += 2) <= message.size();
    if (length > kMaxLabel) return false;
    offset += length + 1;
    if (length == 0) return offset <= message.size();
  }
}

// Looks for an OPT record among the additional ones.
void readEdns(Bytes message, Query& query) {
  size_t offset = query.questionEnd;
  const size_t records = size_t{read16(message, 6)} + read16(message, 8) + read16(message, 10);
  for (size_t i = 0; i < std::min<size_t>(records, 64); ++i) {
    if (!skipName(message, offset) || offset + 10 > message.size()) return;
    if (read16(message, offset) == kOpt) {
      query.edns = true;
      query.udpSize = std::max<std::uint16_t>(read16(message, offset + 2), kMaxUdpWithoutEdns);
      return;
    }
    offset += 10 + size_t{read16(message, offset + 8)};
  }
}

void putLabels(std::vector<std::uint8_t>& out, std::string_view name) {
  for (const std::string& label : base::split(name, '.')) {
    const size_t length = std::min(label.size(), kMaxLabel);
    if (length == 0) continue;
    out.push_back(static_cast<std::uint8_t>(length));
    out.insert(out.end(), label.begin(), label.begin() + static_cast<std::ptrdiff_t>(length));
  }
  out.push_back(0);
}

void putRecord(std::vector<std::uint8_t>& out, const Record& record, std::uint32_t ttl) {
  const auto* address = std::get_if<base::IpAddress>(&record);
  put16(out, 0xc000 | kHeaderSize);  // the name of the question
  put16(out, address == nullptr ? kPtr : address->isV6() ? kAaaa : kA);
  put16(out, 1);
  put32(out, ttl);
  const size_t lengthAt = out.size();
  put16(out, 0);
  if (address != nullptr) {
    const auto raw = address->bytes();
    out.insert(out.end(), raw.begin(), raw.begin() + address->size());
  } else {
    putLabels(out, std::get<std::string>(record));
  }
  const size_t length = out.size() - lengthAt - 2;
  out[lengthAt] = static_cast<std::uint8_t>(length >> 8);
  out[lengthAt + 1] = static_cast<std::uint8_t>(length);
}

}  // namespace

std::optional<Query> parseQuery(Bytes message) {
  if (message.size() < kHeaderSize) return std::nullopt;
  if ((message[2] & 0x80) != 0 || read16(message, 4) != 1) return std::nullopt;
  Query query;
  query.id = read16(message, 0);
  query.opcode = message[2] >> 3 & 0xf;
  query.recursionDesired = (message[2] & 1) != 0;
  size_t offset = kHeaderSize;
  auto name = readName(message, offset);
  if (!name || offset + 4 > message.size()) return std::nullopt;
  query.question = {std::move(*name), read16(message, offset), read16(message, offset + 2)};
  query.questionEnd = offset + 4;
  readEdns(message, query);
  return query;
}

std::vector<std::uint8_t> buildReply(Bytes original, const Query& query, ReplyCode code,
                                     const std::vector<Record>& records, std::uint32_t ttl,
                                     size_t limit) {
  std::vector<std::uint8_t> out;
  out.reserve(query.questionEnd + records.size() * 16 + 11);
  put16(out, query.id);
  out.push_back(
      static_cast<std::uint8_t>(0x80 | query.opcode << 3 | (query.recursionDesired ? 1 : 0)));
  out.push_back(static_cast<std::uint8_t>(0x80 | code));  // recursion available
  put16(out, 1);
  put16(out, 0);
  put16(out, 0);
  put16(out, query.edns ? 1 : 0);
  out.insert(out.end(), original.begin() + kHeaderSize,
             original.begin() + static_cast<std::ptrdiff_t>(query.questionEnd));
  const size_t reserve = query.edns ? 11 : 0;
  std::uint16_t count = 0;
  for (const Record& record : records) {
    const size_t before = out.size();
    putRecord(out, record, ttl);
    if (out.size() + reserve > limit) {
      out.resize(before);
      out[2] |= 0x02;  // TC
      break;
    }
    ++count;
  }
  out[6] = static_cast<std::uint8_t>(count >> 8);
  out[7] = static_cast<std::uint8_t>(count);
  if (query.edns) {
    out.push_back(0);
    put16(out, kOpt);
    put16(out, 1232);
    put32(out, 0);
    put16(out, 0);
  }
  return out;
}

bool answers(Bytes reply, std::uint16_t id, Bytes query, const Query& parsed) {
  if (reply.size() < kHeaderSize || (reply[2] & 0x80) == 0 || read16(reply, 0) != id) return false;
  if (read16(reply, 4) == 0)
    return replyCode(reply) != kNoError;  // some servers leave the question out of errors
  const size_t end = parsed.questionEnd;
  if (reply.size() < end) return false;
  return std::equal(reply.begin() + kHeaderSize, reply.begin() + static_cast<std::ptrdiff_t>(end),
                    query.begin() + kHeaderSize,
                    [](std::uint8_t a, std::uint8_t b) { return lowerCase(a) == lowerCase(b); });
}

std::uint8_t replyCode(Bytes message) {
  return message[3] & 0xf;
}

void setId(std::span<std::uint8_t> message, std::uint16_t id) {
  message[0] = static_cast<std::uint8_t>(id >> 8);
  message[1] = static_cast<std::uint8_t>(id);
}

std::optional<base::IpAddress> addressOfReverseName(std::string_view name) {
  const auto strip = [&](std::string_view suffix) {
    if (!name.ends_with(suffix)) return false;
    name.remove_suffix(suffix.size());
    return true;
  };
  base::IpAddress::Number number = 0;
  if (strip(".in-addr.arpa")) {
    const auto labels = base::split(name, '.');
    if (labels.size() != 4) return std::nullopt;
    for (int i = 3; i >= 0; --i) {
      const auto octet = base::parseUint(labels[static_cast<size_t>(i)]);
      if (!octet || *octet > 255) return std::nullopt;
      number = number << 8 | *octet;
    }
    return base::IpAddress::of(false, number);
  }
  if (strip(".ip6.arpa")) {
    const auto labels = base::split(name, '.');
    if (labels.size() != 32) return std::nullopt;
    for (int i = 31; i >= 0; --i) {
      const std::string& digit = labels[static_cast<size_t>(i)];
      static constexpr std::string_view kDigits = "0123456789abcdef";
      const size_t value = digit.size() == 1 ? kDigits.find(digit[0]) : std::string_view::npos;
      if (value == std::string_view::npos) return std::nullopt;
      number = number << 4 | value;
    }
    return base::IpAddress::of(true, number);
  }
  return std::nullopt;
}

}  // namespace dns
