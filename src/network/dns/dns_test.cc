#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "network/dns/message.h"
#include "network/dns/resolv_conf.h"
#include "network/dns/server.h"
#include "platform/base/error.h"

namespace {

using Message = std::vector<std::uint8_t>;

Message makeQuery(const std::string& name, std::uint16_t type, std::uint16_t id = 0x1234) {
  Message out = {static_cast<std::uint8_t>(id >> 8),
                 static_cast<std::uint8_t>(id),
                 1,
                 0,
                 0,
                 1,
                 0,
                 0,
                 0,
                 0,
                 0,
                 0};
  size_t start = 0;
  while (start <= name.size()) {
    const size_t dot = std::min(name.find('.', start), name.size());
    out.push_back(static_cast<std::uint8_t>(dot - start));
    out.insert(out.end(), name.begin() + static_cast<std::ptrdiff_t>(start),
               name.begin() + static_cast<std::ptrdiff_t>(dot));
    start = dot + 1;
  }
  out.insert(out.end(),
             {0, static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type), 0, 1});
  return out;
}

int answerCount(const Message& message) {
  return message[6] << 8 | message[7];
}

TEST(Message, ReadsNamesWithoutCase) {
  const auto query = dns::parseQuery(makeQuery("Web.Example.COM", dns::kA));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->question.name, "web.example.com");
  EXPECT_EQ(query->question.type, dns::kA);
  EXPECT_TRUE(query->recursionDesired);
}

TEST(Message, RefusesWhatIsNoQuestion) {
  Message good = makeQuery("web", dns::kA);
  for (size_t cut = 0; cut < good.size(); ++cut)
    EXPECT_FALSE(dns::parseQuery(dns::Bytes(good).first(cut))) << cut;
  Message compressed = good;
  compressed[12] = 0xc0;
  EXPECT_FALSE(dns::parseQuery(compressed));
  Message reply = good;
  reply[2] |= 0x80;
  EXPECT_FALSE(dns::parseQuery(reply));
  EXPECT_FALSE(dns::parseQuery(makeQuery(std::string(64, 'a'), dns::kA)));
  std::string tooLong;
  for (int i = 0; i < 130; ++i) tooLong += "a.";
  EXPECT_FALSE(dns::parseQuery(makeQuery(tooLong + "a", dns::kA)));
}

TEST(Message, ReplyThatDoesNotFitIsMarked) {
  const Message question = makeQuery("web", dns::kA);
  const auto query = dns::parseQuery(question);
  std::vector<dns::Record> records(100, *base::IpAddress::parse("10.0.0.1"));
  const Message reply = dns::buildReply(question, *query, dns::kNoError, records, 600, 512);
  EXPECT_LE(reply.size(), 512u);
  EXPECT_TRUE(reply[2] & 0x02);
  EXPECT_EQ(answerCount(reply), static_cast<int>((reply.size() - question.size()) / 16));
}

TEST(Message, ReverseNames) {
  EXPECT_EQ(dns::addressOfReverseName("2.0.17.172.in-addr.arpa")->str(), "172.17.0.2");
  EXPECT_EQ(dns::addressOfReverseName(
                "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa")
                ->str(),
            "fd00::1");
  for (const char* bad : {"in-addr.arpa", "1.2.3.in-addr.arpa", "256.0.0.1.in-addr.arpa",
                          "x.0.0.1.in-addr.arpa", "web"}) {
    EXPECT_FALSE(dns::addressOfReverseName(bad)) << bad;
  }
}

TEST(ResolvConf, ReadsWhatTheResolverReads) {
  const auto conf = dns::parseResolvConf(
      "# x\nnameserver 192.0.2.1\nnameserver\t fe80::1%eth0\n nameserver 127.0.0.53\nsearch a.b  "
      "c\noptions ndots:2 rotate\njunk\n");
  ASSERT_EQ(conf.nameservers.size(), 2u);
  EXPECT_EQ(conf.nameservers[0].str(), "192.0.2.1");
  EXPECT_EQ(conf.search, (std::vector<std::string>{"a.b", "c"}));
  EXPECT_EQ(conf.options, (std::vector<std::string>{"ndots:2", "rotate"}));
}

