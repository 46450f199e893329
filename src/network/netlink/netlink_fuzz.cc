// Attributes as the kernel sends them, nested, however they are cut.
#include <cstdint>

#include "network/netlink/message.h"

namespace {

size_t walk(const netlink::Attributes& attributes, int depth) {
  size_t sum = 0;
  for (const netlink::Attribute& one : attributes) {
    sum += one.as<std::uint64_t>() + one.be32() + one.text().size();
    if (depth < 8) sum += walk(netlink::Attributes(one), depth + 1);
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of its exact size, so that every byte read past the end is seen.
  const std::vector<std::byte> copy(reinterpret_cast<const std::byte*>(data),
                                    reinterpret_cast<const std::byte*>(data) + size);
  volatile size_t sum = walk(netlink::Attributes(std::span(copy)), 0);
  const netlink::Received received{nullptr, copy};
  sum = sum + walk(received.attributes<nlmsghdr>(), 0) + received.header<nlmsghdr>().nlmsg_len;
  return 0;
}
