#include "engine/container/list_filters.h"

#include <algorithm>
#include <array>

#include "engine/container/ports.h"
#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace container {

namespace {

using base::Code;

constexpr std::array<std::string_view, 15> kAccepted{
    "ancestor", "before",  "exited",  "expose", "health", "id",     "isolation", "label",
    "name",     "network", "publish", "since",  "status", "volume", "is-task"};

struct PortRange {
  int first, last;
  std::string protocol;
};

int portNumber(std::string_view text) {
  const bool digits =
      !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  const auto number = digits ? base::parseUint(text) : std::nullopt;
  if (number && *number <= 65535) return static_cast<int>(*number);
  base::fail(Code::kInternal, "strconv.ParseUint: parsing {}: {}", base::quote(text),
             digits ? "value out of range" : "invalid syntax");
}

// "80", "80/tcp", "80-90/udp". Errors in Docker's words, and with its status.
PortRange readRange(const std::string& text) {
  const auto [range, protocol] = base::cut(text, '/');
  if (range.empty()) base::fail(Code::kInternal, "Empty string specified for ports.");
  const auto [low, high] = base::cut(range, '-');
  const int first = portNumber(low);
  const int last = high ? portNumber(*high) : first;
  if (last < first) base::fail(Code::kInternal, "Invalid range specified for the Port: {}", range);
  return {first, last, protocol ? base::lower(*protocol) : "tcp"};
}

void checkValues(const dockerapi::Filters& filters) {
  filters.validate(kAccepted);
  constexpr std::array<std::string_view, 7> kStatus{"created",  "running", "paused", "restarting",
                                                    "removing", "exited",  "dead"};
  for (const std::string& value : filters.get("status")) {
    if (std::find(kStatus.begin(), kStatus.end(), value) == kStatus.end()) {
      base::fail(Code::kInvalidArgument,
                 "invalid filter 'status={0}': invalid value for state ({0}): must be one of {1}",
                 value, fmt::join(kStatus, ", "));
    }
  }
  for (const std::string& value : filters.get("exited")) {
    if (!base::parseInt(value))
      base::fail(Code::kInvalidArgument,
                 "invalid filter 'exited={}': strconv.Atoi: parsing {}: invalid syntax", value,
                 base::quote(value));
  }
  constexpr std::array<std::string_view, 4> kHealth{"none", "starting", "healthy", "unhealthy"};
  for (const std::string& value : filters.get("health")) {
    if (std::find(kHealth.begin(), kHealth.end(), value) == kHealth.end()) {
      base::fail(Code::kInvalidArgument,
                 "invalid filter 'health={0}': invalid value for health ({0}): must be one of {1}",
                 value, fmt::join(kHealth, ", "));
    }
  }
  (void)filters.boolean("is-task", false);
  for (const char* key : {"publish", "expose"}) {
    for (const std::string& value : filters.get(key)) {
      base::within(fmt::format("error while looking up for {} {}", key, value),
                   [&] { (void)readRange(value); });
    }
  }
}

bool nameMatches(const Record& record, const dockerapi::Filters& filters) {
  return filters.matchRegex("name", record.name) || filters.matchRegex("name", "/" + record.name);
}

bool exitedMatches(const Record& record, const dockerapi::Filters& filters) {
  if (!filters.has("exited")) return true;
  if (record.running() || record.state.startedAt.zero()) return false;
  return filters.get("exited").contains(std::to_string(record.state.exitCode));
}

bool volumeMatches(const Record& record, const dockerapi::Filters& filters) {
  if (!filters.has("volume")) return true;
  return std::any_of(record.mounts.begin(), record.mounts.end(), [&](const MountRecord& m) {
    const auto& wanted = filters.get("volume");
    return wanted.contains(m.name) || wanted.contains(m.destination) ||
           (!m.source.empty() && wanted.contains(m.source));
  });
}

bool networkMatches(Core& core, const Record& record, const dockerapi::Filters& filters) {
  if (!filters.has("network")) return true;
  const auto& wanted = filters.get("network");
  for (const auto& [name, settings] : record.networks) {
    if (wanted.contains(name)) return true;
    try {
      const networks::Network network = core.networks.resolve(name);
      if (filters.matchPrefix("network", network.id) || wanted.contains(network.spec.name))
        return true;
    } catch (const base::Error&) {
      continue;  // removed since
    }
  }
  return false;
}

// As Docker: the ports of what runs, `publish` by the host's number, `expose` by the container's;
// with both filters either will do.
bool portsMatch(const Core& core, const Record& record, const dockerapi::Filters& filters) {
  if (!filters.has("publish") && !filters.has("expose")) return true;
  if (!record.running()) return false;
  const auto joined = core.networks.joined(record.id);
  const auto ports = portList(record.config, record.hostConfig,
                              joined ? joined->ports : std::vector<networks::PortBinding>{});
  const auto any = [&](const char* key, int port, const std::string& protocol) {
    const auto& values = filters.get(key);
    return std::any_of(values.begin(), values.end(), [&](const std::string& value) {
      const PortRange range = readRange(value);
      return range.protocol == protocol && port >= range.first && port <= range.last;
    });
  };
  return std::any_of(ports.begin(), ports.end(), [&](const dockerapi::Port& port) {
    return any("publish", port.publicPort, port.type) || any("expose", port.privatePort, port.type);
  });
}

bool ancestorMatches(Core& core, const Record& record, const dockerapi::Filters& filters) {
  if (!filters.has("ancestor")) return true;
  for (const std::string& wanted : filters.get("ancestor")) {
    if (wanted == record.imageName || wanted == record.imageId) return true;
    try {
      const image::Image image = core.images.resolve(wanted);
      if (image.id.str() == record.imageId) return true;
      // An image below: its layers are the first ones of the container's.
      if (!image.layers.empty() && image.layers.size() <= record.layers.size() &&
          std::equal(image.layers.begin(), image.layers.end(), record.layers.begin(),
                     [](const base::Digest& a, const std::string& b) { return a.str() == b; })) {
        return true;
      }
    } catch (const base::Error&) {
      continue;  // no such image: nobody descends from it
    }
  }
  return false;
}

}  // namespace

