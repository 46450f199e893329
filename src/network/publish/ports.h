// Which host ports belong to which container, and whether another program of the host has them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/base/ip.h"

namespace publish {

std::uint8_t protocolNumber(
    std::string_view name);  // tcp, udp, sctp; Error kInvalidArgument "invalid proto: x"
std::string_view protocolName(std::uint8_t number);

// The ports that the kernel gives to outgoing connections, which is where Docker takes chosen ports
// from.
std::pair<std::uint16_t, std::uint16_t> ephemeralRange();

// Ports that programs of this namespace listen on. Ports are not held by sockets of the daemon: a
// descriptor a port would cost memory and die with it; translation comes before any socket anyway.
// One look when a port is taken finds the conflict that a user must hear of.
class HostPorts {
 public:
  // 0, or the errno of binding: EADDRINUSE, EADDRNOTAVAIL. Few ports are tried by bind(2) and
  // listen(2); after `kTrials` the kernel's socket tables are read once instead.
  int busy(std::uint8_t protocol, const std::optional<base::IpAddress>& ip, std::uint16_t port);

 private:
  static constexpr int kTrials = 32;
  void load(std::uint8_t protocol);
  int trials_ = 0;
  std::set<std::uint8_t> loaded_;
  std::map<std::pair<std::uint8_t, std::uint16_t>, std::vector<base::IpAddress>> listening_;
};

struct Wish {
  std::uint8_t protocol = 6;
  std::optional<base::IpAddress> hostIp;  // nullopt: all
  std::uint16_t first = 0,
                last = 0;  // 0: any of the ephemeral range; a range: the first that is free
};

// Not thread-safe.
class PortBook {
 public:
  // Takes a port for `owner`. Error kInternal with Docker's words:
  //   "Bind for 0.0.0.0:8080 failed: port is already allocated" — a container has it
  //   "failed to bind host port for 0.0.0.0:8080:TARGET/tcp: address already in use" — a program
  //   has it
  // `target` ("172.17.0.2:80") is for that text only.
  std::uint16_t take(const Wish& wish, const std::string& owner, const std::string& target,
                     HostPorts& host);
  // What the records say was taken; never fails.
  void restore(std::uint8_t protocol, const std::optional<base::IpAddress>& ip, std::uint16_t port,
               const std::string& owner);
  void release(const std::string& owner);
  size_t size() const noexcept { return count_; }

 private:
  struct Taken {
    std::optional<base::IpAddress> ip;
    std::string owner;
  };
  bool allocated(std::uint8_t protocol, const std::optional<base::IpAddress>& ip,
                 std::uint16_t port) const;

  std::map<std::pair<std::uint8_t, std::uint16_t>, std::vector<Taken>> taken_;
  std::map<std::string, std::vector<std::pair<std::uint8_t, std::uint16_t>>> by_owner_;
  std::map<std::uint8_t, std::uint16_t> last_chosen_;  // ports are not used again at once
  size_t count_ = 0;
};

}  // namespace publish
