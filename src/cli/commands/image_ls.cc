// images, history.
#include <algorithm>

#include "api/oci/reference.h"
#include "cli/commands/commands.h"
#include "cli/commands/image_rows.h"
#include "cli/commands/list_format.h"
#include "cli/commands/option_values.h"
#include "platform/base/strings.h"
#include "platform/base/time.h"
#include "platform/base/units.h"

namespace commands {
namespace {

constexpr Flag kLsFlags[] = {
    {"all", 'a', Kind::kBool, "", "Show all images (default hides intermediate images)"},
    {"digests", 0, Kind::kBool, "", "Show digests"},
    {"filter", 'f', Kind::kList, "filter", "Filter output based on conditions provided", "",
     checkFilter},
    {"format", 0, Kind::kString, "string", kListFormatUsage},
    {"no-trunc", 0, Kind::kBool, "", "Don't truncate output"},
    {"quiet", 'q', Kind::kBool, "", "Only show image IDs"},
};

constexpr Flag kHistoryFlags[] = {
    {"format", 0, Kind::kString, "string", kListFormatUsage},
    {"human", 'H', Kind::kBool, "", "Print sizes and dates in human readable format (default true)",
     "true"},
    {"no-trunc", 0, Kind::kBool, "", "Don't truncate output"},
    {"platform", 0, Kind::kString, "string",
     "Show history for the given platform. Formatted as \"os[/arch[/variant]]\" (e.g., "
     "\"linux/amd64\")"},
    {"quiet", 'q', Kind::kBool, "", "Only show image IDs"},
};

constexpr Column kImageColumns[] = {
    {"Repository", "REPOSITORY"},
    {"Tag", "TAG"},
    {"Digest", "DIGEST"},
    {"ID", "IMAGE ID"},
    {"CreatedSince", "CREATED"},
    {"CreatedAt", "CREATED AT"},
    {"Size", "SIZE"},
    {"Containers", "CONTAINERS"},
    {"VirtualSize", "SIZE"},
    {"SharedSize", "SHARED SIZE"},
    {"UniqueSize", "UNIQUE SIZE"},
};

constexpr Column kHistoryColumns[] = {
    {"ID", "IMAGE"},
    {"CreatedSince", "CREATED"},
    {"CreatedAt", "CREATED AT"},
    {"CreatedBy", "CREATED BY"},
    {"Size", "SIZE"},
    {"Comment", "COMMENT"},
};

constexpr const char* kNone = "<none>";

struct Name {
  std::string repository, tag, digest;
};

bool isDangling(const json::Value& image) {
  const auto& tags = arrayAt(image, "RepoTags");
  const auto& digests = arrayAt(image, "RepoDigests");
  if (tags.empty() && digests.empty()) return true;
  return tags.size() == 1 && tags[0].asString() == "<none>:<none>" && digests.size() == 1 &&
         digests[0].asString() == "<none>@<none>";
}

// One line an image's name: every tag, and what is known by digest only.
std::vector<Name> namesOf(const json::Value& image, bool digests) {
  if (isDangling(image)) return {{kNone, kNone, kNone}};
  std::vector<std::pair<std::string, std::vector<std::string>>> tagged, byDigest;
  const auto collect = [](auto& into, const json::Value::Array& values, bool digest) {
    for (const json::Value& value : values) {
      const auto reference = oci::Reference::tryParse(value.asString());
      const std::string text = !reference ? ""
                               : digest   ? reference->digest().str()
                                          : reference->tag();
      if (text.empty()) continue;
      const std::string name = reference->familiarName();
      auto found = std::find_if(into.begin(), into.end(),
                                [&](const auto& entry) { return entry.first == name; });
      if (found == into.end()) found = into.insert(into.end(), {name, {}});
      found->second.push_back(text);
    }
  };
  collect(tagged, arrayAt(image, "RepoTags"), false);
  collect(byDigest, arrayAt(image, "RepoDigests"), true);
  std::vector<Name> names;
  for (const auto& [repository, tags] : tagged) {
    std::vector<std::string> known;
    const auto found =
        std::find_if(byDigest.begin(), byDigest.end(),
                     [&name = repository](const auto& entry) { return entry.first == name; });
    if (found != byDigest.end()) {
      known = found->second;
      byDigest.erase(found);
    }
    if (!digests || known.empty()) known = {kNone};
    for (const std::string& tag : tags) {
      for (const std::string& digest : known) names.push_back({repository, tag, digest});
    }
  }
  for (const auto& [repository, known] : byDigest) {
    if (!digests) {
      names.push_back({repository, kNone, kNone});
      continue;
    }
    for (const std::string& digest : known) names.push_back({repository, kNone, digest});
  }
  return names;
}

std::string countText(std::int64_t count) {
  return count == -1 ? "N/A" : fmt::format("{}", count);
}

}  // namespace

std::vector<Row> imageRows(const json::Value& image, bool truncate, bool digests) {
  constexpr int kDigits = 3;
  const std::string id = textAt(image, "Id");
  const std::int64_t created = numberAt(image, "Created"), size = numberAt(image, "Size"),
                     shared = numberAt(image, "SharedSize");
  const auto human = [](std::int64_t bytes) { return base::humanSize(static_cast<double>(bytes)); };
  std::vector<Row> rows;
  for (const Name& name : namesOf(image, digests)) {
    json::Value fields = json::Value::object();
    fields.set("Containers", countText(numberAt(image, "Containers")));
    fields.set("CreatedAt", goLocalTime(created));
    fields.set("CreatedSince", created <= 0 ? "N/A" : ago(created));
    fields.set("Digest", name.digest);
    fields.set("ID", truncate ? truncateId(id) : id);
    fields.set("Repository", name.repository);
    fields.set("SharedSize", shared == -1 ? "N/A" : human(shared));
    fields.set("Size", base::humanSize(static_cast<double>(size), kDigits));
    fields.set("Tag", name.tag);
    fields.set("UniqueSize", size == -1 || shared == -1 ? "N/A" : human(size - shared));
    fields.set("VirtualSize", human(size));
    rows.push_back({std::move(fields)});
  }
  return rows;
}

const ListView& imageView(ImageTable table) {
  static const ListView plain{kImageColumns,
                              {"Repository", "Tag", "ID", "CreatedSince", "Size"},
                              "*formatter.imageContext"};
  static const ListView digests{kImageColumns,
                                {"Repository", "Tag", "Digest", "ID", "CreatedSince", "Size"},
                                "*formatter.imageContext"};
  static const ListView usage{
      kImageColumns,
      {"Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers"},
      "*formatter.imageContext"};
  return table == ImageTable::kDigests ? digests : table == ImageTable::kUsage ? usage : plain;
}

namespace {

int runImageLs(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  const bool quiet = flags.on("quiet");
  std::string format = flags.text("format");
  if (format.empty() && !quiet) format = cli.config().text("imagesFormat");
  auto filters = parseFilters(flags.list("filter"));
  if (!invocation.args.empty()) filters["reference"][invocation.args[0]] = true;
  client::QueryString query;
  query.addIf(flags.on("all"), "all");
  if (!filters.empty()) query.add("filters", client::encodeFilters(filters));
  cli.engine().ping(true);
  const json::Value images = cli.engine().getJson("/images/json", query);
  const bool digests = flags.on("digests") || format.find(".Digest") != std::string::npos;
  std::vector<Row> rows;
  for (const json::Value& image : images.asArray()) {
    for (Row& row : imageRows(image, !flags.on("no-trunc"), digests))
      rows.push_back(std::move(row));
  }
  if (quiet && (format.empty() || format == "table")) {
    for (const Row& row : rows) cli.print(textAt(row.fields, "ID") + "\n");
    return 0;
  }
  printList(cli, imageView(flags.on("digests") ? ImageTable::kDigests : ImageTable::kPlain), format,
            rows);
  return 0;
}

Row historyRow(const json::Value& entry, bool truncate, bool human) {
  constexpr size_t kWidth = 45;
  constexpr int kDigits = 3;
  std::string by = textAt(entry, "CreatedBy");
  std::replace(by.begin(), by.end(), '\t', ' ');
  const std::int64_t created = numberAt(entry, "Created"), size = numberAt(entry, "Size");
  const std::string id = textAt(entry, "Id");
  const std::string at = created <= 0 ? "N/A" : base::formatRfc3339(base::Time::fromUnix(created));
  json::Value fields = json::Value::object();
  fields.set("Comment", textAt(entry, "Comment"));
  fields.set("CreatedAt", at);
  fields.set("CreatedBy", truncate ? ellipsis(by, kWidth) : by);
  fields.set("CreatedSince", human ? (created <= 0 ? "N/A" : ago(created)) : at);
  fields.set("ID", truncate ? truncateId(id) : id);
  fields.set("Size",
             human ? base::humanSize(static_cast<double>(size), kDigits) : fmt::format("{}", size));
  return {std::move(fields)};
}

int runHistory(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  client::QueryString query;
  if (const std::string& platform = flags.text("platform"); !platform.empty())
    query.add("platform", base::within("invalid platform", [&] { return platformJson(platform); }));
  const json::Value history =
      cli.engine().getJson(imagePath(invocation.args[0], "/history"), query);
  const bool truncate = !flags.on("no-trunc"), human = flags.on("human");
  std::vector<Row> rows;
  for (const json::Value& entry : history.asArray())
    rows.push_back(historyRow(entry, truncate, human));
  if (flags.on("quiet")) {
    for (const Row& row : rows) cli.print(textAt(row.fields, "ID") + "\n");
    return 0;
  }
  static const ListView since{kHistoryColumns,
                              {"ID", "CreatedSince", "CreatedBy", "Size", "Comment"},
                              "*history.historyContext"};
  static const ListView at{kHistoryColumns,
                           {"ID", "CreatedAt", "CreatedBy", "Size", "Comment"},
                           "*history.historyContext"};
  printList(cli, human ? since : at, flags.text("format"), rows);
  return 0;
}

}  // namespace

constinit const Command kImageLs = {"[OPTIONS] [REPOSITORY[:TAG]]",
                                    "List images",
                                    nullptr,
                                    "@ image ls, @ image list, @ images",
                                    kLsFlags,
                                    nullptr,
                                    {0, 1},
                                    true,
                                    runImageLs};
constinit const Command kImageHistory = {"[OPTIONS] IMAGE",
                                         "Show the history of an image",
                                         nullptr,
                                         "@ image history, @ history",
                                         kHistoryFlags,
                                         nullptr,
                                         {1, 1},
                                         true,
                                         runHistory};

}  // namespace commands
