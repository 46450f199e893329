#include "engine/container/etc_files.h"

#include <arpa/inet.h>

#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace container {
namespace {

bool isAddress(const std::string& text) {
  in6_addr scratch;
  return inet_pton(AF_INET, text.c_str(), &scratch) == 1 ||
         inet_pton(AF_INET6, text.c_str(), &scratch) == 1;
}

constexpr std::string_view kStandardHosts =
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::\tip6-localnet\n"
    "ff00::\tip6-mcastprefix\n"
    "ff02::1\tip6-allnodes\n"
    "ff02::2\tip6-allrouters\n";

std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> list;
  std::string word;
  for (const char c : line) {
    if (c == ' ' || c == '\t') {
      if (!word.empty()) list.push_back(std::move(word));
      word.clear();
    } else {
      word += c;
    }
  }
  if (!word.empty()) list.push_back(std::move(word));
  return list;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> parseExtraHosts(
    const std::vector<std::string>& entries, const std::string& gateway) {
  std::vector<std::pair<std::string, std::string>> hosts;
  for (const std::string& entry : entries) {
    const size_t at = entry.find_first_of("=:");
    if (at == std::string::npos || at == 0)
      base::fail(base::Code::kInvalidArgument, "bad format for add-host: {}", base::quote(entry));
    std::string address = entry.substr(at + 1);
    if (address.starts_with('[') && address.ends_with(']'))
      address = address.substr(1, address.size() - 2);
    if (address == "host-gateway") {
      if (gateway.empty()) {
        base::fail(base::Code::kInvalidArgument, "unable to derive the IP value for host-gateway");
      }
      address = gateway;
    }
    if (!isAddress(address))
      base::fail(base::Code::kInvalidArgument, "invalid IP address in add-host: {}",
                 base::quote(address));
    hosts.emplace_back(entry.substr(0, at), address);
  }
  return hosts;
}

std::string hostNames(const Record& record, const std::string& hostname) {
  const std::string full =
      record.config.domainname.empty() ? hostname : hostname + "." + record.config.domainname;
  const size_t dot = full.find('.');
  return dot == std::string::npos ? full : full + " " + full.substr(0, dot);
}

std::string hostsText(const Record& record, const std::string& hostname,
                      const std::vector<networks::Endpoint>& endpoints,
                      const std::vector<std::pair<std::string, std::string>>& extra) {
  std::string text(kStandardHosts);
  for (const auto& [name, address] : extra) text += address + "\t" + name + "\n";
  const std::string names = hostNames(record, hostname);
  for (const networks::Endpoint& endpoint : endpoints) {
    if (!endpoint.ipv4.empty()) text += endpoint.ipv4 + "\t" + names + "\n";
    if (!endpoint.ipv6.empty()) text += endpoint.ipv6 + "\t" + names + "\n";
  }
  return text;
}

std::string resolvText(const Resolver& resolver) {
  std::string text =
      "# Written by the container engine for this container; it is written anew at each start.\n";
  for (const std::string& server : resolver.nameservers) text += "nameserver " + server + "\n";
  if (!resolver.search.empty() && resolver.search != std::vector<std::string>{"."})
    text += "search " + base::join(resolver.search, " ") + "\n";
  if (!resolver.options.empty()) text += "options " + base::join(resolver.options, " ") + "\n";
  return text;
}

Resolver parseResolvConf(std::string_view text, bool keepLoopback) {
  Resolver resolver;
  for (const std::string& line : base::split(text, '\n')) {
    const auto list = words(line.substr(0, line.find_first_of("#;")));
    if (list.size() < 2) continue;
    const std::vector<std::string> values(list.begin() + 1, list.end());
    if (list[0] == "nameserver") {
      const bool loopback = values[0].starts_with("127.") || values[0] == "::1";
      if (keepLoopback || !loopback) resolver.nameservers.push_back(values[0]);
    } else if (list[0] == "search" || list[0] == "domain") {
      resolver.search = values;
    } else if (list[0] == "options") {
      resolver.options.insert(resolver.options.end(), values.begin(), values.end());
    }
  }
  return resolver;
}

}  // namespace container
