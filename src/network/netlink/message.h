// Building and reading netlink messages: headers, attributes, nesting. Pure memory; socket.h talks
// to the kernel.
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace netlink {

// Several messages in one buffer, for one sendmsg(2).
//
//   Batch batch;
//   batch.begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
//   batch.header(ifinfomsg{});
//   batch.text(IFLA_IFNAME, "br0");
//   { const auto info = batch.nest(IFLA_LINKINFO); batch.text(IFLA_INFO_KIND, "bridge");
//   batch.close(info); }
class Batch {
 public:
  // Closes the message before it and starts the next; NLM_F_REQUEST is added. `step` names the
  // message in errors.
  void begin(std::uint16_t type, std::uint16_t flags, std::string_view step = {});
  // The family's fixed part, directly after begin().
  template <class T>
  void header(const T& fixed) {
    append(&fixed, sizeof(fixed));
  }

  void bytes(std::uint16_t attribute, const void* data, size_t size);
  void text(std::uint16_t attribute, std::string_view value);  // with a final zero byte
  void flag(std::uint16_t attribute) { bytes(attribute, nullptr, 0); }
  void u8(std::uint16_t attribute, std::uint8_t value) { bytes(attribute, &value, sizeof(value)); }
  void u16(std::uint16_t attribute, std::uint16_t value) {
    bytes(attribute, &value, sizeof(value));
  }
  void u32(std::uint16_t attribute, std::uint32_t value) {
    bytes(attribute, &value, sizeof(value));
  }
  void be16(std::uint16_t attribute, std::uint16_t value);
  void be32(std::uint16_t attribute, std::uint32_t value);
  void be64(std::uint16_t attribute, std::uint64_t value);

  // Returns what close() wants. `nested` sets NLA_F_NESTED, which newer families demand and older
  // ones ignore.
  [[nodiscard]] size_t nest(std::uint16_t attribute, bool nested = true);
  void close(size_t opened);
  // Bytes in the nest so far: an attribute is at most 64 kB.
  size_t nestSize(size_t opened) const { return buffer_.size() - opened; }
  // Raw bytes inside an attribute (a second ifinfomsg in VETH_INFO_PEER).
  void raw(const void* data, size_t size) { append(data, size); }

  bool empty() const noexcept { return starts_.empty(); }
  size_t count() const noexcept { return starts_.size(); }

 private:
  friend class Socket;
  void append(const void* data, size_t size);
  void finish();  // writes the length of the open message
  nlmsghdr* at(size_t index) {
    return reinterpret_cast<nlmsghdr*>(buffer_.data() + starts_[index]);
  }

  std::vector<std::byte> buffer_;
  std::vector<size_t> starts_;
  std::vector<std::string_view> steps_;  // literals
};

// One attribute of a message that the kernel sent; borrows the message's memory.
struct Attribute {
  std::uint16_t type = 0;  // without the flag bits
  std::span<const std::byte> data;

  template <class T>
  T as() const {  // zero where the attribute is shorter
    T value{};
    if (!data.empty())  // a flag has no bytes, and no address of them either
      std::memcpy(&value, data.data(), data.size() < sizeof(T) ? data.size() : sizeof(T));
    return value;
  }
  std::uint32_t be32() const { return __builtin_bswap32(as<std::uint32_t>()); }
  std::uint64_t be64() const { return __builtin_bswap64(as<std::uint64_t>()); }
  std::string text() const;
};

// The attributes of a message or nest; malformed rest is dropped.
class Attributes {
 public:
  explicit Attributes(std::span<const std::byte> data);
  explicit Attributes(const Attribute& nest) : Attributes(nest.data) {}
  std::optional<Attribute> find(std::uint16_t type) const;
  auto begin() const { return list_.begin(); }
  auto end() const { return list_.end(); }

 private:
  std::vector<Attribute> list_;
};

// A message that the kernel sent.
struct Received {
  const nlmsghdr* head = nullptr;
  std::span<const std::byte> payload;  // behind the nlmsghdr

  template <class T>
  T header() const {
    T fixed{};
    if (!payload.empty())
      std::memcpy(&fixed, payload.data(), payload.size() < sizeof(T) ? payload.size() : sizeof(T));
    return fixed;
  }
  template <class T>
  Attributes attributes() const {
    const size_t skip = NLMSG_ALIGN(sizeof(T));
    return Attributes(payload.size() > skip ? payload.subspan(skip) : std::span<const std::byte>());
  }
};

}  // namespace netlink
