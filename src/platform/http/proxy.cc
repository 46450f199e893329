// Which proxy a request takes, by the rules of Go's golang.org/x/net/http/httpproxy, since that is
// what every setting of HTTP_PROXY and NO_PROXY in the field was written for.

#include <arpa/inet.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/http/client.h"

namespace http {
namespace {

// An address in IPv6 form; IPv4 is mapped, so that both compare alike.
struct Address {
  std::array<unsigned char, 16> bytes{};
  bool v4 = false;
  bool operator==(const Address&) const = default;
};

std::optional<Address> parseAddress(std::string_view text) {
  const std::string host(text);
  Address address;
  in_addr four;
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) {
    address.bytes[10] = address.bytes[11] = 0xff;
    std::memcpy(address.bytes.data() + 12, &four, 4);
    address.v4 = true;
    return address;
  }
  if (inet_pton(AF_INET6, host.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

bool loopback(const Address& address) {
  if (address.v4) return address.bytes[12] == 127;
  static constexpr std::array<unsigned char, 16> kOne = {0, 0, 0, 0, 0, 0, 0, 0,
                                                         0, 0, 0, 0, 0, 0, 0, 1};
  return address.bytes == kOne;
}

// "10.0.0.0/8"; nullopt when `rule` is no network.
std::optional<bool> inNetwork(std::string_view rule, const std::optional<Address>& address) {
  const auto [network, prefix] = base::cut(rule, '/');
  if (!prefix) return std::nullopt;
  const auto base = parseAddress(network);
  const auto length = base::parseUint(*prefix);
  if (!base || !length || *length > (base->v4 ? 32u : 128u)) return std::nullopt;
  if (!address || address->v4 != base->v4) return false;
  size_t bits = *length + (base->v4 ? 96 : 0);
  for (size_t i = 0; i < 16 && bits > 0; ++i) {
    const size_t here = bits < 8 ? bits : 8;
    const auto mask = static_cast<unsigned char>(0xff << (8 - here));
    if (((address->bytes[i] ^ base->bytes[i]) & mask) != 0) return false;
    bits -= here;
  }
  return true;
}

struct HostPort {
  std::string host;
  std::string port;
};

HostPort splitPort(std::string_view rule) {
  if (rule.starts_with('[')) {
    const auto end = rule.find(']');
    if (end == std::string_view::npos) return {std::string(rule), ""};
    const std::string_view rest = rule.substr(end + 1);
    return {std::string(rule.substr(1, end - 1)),
            rest.starts_with(':') ? std::string(rest.substr(1)) : ""};
  }
  const auto colon = rule.find(':');
  if (colon == std::string_view::npos || rule.find(':', colon + 1) != std::string_view::npos) {
    return {std::string(rule), ""};
  }
  return {std::string(rule.substr(0, colon)), std::string(rule.substr(colon + 1))};
}

bool ruleMatches(std::string_view rule, const std::string& host,
                 const std::optional<Address>& address, int port) {
  if (const auto inside = inNetwork(rule, address)) return *inside;
  HostPort wanted = splitPort(rule);
  if (wanted.host.empty()) return false;
  if (!wanted.port.empty() && wanted.port != std::to_string(port)) return false;
  if (const auto literal = parseAddress(wanted.host)) return address && *address == *literal;
  if (wanted.host.starts_with("*.")) wanted.host.erase(0, 1);
  // ".example.com" means the hosts below it only, "example.com" itself too.
  const bool itself = !wanted.host.starts_with('.');
  if (itself && host == wanted.host) return true;
  if (itself) wanted.host.insert(0, ".");
  return std::string_view(host).ends_with(wanted.host);
}

bool goesDirect(const std::string& noProxy, const Url& target) {
  std::string host = base::lower(target.host);
  while (host.ends_with('.')) host.pop_back();
  const auto address = parseAddress(host);
  if (host == "localhost" || (address && loopback(*address))) return true;
  for (const std::string& entry : base::split(noProxy, ',')) {
    const std::string rule = base::lower(base::trim(entry));
    if (rule == "*") return true;
    if (!rule.empty() && ruleMatches(rule, host, address, target.port)) return true;
  }
  return false;
}

std::string fromEither(const char* upper, const char* lower) {
  for (const char* name : {upper, lower}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

}  // namespace

ProxyConfig ProxyConfig::fromEnvironment() {
  ProxyConfig config;
  // In a CGI program HTTP_PROXY is a header of the request ("httpoxy").
  if (std::getenv("REQUEST_METHOD") == nullptr) {
    config.httpProxy = fromEither("HTTP_PROXY", "http_proxy");
  }
  config.httpsProxy = fromEither("HTTPS_PROXY", "https_proxy");
  config.noProxy = fromEither("NO_PROXY", "no_proxy");
  return config;
}

std::optional<Url> ProxyConfig::forTarget(const Url& target) const {
  const std::string& text = target.scheme == "https"  ? httpsProxy
                            : target.scheme == "http" ? httpProxy
                                                      : std::string();
  if (text.empty() || goesDirect(noProxy, target)) return std::nullopt;
  return Url::parse(text.find("://") == std::string::npos ? "http://" + text : text);
}

}  // namespace http
