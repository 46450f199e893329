#include <algorithm>

#include "api/oci/reference.h"
#include "cli/commands/commands.h"
#include "cli/commands/list_format.h"
#include "cli/commands/option_values.h"
#include "cli/commands/ports_text.h"
#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/base/units.h"
#include "platform/gotemplate/docker_format.h"

namespace commands {
namespace {

constexpr Flag kFlags[] = {
    {"all", 'a', Kind::kBool, "", "Show all containers (default shows just running)"},
    {"filter", 'f', Kind::kList, "filter", "Filter output based on conditions provided", "",
     checkFilter},
    {"format", 0, Kind::kString, "string", kListFormatUsage},
    {"last", 'n', Kind::kInt, "int",
     "Show n last created containers (includes all states) (default -1)", "-1"},
    {"latest", 'l', Kind::kBool, "", "Show the latest created container (includes all states)"},
    {"no-trunc", 0, Kind::kBool, "", "Don't truncate output"},
    {"quiet", 'q', Kind::kBool, "", "Only display container IDs"},
    {"size", 's', Kind::kBool, "", "Display total file sizes"},
};

constexpr Column kColumns[] = {
    {"ID", "CONTAINER ID"},
    {"Names", "NAMES"},
    {"Image", "IMAGE"},
    {"Command", "COMMAND"},
    {"CreatedAt", "CREATED AT"},
    {"RunningFor", "CREATED"},
    {"Ports", "PORTS"},
    {"State", "STATE"},
    {"Status", "STATUS"},
    {"Size", "SIZE"},
    {"Labels", "LABELS"},
    {"Mounts", "MOUNTS"},
    {"LocalVolumes", "LOCAL VOLUMES"},
    {"Networks", "NETWORKS"},
    {"Platform", "PLATFORM"},
};

constexpr size_t kCommandWidth = 20, kMountWidth = 15;

std::string namesText(const json::Value& container, bool truncate) {
  std::vector<std::string> names;
  for (const json::Value& value : arrayAt(container, "Names")) {
    std::string name = value.asString();
    if (name.starts_with('/')) name.erase(0, 1);
    if (truncate && name.find('/') != std::string::npos) continue;  // the name a link gives it
    names.push_back(std::move(name));
    if (truncate) break;
  }
  return base::join(names, ",");
}

std::string imageText(const json::Value& container, bool truncate) {
  const std::string image = textAt(container, "Image");
  if (image.empty()) return "<no image>";
  if (!truncate) return image;
  const std::string id = truncateId(textAt(container, "ImageID"));
  if (id == truncateId(image)) return id;
  if (image.find('@') == std::string::npos) return image;
  const auto reference = oci::Reference::tryParse(image);
  if (!reference || reference->digest().empty()) return image;
  return reference->tag().empty()
             ? reference->familiarName()
             : fmt::format("{}:{}", reference->familiarName(), reference->tag());
}

std::string mountsText(const json::Value& container, bool truncate) {
  std::vector<std::string> names;
  for (const json::Value& mount : arrayAt(container, "Mounts")) {
    std::string name = textAt(mount, "Name");
    if (name.empty()) name = textAt(mount, "Source");
    names.push_back(truncate ? ellipsis(name, kMountWidth) : name);
  }
  return base::join(names, ",");
}

std::string networksText(const json::Value& container) {
  const json::Value* settings = container.find("NetworkSettings");
  std::vector<std::string> names;
  if (settings) {
    for (const auto& member : objectAt(*settings, "Networks")) names.push_back(member.name);
  }
  std::sort(names.begin(), names.end());
  return base::join(names, ",");
}

std::string sizeText(const json::Value& container) {
  constexpr int kDigits = 3;
  const std::string own =
      base::humanSize(static_cast<double>(numberAt(container, "SizeRw")), kDigits);
  const std::int64_t whole = numberAt(container, "SizeRootFs");
  return whole > 0 ? fmt::format("{} (virtual {})", own,
                                 base::humanSize(static_cast<double>(whole), kDigits))
                   : own;
}

}  // namespace

Row containerRow(const json::Value& container, bool truncate) {
  const std::string id = textAt(container, "Id");
  const std::string command = textAt(container, "Command");
  const std::int64_t created = numberAt(container, "Created");
  const auto& mounts = arrayAt(container, "Mounts");
  const auto local = std::count_if(mounts.begin(), mounts.end(), [](const json::Value& mount) {
    return textAt(mount, "Driver") == "local";
  });
  const json::Value* labels = container.find("Labels");
  json::Value fields = json::Value::object();
  fields.set("Command", base::quote(truncate ? ellipsis(command, kCommandWidth) : command));
  fields.set("CreatedAt", goLocalTime(created));
  fields.set("ID", truncate ? truncateId(id) : id);
  fields.set("Image", imageText(container, truncate));
  fields.set("Labels", labels ? labelText(*labels) : "");
  fields.set("LocalVolumes", fmt::format("{}", local));
  fields.set("Mounts", mountsText(container, truncate));
  fields.set("Names", namesText(container, truncate));
  fields.set("Networks", networksText(container));
  fields.set("Platform", nullptr);
  fields.set("Ports", portsText(arrayAt(container, "Ports")));
  fields.set("RunningFor", ago(created));
  fields.set("Size", sizeText(container));
  fields.set("State", textAt(container, "State"));
  fields.set("Status", textAt(container, "Status"));
  return {std::move(fields), labels ? labelMap(*labels) : std::map<std::string, std::string>()};
}

const ListView& containerView(bool size) {
  static const ListView plain{kColumns,
                              {"ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"},
                              "*formatter.ContainerContext"};
  static const ListView sized{
      kColumns,
      {"ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names", "Size"},
      "*formatter.ContainerContext"};
  return size ? sized : plain;
}

namespace {

// A wrong template is told before the engine is asked, and in words of its own.
void probe(const std::string& format) {
  using gotemplate::Data;
  static const gotemplate::StructType kType = {
      containerView(false).typeName,
      {{"Label", {{gotemplate::Parameter::kString}, [](const Data&, std::span<const Data>) {
                    return Data("");
                  }}}}};
  const Row empty = containerRow(json::Value::object(), true);
  std::vector<Data::Member> members;
  for (const auto& member : empty.fields.asObject()) {
    const bool null = member.value.isNull();
    members.push_back({member.name, null ? Data::nil() : Data(textAt(empty.fields, member.name))});
  }
  gotemplate::probeFormat(format, Data::structure(std::move(members), &kType));
}

int runContainerLs(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  const bool quiet = flags.on("quiet");
  std::string format = flags.text("format");
  if (format.empty() && !quiet) format = cli.config().text("psFormat");
  // A template that shows sizes makes the engine compute them.
  const bool size = flags.on("size") || format.find(".Size") != std::string::npos ||
                    format.find("json .}") != std::string::npos ||
                    format.find("json . ") != std::string::npos;
  std::int64_t limit = flags.number("last");
  if (flags.on("latest") && limit == -1) limit = 1;
  probe(format);
  const auto filters = parseFilters(flags.list("filter"));
  client::QueryString query;
  query.addIf(flags.on("all"), "all");
  if (!filters.empty()) query.add("filters", client::encodeFilters(filters));
  query.addIf(limit > 0, "limit", fmt::format("{}", limit)).addIf(size, "size");
  const json::Value answer = cli.engine().getJson("/containers/json", query);
  const bool truncate = !flags.on("no-trunc");
  std::vector<Row> rows;
  for (const json::Value& container : answer.asArray())
    rows.push_back(containerRow(container, truncate));
  if (quiet) {
    if (!format.empty())
      cli.warn("WARNING: Ignoring custom format, because both --format and --quiet are set.");
    for (const Row& row : rows) cli.print(textAt(row.fields, "ID") + "\n");
    return 0;
  }
  printList(cli, containerView(flags.on("size")), format, rows);
  return 0;
}

}  // namespace

constinit const Command kContainerLs = {
    "[OPTIONS]",   "List containers",
    nullptr,       "@ container ls, @ container list, @ container ps, @ ps",
    kFlags,        nullptr,
    {0, 0},        true,
    runContainerLs};

}  // namespace commands
