#include "network/firewall/firewall.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>

#include "platform/base/error.h"
#include "platform/base/time.h"
#include "platform/sys/spawn.h"

namespace {

using firewall::Firewall;
using firewall::Published;

base::IpAddress ip(const char* text) {
  return *base::IpAddress::parse(text);
}

// The text of `nft`, which knows nothing of ours: the oracle of what really stands in the kernel.
class FirewallTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "tests of the network need root";
  }
  static std::string nft(const std::vector<std::string>& words) {
    std::vector<std::string> argv = {"/usr/sbin/nft"};
    argv.insert(argv.end(), words.begin(), words.end());
    const sys::Output output = sys::run(argv);
    return output.out + output.err;
  }
  static firewall::Change everything() {
    firewall::Change change;
    change.addBridges = {{.name = "br-one", .gateways = {ip("10.1.0.1")}},
                         {.name = "br-two", .internal = true, .icc = false},
                         {.name = "br-three", .direct = true, .snat = ip("192.0.2.9")}};
    change.addPorts = {
        {.protocol = IPPROTO_TCP, .hostPort = 8080, .target = ip("10.1.0.2"), .targetPort = 80},
        {.protocol = IPPROTO_UDP,
         .hostIp = ip("127.0.0.1"),
         .hostPort = 53,
         .target = ip("10.1.0.2"),
         .targetPort = 53},
        {.protocol = IPPROTO_TCP,
         .hostPort = 9000,
         .hostPortEnd = 9999,
         .target = ip("10.1.0.3"),
         .targetPort = 9000}};
    change.addGuests = {{.port = "v1",
                         .bridge = "br-one",
                         .addresses = {ip("10.1.0.2")},
                         .mac = {2, 66, 10, 1, 0, 2}}};
    return change;
  }
  static int readable(const Firewall& wall, int milliseconds) {
    pollfd waiting{wall.noticeFd(), POLLIN, 0};
    return ::poll(&waiting, 1, milliseconds);
  }
};

TEST_F(FirewallTest, KernelHoldsWhatWasInstalled) {
  Firewall wall("sampan-test");
  const std::int64_t start = base::monotonicNs();
  wall.install(everything());
  RecordProperty("microseconds", static_cast<int>((base::monotonicNs() - start) / 1000));
  const std::string inet = nft({"list", "table", "inet", "sampan-test"});
  for (const char* expected :
       {"tcp . 8080 : 10.1.0.2 . 80", "127.0.0.1 . udp . 53 : 10.1.0.2 . 53",
        "tcp . 9000-9999 : 10.1.0.3", "\"br-two\" . \"br-two\" : drop",
        "\"br-one\" . \"br-one\" : accept", "\"br-three\" : 192.0.2.9",
        "type nat hook prerouting priority dstnat", "fib daddr type local jump publish",
        "masquerade", "ip daddr 127.0.0.0/8 counter packets 0 bytes 0 drop",
        "type filter hook forward priority filter"}) {
    EXPECT_NE(inet.find(expected), std::string::npos) << expected << "\n" << inet;
  }
  const std::string bridge = nft({"list", "table", "bridge", "sampan-test"});
  EXPECT_NE(bridge.find("\"v1\" . 10.1.0.2"), std::string::npos) << bridge;
  EXPECT_NE(bridge.find("10.1.0.1, 10.1.0.2"), std::string::npos) << bridge;
}

TEST_F(FirewallTest, ChangesAreElementsAndGoWithoutTrace) {
  Firewall wall("sampan-test");
  wall.install({});
  const std::string before = nft({"list", "ruleset"});
  wall.apply(everything());
  EXPECT_NE(nft({"list", "ruleset"}), before);
  const firewall::Change all = everything();
  firewall::Change undo;
  for (const auto& bridge : all.addBridges) undo.removeBridges.push_back(bridge.name);
  undo.removePorts = all.addPorts;
  undo.removeGuests = {"v1"};
  wall.apply(undo);
  EXPECT_EQ(nft({"list", "ruleset"}), before);
  wall.apply(undo);  // idempotent
  EXPECT_EQ(nft({"list", "ruleset"}), before);
  wall.remove();
  EXPECT_EQ(nft({"list", "ruleset"}), "");
}