bool matches(Core& core, const Record& record, const dockerapi::Filters& filters) {
  if (filters.empty()) return true;
  std::map<std::string, std::string> labels(record.config.labels.begin(),
                                            record.config.labels.end());
  return filters.matchPrefix("id", record.id) && nameMatches(record, filters) &&
         filters.matchLabels("label", labels) &&
         filters.matchExact("status", std::string(statusName(record.state.status))) &&
         exitedMatches(record, filters) && filters.matchExact("health", "none") &&
         !filters.boolean("is-task", false) && volumeMatches(record, filters) &&
         networkMatches(core, record, filters) && portsMatch(core, record, filters) &&
         ancestorMatches(core, record, filters);
}

std::vector<View> candidates(Core& core, const ListQuery& query) {
  checkValues(query.filters);
  std::vector<View> views = core.records.all();
  for (const std::string& reference : query.filters.get("before")) {
    const base::Time created = core.records.get(reference)->created;
    std::erase_if(views, [&](const View& view) { return view->created >= created; });
  }
  for (const std::string& reference : query.filters.get("since")) {
    const base::Time created = core.records.get(reference)->created;
    std::erase_if(views, [&](const View& view) { return view->created <= created; });
  }
  const bool everything = query.all || query.limit > 0 || query.filters.has("status") ||
                          query.filters.has("exited") || query.filters.has("before") ||
                          query.filters.has("since");
  if (!everything) {
    std::erase_if(views, [](const View& view) {
      return !view->running() && view->state.status != Status::kRestarting;
    });
  }
  return views;
}

}  // namespace container
