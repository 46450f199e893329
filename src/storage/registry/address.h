// Which hosts count as insecure: by name, address and CIDR.
#pragma once

#include <string>
#include <vector>

namespace registry {

// `host` may carry a port. An entry matches by "host:port", by host, or, for literal addresses, as
// a CIDR.
bool matchesInsecure(const std::string& host, const std::vector<std::string>& entries);

}  // namespace registry
