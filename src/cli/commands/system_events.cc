// events.
#include <algorithm>
#include <array>
#include <ctime>

#include "api/dockerapi/system.h"
#include "cli/commands/commands.h"
#include "cli/commands/go_shapes.h"
#include "cli/commands/list_format.h"
#include "cli/commands/option_values.h"
#include "platform/base/strings.h"
#include "platform/gotemplate/gotemplate.h"

namespace commands {
namespace {

constexpr Flag kFlags[] = {
    {"filter", 'f', Kind::kList, "filter", "Filter output based on conditions provided", "",
     checkFilter},
    {"format", 0, Kind::kString, "string", kInspectFormatUsage},
    {"since", 0, Kind::kString, "string", "Show all events created since timestamp"},
    {"until", 0, Kind::kString, "string", "Stream events until this timestamp"},
};

// RFC 3339 with nine digits in the local zone.
std::string eventTime(std::int64_t nanos) {
  const time_t seconds = nanos / 1'000'000'000;
  tm local{};
  ::localtime_r(&seconds, &local);
  char date[64];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &local);
  const long offset = local.tm_gmtoff / 60;
  const std::string zone = offset == 0 ? "Z"
                                       : fmt::format("{}{:02}:{:02}", offset < 0 ? '-' : '+',
                                                     std::abs(offset) / 60, std::abs(offset) % 60);
  return fmt::format("{}.{:09}{}", date, nanos % 1'000'000'000, zone);
}

std::string eventLine(const json::Value& event) {
  std::string line;
  const std::int64_t nanos = numberAt(event, "timeNano");
  if (nanos || numberAt(event, "time"))
    line = eventTime(nanos ? nanos : numberAt(event, "time") * 1'000'000'000) + " ";
  const json::Value& actor = event["Actor"];
  line +=
      fmt::format("{} {} {}", textAt(event, "Type"), textAt(event, "Action"), textAt(actor, "ID"));
  std::vector<std::string> attributes;
  for (const auto& member : objectAt(actor, "Attributes"))
    attributes.push_back(fmt::format("{}={}", member.name, member.value.asString()));
  std::sort(attributes.begin(), attributes.end());
  if (!attributes.empty()) line += fmt::format(" ({})", base::join(attributes, ", "));
  return line;
}

// How --format shows one event.
class EventForm {
 public:
  explicit EventForm(const std::string& format) {
    if (format == "json") return;
    try {
      template_ = gotemplate::Template::parse(format);
      template_->execute(goShape(gotemplate::Data::of(dockerapi::EventMessage())));
    } catch (const base::Error& error) {
      throw Exit(kBadTemplate, fmt::format("Error parsing format: {}", error.message()));
    }
  }

  std::string line(std::string_view text) const {
    const auto event = gotemplate::Data::of(json::parse<dockerapi::EventMessage>(text));
    return template_ ? template_->execute(goShape(event)) : event.json();
  }

 private:
  static constexpr int kBadTemplate = 64;
  std::optional<gotemplate::Template> template_;
};

int runEvents(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  std::optional<EventForm> form;
  if (const std::string& format = flags.text("format"); !format.empty()) form.emplace(format);
  const auto filters = parseFilters(flags.list("filter"));
  const std::string since = apiTimestamp(flags.text("since")),
                    until = apiTimestamp(flags.text("until"));
  client::QueryString query;
  if (!filters.empty()) query.add("filters", client::encodeFilters(filters));
  query.addIf(!since.empty(), "since", since).addIf(!until.empty(), "until", until);
  const auto response = cli.engine().open("GET", "/events", query);
  json::Splitter splitter;
  std::array<char, 16384> buffer;
  while (const size_t n = response->read(buffer)) {
    splitter.push({buffer.data(), n});
    while (const auto text = splitter.next()) {
      cli.print((form ? form->line(*text) : eventLine(json::Value::parse(*text))) + "\n");
    }
    cli.flush();
  }
  return 0;
}

}  // namespace

constinit const Command kEvents = {"[OPTIONS]", "Get real time events from the server",
                                   nullptr,     "@ system events, @ events",
                                   kFlags,      nullptr,
                                   {0, 0},      true,
                                   runEvents};

}  // namespace commands
