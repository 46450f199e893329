#include "network/networks/fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "network/dns/message.h"
#include "network/netlink/route.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"
#include "platform/sys/spawn.h"

namespace networks {
namespace {

sockaddr_in socketAddress(const std::string& ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  EXPECT_EQ(::inet_pton(AF_INET, ip.c_str(), &address.sin_addr), 1) << ip;
  return address;
}

std::string textOf(const sockaddr_in& address) {
  char text[INET_ADDRSTRLEN];
  return ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text));
}

bool readable(int fd, int milliseconds) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, milliseconds) == 1;
}

}  // namespace

void NetworksTest::SetUp() {
  ASSERT_EQ(::geteuid(), 0u) << "tests of the network need root";
  char name[] = "/dev/shm/sampan-networks-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  base_ = name;
  ASSERT_EQ(::mkdir((base_ + "/state").c_str(), 0700), 0);
  ASSERT_EQ(::mkdir((base_ + "/run").c_str(), 0700), 0);
  ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
  outside_ = sys::openAt(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY);
  ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
  host_ = sys::openAt(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY);
  shell("",
        "ip link set lo up; ip link add up0 type veth peer name down0; ip link set up0 up; ip addr "
        "add 198.51.100.2/24 dev up0");
  netlink::Route route;
  const std::string move = "ip link set down0 netns /proc/" + std::to_string(::getpid()) + "/fd/" +
                           std::to_string(outside_.get());
  shell("", move);
  shell("outside",
        "ip link set lo up; ip link set down0 up; ip addr add 198.51.100.1/24 dev down0");
  shell("", "ip route add default via 198.51.100.1");
  store_ = std::make_unique<store::Store>(base_ + "/state");
  bus_ = std::make_unique<events::Bus>(*store_);
  sandboxes_ = std::make_unique<sandbox::Sandboxes>(
      *store_, sys::openAt(AT_FDCWD, base_ + "/run", O_PATH | O_DIRECTORY));
  start();
}

void NetworksTest::TearDown() {
  networks_.reset();
  if (sandboxes_) {
    sandboxes_->retain({});
  }
  sandboxes_.reset();
  bus_.reset();
  store_.reset();
  while (::umount2((base_ + "/run/netns").c_str(), MNT_DETACH) == 0) {
  }
  sys::removeTree(AT_FDCWD, base_);
}

void NetworksTest::start() {
  networks_ =
      std::make_unique<Networks>(options(), *store_, *bus_, *sandboxes_,
                                 [this](const std::string& id) { return alive_.contains(id); });
}

void NetworksTest::stop() {
  networks_.reset();
}

std::string NetworksTest::idOf(const std::string& name) {
  std::string id;
  for (const unsigned char c : name) id += fmt::format("{:02x}", c);
  id.resize(64, 'a');
  return id;
}

JoinRequest NetworksTest::request(const std::string& name, const std::string& network) {
  return {.containerId = idOf(name),
          .containerName = name,
          .sandboxId = idOf(name),
          .endpoints = {{.networkId = network}}};
}

Joined NetworksTest::run(const JoinRequest& request) {
  sandboxes_->create(request.sandboxId);
  Joined joined = networks_->join(request);
  alive_.insert(request.containerId);
  return joined;
}

void NetworksTest::kill(const std::string& name) {
  alive_.erase(idOf(name));
  networks_->leave(idOf(name));
  sandboxes_->release(idOf(name), idOf(name));
}

int NetworksTest::netns(const std::string& name) {
  if (name.empty()) return host_.dup().release();
  if (name == "outside") return outside_.dup().release();
  return sandboxes_->netns(idOf(name)).release();
}

std::string NetworksTest::addressOf(const std::string& name, size_t endpoint) {
  const auto joined = networks_->joined(idOf(name));
  return joined && joined->endpoints.size() > endpoint ? joined->endpoints[endpoint].ipv4 : "";
}

sys::Fd NetworksTest::listenTcp(const std::string& where, std::uint16_t port,
                                const std::string& ip) {
  const sys::Fd place(netns(where));
  sys::Fd socket;
  sandbox::inNamespace(place.get(),
                       [&] { socket = sys::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); });
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  const sockaddr_in address = socketAddress(ip, port);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0)
      << where << " " << port;
  EXPECT_EQ(::listen(socket.get(), 16), 0);
  return socket;
}

sys::Fd NetworksTest::bindUdp(const std::string& where, std::uint16_t port, const std::string& ip) {
  const sys::Fd place(netns(where));
  sys::Fd socket;
  sandbox::inNamespace(place.get(),
                       [&] { socket = sys::Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); });
  const sockaddr_in address = socketAddress(ip, port);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0)
      << where << " " << port;
  return socket;
}

