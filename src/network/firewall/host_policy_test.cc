#include "network/firewall/host_policy.h"

#include <gmock/gmock.h>
#include <sched.h>

#include "network/firewall/firewall.h"
#include "network/netlink/route.h"
#include "platform/sys/spawn.h"

namespace {

using firewall::findObstacles;
using testing::HasSubstr;

class HostPolicyTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "tests of the network need root";
    netlink::Route().addBridge({.name = "br-one"}, {});
  }
  static void nft(std::string rules) {
    for (size_t at = 0; (at = rules.find('}', at)) != std::string::npos; at += 2)
      rules.replace(at, 1, "}\n");
    const sys::Output output = sys::run({"/usr/sbin/nft", "-f", "-"}, rules);
    ASSERT_EQ(output.status.code, 0) << output.err;
  }
  static std::vector<firewall::Obstacle> look() { return findObstacles({"br-one"}, "eth0"); }
};

TEST_F(HostPolicyTest, AnOpenHostHasNone) {
  EXPECT_TRUE(look().empty());
  firewall::Firewall wall("sampan-other");
  wall.install({.addBridges = {{.name = "br-one"}}});
  EXPECT_TRUE(look().empty()) << "our own rules and those of other daemons of ours are no obstacle";
  nft("table inet filter { chain forward { type filter hook forward priority 0; policy accept; ct "
      "state invalid drop; } }");
  EXPECT_TRUE(look().empty());
}

TEST_F(HostPolicyTest, DropPolicyIsNamedWithTheRuleToAdd) {
  nft("table inet myfilter { chain fw { type filter hook forward priority 0; policy drop; ct state "
      "established,related accept; "
      "tcp dport 22 accept; iifname \"wg0\" accept; } }");
  const auto found = look();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].where, "table inet myfilter, chain fw, policy drop");
  EXPECT_EQ(found[0].remedy,
            "nft insert rule inet myfilter fw iifname br-one accept; nft insert rule inet myfilter "
            "fw oifname br-one accept");
  sys::run({"/bin/sh", "-c", found[0].remedy});
  EXPECT_TRUE(look().empty()) << "the remedy works";
}

TEST_F(HostPolicyTest, RejectingRuleBehindJumpsIsFound) {
  nft("table inet f { chain deeper { iifname != \"docker*\" reject; } chain deep { meta nfproto "
      "ipv4 goto deeper; } "
      "chain fw { type filter hook forward priority 0; policy accept; counter jump deep; } }");
  const auto found = look();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].where, HasSubstr("rule 1 of chain deeper"));
}

TEST_F(HostPolicyTest, DockersForwardPolicyIsRecognised) {
  nft("table ip filter { chain DOCKER-USER { } chain DOCKER-FORWARD { iifname \"docker0\" counter "
      "accept; } "
      "chain FORWARD { type filter hook forward priority 0; policy drop; counter jump DOCKER-USER; "
      "counter jump DOCKER-FORWARD; } }");
  const auto found = look();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].where, "table ip filter, chain FORWARD, policy drop");
  EXPECT_EQ(
      found[0].remedy,
      "iptables -I DOCKER-USER -i br-one -j ACCEPT; iptables -I DOCKER-USER -o br-one -j ACCEPT");
}

TEST_F(HostPolicyTest, RulesOfTheIptablesProgramAreUnderstood) {
  const std::string iptables = "/usr/sbin/iptables-nft";
  ASSERT_EQ(sys::run({"/bin/sh", "-c",
                      iptables + " -P FORWARD DROP && " + iptables +
                          " -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT && " +
                          iptables + " -A FORWARD -p tcp --dport 22 -j ACCEPT && " + iptables +
                          " -A FORWARD -i wg+ -j ACCEPT"})
                .status.code,
            0);
  EXPECT_EQ(look().size(), 1u);
  sys::run(
      {"/bin/sh", "-c",
       iptables + " -I FORWARD -m conntrack --ctstate NEW -m comment --comment all -j ACCEPT"});
  EXPECT_TRUE(look().empty());
}

TEST_F(HostPolicyTest, WhatMightBeAcceptedIsNotReported) {
  nft("table inet f { set trusted { type ifname; elements = { \"br-one\" } } chain fw { type "
      "filter hook forward priority 0; policy drop; "
      "iifname @trusted accept; oifname @trusted accept; } }");
  EXPECT_TRUE(look().empty());
  nft("flush ruleset; table inet f { chain fw { type filter hook forward priority 0; policy drop; "
      "ip saddr 10.0.0.0/8 accept; ip daddr 10.0.0.0/8 accept; } }");
  EXPECT_TRUE(look().empty());
}

TEST_F(HostPolicyTest, OneDirectionIsEnoughToBeReported) {
  nft("table inet f { chain fw { type filter hook forward priority 0; policy drop; iifname "
      "\"br-one\" accept; } }");
  EXPECT_EQ(look().size(), 1u);
  nft("flush ruleset; table inet f { chain fw { type filter hook forward priority 0; policy drop; "
      "iifname \"br-*\" accept; oifname \"br-*\" accept; } }");
  EXPECT_TRUE(look().empty());
}

}  // namespace
