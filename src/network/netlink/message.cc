#include "network/netlink/message.h"

#include <endian.h>

#include "platform/base/error.h"

namespace netlink {

void Batch::append(const void* data, size_t size) {
  const size_t old = buffer_.size();
  buffer_.resize(old + NLMSG_ALIGN(size));
  if (size > 0) std::memcpy(buffer_.data() + old, data, size);
}

void Batch::finish() {
  if (starts_.empty()) return;
  const size_t length = buffer_.size() - starts_.back();
  at(starts_.size() - 1)->nlmsg_len = static_cast<std::uint32_t>(length);
}

void Batch::begin(std::uint16_t type, std::uint16_t flags, std::string_view step) {
  finish();
  starts_.push_back(buffer_.size());
  steps_.push_back(step);
  nlmsghdr head{};
  head.nlmsg_type = type;
  head.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
  append(&head, sizeof(head));
}

void Batch::bytes(std::uint16_t attribute, const void* data, size_t size) {
  if (size > UINT16_MAX - NLA_HDRLEN)
    base::fail(base::Code::kInternal, "netlink attribute of {} bytes", size);
  nlattr head{};
  head.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + size);
  head.nla_type = attribute;
  append(&head, sizeof(head));
  append(data, size);
}

void Batch::text(std::uint16_t attribute, std::string_view value) {
  const std::string terminated(value);
  bytes(attribute, terminated.c_str(), terminated.size() + 1);
}

void Batch::be16(std::uint16_t attribute, std::uint16_t value) {
  u16(attribute, htobe16(value));
}
void Batch::be32(std::uint16_t attribute, std::uint32_t value) {
  u32(attribute, htobe32(value));
}
void Batch::be64(std::uint16_t attribute, std::uint64_t value) {
  const std::uint64_t swapped = htobe64(value);
  bytes(attribute, &swapped, sizeof(swapped));
}

size_t Batch::nest(std::uint16_t attribute, bool nested) {
  const size_t opened = buffer_.size();
  nlattr head{};
  head.nla_type = static_cast<std::uint16_t>(attribute | (nested ? NLA_F_NESTED : 0));
  append(&head, sizeof(head));
  return opened;
}

void Batch::close(size_t opened) {
  const size_t size = buffer_.size() - opened;
  if (size > UINT16_MAX) base::fail(base::Code::kInternal, "netlink attribute of {} bytes", size);
  reinterpret_cast<nlattr*>(buffer_.data() + opened)->nla_len = static_cast<std::uint16_t>(size);
}

std::string Attribute::text() const {
  const auto* characters = reinterpret_cast<const char*>(data.data());
  return std::string(characters, ::strnlen(characters, data.size()));
}

Attributes::Attributes(std::span<const std::byte> data) {
  while (data.size() >= sizeof(nlattr)) {
    nlattr head;
    std::memcpy(&head, data.data(), sizeof(head));
    if (head.nla_len < NLA_HDRLEN || head.nla_len > data.size()) return;
    list_.push_back({static_cast<std::uint16_t>(head.nla_type & NLA_TYPE_MASK),
                     data.subspan(NLA_HDRLEN, head.nla_len - NLA_HDRLEN)});
    const size_t step = NLA_ALIGN(head.nla_len);
    if (step >= data.size()) return;
    data = data.subspan(step);
  }
}

std::optional<Attribute> Attributes::find(std::uint16_t type) const {
  for (const Attribute& attribute : list_) {
    if (attribute.type == type) return attribute;
  }
  return std::nullopt;
}

}  // namespace netlink
