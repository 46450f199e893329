// volume create, ls, rm.
#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/commands/list_format.h"
#include "cli/commands/option_values.h"
#include "cli/commands/volume_rows.h"
#include "platform/base/strings.h"
#include "platform/base/units.h"

namespace commands {
namespace {

using base::Code;
using base::fail;

constexpr Flag kCreateFlags[] = {
    {"driver", 'd', Kind::kString, "string", "Specify volume driver name (default \"local\")",
     "local"},
    {"label", 0, Kind::kList, "list", "Set metadata for a volume", "", checkLabel},
    {"name", 0, Kind::kString, "string", "Specify volume name", "", nullptr, kHidden},
    {"opt", 'o', Kind::kList, "map", "Set driver specific options (default map[])"},
};

constexpr Flag kLsFlags[] = {
    {"filter", 'f', Kind::kList, "filter", "Provide filter values (e.g. \"dangling=true\")", "",
     checkFilter},
    {"format", 0, Kind::kString, "string", kListFormatUsage},
    {"quiet", 'q', Kind::kBool, "", "Only display volume names"},
};

constexpr Flag kRmFlags[] = {
    {"force", 'f', Kind::kBool, "", "Force the removal of one or more volumes"},
};

constexpr Column kColumns[] = {
    {"Name", "VOLUME NAME"},      {"Driver", "DRIVER"},
    {"Scope", "SCOPE"},           {"Availability", "AVAILABILITY"},
    {"Mountpoint", "MOUNTPOINT"}, {"Labels", "LABELS"},
    {"Links", "LINKS"},           {"Size", "SIZE"},
    {"Group", "GROUP"},           {"Status", "STATUS"},
};

int runCreate(Invocation& invocation) {
  const Flags& flags = invocation.flags;
  std::string name = flags.text("name");
  if (!invocation.args.empty()) {
    if (!name.empty())
      fail(Code::kInvalidArgument,
           "conflicting options: cannot specify a volume-name through both --name and as a "
           "positional arg");
    name = invocation.args[0];
  }
  json::Value body = json::Value::object();
  body.set("Driver", flags.text("driver"));
  if (!flags.list("opt").empty()) body.set("DriverOpts", toObject(keyValueMap(flags.list("opt"))));
  if (!flags.list("label").empty()) body.set("Labels", toObject(keyValueMap(flags.list("label"))));
  if (!name.empty()) body.set("Name", name);
  const json::Value answer = invocation.cli.engine().postJson("/volumes/create", {}, body);
  invocation.cli.print(textAt(answer, "Name") + "\n");
  return 0;
}

int runLs(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  const bool quiet = flags.on("quiet");
  std::string format = flags.text("format");
  if (format.empty() && !quiet) format = cli.config().text("volumesFormat");
  const auto filters = parseFilters(flags.list("filter"));
  client::QueryString query;
  if (!filters.empty()) query.add("filters", client::encodeFilters(filters));
  const json::Value answer = cli.engine().getJson("/volumes", query);
  std::vector<Row> rows;
  for (const json::Value& volume : arrayAt(answer, "Volumes")) rows.push_back(volumeRow(volume));
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return naturalLess(textAt(a.fields, "Name"), textAt(b.fields, "Name"));
  });
  if (quiet && (format.empty() || format == "table")) {
    for (const Row& row : rows) cli.print(textAt(row.fields, "Name") + "\n");
    return 0;
  }
  printList(cli, volumeView(false), format, rows);
  return 0;
}

int runRm(Invocation& invocation) {
  const bool force = invocation.flags.on("force");
  client::QueryString query;
  query.addIf(force, "force");
  if (force) invocation.cli.engine().ping(true);
  forEachArgument(invocation, [&](const std::string& name) {
    if (base::trim(name).empty())
      fail(Code::kInvalidArgument, "invalid volume name: value is empty");
    invocation.cli.engine().call("DELETE", fmt::format("/volumes/{}", client::segment(name)),
                                 query);
    return true;
  });
  return 0;
}

}  // namespace

Row volumeRow(const json::Value& volume) {
  const json::Value* labels = volume.find("Labels");
  const json::Value* usage = volume.find("UsageData");
  const bool known = usage && usage->isObject();
  json::Value fields = json::Value::object();
  fields.set("Availability", "N/A");
  fields.set("Driver", textAt(volume, "Driver"));
  fields.set("Group", "N/A");
  fields.set("Labels", labels ? labelText(*labels) : "");
  fields.set("Links", known ? fmt::format("{}", numberAt(*usage, "RefCount")) : "N/A");
  fields.set("Mountpoint", textAt(volume, "Mountpoint"));
  fields.set("Name", textAt(volume, "Name"));
  fields.set("Scope", textAt(volume, "Scope"));
  fields.set("Size",
             known ? base::humanSize(static_cast<double>(numberAt(*usage, "Size"))) : "N/A");
  fields.set("Status", "N/A");
  return {std::move(fields), labels ? labelMap(*labels) : std::map<std::string, std::string>()};
}

const ListView& volumeView(bool usage) {
  static const ListView plain{kColumns, {"Driver", "Name"}, "*formatter.volumeContext"};
  static const ListView sized{kColumns, {"Name", "Links", "Size"}, "*formatter.volumeContext"};
  return usage ? sized : plain;
}

constinit const Command kVolumeCreate = {"[OPTIONS] [VOLUME]",
                                         "Create a volume",
                                         nullptr,
                                         nullptr,
                                         kCreateFlags,
                                         nullptr,
                                         {0, 1},
                                         true,
                                         runCreate};
constinit const Command kVolumeLs = {
    "[OPTIONS]", "List volumes", nullptr, "@ volume ls, @ volume list", kLsFlags, nullptr,
    {0, 0},      true,           runLs};
constinit const Command kVolumeRm = {
    "[OPTIONS] VOLUME [VOLUME...]",
    "Remove one or more volumes",
    "Remove one or more volumes. You cannot remove a volume that is in use by a container.",
    "@ volume rm, @ volume remove",
    kRmFlags,
    nullptr,
    {1, -1},
    true,
    runRm};

}  // namespace commands
