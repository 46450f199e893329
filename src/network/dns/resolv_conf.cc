#include "network/dns/resolv_conf.h"

#include <fcntl.h>

#include <algorithm>

#include "platform/base/strings.h"
#include "platform/sys/file.h"

namespace dns {
namespace {

std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> list;
  for (const char separator : {'\t'}) {
    std::string flat(line);
    std::replace(flat.begin(), flat.end(), separator, ' ');
    for (auto& word : base::split(flat, ' ')) {
      if (!word.empty()) list.push_back(std::move(word));
    }
  }
  return list;
}

}  // namespace

ResolvConf parseResolvConf(std::string_view text) {
  ResolvConf conf;
  for (const std::string& line : base::split(text, '\n')) {
    const auto list = words(line);
    if (list.size() < 2 || list[0][0] == '#' || list[0][0] == ';') continue;
    const std::vector<std::string> rest(list.begin() + 1, list.end());
    if (list[0] == "nameserver") {
      // A zone ("fe80::1%eth0") names a link of the host: no use inside a container.
      if (const auto address = base::IpAddress::parse(rest[0]))
        conf.nameservers.push_back(*address);
    } else if (list[0] == "search" || list[0] == "domain") {
      conf.search = rest;
    } else if (list[0] == "options") {
      conf.options.insert(conf.options.end(), rest.begin(), rest.end());
    }
  }
  std::erase(conf.search, ".");
  return conf;
}

ResolvConf hostResolvConf(bool forContainers) {
  ResolvConf conf =
      parseResolvConf(sys::readFileIfExists(AT_FDCWD, "/etc/resolv.conf", 1 << 20).value_or(""));
  const bool onlyLoopback =
      std::all_of(conf.nameservers.begin(), conf.nameservers.end(),
                  [](const base::IpAddress& address) { return address.loopback(); });
  if (!forContainers || !onlyLoopback) return conf;
  const auto real = sys::readFileIfExists(AT_FDCWD, "/run/systemd/resolve/resolv.conf", 1 << 20);
  if (real) conf = parseResolvConf(*real);
  std::erase_if(conf.nameservers,
                [](const base::IpAddress& address) { return address.loopback(); });
  return conf;
}

}  // namespace dns
