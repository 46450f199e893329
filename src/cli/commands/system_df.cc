// system df.
#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/commands/image_rows.h"
#include "cli/commands/list_format.h"
#include "cli/commands/ports_text.h"
#include "cli/commands/tabular.h"
#include "cli/commands/template.h"
#include "cli/commands/volume_rows.h"
#include "platform/base/strings.h"
#include "platform/base/units.h"

namespace commands {
namespace {

constexpr Flag kFlags[] = {
    {"format", 0, Kind::kString, "string", kListFormatUsage},
    {"verbose", 'v', Kind::kBool, "", "Show detailed information on space usage"},
};

constexpr Column kColumns[] = {
    {"Type", "TYPE"}, {"TotalCount", "TOTAL"},        {"Active", "ACTIVE"},
    {"Size", "SIZE"}, {"Reclaimable", "RECLAIMABLE"},
};

constexpr Column kContainerColumns[] = {
    {"ID", "CONTAINER ID"}, {"Image", "IMAGE"},
    {"Command", "COMMAND"}, {"LocalVolumes", "LOCAL VOLUMES"},
    {"Size", "SIZE"},       {"RunningFor", "CREATED"},
    {"Status", "STATUS"},   {"Names", "NAMES"},
};

constexpr Column kCacheColumns[] = {
    {"ID", "CACHE ID"},          {"CacheType", "CACHE TYPE"},    {"Size", "SIZE"},
    {"CreatedSince", "CREATED"}, {"LastUsedSince", "LAST USED"}, {"UsageCount", "USAGE"},
    {"Shared", "SHARED"},
};

struct Usage {
  const char* type;
  size_t total = 0, active = 0;
  std::int64_t size = 0, reclaimable = 0;
};

Usage imageUsage(const json::Value& answer) {
  Usage usage{"Images"};
  usage.size = numberAt(answer, "LayersSize");
  std::int64_t used = 0;
  for (const json::Value& image : arrayAt(answer, "Images")) {
    ++usage.total;
    const std::int64_t containers = numberAt(image, "Containers"), size = numberAt(image, "Size"),
                       shared = numberAt(image, "SharedSize");
    if (containers > 0) ++usage.active;
    if (containers != 0 && size != -1 && shared != -1) used += size - shared;
  }
  usage.reclaimable = usage.size - used;
  return usage;
}

Usage containerUsage(const json::Value& answer) {
  Usage usage{"Containers"};
  for (const json::Value& container : arrayAt(answer, "Containers")) {
    const std::string state = textAt(container, "State");
    const bool active = state == "running" || state == "paused" || state == "restarting";
    const std::int64_t size = numberAt(container, "SizeRw");
    ++usage.total;
    usage.active += active;
    usage.size += size;
    if (!active) usage.reclaimable += size;
  }
  return usage;
}

Usage volumeUsage(const json::Value& answer) {
  Usage usage{"Local Volumes"};
  for (const json::Value& volume : arrayAt(answer, "Volumes")) {
    const json::Value& data = volume["UsageData"];
    const std::int64_t size = numberAt(data, "Size"), references = numberAt(data, "RefCount");
    ++usage.total;
    usage.active += references > 0;
    if (size == -1) continue;
    usage.size += size;
    if (references == 0) usage.reclaimable += size;
  }
  return usage;
}

Usage cacheUsage(const json::Value& answer) {
  Usage usage{"Build Cache"};
  for (const json::Value& entry : arrayAt(answer, "BuildCache")) {
    const std::int64_t size = numberAt(entry, "Size");
    const bool shared = flagAt(entry, "Shared"), inUse = flagAt(entry, "InUse");
    ++usage.total;
    usage.active += inUse;
    if (!shared) usage.size += size;
    if (!shared && !inUse) usage.reclaimable += size;
  }
  return usage;
}

Row usageRow(const Usage& usage) {
  const auto human = [](std::int64_t bytes) { return base::humanSize(static_cast<double>(bytes)); };
  std::string reclaimable = human(usage.reclaimable);
  if (usage.size > 0) reclaimable += fmt::format(" ({}%)", usage.reclaimable * 100 / usage.size);
  json::Value fields = json::Value::object();
  fields.set("Active", fmt::format("{}", usage.active));
  fields.set("Reclaimable", reclaimable);
  fields.set("Size", human(usage.size));
  fields.set("TotalCount", fmt::format("{}", usage.total));
  fields.set("Type", usage.type);
  return {std::move(fields)};
}

Row cacheRow(const json::Value& entry) {
  json::Value fields = json::Value::object();
  fields.set("CacheType", textAt(entry, "Type"));
  fields.set("ID", truncateId(textAt(entry, "ID")));
  fields.set("Shared", flagAt(entry, "Shared") ? "true" : "false");
  fields.set("Size", base::humanSize(static_cast<double>(numberAt(entry, "Size")), 3));
  fields.set("UsageCount", fmt::format("{}", numberAt(entry, "UsageCount")));
  fields.set("CreatedSince", "");
  fields.set("LastUsedSince", "");
  return {std::move(fields)};
}

std::vector<Row> dfImageRows(const json::Value& answer, bool truncate) {
  std::vector<Row> rows;
  for (const json::Value& image : arrayAt(answer, "Images")) {
    // One line an image here, whatever its number of tags.
    std::vector<Row> all = imageRows(image, truncate, false);
    all[0].fields.set("Digest", "");
    rows.push_back(std::move(all[0]));
  }
  return rows;
}

std::vector<Row> dfContainerRows(const json::Value& answer, bool truncate) {
  std::vector<Row> rows;
  for (const json::Value& container : arrayAt(answer, "Containers")) {
    json::Value plain = container;
    plain.set("SizeRootFs", 0);  // only what is the container's own
    rows.push_back(containerRow(plain, truncate));
  }
  return rows;
}

std::vector<Row> dfVolumeRows(const json::Value& answer) {
  std::vector<Row> rows;
  for (const json::Value& volume : arrayAt(answer, "Volumes")) rows.push_back(volumeRow(volume));
  return rows;
}

std::vector<Row> dfCacheRows(const json::Value& answer) {
  std::vector<Row> rows;
  for (const json::Value& entry : arrayAt(answer, "BuildCache")) rows.push_back(cacheRow(entry));
  return rows;
}

std::string verboseText(const json::Value& answer) {
  static const ListView containers{
      kContainerColumns,
      {"ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names"},
      ""};
  static const ListView cache{
      kCacheColumns,
      {"ID", "CacheType", "Size", "CreatedSince", "LastUsedSince", "UsageCount", "Shared"},
      ""};
  std::string text = "Images space usage:\n\n" +
                     renderList(imageView(ImageTable::kUsage), "", dfImageRows(answer, true));
  text +=
      "\nContainers space usage:\n\n" + renderList(containers, "", dfContainerRows(answer, true));
  text +=
      "\nLocal Volumes space usage:\n\n" + renderList(volumeView(true), "", dfVolumeRows(answer));
  text += fmt::format("\nBuild cache usage: {}\n\n",
                      base::humanSize(static_cast<double>(cacheUsage(answer).size)));
  return text + renderList(cache, "", dfCacheRows(answer));
}

json::Value fieldsOf(std::vector<Row> rows) {
  json::Value array = json::Value::array({});
  for (Row& row : rows) array.asArray().push_back(std::move(row.fields));
  return array;
}

int runDf(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const std::string& format = invocation.flags.text("format");
  const json::Value answer = cli.engine().getJson("/system/df");
  if (invocation.flags.on("verbose")) {
    if (format.empty() || format == "table") {
      cli.print(verboseText(answer));
    } else {
      const json::Value all{{"Images", fieldsOf(dfImageRows(answer, false))},
                            {"Containers", fieldsOf(dfContainerRows(answer, false))},
                            {"Volumes", fieldsOf(dfVolumeRows(answer))},
                            {"BuildCache", fieldsOf(dfCacheRows(answer))}};
      cli.print(format == "json"
                    ? all.write({.escapeHtml = true})
                    : valueFormat(format, "")->execute(gotemplate::Data::fromJson(all)));
    }
    return 0;
  }
  std::vector<Row> rows;
  for (const Usage& usage :
       {imageUsage(answer), containerUsage(answer), volumeUsage(answer), cacheUsage(answer)})
    rows.push_back(usageRow(usage));
  static const ListView view{kColumns,
                             {"Type", "TotalCount", "Active", "Size", "Reclaimable"},
                             "*formatter.diskUsageImagesContext"};
  printList(cli, view, format, rows);
  return 0;
}

}  // namespace

constinit const Command kSystemDf = {
    "[OPTIONS]", "Show docker disk usage", nullptr, nullptr, kFlags, nullptr, {0, 0}, true, runDf};

}  // namespace commands