// A name server on a loopback address of its own, as an upstream: answers every A question with one
// address.
class Upstream {
 public:
  Upstream(const char* address, std::uint16_t port, dns::ReplyCode code, bool silent = false)
      : code_(code), silent_(silent) {
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_port = htons(port);
    ::inet_pton(AF_INET, address, &local.sin_addr);
    udp_ = sys::Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    tcp_ = sys::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int yes = 1;
    ::setsockopt(tcp_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    EXPECT_EQ(::bind(udp_.get(), reinterpret_cast<sockaddr*>(&local), sizeof(local)), 0);
    EXPECT_EQ(::bind(tcp_.get(), reinterpret_cast<sockaddr*>(&local), sizeof(local)), 0);
    EXPECT_EQ(::listen(tcp_.get(), 8), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~Upstream() {
    stop_ = true;
    thread_.join();
  }
  int asked() const { return asked_; }

 private:
  Message answer(const Message& question) {
    ++asked_;
    const auto query = dns::parseQuery(question);
    if (!query) return {};
    return dns::buildReply(question, *query, code_, {*base::IpAddress::parse("203.0.113.7")}, 60,
                           512);
  }
  void serve() {
    while (!stop_) {
      pollfd ready[] = {{udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}};
      if (::poll(ready, 2, 20) <= 0) continue;
      if (ready[0].revents != 0) {
        Message question(4096);
        sockaddr_storage from{};
        socklen_t length = sizeof(from);
        const ssize_t got = ::recvfrom(udp_.get(), question.data(), question.size(), 0,
                                       reinterpret_cast<sockaddr*>(&from), &length);
        if (got <= 0) continue;
        question.resize(static_cast<size_t>(got));
        const Message reply = answer(question);
        if (!silent_)
          ::sendto(udp_.get(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from),
                   length);
      }
      if (ready[1].revents != 0) {
        sys::Fd peer(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        Message buffer(4096);
        const ssize_t got = ::recv(peer.get(), buffer.data(), buffer.size(), 0);
        if (got < 3) continue;
        const Message reply = answer(Message(buffer.begin() + 2, buffer.begin() + got));
        Message framed = {static_cast<std::uint8_t>(reply.size() >> 8),
                          static_cast<std::uint8_t>(reply.size())};
        framed.insert(framed.end(), reply.begin(), reply.end());
        ::send(peer.get(), framed.data(), framed.size(), MSG_NOSIGNAL);
      }
    }
  }
  const dns::ReplyCode code_;
  const bool silent_;
  sys::Fd udp_, tcp_;
  std::atomic<bool> stop_{false};
  std::atomic<int> asked_{0};
  std::thread thread_;
};

class ServerTest : public testing::Test {
 protected:
  static constexpr std::uint16_t kUpstreamPort = 45353;

  void SetUp() override { server_.setUpstreamPort(kUpstreamPort); }
  void start(std::vector<const char*> upstreams, bool forward = true) {
    dns::Client client{.id = "c1", .forward = forward};
    for (const char* text : upstreams) client.upstreams.push_back(*base::IpAddress::parse(text));
    std::tie(client.udp, client.tcp) = dns::openSockets(*base::IpAddress::parse("127.0.0.1"));
    udp_port_ = dns::localPort(client.udp.get());
    tcp_port_ = dns::localPort(client.tcp.get());
    server_.add(std::move(client));
  }
  static dns::Local look(const std::string& client, const dns::Question& question) {
    if (client != "c1") return {};
    if (question.name == "web") {
      if (question.type == dns::kA) return {true, {*base::IpAddress::parse("10.0.0.2")}};
      return {true, {}};
    }
    if (question.name == "2.0.0.10.in-addr.arpa") return {true, {std::string("web.net1")}};
    return {};
  }
  sys::Fd connectTo(int type, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sys::Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return socket;
  }
  Message receive(int socket, int milliseconds = 5000) {
    pollfd waiting{socket, POLLIN, 0};
    if (::poll(&waiting, 1, milliseconds) != 1) return {};
    Message reply(65536);
    const ssize_t got = ::recv(socket, reply.data(), reply.size(), 0);
    reply.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return reply;
  }
  Message ask(const Message& question) {
    const sys::Fd socket = connectTo(SOCK_DGRAM, udp_port_);
    ::send(socket.get(), question.data(), question.size(), 0);
    return receive(socket.get());
  }
  Message askTcp(const Message& question) {
    const sys::Fd socket = connectTo(SOCK_STREAM, tcp_port_);
    Message framed = {0, static_cast<std::uint8_t>(question.size())};
    framed.insert(framed.end(), question.begin(), question.end());
    ::send(socket.get(), framed.data(), 1, 0);  // in two pieces
    ::send(socket.get(), framed.data() + 1, framed.size() - 1, 0);
    Message reply = receive(socket.get());
    if (reply.size() >= 2) reply.erase(reply.begin(), reply.begin() + 2);
    return reply;
  }
  dns::Server server_{look};
  std::uint16_t udp_port_ = 0, tcp_port_ = 0;
};

TEST_F(ServerTest, KnownNamesAreAnsweredHere) {
  start({});
  const Message reply = ask(makeQuery("WEB", dns::kA));
  ASSERT_GE(reply.size(), 12u);
  EXPECT_EQ(dns::replyCode(reply), dns::kNoError);
  ASSERT_EQ(answerCount(reply), 1);
  EXPECT_EQ(Message(reply.end() - 4, reply.end()), (Message{10, 0, 0, 2}));
  EXPECT_EQ(Message(reply.begin(), reply.begin() + 2), (Message{0x12, 0x34}));
  const Message missing = ask(makeQuery("web", dns::kAaaa));
  EXPECT_EQ(dns::replyCode(missing), dns::kNoError)
      << "the family that is missing exists, without records";
  EXPECT_EQ(answerCount(missing), 0);
  EXPECT_EQ(answerCount(ask(makeQuery("2.0.0.10.in-addr.arpa", dns::kPtr))), 1);
  EXPECT_EQ(answerCount(askTcp(makeQuery("web", dns::kA))), 1);
}

TEST_F(ServerTest, UnknownNamesGoUpstreamByUdpAndTcp) {
  Upstream upstream("127.0.0.1", kUpstreamPort, dns::kNoError);
  start({"127.0.0.1"});
  for (const Message& reply : {ask(makeQuery("example.com", dns::kA, 77)),
                               askTcp(makeQuery("example.com", dns::kA, 77))}) {
    ASSERT_GE(reply.size(), 12u);
    EXPECT_EQ(reply[1], 77);
    ASSERT_EQ(answerCount(reply), 1);
    EXPECT_EQ(Message(reply.end() - 4, reply.end()), (Message{203, 0, 113, 7}));
  }
  EXPECT_EQ(upstream.asked(), 2);
}

TEST_F(ServerTest, NextUpstreamIsTriedAfterFailureRefusalAndSilence) {
  Upstream failing("127.0.0.2", kUpstreamPort, dns::kServerFailure);
  Upstream silent("127.0.0.3", kUpstreamPort, dns::kNoError, true);
  Upstream good("127.0.0.4", kUpstreamPort, dns::kNoError);
  start({"127.0.0.9", "127.0.0.2", "127.0.0.3", "127.0.0.4"});  // .9: nobody listens
  const Message reply = ask(makeQuery("example.com", dns::kA));
  ASSERT_GE(reply.size(), 12u);
  EXPECT_EQ(answerCount(reply), 1);
  EXPECT_EQ(failing.asked(), 1);
  EXPECT_EQ(silent.asked(), 1);
  EXPECT_EQ(good.asked(), 1);
}

TEST_F(ServerTest, NoUpstreamIsServerFailureAndInternalIsNameError) {
  start({});
  EXPECT_EQ(dns::replyCode(ask(makeQuery("example.com", dns::kA))), dns::kServerFailure);
  Upstream upstream("127.0.0.1", kUpstreamPort, dns::kNoError);
  start({"127.0.0.1"}, false);
  EXPECT_EQ(dns::replyCode(ask(makeQuery("example.com", dns::kA))), dns::kNameError);
  EXPECT_EQ(upstream.asked(), 0) << "an internal network leaks nothing";
  EXPECT_EQ(answerCount(ask(makeQuery("web", dns::kA))), 1);
}

TEST_F(ServerTest, RubbishIsIgnoredAndManyQuestionsAreServed) {
  start({});
  const sys::Fd socket = connectTo(SOCK_DGRAM, udp_port_);
  ::send(socket.get(), "x", 1, 0);
  for (std::uint16_t i = 0; i < 200; ++i) {
    const Message question = makeQuery("web", dns::kA, i);
    ::send(socket.get(), question.data(), question.size(), 0);
  }
  int answered = 0;
  while (answered < 200 && !receive(socket.get(), 1000).empty()) ++answered;
  EXPECT_EQ(answered, 200);
}

TEST_F(ServerTest, RemovedClientIsSilentAndItsPortIsFree) {
  start({});
  ask(makeQuery("web", dns::kA));
  server_.remove("c1");
  const sys::Fd probe(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(udp_port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int result = -1;
  for (int i = 0; i < 200 && result != 0; ++i) {
    result = ::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
    if (result != 0) ::poll(nullptr, 0, 5);
  }
  EXPECT_EQ(result, 0);
}

}  // namespace
