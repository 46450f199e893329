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

void checkValues(const dockerapi::Filters& filters) {
  filters.validate(kAccepted);
  constexpr std::array<std::string_view, 7> kStatus{"created",  "running", "paused", "restarting",
                                                    "removing", "exited",  "dead"};
  for (const std::string& value : filters.get("status")) {
    if (std::find(kStatus.begin(), kStatus.end(), value) == kStatus.end()) {
      base::fail(Code::kInvalidArgument, "invalid filter 'status={}'", value);
    }
  }
  for (const std::string& value : filters.get("exited")) {
    if (!base::parseInt(value))
      base::fail(Code::kInvalidArgument, "invalid filter 'exited={}'", value);
  }
  constexpr std::array<std::string_view, 4> kHealth{"none", "starting", "healthy", "unhealthy"};
  for (const std::string& value : filters.get("health")) {
    if (std::find(kHealth.begin(), kHealth.end(), value) == kHealth.end()) {
      base::fail(Code::kInvalidArgument, "invalid filter 'health={}'", value);
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
      if (wanted.contains(network.id) || wanted.contains(network.spec.name)) return true;
    } catch (const base::Error&) {
      continue;  // removed since
    }
  }
  return false;
}

// "80", "80/tcp", "80-90/udp" against a port.
bool portInRange(const std::string& filter, std::uint16_t port, const std::string& protocol) {
  const auto [range, wantedProtocol] = base::cut(filter, '/');
  if ((wantedProtocol ? *wantedProtocol : "tcp") != protocol) return false;
  const auto [first, last] = base::cut(range, '-');
  const auto low = base::parseUint(first);
  const auto high = last ? base::parseUint(*last) : low;
  if (!low || !high) base::fail(Code::kInvalidArgument, "invalid port filter: {}", filter);
  return port >= *low && port <= *high;
}

bool portsMatch(const Record& record, const dockerapi::Filters& filters, const char* key) {
  if (!filters.has(key)) return true;
  const bool publish = std::string_view(key) == "publish";
  for (const std::string& wanted : filters.get(key)) {
    for (const auto& [text, bindings] : record.hostConfig.portBindings) {
      const auto [port, protocol] = parsePort(text);
      if (portInRange(wanted, port, protocol)) return true;
    }
    if (publish) continue;
    for (const std::string& text : record.config.exposedPorts) {
      const auto [port, protocol] = parsePort(text);
      if (portInRange(wanted, port, protocol)) return true;
    }
  }
  return false;
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
         filters.matchExact("isolation", "default") && filters.boolean("is-task", false) == false &&
         volumeMatches(record, filters) && networkMatches(core, record, filters) &&
         portsMatch(record, filters, "publish") && portsMatch(record, filters, "expose") &&
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
