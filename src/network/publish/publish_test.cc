#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>

#include "network/netlink/route.h"
#include "network/publish/conntrack.h"
#include "network/publish/ports.h"
#include "platform/base/error.h"
#include "platform/base/time.h"
#include "platform/sys/fd.h"
#include "platform/sys/spawn.h"

namespace {

using publish::HostPorts;
using publish::PortBook;

class PublishTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "tests of the network need root";
    netlink::Route().setUp(1);
  }
  static sys::Fd bindTo(int type, const char* ip, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, ip, &address.sin_addr);
    sys::Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    if (type == SOCK_STREAM) EXPECT_EQ(::listen(socket.get(), 1), 0);
    return socket;
  }
  std::string errorOf(const publish::Wish& wish) {
    HostPorts host;
    try {
      book_.take(wish, "other", "10.0.0.9:80", host);
    } catch (const base::Error& error) {
      return error.message();
    }
    return "";
  }
  PortBook book_;
};

TEST_F(PublishTest, ConflictsAreSaidInDockersWords) {
  HostPorts host;
  book_.take({.protocol = IPPROTO_TCP, .first = 8080}, "web", "10.0.0.2:80", host);
  EXPECT_EQ(errorOf({.protocol = IPPROTO_TCP, .first = 8080}),
            "Bind for 0.0.0.0:8080 failed: port is already allocated");
  EXPECT_EQ(
      errorOf(
          {.protocol = IPPROTO_TCP, .hostIp = base::IpAddress::parse("127.0.0.1"), .first = 8080}),
      "Bind for 127.0.0.1:8080 failed: port is already allocated");
  EXPECT_EQ(errorOf({.protocol = IPPROTO_UDP, .first = 8080}), "");
  book_.release("web");
  book_.release("other");
  EXPECT_EQ(errorOf({.protocol = IPPROTO_TCP, .first = 8080}), "");
  EXPECT_EQ(
      errorOf(
          {.protocol = IPPROTO_TCP, .hostIp = base::IpAddress::parse("203.0.113.1"), .first = 81}),
      "failed to bind host port for 203.0.113.1:81:10.0.0.9:80/tcp: cannot assign requested "
      "address");
}

TEST_F(PublishTest, DifferentAddressesShareAPort) {
  HostPorts host;
  book_.take(
      {.protocol = IPPROTO_TCP, .hostIp = base::IpAddress::parse("127.0.0.1"), .first = 8080}, "a",
      "", host);
  book_.take(
      {.protocol = IPPROTO_TCP, .hostIp = base::IpAddress::parse("127.0.0.2"), .first = 8080}, "b",
      "", host);
  EXPECT_NE(errorOf({.protocol = IPPROTO_TCP, .first = 8080}), "");
}

TEST_F(PublishTest, ProgramsOfTheHostAreSeenByTrialAndByTable) {
  const sys::Fd tcp = bindTo(SOCK_STREAM, "127.0.0.1", 8181);
  const sys::Fd udp = bindTo(SOCK_DGRAM, "0.0.0.0", 8182);
  EXPECT_EQ(errorOf({.protocol = IPPROTO_TCP, .first = 8181}),
            "failed to bind host port for 0.0.0.0:8181:10.0.0.9:80/tcp: address already in use");
  HostPorts table;
  for (std::uint16_t i = 0; i < 40; ++i)
    EXPECT_EQ(table.busy(IPPROTO_TCP, std::nullopt, static_cast<std::uint16_t>(9000 + i)), 0);
  EXPECT_EQ(table.busy(IPPROTO_TCP, std::nullopt, 8181), EADDRINUSE);
  EXPECT_EQ(table.busy(IPPROTO_TCP, base::IpAddress::parse("127.0.0.2"), 8181), 0);
  EXPECT_EQ(table.busy(IPPROTO_UDP, base::IpAddress::parse("127.0.0.2"), 8182), EADDRINUSE);
  EXPECT_EQ(table.busy(IPPROTO_UDP, std::nullopt, 8181), 0);
}

TEST_F(PublishTest, RangeGivesTheFirstFreeAndEphemeralPortsMoveOn) {
  HostPorts host;
  const sys::Fd tcp = bindTo(SOCK_STREAM, "0.0.0.0", 8000);
  EXPECT_EQ(book_.take({.protocol = IPPROTO_TCP, .first = 8000, .last = 8002}, "a", "", host),
            8001);
  EXPECT_EQ(book_.take({.protocol = IPPROTO_TCP, .first = 8000, .last = 8002}, "b", "", host),
            8002);
  EXPECT_NE(errorOf({.protocol = IPPROTO_TCP, .first = 8000, .last = 8002}), "");
  const auto [low, high] = publish::ephemeralRange();
  const auto first = book_.take({.protocol = IPPROTO_TCP}, "c", "", host);
  const auto second = book_.take({.protocol = IPPROTO_TCP}, "c", "", host);
  EXPECT_EQ(first, low);
  EXPECT_EQ(second, low + 1);
  EXPECT_LE(second, high);
  book_.release("c");
  EXPECT_EQ(book_.take({.protocol = IPPROTO_TCP}, "d", "", host), low + 2)
      << "not used again at once";
}

TEST_F(PublishTest, TenThousandPortsAreTakenQuickly) {
  HostPorts host;
  const std::int64_t start = base::monotonicNs();
  for (std::uint16_t i = 0; i < 10'000; ++i) {
    book_.take({.protocol = IPPROTO_TCP, .first = static_cast<std::uint16_t>(20'000 + i)}, "a", "",
               host);
  }
  RecordProperty("microseconds", static_cast<int>((base::monotonicNs() - start) / 1000));
  EXPECT_LT(base::monotonicNs() - start, 100'000'000);
  book_.release("a");
  EXPECT_EQ(book_.size(), 0u);
}

TEST_F(PublishTest, ConntrackEntriesOfAGuestAndOfAPortGo) {
  // Any rule that asks for connection state switches tracking on in this namespace.
  sys::run({"/usr/sbin/nft",
            "add table ip t; add chain ip t c { type filter hook output priority 0; }; add rule ip "
            "t c ct state new accept"});
  const sys::Fd server = bindTo(SOCK_DGRAM, "127.0.0.5", 5000);
  const sys::Fd client = bindTo(SOCK_DGRAM, "127.0.0.1", 6000);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(5000);
  ::inet_pton(AF_INET, "127.0.0.5", &to.sin_addr);
  const auto send = [&] {
    ::sendto(client.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof(to));
  };
  publish::Conntrack conntrack;
  send();
  EXPECT_EQ(conntrack.forgetGuest(*base::IpAddress::parse("127.0.0.6")), 0);
  const std::int64_t start = base::monotonicNs();
  EXPECT_EQ(conntrack.forgetGuest(*base::IpAddress::parse("127.0.0.5")), 1);
  RecordProperty("microseconds", static_cast<int>((base::monotonicNs() - start) / 1000));
  EXPECT_EQ(conntrack.forgetGuest(*base::IpAddress::parse("127.0.0.5")), 0);
  send();
  EXPECT_EQ(conntrack.forgetPort(IPPROTO_TCP, 5000), 0);
  EXPECT_EQ(conntrack.forgetPort(IPPROTO_UDP, 5001), 0);
  EXPECT_EQ(conntrack.forgetPort(IPPROTO_UDP, 5000), 1);
  EXPECT_EQ(conntrack.forgetPort(IPPROTO_UDP, 5000), 0);
}

}  // namespace
