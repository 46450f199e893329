#include "network/ipam/ipam.h"

#include <gtest/gtest.h>

#include "platform/base/error_test_util.h"

namespace {

using base::IpAddress;
using base::IpPrefix;

IpPrefix prefix(const char* text) {
  return *IpPrefix::parse(text);
}

using base::test::errorOf;

TEST(ChooseSubnet, TakesDockersPoolsInOrder) {
  std::vector<IpPrefix> taken;
  std::vector<std::string> chosen;
  for (int i = 0; i < 17; ++i) {
    taken.push_back(ipam::chooseSubnet(ipam::defaultPools(), taken, false));
    chosen.push_back(taken.back().str());
  }
  EXPECT_EQ(chosen[0], "172.17.0.0/16");
  EXPECT_EQ(chosen[3], "172.20.0.0/16");
  EXPECT_EQ(chosen[14], "172.31.0.0/16");
  EXPECT_EQ(chosen[15], "192.168.0.0/20");
  EXPECT_EQ(chosen[16], "192.168.16.0/20");
}

TEST(ChooseSubnet, AvoidsRoutesOfTheHostOfAnySize) {
  EXPECT_EQ(ipam::chooseSubnet(ipam::defaultPools(), {prefix("172.16.0.0/12")}, false).str(),
            "192.168.0.0/20");
  EXPECT_EQ(ipam::chooseSubnet(ipam::defaultPools(),
                               {prefix("172.17.3.9/32"), prefix("172.18.0.0/15")}, false)
                .str(),
            "172.20.0.0/16");
  EXPECT_EQ(ipam::chooseSubnet({{prefix("10.0.0.0/8"), 24}},
                               {prefix("10.0.0.0/9"), prefix("10.128.0.128/25")}, false)
                .str(),
            "10.128.1.0/24");
  EXPECT_EQ(errorOf([] { ipam::chooseSubnet(ipam::defaultPools(), {prefix("0.0.0.0/0")}, false); }),
            "all predefined address pools have been fully subnetted");
  EXPECT_EQ(ipam::chooseSubnet({{prefix("255.255.0.0/16"), 16}}, {}, false).str(),
            "255.255.0.0/16");
  EXPECT_NE(
      errorOf([] {
        ipam::chooseSubnet({{prefix("255.255.0.0/16"), 17}}, {prefix("255.255.0.0/16")}, false);
      }),
      "");
}

TEST(PlanSubnet, SaysWhatDockerSays) {
  EXPECT_EQ(errorOf([] { ipam::planSubnet("10.0.0.0/33", "", "", {}); }),
            "invalid network config:\ninvalid subnet 10.0.0.0/33: invalid CIDR block notation");
  EXPECT_EQ(errorOf([] { ipam::planSubnet("10.9.0.5/24", "", "", {}); }),
            "invalid network config:\ninvalid subnet 10.9.0.5/24: it should be 10.9.0.0/24");
  EXPECT_EQ(errorOf([] { ipam::planSubnet("10.8.0.0/24", "", "10.9.9.9", {}); }),
            "no matching subnet for gateway 10.9.9.9");
  EXPECT_EQ(errorOf([] { ipam::planSubnet("10.8.0.0/24", "10.9.0.0/25", "", {}); }),
            "no matching subnet for range 10.9.0.0/25");
  EXPECT_EQ(ipam::planSubnet("10.8.0.0/24", "", "", {}).gateway.str(), "10.8.0.1");
  EXPECT_EQ(ipam::planSubnet("10.8.0.0/24", "", "", {"10.8.0.1"}).gateway.str(), "10.8.0.2");
}

TEST(AddressPool, GivesLowestFreeAndTakesBack) {
  ipam::AddressPool pool(ipam::planSubnet("10.8.0.0/29", "", "", {"10.8.0.3"}));
  EXPECT_EQ(pool.take().str(), "10.8.0.2");
  EXPECT_EQ(pool.take().str(), "10.8.0.4");
  EXPECT_EQ(pool.take().str(), "10.8.0.5");
  EXPECT_EQ(pool.take().str(), "10.8.0.6");
  EXPECT_EQ(errorOf([&] { pool.take(); }),
            "no available IPv4 addresses on this network's address pools");
  pool.release(*IpAddress::parse("10.8.0.4"));
  pool.release(*IpAddress::parse("10.8.0.1"));  // the gateway stays taken
  EXPECT_EQ(pool.take().str(), "10.8.0.4");
  EXPECT_NE(errorOf([&] { pool.take(); }), "no error");
}

TEST(AddressPool, RangeLimitsChoiceButNotWishes) {
  ipam::AddressPool pool(ipam::planSubnet("10.8.0.0/24", "10.8.0.128/30", "", {}));
  EXPECT_EQ(pool.take().str(), "10.8.0.128");
  pool.take(*IpAddress::parse("10.8.0.9"));
  EXPECT_EQ(errorOf([&] { pool.take(*IpAddress::parse("10.8.0.9")); }), "Address already in use");
  EXPECT_EQ(errorOf([&] { pool.take(*IpAddress::parse("10.9.0.9")); }),
            "no configured subnet or ip-range contain the IP address 10.9.0.9");
  EXPECT_NE(errorOf([&] { pool.take(*IpAddress::parse("10.8.0.255")); }), "no error");
  EXPECT_NE(errorOf([&] { pool.take(*IpAddress::parse("10.8.0.0")); }), "no error");
}

TEST(AddressPool, HoldsSixtyThousandWithoutSlowingDown) {
  ipam::AddressPool pool(ipam::planSubnet("172.17.0.0/16", "", "", {}));
  for (int i = 0; i < 65'533; ++i) pool.take();
  EXPECT_EQ(pool.size(), 65'534u);
  pool.release(*IpAddress::parse("172.17.200.7"));
  EXPECT_EQ(pool.take().str(), "172.17.200.7");
}

}  // namespace
