// container, image, network, volume and system prune.
#include "cli/commands/commands.h"
#include "cli/commands/list_format.h"
#include "cli/commands/option_values.h"
#include "platform/base/strings.h"
#include "platform/base/units.h"

namespace commands {
namespace {

using base::Code;
using base::fail;
using Filters = std::map<std::string, std::map<std::string, bool>>;

constexpr const char* kFilterUsage = "Provide filter values (e.g. \"until=<timestamp>\")";
constexpr const char* kForceUsage = "Do not prompt for confirmation";

constexpr Flag kPlainFlags[] = {
    {"filter", 0, Kind::kList, "filter", kFilterUsage, "", checkFilter},
    {"force", 'f', Kind::kBool, "", kForceUsage},
};
constexpr Flag kImageFlags[] = {
    {"all", 'a', Kind::kBool, "", "Remove all unused images, not just dangling ones"},
    {"filter", 0, Kind::kList, "filter", kFilterUsage, "", checkFilter},
    {"force", 'f', Kind::kBool, "", kForceUsage},
};
constexpr Flag kVolumeFlags[] = {
    {"all", 'a', Kind::kBool, "", "Remove all unused volumes, not just anonymous ones"},
    {"filter", 0, Kind::kList, "filter", "Provide filter values (e.g. \"label=<label>\")", "",
     checkFilter},
    {"force", 'f', Kind::kBool, "", kForceUsage},
};
constexpr Flag kSystemFlags[] = {
    {"all", 'a', Kind::kBool, "", "Remove all unused images not just dangling ones"},
    {"filter", 0, Kind::kList, "filter", "Provide filter values (e.g. \"label=<key>=<value>\")", "",
     checkFilter},
    {"force", 'f', Kind::kBool, "", kForceUsage},
    {"volumes", 0, Kind::kBool, "", "Prune anonymous volumes"},
};

// What one kind of prune did: lines to show, and the bytes that came free.
struct Pruned {
  std::string text;
  std::int64_t bytes = 0;
};

// --filter and the user's configured pruneFilters.
Filters filtersOf(Cli& cli, const Flags& flags) {
  Filters filters = parseFilters(flags.list("filter"));
  for (const json::Value& value : arrayAt(cli.config().root(), "pruneFilters")) {
    if (!value.isString()) continue;
    for (const auto& [key, values] : parseFilters({value.asString()})) {
      for (const auto& [text, on] : values) filters[key][text] = on;
    }
  }
  return filters;
}

json::Value postPrune(Cli& cli, const std::string& path, const Filters& filters) {
  client::QueryString query;
  if (!filters.empty()) query.add("filters", client::encodeFilters(filters));
  cli.engine().ping(true);
  return cli.engine().postJson(path, query, json::Value());
}

Pruned namedList(const json::Value& answer, const char* key, const char* title) {
  Pruned pruned;
  pruned.bytes = numberAt(answer, "SpaceReclaimed");
  const auto& names = arrayAt(answer, key);
  if (names.empty()) return pruned;
  pruned.text = fmt::format("{}:\n", title);
  for (const json::Value& name : names) pruned.text += fmt::format("{}\n", name.asString());
  return pruned;
}

Pruned pruneContainers(Cli& cli, const Filters& filters) {
  return namedList(postPrune(cli, "/containers/prune", filters), "ContainersDeleted",
                   "Deleted Containers");
}

Pruned pruneNetworks(Cli& cli, const Filters& filters) {
  return namedList(postPrune(cli, "/networks/prune", filters), "NetworksDeleted",
                   "Deleted Networks");
}

Pruned pruneVolumes(Cli& cli, Filters filters, bool all) {
  if (all) {
    if (filters.count("all"))
      fail(Code::kInvalidArgument,
           "conflicting options: cannot specify both --all and --filter all=1");
    filters["all"]["true"] = true;
  }
  return namedList(postPrune(cli, "/volumes/prune", filters), "VolumesDeleted", "Deleted Volumes");
}

Pruned pruneImages(Cli& cli, Filters filters, bool all) {
  filters["dangling"][all ? "false" : "true"] = true;
  const json::Value answer = postPrune(cli, "/images/prune", filters);
  Pruned pruned;
  pruned.bytes = numberAt(answer, "SpaceReclaimed");
  const auto& entries = arrayAt(answer, "ImagesDeleted");
  if (entries.empty()) return pruned;
  pruned.text = "Deleted Images:\n";
  for (const json::Value& entry : entries) {
    const std::string untagged = textAt(entry, "Untagged");
    pruned.text += untagged.empty() ? fmt::format("deleted: {}\n", textAt(entry, "Deleted"))
                                    : fmt::format("untagged: {}\n", untagged);
  }
  return pruned;
}

// An engine without a build cache has nothing to prune.
Pruned pruneBuildCache(Cli& cli, const Filters& filters, bool all) {
  client::QueryString query;
  query.addIf(all, "all");
  if (!filters.empty()) query.add("filters", client::encodeFilters(filters));
  try {
    const json::Value answer = cli.engine().postJson("/build/prune", query, json::Value());
    return namedList(answer, "CachesDeleted", "Deleted build cache objects");
  } catch (const client::ApiError& error) {
    if (error.notFound() || error.code() == Code::kNotImplemented) return {};
    throw;
  }
}

std::string reclaimed(std::int64_t bytes) {
  return fmt::format("Total reclaimed space: {}\n", base::humanSize(static_cast<double>(bytes)));
}

void show(Cli& cli, const Pruned& pruned) {
  if (!pruned.text.empty()) cli.print(pruned.text + "\n");
}

int runContainerPrune(Invocation& invocation) {
  Cli& cli = invocation.cli;
  if (!invocation.flags.on("force") &&
      !confirm(cli, "WARNING! This will remove all stopped containers."))
    return 0;
  const Pruned pruned = pruneContainers(cli, filtersOf(cli, invocation.flags));
  show(cli, pruned);
  cli.print(reclaimed(pruned.bytes));
  return 0;
}

int runImagePrune(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const bool all = invocation.flags.on("all");
  const char* warning = all ? "WARNING! This will remove all images without at least one container "
                              "associated to them."
                            : "WARNING! This will remove all dangling images.";
  if (!invocation.flags.on("force") && !confirm(cli, warning)) return 0;
  const Pruned pruned = pruneImages(cli, filtersOf(cli, invocation.flags), all);
  show(cli, pruned);
  cli.print(reclaimed(pruned.bytes));
  return 0;
}

int runNetworkPrune(Invocation& invocation) {
  Cli& cli = invocation.cli;
  if (!invocation.flags.on("force") &&
      !confirm(cli,
               "WARNING! This will remove all custom networks not used by at least one container."))
    return 0;
  show(cli, pruneNetworks(cli, filtersOf(cli, invocation.flags)));
  return 0;
}

int runVolumePrune(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const bool all = invocation.flags.on("all");
  const char* warning =
      all ? "WARNING! This will remove all local volumes not used by at least one container."
          : "WARNING! This will remove anonymous local volumes not used by at least one container.";
  if (!invocation.flags.on("force") && !confirm(cli, warning)) return 0;
  const Pruned pruned = pruneVolumes(cli, filtersOf(cli, invocation.flags), all);
  show(cli, pruned);
  cli.print(reclaimed(pruned.bytes));
  return 0;
}

std::string systemWarning(const Flags& flags, const Filters& filters) {
  std::string text =
      "WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at "
      "least one container\n";
  if (flags.on("volumes")) text += "  - all anonymous volumes not used by at least one container\n";
  text += flags.on("all") ? "  - all images without at least one container associated to them\n  - "
                            "all build cache\n"
                          : "  - all dangling images\n  - unused build cache\n";
  if (filters.empty()) return text;
  text += "\n  Items to be pruned will be filtered with:\n";
  for (const auto& [key, values] : filters) {
    for (const auto& [value, on] : values) text += fmt::format("  - {}={}\n", key, value);
  }
  return text;
}

int runSystemPrune(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  const Filters filters = filtersOf(cli, flags);
  const bool all = flags.on("all"), volumes = flags.on("volumes");
  if (volumes && filters.count("until"))
    fail(Code::kInvalidArgument, "ERROR: The \"until\" filter is not supported with \"--volumes\"");
  if (!flags.on("force") && !confirm(cli, systemWarning(flags, filters))) return 0;
  std::int64_t bytes = 0;
  const auto add = [&](const Pruned& pruned) {
    show(cli, pruned);
    bytes += pruned.bytes;
  };
  add(pruneContainers(cli, filters));
  add(pruneNetworks(cli, filters));
  if (volumes) add(pruneVolumes(cli, filters, false));
  add(pruneImages(cli, filters, all));
  add(pruneBuildCache(cli, filters, all));
  cli.print(reclaimed(bytes));
  return 0;
}

}  // namespace

constinit const Command kContainerPrune = {"[OPTIONS]",      "Remove all stopped containers",
                                           nullptr,          nullptr,
                                           kPlainFlags,      nullptr,
                                           {0, 0},           true,
                                           runContainerPrune};
constinit const Command kImagePrune = {
    "[OPTIONS]", "Remove unused images", nullptr, nullptr, kImageFlags, nullptr, {0, 0},
    true,        runImagePrune};
constinit const Command kNetworkPrune = {"[OPTIONS]",    "Remove all unused networks",
                                         nullptr,        nullptr,
                                         kPlainFlags,    nullptr,
                                         {0, 0},         true,
                                         runNetworkPrune};
constinit const Command kVolumePrune = {"[OPTIONS]",   "Remove unused local volumes",
                                        nullptr,       nullptr,
                                        kVolumeFlags,  nullptr,
                                        {0, 0},        true,
                                        runVolumePrune};
constinit const Command kSystemPrune = {
    "[OPTIONS]", "Remove unused data", nullptr, nullptr, kSystemFlags, nullptr, {0, 0},
    true,        runSystemPrune};

}  // namespace commands
