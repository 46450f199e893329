#include "network/networks/networks.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "network/networks/fixture.h"
#include "platform/base/error_test_util.h"
#include "platform/base/ids.h"
#include "platform/base/time.h"

namespace networks {
namespace {

using testing::HasSubstr;

using base::test::errorOf;

JoinRequest publish(JoinRequest request, std::vector<PortBinding> ports) {
  request.ports = std::move(ports);
  return request;
}

TEST_F(NetworksTest, TwoContainersFindEachOtherByNameAndReachEachOther) {
  networks_->create({.name = "net1"});
  JoinRequest web = request("web", "net1");
  web.endpoints[0].aliases = {"www", "Shop"};
  web.hostname = "webhost";
  const Joined joined = run(web);
  run("client", "net1");
  EXPECT_EQ(joined.nameservers, std::vector<std::string>{"127.0.0.11"});
  const std::string address = addressOf("web");
  for (const std::string& name :
       {std::string("web"), std::string("www"), std::string("shop"), std::string("SHOP"),
        idOf("web").substr(0, 12), std::string("webhost"), std::string("web.net1")}) {
    EXPECT_EQ(resolve("client", name), address) << name;
  }
  EXPECT_EQ(resolve("client", "web", 28), "") << "no IPv6 address, but no error either";
  EXPECT_EQ(resolve("web", "client"), addressOf("client"));
  const auto parts = base::IpAddress::parse(address)->bytes();
  EXPECT_EQ(
      resolve("client",
              fmt::format("{}.{}.{}.{}.in-addr.arpa", parts[3], parts[2], parts[1], parts[0]), 12),
      "web.net1");
  const sys::Fd listener = listenTcp("web", 80);
  EXPECT_EQ(talk("client", address, 80, listener.get()), addressOf("client"));
  kill("web");
  EXPECT_NE(resolve("client", "web"), address);
}

TEST_F(NetworksTest, NamesEndAtTheNetworksBorder) {
  networks_->create({.name = "net1"});
  networks_->create({.name = "net2"});
  run("web", "net1");
  run("other", "net2");
  EXPECT_EQ(resolve("other", "web").substr(0, 5), "rcode");
  const Joined onDefault = run("plain", "bridge");
  EXPECT_THAT(onDefault.nameservers, testing::Not(testing::Contains("127.0.0.11")))
      << "the default bridge has no name server, as Docker's";
}

TEST_F(NetworksTest, ContainersReachTheWorldUnderTheHostsAddress) {
  networks_->create({.name = "net1"});
  run("plain", "bridge");
  run("client", "net1");
  const sys::Fd world = listenTcp("outside", 80);
  EXPECT_EQ(talk("plain", kOutsideAddress, 80, world.get()), kHostAddress);
  EXPECT_EQ(talk("client", kOutsideAddress, 80, world.get()), kHostAddress);
}

TEST_F(NetworksTest, PublishedPortAnswersFromEverywhere) {
  const Joined joined = run(publish(request("web", "bridge"),
                                    {{.containerPort = 80, .hostPort = 8080},
                                     {.protocol = "udp", .containerPort = 53, .hostPort = 5353}}));
  ASSERT_EQ(joined.ports.size(), 2u);
  EXPECT_EQ(joined.ports[0].hostIp, "0.0.0.0");
  EXPECT_EQ(joined.ports[0].hostPort, 8080);
  run("neighbour", "bridge");
  networks_->create({.name = "net1"});
  run("stranger", "net1");
  const sys::Fd listener = listenTcp("web", 80);
  const sys::Fd udp = bindUdp("web", 53);
  EXPECT_EQ(talk("outside", kHostAddress, 8080, listener.get()), kOutsideAddress)
      << "the client's address is kept";
  EXPECT_NE(talk("", "127.0.0.1", 8080, listener.get()), "") << "loopback";
  EXPECT_NE(talk("", kHostAddress, 8080, listener.get()), "") << "the host's own address";
  EXPECT_NE(talk("web", kHostAddress, 8080, listener.get()), "") << "itself";
  EXPECT_NE(talk("neighbour", kHostAddress, 8080, listener.get()), "") << "neighbour";
  EXPECT_NE(talk("stranger", kHostAddress, 8080, listener.get()), "") << "another network";
  EXPECT_EQ(talkUdp("outside", kHostAddress, 5353, udp.get()), kOutsideAddress);
  EXPECT_NE(talkUdp("", "127.0.0.1", 5353, udp.get()), "");
  EXPECT_NE(talkUdp("web", kHostAddress, 5353, udp.get()), "");
  kill("web");
  EXPECT_FALSE(connectTcp("outside", kHostAddress, 8080, 300));
}

TEST_F(NetworksTest, LoopbackPortIsForTheHostOnly) {
  run(publish(request("web", "bridge"),
              {{.containerPort = 80, .hostIp = "127.0.0.1", .hostPort = 8080}}));
  run("neighbour", "bridge");
  const sys::Fd listener = listenTcp("web", 80);
  EXPECT_NE(talk("", "127.0.0.1", 8080, listener.get()), "");
  EXPECT_FALSE(connectTcp("outside", kHostAddress, 8080, 300));
  // A neighbour of the host that sends packets for 127.0.0.1 to it.
  shell("outside",
        "ip addr del 127.0.0.1/8 dev lo; ip link set lo down; sysctl -qw "
        "net.ipv4.conf.all.route_localnet=1; ip route flush table local; "
        "ip route add 127.0.0.1/32 via 198.51.100.2 dev down0 onlink; ip route add local "
        "198.51.100.1 dev down0 table local");
  EXPECT_FALSE(connectTcp("outside", "127.0.0.1", 8080, 300));
  shell("neighbour",
        "ip link set lo down; sysctl -qw net.ipv4.conf.all.route_localnet=1; ip route flush table "
        "local; "
        "ip route add local " +
            addressOf("neighbour") + " dev eth0 table local; ip route add 127.0.0.1/32 via " +
            networks_->gatewayOfDefaultBridge());
  EXPECT_FALSE(connectTcp("neighbour", "127.0.0.1", 8080, 300));
}

TEST_F(NetworksTest, UnpublishedPortsAndOtherNetworksAreOutOfReach) {
  networks_->create({.name = "net1"});
  networks_->create({.name = "net2"});
  run(publish(request("web", "net1"), {{.containerPort = 80, .hostPort = 8080}}));
  run("other", "net2");
  const sys::Fd published = listenTcp("web", 80);
  const sys::Fd secret = listenTcp("web", 81);
  const std::string web = addressOf("web");
  shell("outside", "ip route add " + web + "/32 via " + std::string(kHostAddress));
  EXPECT_FALSE(connectTcp("outside", web, 81, 300))
      << "a static route must not lead to unpublished ports";
  EXPECT_FALSE(connectTcp("outside", web, 80, 300)) << "nor around the published one";
  EXPECT_FALSE(connectTcp("other", web, 81, 300)) << "networks are isolated";
  EXPECT_NE(talk("", web, 81, secret.get()), "") << "the host itself may";
}

TEST_F(NetworksTest, InternalNetworkHasNoWayOutOrIn) {
  networks_->create({.name = "inner", .internal = true});
  run(publish(request("db", "inner"), {{.containerPort = 80, .hostPort = 8080}}));
  run("app", "inner");
  run(publish(request("web", "bridge"), {{.containerPort = 80, .hostPort = 8081}}));
  const sys::Fd listener = listenTcp("db", 80);
  const sys::Fd web = listenTcp("web", 80);
  const sys::Fd world = listenTcp("outside", 80);
  EXPECT_NE(talk("app", addressOf("db"), 80, listener.get()), "");
  EXPECT_EQ(resolve("app", "db"), addressOf("db"));
  EXPECT_FALSE(connectTcp("app", kOutsideAddress, 80, 300));
  shell("app", "ip route add default via " +
                   addressOf("app").substr(0, addressOf("app").rfind('.')) + ".1");
  EXPECT_FALSE(connectTcp("app", kOutsideAddress, 80, 300)) << "not even with a route of its own";
  EXPECT_FALSE(connectTcp("app", kHostAddress, 8081, 300)) << "nor to ports of other networks";
  EXPECT_FALSE(connectTcp("outside", kHostAddress, 8080, 300));
  EXPECT_TRUE(networks_->joined(idOf("db"))->ports.empty())
      << "only bindings that answer are listed";
  EXPECT_EQ(resolve("app", "example.com"), "rcode 3") << "no query leaves an internal network";
}

TEST_F(NetworksTest, IccOffSeparatesNeighboursButNotPublishedPorts) {
  networks_->create(
      {.name = "net1", .options = {{"com.docker.network.bridge.enable_icc", "false"}}});
  run(publish(request("web", "net1"), {{.containerPort = 80, .hostPort = 8080}}));
  run("client", "net1");
  const sys::Fd listener = listenTcp("web", 80);
  EXPECT_FALSE(connectTcp("client", addressOf("web"), 80, 300));
  // With br_netfilter the port is translated on the bridge itself, where isolated ports do not
  // meet.
  shell("", "sysctl -qw net.bridge.bridge-nf-call-iptables=0");
  EXPECT_FALSE(connectTcp("client", addressOf("web"), 80, 300));
  EXPECT_NE(talk("client", kHostAddress, 8080, listener.get()), "");
  const sys::Fd world = listenTcp("outside", 81);
  EXPECT_EQ(talk("client", kOutsideAddress, 81, world.get()), kHostAddress);
}

TEST_F(NetworksTest, NeighbourCannotTakeAnothersAddress) {
  networks_->create({.name = "net1"});
  run("web", "net1");
  run("victim", "net1");
  run("thief", "net1");
  const sys::Fd server = bindUdp("web", 5000);
  EXPECT_EQ(talkUdp("thief", addressOf("web"), 5000, server.get()), addressOf("thief"));
  const std::string victim = addressOf("victim");
  shell("thief", "ip addr flush dev eth0; ip addr add " + victim + "/16 dev eth0");
  EXPECT_EQ(talkUdp("thief", addressOf("web"), 5000, server.get()), "");
  EXPECT_EQ(talkUdp("victim", addressOf("web"), 5000, server.get()), victim);
  const std::string gateway = networks_->joined(idOf("thief"))->endpoints[0].gateway;
  shell("thief", "ip addr flush dev eth0; ip addr add " + gateway + "/16 dev eth0");
  EXPECT_EQ(talkUdp("thief", addressOf("web"), 5000, server.get()), "") << "nor the gateway's";
}

TEST_F(NetworksTest, RestartWithTheSameAddressAndPortWorksTwoHundredTimes) {
  networks_->create({.name = "net1", .ipam = {{.subnet = "10.77.0.0/24"}}});
  run("client", "net1");
  JoinRequest web = publish(request("web", "net1"), {{.containerPort = 80, .hostPort = 8080}});
  web.endpoints[0].ipv4 = "10.77.0.50";
  int failures = 0;
  std::int64_t joinTime = 0, leaveTime = 0;
  for (int i = 0; i < 200; ++i) {
    sandboxes_->create(web.sandboxId);
    const std::int64_t before = base::monotonicNs();
    run(web);
    joinTime += base::monotonicNs() - before;
    {
      const sys::Fd listener = listenTcp("web", 80);
      if (talk("client", "10.77.0.50", 80, listener.get(), 300).empty())
        ++failures, ADD_FAILURE() << i << " neighbour";
      if (talk("outside", kHostAddress, 8080, listener.get(), 300).empty())
        ++failures, ADD_FAILURE() << i << " outside";
      if (resolve("client", "web") != "10.77.0.50") ++failures;
    }
    const std::int64_t leaving = base::monotonicNs();
    networks_->leave(web.containerId);
    leaveTime += base::monotonicNs() - leaving;
    sandboxes_->release(web.sandboxId, web.sandboxId);
    alive_.erase(web.containerId);
  }
  EXPECT_EQ(failures, 0);
  RecordProperty("join_microseconds", static_cast<int>(joinTime / 200'000));
  RecordProperty("leave_microseconds", static_cast<int>(leaveTime / 200'000));
}

TEST_F(NetworksTest, DefaultBridgeRoundTripTime) {
  std::int64_t joinTime = 0, leaveTime = 0;
  for (int i = 0; i < 50; ++i) {
    const JoinRequest one = request("c" + std::to_string(i), "bridge");
    sandboxes_->create(one.sandboxId);
    const std::int64_t before = base::monotonicNs();
    networks_->join(one);
    joinTime += base::monotonicNs() - before;
  }
  for (int i = 0; i < 50; ++i) {
    const JoinRequest one = request("c" + std::to_string(i), "bridge");
    const std::int64_t leaving = base::monotonicNs();
    networks_->leave(one.containerId);
    leaveTime += base::monotonicNs() - leaving;
    sandboxes_->release(one.sandboxId, one.sandboxId);
  }
  RecordProperty("join_microseconds", static_cast<int>(joinTime / 50'000));
  RecordProperty("leave_microseconds", static_cast<int>(leaveTime / 50'000));
}

TEST_F(NetworksTest, DaemonsDeathInterruptsNothing) {
  networks_->create({.name = "net1"});
  run(publish(request("web", "net1"), {{.containerPort = 80, .hostPort = 8080}}));
  run("client", "net1");
  run("dead", "net1");
  const std::string address = addressOf("web");
  const std::string deadAddress = addressOf("dead"), clientAddress = addressOf("client");
  const sys::Fd listener = listenTcp("web", 80);
  std::vector<sys::Fd> kept = networks_->dnsSockets(idOf("client"));
  ASSERT_EQ(kept.size(), 2u);
  stop();
  EXPECT_EQ(talk("client", address, 80, listener.get()), clientAddress);
  EXPECT_EQ(talk("outside", kHostAddress, 8080, listener.get()), kOutsideAddress)
      << "nobody serves, everything flows";
  alive_.erase(idOf("dead"));
  start();
  networks_->adoptDnsSockets(idOf("client"), std::move(kept));
  networks_->adoptDnsSockets(idOf("web"), {});  // its shim had none
  EXPECT_EQ(addressOf("web"), address);
  EXPECT_EQ(resolve("client", "web"), address);
  EXPECT_EQ(resolve("web", "client"), addressOf("client"));
  EXPECT_EQ(resolve("client", "dead").substr(0, 5), "rcode");
  EXPECT_EQ(talk("outside", kHostAddress, 8080, listener.get()), kOutsideAddress);
  EXPECT_THAT(errorOf([&] {
                run(publish(request("second", "net1"), {{.containerPort = 80, .hostPort = 8080}}));
              }),
              HasSubstr("port is already allocated"));
  run("next", "net1");
  EXPECT_EQ(addressOf("next"), deadAddress) << "what the dead one had is free again";
  kill("web");
  EXPECT_FALSE(connectTcp("outside", kHostAddress, 8080, 300));
}

TEST_F(NetworksTest, QueriesWhileNobodyServesAreAnsweredAfterTheRestart) {
  networks_->create({.name = "net1"});
  run("web", "net1");
  run("client", "net1");
  std::vector<sys::Fd> kept = networks_->dnsSockets(idOf("client"));
  const std::string address = addressOf("web");
  stop();
  std::thread restart([&] {
    ::usleep(200'000);
    start();
    networks_->adoptDnsSockets(idOf("client"), std::move(kept));
  });
  EXPECT_EQ(resolve("client", "web"), address);
  restart.join();
}

TEST_F(NetworksTest, FlushedRulesComeBack) {
  run(publish(request("web", "bridge"), {{.containerPort = 80, .hostPort = 8080}}));
  const sys::Fd listener = listenTcp("web", 80);
  shell("", "nft flush ruleset");
  ::usleep(200'000);
  EXPECT_EQ(talk("outside", kHostAddress, 8080, listener.get()), kOutsideAddress);
}

TEST_F(NetworksTest, NothingIsLeftAfterTearDown) {
  stop();
  // Before the first start there was nothing; SetUp's own start is undone first.
  start();
  networks_->tearDown();
  const std::string links = shell("", "ip -o link | cut -d: -f2");
  const std::string rules = shell("", "nft list ruleset");
  stop();
  start();
  const std::string network = networks_->create({.name = "net1"}).id;
  run(publish(request("web", "net1"), {{.containerPort = 80, .hostPort = 8080}}));
  run("client", "bridge");
  kill("web");
  kill("client");
  networks_->remove(network);
  networks_->tearDown();
  ::usleep(400'000);
  EXPECT_EQ(shell("", "ip -o link | cut -d: -f2"), links);
  EXPECT_EQ(shell("", "nft list ruleset"), rules);
  EXPECT_EQ(rules, "");
}

TEST_F(NetworksTest, BridgesAreKnownWithoutTheirAlias) {
  // A death between the message that makes a link and the one that gives it an alias.
  const auto forget = [&](const std::string& bridge) {
    stop();
    shell("", "ip link set dev " + bridge + " alias ''");
    start();
  };
  const auto there = [&](const std::string& bridge) {
    return shell("", "ip -o link").find(" " + bridge + ":") != std::string::npos;
  };
  const Network network = networks_->create({.name = "net1"});
  const std::string bridge = network.bridgeName;
  forget(bridge);
  EXPECT_NE(shell("", "ip link show " + bridge).find("alias sampan:"), std::string::npos);
  forget(bridge);
  networks_->remove(network.id);
  EXPECT_FALSE(there(bridge));
  const std::string standing = networks_->resolve("bridge").bridgeName;
  shell("", "ip link add br-0123456789ab type bridge");
  shell("", "ip link add strange type bridge");
  forget(standing);
  EXPECT_TRUE(there(standing));
  EXPECT_TRUE(there("br-0123456789ab")) << "somebody else's";
  networks_->tearDown();
  EXPECT_FALSE(there(standing));
  EXPECT_TRUE(there("strange"));
}

TEST_F(NetworksTest, CablesGoSoonAfterTheContainer) {
  networks_->create({.name = "net1"});
  run("web", "net1");
  networks_->leave(idOf("web"));  // the netns lives on: a process holds it
  const std::int64_t start = base::monotonicNs();
  while (shell("", "ip -o link").find("vt35tin") != std::string::npos &&
         base::monotonicNs() - start < 2'000'000'000)
    ::usleep(10'000);
  EXPECT_LT(base::monotonicNs() - start, 1'000'000'000);
}

TEST_F(NetworksTest, ThousandPortsAreOneRange) {
  std::vector<PortBinding> ports;
  for (std::uint16_t i = 0; i < 1000; ++i) {
    const auto number = static_cast<std::uint16_t>(9000 + i);
    ports.push_back({.containerPort = number, .hostPort = number});
  }
  const JoinRequest web = publish(request("web", "bridge"), ports);
  sandboxes_->create(web.sandboxId);
  const std::int64_t before = base::monotonicNs();
  EXPECT_EQ(run(web).ports.size(), 1000u);
  const std::int64_t took = base::monotonicNs() - before;
  RecordProperty("microseconds", static_cast<int>(took / 1000));
  EXPECT_LT(took, 100'000'000);
  EXPECT_THAT(shell("", "nft list table inet sampan-t35ting0"), HasSubstr("tcp . 9000-9999 : "));
  const sys::Fd listener = listenTcp("web", 9777);
  EXPECT_EQ(talk("outside", kHostAddress, 9777, listener.get()), kOutsideAddress);
}

TEST_F(NetworksTest, ConflictsLeaveNothingBehind) {
  run(publish(request("web", "bridge"), {{.containerPort = 80, .hostPort = 8080}}));
  const JoinRequest second =
      publish(request("second", "bridge"),
              {{.containerPort = 81, .hostPort = 8181}, {.containerPort = 80, .hostPort = 8080}});
  const std::string message = errorOf([&] { run(second); });
  EXPECT_THAT(message,
              HasSubstr("driver failed programming external connectivity on endpoint second ("));
  EXPECT_THAT(message, HasSubstr("Bind for 0.0.0.0:8080 failed: port is already allocated"));
  EXPECT_FALSE(networks_->joined(idOf("second")));
  const sys::Fd listener = listenTcp("", 8282);
  EXPECT_THAT(
      errorOf([&] {
        run(publish(request("second", "bridge"), {{.containerPort = 80, .hostPort = 8282}}));
      }),
      HasSubstr("failed to bind host port for 0.0.0.0:8282:"));
  const std::string taken = addressOf("web");
  run(publish(request("second", "bridge"), {{.containerPort = 81, .hostPort = 8181}}));
  EXPECT_EQ(base::IpAddress::parse(addressOf("second"))->v4Number(),
            base::IpAddress::parse(taken)->v4Number() + 1)
      << "no address leaked";
}

TEST_F(NetworksTest, RunningContainerChangesItsNetworks) {
  networks_->create({.name = "net1"});
  networks_->create({.name = "net2"});
  run(publish(request("web", "bridge"), {{.containerPort = 80, .hostPort = 8080}}));
  run("one", "net1");
  run("two", "net2");
  const sys::Fd listener = listenTcp("web", 80);
  const Endpoint endpoint =
      networks_->connect(request("web", "bridge"), {.networkId = "net1", .aliases = {"www"}});
  EXPECT_EQ(endpoint.interfaceName, "eth1");
  EXPECT_EQ(networks_->joined(idOf("web"))->nameservers, std::vector<std::string>{"127.0.0.11"});
  EXPECT_EQ(resolve("one", "www"), endpoint.ipv4);
  EXPECT_EQ(resolve("web", "one"), addressOf("one"));
  EXPECT_NE(talk("one", endpoint.ipv4, 80, listener.get()), "");
  EXPECT_EQ(talk("outside", kHostAddress, 8080, listener.get()), kOutsideAddress);
  EXPECT_THAT(errorOf([&] { networks_->connect(request("web", "bridge"), {.networkId = "net1"}); }),
              HasSubstr("endpoint with name web already exists in network net1"));
  networks_->disconnect(idOf("web"), "bridge");  // the default route and the port move to net1
  EXPECT_EQ(talk("outside", kHostAddress, 8080, listener.get()), kOutsideAddress);
  const sys::Fd world = listenTcp("outside", 80);
  EXPECT_EQ(talk("web", kOutsideAddress, 80, world.get()), kHostAddress);
  networks_->connect(request("web", "bridge"), {.networkId = "net2", .gatewayPriority = 5});
  EXPECT_EQ(talk("outside", kHostAddress, 8080, listener.get()), kOutsideAddress);
  networks_->disconnect(idOf("web"), "net1");
  networks_->disconnect(idOf("web"), "net2");
  EXPECT_FALSE(connectTcp("outside", kHostAddress, 8080, 300));
  EXPECT_THAT(errorOf([&] { networks_->disconnect(idOf("web"), "net2"); }),
              HasSubstr("is not connected to network net2"));
  networks_->rename(idOf("one"), "uno");
  networks_->connect(request("web", ""), {.networkId = "net1"});
  EXPECT_EQ(resolve("web", "uno"), addressOf("one"));
}

TEST_F(NetworksTest, ObjectsSayWhatDockerSays) {
  const Network net = networks_->create({.name = "net1", .ipam = {{.subnet = "10.77.0.0/24"}}});
  EXPECT_EQ(net.spec.ipam[0].gateway, "10.77.0.1");
  EXPECT_EQ(net.bridgeName, "br-" + net.id.substr(0, 12));
  EXPECT_EQ(networks_->resolve("net1").id, net.id);
  EXPECT_EQ(networks_->resolve(net.id.substr(0, 7)).id, net.id);
  const auto create = [&](NetworkSpec spec) { return errorOf([&] { networks_->create(spec); }); };
  EXPECT_EQ(create({.name = "net1"}), "network with name net1 already exists");
  EXPECT_EQ(create({.name = "bridge"}), "operation is not permitted on predefined bridge network");
  EXPECT_EQ(create({.name = ""}), "invalid name: name is empty");
  EXPECT_EQ(create({.name = "x", .driver = "foo"}), "plugin \"foo\" not found");
  EXPECT_EQ(create({.name = "x", .ipam = {{.subnet = "10.77.0.128/25"}}}),
            "invalid pool request: Pool overlaps with other one on this address space");
  EXPECT_EQ(create({.name = "x", .ipam = {{.gateway = "10.77.0.1"}}}),
            "every ip-range or gateway must have a corresponding subnet");
  EXPECT_EQ(errorOf([&] { networks_->resolve("nonet"); }), "network nonet not found");
  EXPECT_EQ(errorOf([&] { networks_->remove("bridge"); }),
            "bridge is a pre-defined network and cannot be removed");
  JoinRequest fixed = request("web", "net1");
  fixed.endpoints[0].ipv4 = "10.77.0.9";
  run(fixed);
  JoinRequest second = request("second", "net1");
  second.endpoints[0].ipv4 = "10.77.0.9";
  EXPECT_EQ(errorOf([&] { run(second); }), "Address already in use");
  second.endpoints[0].ipv4 = "10.78.0.9";
  EXPECT_EQ(errorOf([&] { networks_->validate(second); }),
            "invalid config for network net1: invalid endpoint settings:\nno configured subnet or "
            "ip-range contain the IP address 10.78.0.9");
  second.endpoints[0].networkId = "bridge";
  EXPECT_EQ(errorOf([&] { networks_->validate(second); }),
            "invalid config for network bridge: invalid endpoint settings:\n* user specified IP "
            "address is supported on user defined networks only\n"
            "* user specified IP address is supported only when connecting to networks with user "
            "configured subnets");
  EXPECT_THAT(
      errorOf([&] { networks_->remove("net1"); }),
      HasSubstr(
          "error while removing network: network net1 has active endpoints (name:\"web\" id:\""));
  kill("web");
  networks_->remove("net1");
  std::vector<std::string> actions;
  for (const auto& event : bus_->range({}, base::Time{INT64_MAX})) {
    if (event.type == "network" && event.attributes.at("name") == "net1")
      actions.push_back(event.action);
  }
  EXPECT_EQ(actions, (std::vector<std::string>{"create", "connect", "disconnect", "destroy"}));
}

TEST_F(NetworksTest, SubnetsAvoidTheHostsRoutes) {
  EXPECT_EQ(networks_->gatewayOfDefaultBridge(), "172.17.0.1");
  shell("",
        "ip route add 172.18.5.0/24 via 198.51.100.1; ip route add 172.19.0.0/16 via 198.51.100.1 "
        "table 77");
  EXPECT_EQ(networks_->create({.name = "net1"}).spec.ipam[0].subnet, "172.20.0.0/16");
}

TEST_F(NetworksTest, NoneAndHostAreRecordedWithoutLinks) {
  run("quiet", "none");
  EXPECT_EQ(networks_->joined(idOf("quiet"))->endpoints.size(), 1u);
  EXPECT_EQ(networks_->endpoints(networks_->resolve("none").id).size(), 1u);
  const Joined host = networks_->join(request("loud", "host"));
  EXPECT_EQ(host.endpoints[0].ipv4, "");
}

TEST_F(NetworksTest, CountersAreSeenFromInside) {
  run("web", "bridge");
  const sys::Fd server = bindUdp("", 5000);
  for (int i = 0; i < 10; ++i)
    talkUdp("web", networks_->gatewayOfDefaultBridge(), 5000, server.get());
  const auto counters = networks_->counters(idOf("web"));
  ASSERT_TRUE(counters.contains("eth0"));
  EXPECT_GE(counters.at("eth0").txPackets, 10u);
  EXPECT_GE(counters.at("eth0").rxPackets, 10u);
}

TEST_F(NetworksTest, PublishedPortAnswersNeighboursWithAndWithoutBridgeNetfilter) {
  run(publish(request("web", "bridge"), {{.containerPort = 80, .hostPort = 8080}}));
  run("neighbour", "bridge");
  const sys::Fd listener = listenTcp("web", 80);
  for (const char* on : {"0", "1"}) {
    shell("", std::string("sysctl -qw net.bridge.bridge-nf-call-iptables=") + on);
    EXPECT_NE(talk("web", kHostAddress, 8080, listener.get()), "") << on;
    EXPECT_NE(talk("neighbour", kHostAddress, 8080, listener.get()), "") << on;
    EXPECT_NE(talk("neighbour", addressOf("web"), 80, listener.get()), "") << on;
  }
}

TEST_F(NetworksTest, HostsDropPolicyIsWarnedOfAndTheAdviceHelps) {
  EXPECT_TRUE(networks_->hostPolicyWarnings().empty());
  run("client", "bridge");
  const sys::Fd world = listenTcp("outside", 80);
  EXPECT_EQ(shell("",
                  "nft 'add table inet strict; add chain inet strict fw { type filter hook "
                  "forward priority 0; policy drop; }'"),
            "");
  const auto warned = [&] {
    std::vector<std::string> warnings;
    for (int i = 0; i < 100 && warnings.empty(); ++i) {
      ::usleep(10'000);
      warnings = networks_->hostPolicyWarnings();
    }
    return warnings;
  }();
  ASSERT_EQ(warned.size(), 1u);
  EXPECT_THAT(warned[0], HasSubstr("table inet strict, chain fw, policy drop"));
  EXPECT_FALSE(connectTcp("client", kOutsideAddress, 80, 300));
  shell("", warned[0].substr(warned[0].find("nft insert")));
  EXPECT_EQ(talk("client", kOutsideAddress, 80, world.get()), kHostAddress);
  for (int i = 0; i < 100 && !networks_->hostPolicyWarnings().empty(); ++i) ::usleep(10'000);
  EXPECT_TRUE(networks_->hostPolicyWarnings().empty());
}

class OtherDaemonTest : public NetworksTest {
 protected:
  Options options() const override {
    return {.instance = "second00", .defaultBridgeCidr = "192.168.100.5/24"};
  }
};

TEST_F(OtherDaemonTest, DaemonsLiveSideBySideAndBipIsObeyed) {
  EXPECT_EQ(networks_->gatewayOfDefaultBridge(), "192.168.100.5");
  ASSERT_EQ(::mkdir((base_ + "/state2").c_str(), 0700), 0);
  store::Store store(base_ + "/state2");
  events::Bus bus(store);
  Networks other({.instance = "first000"}, store, bus, *sandboxes_,
                 [](const std::string&) { return false; });
  EXPECT_EQ(other.gatewayOfDefaultBridge(), "172.17.0.1");
  EXPECT_EQ(networks_->create({.name = "net1"}).spec.ipam[0].subnet, "172.18.0.0/16");
  EXPECT_EQ(other.create({.name = "net1"}).spec.ipam[0].subnet, "172.19.0.0/16");
  run(publish(request("web", "bridge"), {{.containerPort = 80, .hostPort = 8080}}));
  const sys::Fd listener = listenTcp("web", 80);
  other.tearDown();
  EXPECT_EQ(addressOf("web"), "192.168.100.1");
  EXPECT_EQ(talk("outside", kHostAddress, 8080, listener.get()), kOutsideAddress)
      << "the other's end takes nothing of ours away";
}

}  // namespace
}  // namespace networks
