// A machine in miniature for tests: a namespace that plays the host, one that plays the world
// outside, and the whole library between them. Nothing touches the links and rules of the machine
// that runs the tests.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "network/networks/networks.h"
#include "platform/base/ip.h"

namespace networks {

class NetworksTest : public testing::Test {
 protected:
  static constexpr const char* kHostAddress = "198.51.100.2";
  static constexpr const char* kOutsideAddress = "198.51.100.1";

  void SetUp() override;
  void TearDown() override;

  virtual Options options() const { return {.instance = "t35ting0", .dns = {"127.0.0.254"}}; }
  // Constructs the library, as a daemon's start does; running() says who is alive.
  void start();
  void stop();  // as kill -9: what is in the kernel stays

  // A container: a netns and a join. The sandbox is made when it does not exist.
  JoinRequest request(const std::string& name, const std::string& network);
  Joined run(const JoinRequest& request);
  Joined run(const std::string& name, const std::string& network) {
    return run(request(name, network));
  }
  void kill(const std::string& name);  // leave, and the netns goes
  int netns(const std::string& name);  // "" the host, "outside" the world
  static std::string idOf(const std::string& name);
  std::string addressOf(const std::string& name, size_t endpoint = 0);

  // ---- traffic; sockets live in the namespace that is named
  sys::Fd listenTcp(const std::string& where, std::uint16_t port,
                    const std::string& ip = "0.0.0.0");
  sys::Fd bindUdp(const std::string& where, std::uint16_t port, const std::string& ip = "0.0.0.0");
  // nullopt: refused, no answer within `milliseconds`.
  std::optional<sys::Fd> connectTcp(const std::string& where, const std::string& ip,
                                    std::uint16_t port, int milliseconds = 1000);
  // Connects and accepts; the client's address as the server sees it. Empty: no connection.
  std::string talk(const std::string& from, const std::string& ip, std::uint16_t port, int listener,
                   int milliseconds = 1000);
  // Sends a datagram and waits for it at `server`; the sender's address there, "" when it does not
  // come.
  std::string talkUdp(const std::string& from, const std::string& ip, std::uint16_t port,
                      int server, int milliseconds = 500);
  // Asks 127.0.0.11 from inside; the addresses or the name, "" for none, "?" when nobody answers,
  // "rcode N".
  std::string resolve(const std::string& where, const std::string& name, std::uint16_t type = 1);
  std::string shell(const std::string& where, const std::string& command);

  std::string base_;
  sys::Fd host_, outside_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<events::Bus> bus_;
  std::unique_ptr<sandbox::Sandboxes> sandboxes_;
  std::unique_ptr<Networks> networks_;
  std::set<std::string> alive_;  // ids
};

}  // namespace networks
