#include "platform/base/ip.h"

#include <gtest/gtest.h>

namespace {

using base::IpAddress;
using base::IpPrefix;

TEST(IpAddress, ParsesAndPrintsBothFamilies) {
  EXPECT_EQ(IpAddress::parse("192.0.2.7")->str(), "192.0.2.7");
  EXPECT_EQ(IpAddress::parse("2001:DB8:0:0::1")->str(), "2001:db8::1");
  EXPECT_EQ(IpAddress::parse("192.0.2.7")->plus(250).str(), "192.0.3.1");
  EXPECT_TRUE(IpAddress::parse("127.9.9.9")->loopback());
  EXPECT_TRUE(IpAddress::parse("::1")->loopback());
  for (const char* bad : {"", "1.2.3", "1.2.3.256", "01.2.3.4", "fe80::1%eth0", "x", "1.2.3.4/8"}) {
    EXPECT_FALSE(IpAddress::parse(bad)) << bad;
  }
}

TEST(IpPrefix, KnowsItsBoundsAndNeighbours) {
  const IpPrefix prefix = *IpPrefix::parse("10.1.2.3/20");
  EXPECT_EQ(prefix.network().str(), "10.1.0.0/20");
  EXPECT_EQ(prefix.last().str(), "10.1.15.255");
  EXPECT_TRUE(prefix.contains(*IpAddress::parse("10.1.15.1")));
  EXPECT_FALSE(prefix.contains(*IpAddress::parse("10.1.16.0")));
  EXPECT_TRUE(prefix.overlaps(*IpPrefix::parse("10.0.0.0/8")));
  EXPECT_FALSE(prefix.overlaps(*IpPrefix::parse("10.1.16.0/20")));
  EXPECT_FALSE(prefix.overlaps(*IpPrefix::parse("::/0")));
  EXPECT_EQ(IpPrefix::parse("::/0")->last().str(), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  EXPECT_EQ(IpPrefix::parse("0.0.0.0/0")->last().str(), "255.255.255.255");
  for (const char* bad :
       {"10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/08", "::/129"}) {
    EXPECT_FALSE(IpPrefix::parse(bad)) << bad;
  }
}

}  // namespace
