// version.
#include <algorithm>
#include <ctime>

#include "api/dockerapi/system.h"
#include "cli/commands/commands.h"
#include "cli/commands/go_shapes.h"
#include "cli/commands/list_format.h"
#include "cli/commands/tabular.h"
#include "cli/commands/template.h"
#include "platform/base/build_info.h"
#include "platform/base/strings.h"
#include "platform/base/time.h"
#include "platform/gotemplate/docker_format.h"

namespace commands {
namespace {

constexpr Flag kFlags[] = {
    {"format", 'f', Kind::kString, "string", kInspectFormatUsage},
};

// "Tue Sep 15 11:02:57 2026" for an instant in RFC 3339; anything else stays.
std::string buildTimeText(const std::string& text) {
  const auto instant = base::parseRfc3339(text);
  if (!instant) return text;
  const time_t seconds = instant->unixSeconds();
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  char out[64];
  std::strftime(out, sizeof out, "%a %b %e %H:%M:%S %Y", &parts);
  return out;
}

}  // namespace

std::string clientBuildTime() {
  const std::string time = base::buildTime();
  return time.empty() ? "unknown" : buildTimeText(time);
}

namespace {

json::Value clientVersion(Cli& cli) {
  return json::Value{{"Version", SAMPAN_VERSION},
                     {"ApiVersion", cli.engine().version()},
                     {"DefaultAPIVersion", client::kApiVersion},
                     {"GitCommit", base::buildCommit()},
                     {"GoVersion", base::buildCompiler()},
                     {"Os", "linux"},
                     {"Arch", "amd64"},
                     {"BuildTime", clientBuildTime()},
                     {"Context", cli.contextName()}};
}

std::string clientText(const json::Value& version) {
  std::string api = textAt(version, "ApiVersion");
  if (api != client::kApiVersion) api += fmt::format(" (downgraded from {})", client::kApiVersion);
  return fmt::format(
      "Client:\n Version:\t{}\n API version:\t{}\n Go version:\t{}\n Git commit:\t{}\n "
      "Built:\t{}\n OS/Arch:\t{}/{}\n Context:\t{}\n",
      textAt(version, "Version"), api, textAt(version, "GoVersion"), textAt(version, "GitCommit"),
      textAt(version, "BuildTime"), textAt(version, "Os"), textAt(version, "Arch"),
      textAt(version, "Context"));
}

std::string componentText(const json::Value& component) {
  const json::Value& details = component["Details"];
  const std::string name = textAt(component, "Name");
  std::string text = fmt::format(" {}:\n  Version:\t{}\n", name, textAt(component, "Version"));
  if (name == "Engine") {
    text += fmt::format(
        "  API version:\t{} (minimum version {})\n  Go version:\t{}\n  Git commit:\t{}\n  "
        "Built:\t{}\n  OS/Arch:\t{}/{}\n  Experimental:\t{}\n",
        textAt(details, "ApiVersion"), textAt(details, "MinAPIVersion"),
        textAt(details, "GoVersion"), textAt(details, "GitCommit"), textAt(details, "BuildTime"),
        textAt(details, "Os"), textAt(details, "Arch"), textAt(details, "Experimental"));
    return text;
  }
  std::vector<std::string> keys;
  for (const auto& member : objectAt(component, "Details")) keys.push_back(member.name);
  std::sort(keys.begin(), keys.end());
  for (const std::string& key : keys) text += fmt::format("  {}:\t{}\n", key, textAt(details, key));
  return text;
}

std::string serverText(const json::Value& server) {
  const std::string platform = textAt(server["Platform"], "Name");
  std::string text = platform.empty() ? "\nServer:\n" : fmt::format("\nServer: {}\n", platform);
  for (const json::Value& component : arrayAt(server, "Components"))
    text += componentText(component);
  return text;
}

gotemplate::Data versionData(const json::Value& both) {
  using gotemplate::Data;
  static const gotemplate::StructType kClientType = {"system.clientVersion", {}};
  std::vector<Data::Member> client;
  for (const auto& member : objectAt(both, "Client")) {
    client.push_back({member.name, Data(textAt(both["Client"], member.name))});
    if (member.name != "ApiVersion") continue;
    client.back().name = "APIVersion";
    client.back().jsonName = member.name;
  }
  Data server = Data::nil();
  if (both["Server"].isObject())
    server = goShape(Data::of(json::parse<dockerapi::Version>(both["Server"].write())));
  return Data::structure(
      {{"Client", Data::structure(std::move(client), &kClientType)}, {"Server", server}});
}

// The engine as a component, for one that lists none.
json::Value engineComponent(const json::Value& server) {
  json::Value details = json::Value::object();
  for (const char* key :
       {"ApiVersion", "Arch", "BuildTime", "GitCommit", "GoVersion", "MinAPIVersion", "Os"})
    details.set(key, textAt(server, key));
  details.set("Experimental", flagAt(server, "Experimental") ? "true" : "false");
  return json::Value{
      {"Name", "Engine"}, {"Version", textAt(server, "Version")}, {"Details", std::move(details)}};
}

// The engine's answer with the times of its components in the client's form.
json::Value readServer(Cli& cli) {
  json::Value server = cli.engine().getJson("/version");
  if (arrayAt(server, "Components").empty())
    server.set("Components", json::Value::array({engineComponent(server)}));
  if (json::Value* components = server.find("Components"); components && components->isArray()) {
    for (json::Value& component : components->asArray()) {
      json::Value* details = component.find("Details");
      if (!details || !details->find("BuildTime")) continue;
      details->set("BuildTime", buildTimeText(textAt(*details, "BuildTime")));
    }
  }
  return server;
}

int runVersion(Invocation& invocation) {
  constexpr size_t kColumn = 20, kPadding = 1;
  Cli& cli = invocation.cli;
  const auto compiled = valueFormat(invocation.flags.text("format"), "version");
  json::Value both{{"Client", clientVersion(cli)}, {"Server", nullptr}};
  std::optional<base::Error> problem;
  try {
    both.set("Server", readServer(cli));
  } catch (const Exit&) {
    throw;
  } catch (const base::Error& error) {
    problem = error;
  }
  const json::Value& server = both["Server"];
  if (compiled) {
    printValue(cli, *compiled, versionData(both));
  } else {
    cli.print(alignColumns(clientText(both["Client"]), kColumn, kPadding));
    if (server.isObject()) cli.print(alignColumns(serverText(server), kColumn, kPadding));
  }
  if (problem) throw *problem;
  return 0;
}

}  // namespace

constinit const Command kVersion = {"[OPTIONS]", "Show the Docker version information",
                                    nullptr,     nullptr,
                                    kFlags,      nullptr,
                                    {0, 0},      true,
                                    runVersion};

}  // namespace commands
