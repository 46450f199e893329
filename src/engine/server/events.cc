// GET /events.

#include "api/dockerapi/legacy.h"
#include "engine/server/resources.h"

namespace server {
namespace {

using dockerapi::EventMessage;
using dockerapi::Filters;

base::Time timeOf(const Context& context, std::string_view key) {
  const std::string& text = context.query(key);
  return text.empty() ? base::Time{} : base::parseUnixTimestamp(text);
}

const std::string& attribute(const EventMessage& event, const std::string& name) {
  static const std::string kNone;
  const auto found = event.actor.attributes.find(name);
  return found == event.actor.attributes.end() ? kNone : found->second;
}

bool anyOf(const Filters& filters, std::string_view key, const auto& test) {
  if (!filters.has(key)) return true;
  for (const std::string& value : filters.get(key)) {
    if (test(value)) return true;
  }
  return false;
}

// Actions with a tail ("exec_start: sh") are found by their head once the filter names one of them.
bool actionFits(const Filters& filters, const std::string& action) {
  bool prefixes = false;
  for (const std::string& value : filters.get("event")) {
    for (const std::string_view head : {"health_status", "exec_create", "exec_start"}) {
      prefixes = prefixes || value.starts_with(head);
    }
  }
  return anyOf(filters, "event", [&](const std::string& value) {
    return value == action || (prefixes && action.starts_with(value));
  });
}

// "container", "network"…: id, name, or a beginning of either, of actors of that type.
bool actorFits(const Filters& filters, std::string_view type, const EventMessage& event) {
  if (!filters.has(type)) return true;
  if (event.type != type) return false;
  const std::string& name = attribute(event, "name");
  return anyOf(filters, type, [&](const std::string& value) {
    return event.actor.id.starts_with(value) || name.starts_with(value);
  });
}

std::string withoutTag(const std::string& image) {
  const auto colon = image.rfind(':');
  if (colon == std::string::npos || image.find('/', colon) != std::string::npos) return image;
  return image.substr(0, colon);
}

bool imageFits(const Filters& filters, const EventMessage& event) {
  const std::string& name = attribute(event, event.type == "image" ? "name" : "image");
  return anyOf(filters, "image", [&](const std::string& value) {
    return value == event.actor.id || value == name || value == withoutTag(event.actor.id) ||
           value == withoutTag(name);
  });
}

bool fits(const Filters& filters, const EventMessage& event) {
  for (const std::string_view type : {"container", "network", "volume", "plugin", "daemon",
                                      "service", "node", "secret", "config"}) {
    if (!actorFits(filters, type, event)) return false;
  }
  return actionFits(filters, event.action) && filters.matchExact("type", event.type) &&
         filters.matchExact("scope", event.scope) && imageFits(filters, event) &&
         filters.matchLabels("label", event.actor.attributes);
}

void events(Context& context, SystemBackend& system) {
  const EventsRequest request{timeOf(context, "since"), timeOf(context, "until")};
  if (!request.since.zero() && !request.until.zero() && request.until < request.since) {
    base::fail(base::Code::kInvalidArgument, "`since` time ({}) cannot be after `until` time ({})",
               context.query("since"), context.query("until"));
  }
  const Filters filters = context.filters();
  http::Response& response = *context.response;
  response.headers().set("Content-Type", "application/json");
  const auto each = [&](const EventMessage& event) {
    const bool unknown = event.type == "image" && event.action == "create" && !context.since(46);
    if (unknown || !fits(filters, event)) return;
    EventMessage shown = event;
    dockerapi::adapt(shown, context.version);
    response.write(json::write(shown) + "\n");
  };
  // The head goes out once nothing can be missed any more, even if nothing happens for hours.
  system.events(
      request, [&] { response.begin(200); }, each, response.gone());
  response.end();
}

}  // namespace

std::vector<Route> eventRoutes(SystemBackend& system) {
  return {{"GET", "/events", http::Lane::kStream, 0, [&system](Context& c) { events(c, system); }}};
}

}  // namespace server
