// resolv.conf(5): reading the host's, choosing what containers get.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "platform/base/ip.h"

namespace dns {

struct ResolvConf {
  std::vector<base::IpAddress> nameservers;
  std::vector<std::string> search;
  std::vector<std::string> options;
};

// Lines that make no sense are passed over, as the resolver does.
ResolvConf parseResolvConf(std::string_view text);

// /etc/resolv.conf; where that only names systemd-resolved's stub and `forContainers` is asked for,
// the file with the real upstreams (a container without our name server cannot reach the host's
// 127.0.0.53).
ResolvConf hostResolvConf(bool forContainers);

}  // namespace dns
