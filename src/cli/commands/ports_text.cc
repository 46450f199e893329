#include "cli/commands/ports_text.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "platform/base/strings.h"

namespace commands {
namespace {

struct Port {
  std::int64_t inside = 0, outside = 0;
  std::string ip, type;
};

std::string hostPort(const std::string& ip, const std::string& port) {
  return ip.find(':') == std::string::npos ? fmt::format("{}:{}", ip, port)
                                           : fmt::format("[{}]:{}", ip, port);
}

// A run of ports that are published under their own numbers, or not at all.
struct Run {
  std::string ip, type;
  std::int64_t first = 0, last = 0;

  std::string text() const {
    const std::string numbers =
        first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
    return ip.empty() ? fmt::format("{}/{}", numbers, type)
                      : fmt::format("{}->{}/{}", hostPort(ip, numbers), numbers, type);
  }
};

}  // namespace

std::string portsText(const json::Value::Array& values) {
  std::vector<Port> ports;
  for (const json::Value& value : values) {
    ports.push_back({numberAt(value, "PrivatePort"), numberAt(value, "PublicPort"),
                     textAt(value, "IP"), textAt(value, "Type")});
  }
  std::sort(ports.begin(), ports.end(), [](const Port& a, const Port& b) {
    return std::tie(a.inside, a.ip, a.outside, a.type) <
           std::tie(b.inside, b.ip, b.outside, b.type);
  });
  std::vector<Run> open;  // one a pair of address and protocol
  std::vector<std::string> finished, mapped;
  for (const Port& port : ports) {
    if (!port.ip.empty() && port.outside != port.inside) {
      mapped.push_back(fmt::format("{}->{}/{}", hostPort(port.ip, fmt::format("{}", port.outside)),
                                   port.inside, port.type));
      continue;
    }
    const auto run = std::find_if(open.begin(), open.end(), [&](const Run& r) {
      return r.ip == port.ip && r.type == port.type;
    });
    if (run == open.end()) {
      open.push_back({port.ip, port.type, port.inside, port.inside});
    } else if (port.inside == run->last + 1) {
      run->last = port.inside;
    } else {
      finished.push_back(run->text());
      run->first = run->last = port.inside;
    }
  }
  for (const Run& run : open) finished.push_back(run.text());
  finished.insert(finished.end(), mapped.begin(), mapped.end());
  return base::join(finished, ", ");
}

}  // namespace commands
