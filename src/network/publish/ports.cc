#include "network/publish/ports.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/fd.h"
#include "platform/sys/file.h"
#include "platform/sys/inet.h"

namespace publish {
namespace {

constexpr int kListenState = 0x0A;  // of /proc/net/tcp

// As Go's net.Listen does it, so that the verdict is the one that dockerd's proxy would get.
int tryBind(std::uint8_t protocol, const base::IpAddress& ip, std::uint16_t port) {
  const int type = protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
  const sys::Fd socket(::socket(ip.isV6() ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, protocol));
  if (!socket.valid()) return 0;  // no SCTP in this kernel: nobody can listen either
  const int yes = 1;
  if (protocol != IPPROTO_UDP)
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (ip.isV6()) (void)::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
  sockaddr_storage address;
  const socklen_t length = sys::socketAddress(ip, port, address);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) return errno;
  if (protocol != IPPROTO_UDP && port != 0 && ::listen(socket.get(), 1) != 0) return errno;
  return 0;
}

// "0100007F:1F90", the words of an address in the machine's byte order. nullopt: no such line.
std::optional<std::pair<base::IpAddress, std::uint16_t>> parseEndpoint(std::string_view text) {
  const auto [address, port] = base::cut(text, ':');
  if (!port || (address.size() != 8 && address.size() != 32)) return std::nullopt;
  std::uint8_t raw[16];
  for (size_t word = 0; word < address.size() / 8; ++word) {
    const std::string digits(address.substr(word * 8, 8));
    const auto value = static_cast<std::uint32_t>(std::strtoul(digits.c_str(), nullptr, 16));
    std::memcpy(raw + word * 4, &value, 4);
  }
  auto ip = base::IpAddress::fromBytes(raw, address.size() == 32);
  if (ip.isV6() && ip.number() >> 32 == 0xffff)
    ip = base::IpAddress::v4(static_cast<std::uint32_t>(ip.number()));
  return std::pair{
      ip, static_cast<std::uint16_t>(std::strtoul(std::string(*port).c_str(), nullptr, 16))};
}

std::string printable(const std::optional<base::IpAddress>& ip) {
  if (!ip) return "0.0.0.0";
  return ip->isV6() ? "[" + ip->str() + "]" : ip->str();
}

}  // namespace

std::uint8_t protocolNumber(std::string_view name) {
  if (name == "tcp" || name.empty()) return IPPROTO_TCP;
  if (name == "udp") return IPPROTO_UDP;
  if (name == "sctp") return IPPROTO_SCTP;
  base::fail(base::Code::kInvalidArgument, "invalid proto: {}", name);
}

std::string_view protocolName(std::uint8_t number) {
  return number == IPPROTO_TCP ? "tcp" : number == IPPROTO_UDP ? "udp" : "sctp";
}

std::pair<std::uint16_t, std::uint16_t> ephemeralRange() {
  const auto text =
      sys::readFileIfExists(AT_FDCWD, "/proc/sys/net/ipv4/ip_local_port_range", 256).value_or("");
  std::string flat(text);
  std::replace(flat.begin(), flat.end(), '\t', ' ');
  const auto [first, rest] = base::cut(flat, ' ');
  const auto low = base::parseUint(base::trim(first));
  const auto high = base::parseUint(base::trim(rest.value_or("")));
  if (!low || !high || *low == 0 || *low > *high || *high > 65535) return {49153, 65535};
  return {static_cast<std::uint16_t>(*low), static_cast<std::uint16_t>(*high)};
}

void HostPorts::load(std::uint8_t protocol) {
  loaded_.insert(protocol);
  const bool udp = protocol == IPPROTO_UDP;
  for (const char* file : {udp ? "/proc/thread-self/net/udp" : "/proc/thread-self/net/tcp",
                           udp ? "/proc/thread-self/net/udp6" : "/proc/thread-self/net/tcp6"}) {
    const auto text = sys::readFileIfExists(AT_FDCWD, file).value_or("");
    for (const std::string& line : base::split(text, '\n')) {
      std::vector<std::string> words;
      for (auto& word : base::split(line, ' ')) {
        if (!word.empty()) words.push_back(std::move(word));
      }
      if (words.size() < 4) continue;
      const auto endpoint = parseEndpoint(words[1]);
      if (!endpoint || (!udp && std::strtol(words[3].c_str(), nullptr, 16) != kListenState))
        continue;
      listening_[{protocol, endpoint->second}].push_back(endpoint->first);
    }
  }
}