std::optional<sys::Fd> NetworksTest::connectTcp(const std::string& where, const std::string& ip,
                                                std::uint16_t port, int milliseconds) {
  const sys::Fd place(netns(where));
  sys::Fd socket;
  sandbox::inNamespace(place.get(), [&] {
    socket = sys::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  });
  const sockaddr_in address = socketAddress(ip, port);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    if (errno != EINPROGRESS) return std::nullopt;
    pollfd waiting{socket.get(), POLLOUT, 0};
    int error = 0;
    socklen_t length = sizeof(error);
    if (::poll(&waiting, 1, milliseconds) != 1) return std::nullopt;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return std::nullopt;
  }
  return socket;
}

std::string NetworksTest::talk(const std::string& from, const std::string& ip, std::uint16_t port,
                               int listener, int milliseconds) {
  const auto client = connectTcp(from, ip, port, milliseconds);
  if (!client) return "";
  if (!readable(listener, milliseconds)) return "accepted by another";
  sockaddr_in peer{};
  socklen_t length = sizeof(peer);
  const sys::Fd server(
      ::accept4(listener, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_CLOEXEC));
  if (!server.valid() || ::send(server.get(), "x", 1, MSG_NOSIGNAL) != 1 ||
      !readable(client->get(), milliseconds))
    return "no answer";
  return textOf(peer);
}

std::string NetworksTest::talkUdp(const std::string& from, const std::string& ip,
                                  std::uint16_t port, int server, int milliseconds) {
  const sys::Fd client = bindUdp(from, 0);
  const sockaddr_in address = socketAddress(ip, port);
  if (::sendto(client.get(), "ping", 4, 0, reinterpret_cast<const sockaddr*>(&address),
               sizeof(address)) != 4)
    return "";
  if (!readable(server, milliseconds)) return "";
  char buffer[16];
  sockaddr_in peer{};
  socklen_t length = sizeof(peer);
  ::recvfrom(server, buffer, sizeof(buffer), 0, reinterpret_cast<sockaddr*>(&peer), &length);
  ::sendto(server, "pong", 4, 0, reinterpret_cast<sockaddr*>(&peer), length);
  if (!readable(client.get(), milliseconds)) return "no answer";
  return textOf(peer);
}

std::string NetworksTest::resolve(const std::string& where, const std::string& name,
                                  std::uint16_t type) {
  std::vector<std::uint8_t> question = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  for (const std::string& label : base::split(name, '.')) {
    question.push_back(static_cast<std::uint8_t>(label.size()));
    question.insert(question.end(), label.begin(), label.end());
  }
  question.insert(question.end(), {0, 0, static_cast<std::uint8_t>(type), 0, 1});
  const sys::Fd client = bindUdp(where, 0);
  const sockaddr_in server = socketAddress("127.0.0.11", 53);
  ::sendto(client.get(), question.data(), question.size(), 0,
           reinterpret_cast<const sockaddr*>(&server), sizeof(server));
  if (!readable(client.get(), 1500)) return "?";
  std::uint8_t reply[2048];
  sockaddr_in peer{};
  socklen_t length = sizeof(peer);
  const ssize_t got = ::recvfrom(client.get(), reply, sizeof(reply), 0,
                                 reinterpret_cast<sockaddr*>(&peer), &length);
  EXPECT_EQ(textOf(peer) + ":" + std::to_string(ntohs(peer.sin_port)), "127.0.0.11:53")
      << "the answer must come from where it was asked";
  if (got < 12) return "?";
  if ((reply[3] & 0xf) != 0) return "rcode " + std::to_string(reply[3] & 0xf);
  std::vector<std::string> answers;
  size_t offset = question.size();
  for (int i = 0; i < (reply[6] << 8 | reply[7]); ++i) {
    const size_t size = static_cast<size_t>(reply[offset + 10]) << 8 | reply[offset + 11];
    const std::uint8_t* data = reply + offset + 12;
    std::string text;
    if (type == dns::kPtr) {
      for (size_t at = 0; data[at] != 0; at += data[at] + 1u) {
        text += (text.empty() ? "" : ".") +
                std::string(reinterpret_cast<const char*>(data + at + 1), data[at]);
      }
    } else {
      text = base::IpAddress::fromBytes(data, size == 16).str();
    }
    answers.push_back(text);
    offset += 12 + size;
  }
  return base::join(answers, ",");
}

std::string NetworksTest::shell(const std::string& where, const std::string& command) {
  const sys::Fd place(netns(where));
  std::string output;
  sandbox::inNamespace(place.get(), [&] {
    const sys::Output done = sys::run({"/bin/sh", "-c", command});
    output = done.out + done.err;
  });
  return output;
}

}  // namespace networks
