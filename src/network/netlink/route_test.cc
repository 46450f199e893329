#include "network/netlink/route.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_bridge.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>

#include <thread>

#include "platform/base/error.h"
#include "platform/base/time.h"
#include "platform/sys/file.h"

namespace {

using netlink::Route;

// A namespace of its own for each test: nothing here touches the machine's links.
class RouteTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "tests of the network need root";
    host_ = sys::openAt(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY);
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    guest_ = sys::openAt(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY);
    enter(host_);
  }
  static void enter(const sys::Fd& netns) { ASSERT_EQ(::setns(netns.get(), CLONE_NEWNET), 0); }
  static netlink::VethSpec veth(int bridge, int netns) {
    return {.hostName = "vtest",
            .bridge = bridge,
            .mtu = 1400,
            .netns = netns,
            .peerName = "eth0",
            .peerMac = {0x02, 0x42, 10, 0, 0, 2}};
  }
  sys::Fd host_, guest_;
};

TEST_F(RouteTest, BridgeHasNameAliasAddressAndIsUp) {
  Route route;
  const int index = route.addBridge({.name = "brt", .alias = "sampan:x", .mtu = 1450},
                                    {*base::IpPrefix::parse("10.0.0.1/24")});
  const auto link = route.link("brt");
  ASSERT_TRUE(link);
  EXPECT_EQ(link->index, index);
  EXPECT_EQ(link->kind, "bridge");
  EXPECT_EQ(link->alias, "sampan:x");
  EXPECT_EQ(link->mtu, 1450u);
  EXPECT_TRUE(link->flags & IFF_UP);
  bool found = false;
  for (const auto& address : route.addresses())
    found |= address.link == index && address.prefix.str() == "10.0.0.1/24";
  EXPECT_TRUE(found);
  bool routed = false;
  for (const auto& entry : route.routes(false))
    routed |= entry.destination.str() == "10.0.0.0/24" && !entry.local;
  EXPECT_TRUE(routed);
  try {
    route.addBridge({.name = "brt"}, {});
    FAIL() << "a second bridge of that name";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kConflict);
  }
}

TEST_F(RouteTest, BridgeThatCannotBeFinishedIsGone) {
  Route route;
  const base::IpPrefix address = *base::IpPrefix::parse("10.0.0.1/24");
  EXPECT_THROW(route.addBridge({.name = "brt"}, {address, address}), base::Error);
  EXPECT_FALSE(route.link("brt"));
}

TEST_F(RouteTest, VethPairIsBornReadyOnBothSides) {
  Route route;
  const int bridge = route.addBridge({.name = "brt"}, {*base::IpPrefix::parse("10.0.0.1/24")});
  const std::int64_t start = base::monotonicNs();
  route.addVeth(veth(bridge, guest_.get()));
  enter(guest_);
  Route inner;
  const auto peer = inner.link("eth0");
  ASSERT_TRUE(peer);
  inner.configure(peer->index, {*base::IpPrefix::parse("10.0.0.2/24")},
                  {*base::IpAddress::parse("10.0.0.1")});
  RecordProperty("microseconds", static_cast<int>((base::monotonicNs() - start) / 1000));
  EXPECT_EQ(netlink::macText(*peer->mac), "02:42:0a:00:00:02");
  EXPECT_EQ(peer->mtu, 1400u);
  EXPECT_TRUE(inner.link("eth0")->flags & IFF_UP);
  bool defaulted = false;
  for (const auto& entry : inner.routes(false)) {
    defaulted |=
        entry.destination.length == 0 && entry.gateway && entry.gateway->str() == "10.0.0.1";
  }
  EXPECT_TRUE(defaulted);
  enter(host_);
  const auto ports = route.ports(bridge);
  ASSERT_EQ(ports.size(), 1u);
  EXPECT_EQ(ports[0].name, "vtest");
  EXPECT_TRUE(ports[0].flags & IFF_UP);
}

TEST_F(RouteTest, SilencedPortIsDisabledAtOnceAndGoneOnesAreSaid) {
  Route route;
  const int bridge = route.addBridge({.name = "brt"}, {});
  route.addVeth(veth(bridge, guest_.get()));
  const std::int64_t start = base::monotonicNs();
  EXPECT_TRUE(route.silence("vtest"));
  RecordProperty("microseconds", static_cast<int>((base::monotonicNs() - start) / 1000));
  EXPECT_TRUE(route.removeLink("vtest"));
  EXPECT_FALSE(route.silence("vtest"));
  EXPECT_FALSE(route.removeLink("vtest"));
}

TEST_F(RouteTest, SettledPortForwardsAtOnce) {
  Route route;
  const int bridge = route.addBridge({.name = "brt"}, {});
  for (int i = 0; i < 20; ++i) {
    route.addVeth(veth(bridge, guest_.get()));
    enter(guest_);
    Route inner;
    inner.setUp(inner.link("eth0")->index);
    enter(host_);
    route.settle("vtest");
    EXPECT_EQ(route.link("vtest")->operState, 6) << "IF_OPER_UP";
    route.removeLink("vtest");
  }
}

TEST_F(RouteTest, WatcherNamesLinksThatGo) {
  Route route;
  const int bridge = route.addBridge({.name = "brt"}, {});
  Route::Watcher watcher;
  route.addVeth(veth(bridge, guest_.get()));
  route.removeLink("vtest");
  std::vector<std::string> gone;
  pollfd waiting{watcher.fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 2000), 1);
  EXPECT_TRUE(watcher.drain([&](const std::string& name) { gone.push_back(name); }));
  EXPECT_EQ(gone, std::vector<std::string>{"vtest"});
}

TEST_F(RouteTest, FailureNamesStepAndKernelReason) {
  Route route;
  try {
    route.addVeth(veth(12345, guest_.get()));
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_NE(error.message().find("add veth pair"), std::string::npos) << error.message();
  }
}

TEST(Mac, ParsesBothSeparators) {
  EXPECT_EQ(netlink::macText(*netlink::parseMac("02:42:AC:11:00:02")), "02:42:ac:11:00:02");
  EXPECT_TRUE(netlink::parseMac("02-42-ac-11-00-02"));
  for (const char* bad :
       {"", "02:42:ac:11:00", "02:42:ac:11:00:0g", "02:42-ac:11:00:02", "02.42.ac.11.00.02"}) {
    EXPECT_FALSE(netlink::parseMac(bad)) << bad;
  }
}

}  // namespace