int HostPorts::busy(std::uint8_t protocol, const std::optional<base::IpAddress>& ip,
                    std::uint16_t port) {
  const base::IpAddress address = ip.value_or(base::IpAddress());
  if (protocol == IPPROTO_SCTP || trials_ < kTrials) {
    ++trials_;
    return tryBind(protocol, address, port);
  }
  if (!loaded_.contains(protocol)) {
    load(protocol);
    if (const int error = tryBind(protocol, address, 0); error == EADDRNOTAVAIL) return error;
  }
  const auto found = listening_.find({protocol, port});
  if (found == listening_.end()) return 0;
  for (const base::IpAddress& other : found->second) {
    // A socket on [::] takes IPv4 as well unless it said otherwise, which the table does not tell.
    const bool everything = other.unspecified();
    const bool sameFamily = other.isV6() == address.isV6();
    if (everything ? (sameFamily || other.isV6())
                   : sameFamily && (address.unspecified() || other == address))
      return EADDRINUSE;
  }
  return 0;
}

bool PortBook::allocated(std::uint8_t protocol, const std::optional<base::IpAddress>& ip,
                         std::uint16_t port) const {
  const auto found = taken_.find({protocol, port});
  if (found == taken_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(),
                     [&](const Taken& other) { return !ip || !other.ip || *ip == *other.ip; });
}

void PortBook::restore(std::uint8_t protocol, const std::optional<base::IpAddress>& ip,
                       std::uint16_t port, const std::string& owner) {
  taken_[{protocol, port}].push_back({ip, owner});
  by_owner_[owner].emplace_back(protocol, port);
  ++count_;
}

std::uint16_t PortBook::take(const Wish& wish, const std::string& owner, const std::string& target,
                             HostPorts& host) {
  auto [first, last] = std::pair{wish.first, std::max(wish.first, wish.last)};
  const bool chosen = wish.first == 0;
  if (chosen) std::tie(first, last) = ephemeralRange();
  const std::uint32_t count = static_cast<std::uint32_t>(last) - first + 1;
  std::uint32_t start = 0;
  if (const auto before = last_chosen_.find(wish.protocol);
      chosen && before != last_chosen_.end()) {
    start = before->second >= first && before->second < last ? before->second - first + 1u : 0u;
  }
  bool anyFree = false;
  int lastError = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto port = static_cast<std::uint16_t>(first + (start + i) % count);
    if (allocated(wish.protocol, wish.hostIp, port)) continue;
    anyFree = true;
    lastError = host.busy(wish.protocol, wish.hostIp, port);
    if (lastError == EADDRNOTAVAIL) break;
    if (lastError != 0) continue;
    restore(wish.protocol, wish.hostIp, port, owner);
    if (chosen) last_chosen_[wish.protocol] = port;
    return port;
  }
  const std::string ip = printable(wish.hostIp);
  if (chosen && lastError != EADDRNOTAVAIL)
    base::fail(base::Code::kInternal, "all ports are allocated");
  if (!anyFree)
    base::fail(base::Code::kInternal, "Bind for {}:{} failed: port is already allocated", ip,
               wish.first);
  base::fail(base::Code::kInternal, "failed to bind host port for {}:{}:{}/{}: {}", ip, wish.first,
             target, protocolName(wish.protocol), base::errnoText(lastError));
}

void PortBook::release(const std::string& owner) {
  const auto mine = by_owner_.find(owner);
  if (mine == by_owner_.end()) return;
  for (const auto& key : mine->second) {
    const auto found = taken_.find(key);
    if (found == taken_.end()) continue;
    const auto entry = std::find_if(found->second.begin(), found->second.end(),
                                    [&](const Taken& taken) { return taken.owner == owner; });
    if (entry == found->second.end()) continue;
    found->second.erase(entry);
    if (found->second.empty()) taken_.erase(found);
    --count_;
  }
  by_owner_.erase(mine);
}

}  // namespace publish