TEST_F(FirewallTest, RangeOfTenThousandPortsIsOneElement) {
  Firewall wall("sampan-test");
  wall.install({});
  const Published range{.protocol = IPPROTO_TCP,
                        .hostPort = 20000,
                        .hostPortEnd = 29999,
                        .target = ip("10.1.0.3"),
                        .targetPort = 20000};
  const std::int64_t start = base::monotonicNs();
  wall.apply({.addPorts = {range}});
  const std::int64_t took = base::monotonicNs() - start;
  RecordProperty("microseconds", static_cast<int>(took / 1000));
  EXPECT_LT(took, 50'000'000);
  EXPECT_NE(nft({"list", "table", "inet", "sampan-test"}).find("tcp . 20000-29999 : 10.1.0.3"),
            std::string::npos);
  wall.apply({.removePorts = {range}});
}

TEST_F(FirewallTest, TenThousandSinglePortsFitOneTransaction) {
  Firewall wall("sampan-test");
  wall.install({});
  firewall::Change change;
  for (std::uint16_t i = 0; i < 10'000; ++i) {
    change.addPorts.push_back({.protocol = IPPROTO_TCP,
                               .hostPort = static_cast<std::uint16_t>(20'000 + i),
                               .target = ip("10.1.0.3"),
                               .targetPort = static_cast<std::uint16_t>(1000 + i)});
  }
  const std::int64_t start = base::monotonicNs();
  wall.apply(change);
  RecordProperty("microseconds", static_cast<int>((base::monotonicNs() - start) / 1000));
  EXPECT_NE(nft({"list", "table", "inet", "sampan-test"}).find("tcp . 29999 : 10.1.0.3 . 10999"),
            std::string::npos);
}

TEST_F(FirewallTest, HealsAfterFlushAndLeavesOthersAlone) {
  Firewall wall("sampan-test");
  wall.install(everything());
  EXPECT_FALSE(wall.heal()) << "our own changes are no attack";
  nft({"add", "table", "inet", "foreign"});
  EXPECT_EQ(readable(wall, 2000), 1);
  EXPECT_FALSE(wall.heal());
  const std::string before = nft({"list", "table", "inet", "sampan-test"});
  nft({"flush", "ruleset"});
  ASSERT_EQ(readable(wall, 2000), 1);
  EXPECT_TRUE(wall.heal());
  EXPECT_EQ(nft({"list", "table", "inet", "sampan-test"}), before);
  nft({"delete", "element", "inet", "sampan-test", "ports4", "{ tcp . 8080 }"});
  ASSERT_EQ(readable(wall, 2000), 1);
  EXPECT_TRUE(wall.heal());
  EXPECT_EQ(nft({"list", "table", "inet", "sampan-test"}), before);
}

TEST_F(FirewallTest, ChangeAfterFlushRestoresEverything) {
  Firewall wall("sampan-test");
  wall.install(everything());
  nft({"flush", "ruleset"});
  wall.apply(
      {.addPorts = {
           {.protocol = IPPROTO_TCP, .hostPort = 81, .target = ip("10.1.0.2"), .targetPort = 81}}});
  const std::string table = nft({"list", "table", "inet", "sampan-test"});
  EXPECT_NE(table.find("tcp . 8080"), std::string::npos);
  EXPECT_NE(table.find("tcp . 81"), std::string::npos);
}

TEST_F(FirewallTest, OneElementCostsMicroseconds) {
  Firewall wall("sampan-test");
  wall.install({});
  const std::int64_t start = base::monotonicNs();
  for (std::uint16_t i = 0; i < 500; ++i) {
    wall.apply({.addPorts = {{.protocol = IPPROTO_TCP,
                              .hostPort = static_cast<std::uint16_t>(1000 + i),
                              .target = ip("10.1.0.3"),
                              .targetPort = 80}}});
  }
  RecordProperty("microseconds_each", static_cast<int>((base::monotonicNs() - start) / 500'000));
}

TEST_F(FirewallTest, DnsRedirectNamesBothPorts) {
  netlink::Socket socket(NETLINK_NETFILTER);
  const std::int64_t start = base::monotonicNs();
  firewall::redirectDns(socket, ip("127.0.0.11"), 40001, 40002);
  RecordProperty("microseconds", static_cast<int>((base::monotonicNs() - start) / 1000));
  const std::string table = nft({"list", "table", "ip", "sampan-dns"});
  EXPECT_NE(table.find("ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:40001"),
            std::string::npos)
      << table;
  EXPECT_NE(table.find("ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:40002"),
            std::string::npos)
      << table;
}

}  // namespace
