// image rm, tag.
#include <cstdlib>

#include "api/oci/reference.h"
#include "cli/commands/commands.h"
#include "cli/commands/list_format.h"
#include "platform/base/strings.h"

namespace commands {
namespace {

constexpr Flag kRmFlags[] = {
    {"force", 'f', Kind::kBool, "", "Force removal of the image"},
    {"no-prune", 0, Kind::kBool, "", "Do not delete untagged parents"},
    {"platform", 0, Kind::kStrings, "strings",
     "Remove only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., "
     "\"linux/amd64\")"},
};

int runImageRm(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  client::QueryString query;
  query.addIf(flags.on("force"), "force").addIf(flags.on("no-prune"), "noprune");
  for (const std::string& platform : flags.list("platform"))
    query.add("platforms", platformJson(platform));
  std::vector<std::string> errors;
  bool fatal = false;
  for (const std::string& image : invocation.args) {
    try {
      const json::Value answer =
          json::Value::parse(cli.engine().call("DELETE", imagePath(image), query));
      for (const json::Value& entry : answer.asArray()) {
        const std::string deleted = textAt(entry, "Deleted");
        cli.print(deleted.empty() ? fmt::format("Untagged: {}\n", textAt(entry, "Untagged"))
                                  : fmt::format("Deleted: {}\n", deleted));
      }
    } catch (const Exit&) {
      throw;
    } catch (const base::Error& error) {
      fatal = fatal || error.code() != base::Code::kNotFound;
      errors.push_back(error.message());
    }
  }
  if (errors.empty()) return 0;
  const std::string all = base::join(errors, "\n");
  if (!flags.on("force") || fatal) throw Exit(1, all);
  cli.warn(all);
  return 0;
}

int runTag(Invocation& invocation) {
  const oci::Reference target = parseTarget(invocation.args[1]);
  if (!target.digest().empty())
    base::fail(base::Code::kInvalidArgument, "refusing to create a tag with a digest reference");
  const oci::Reference tagged = target.withDefaultTag();
  client::QueryString query;
  query.add("repo", tagged.name()).add("tag", tagged.tag());
  invocation.cli.engine().call("POST", imagePath(invocation.args[0], "/tag"), query);
  return 0;
}

}  // namespace

constinit const Command kImageRm = {"[OPTIONS] IMAGE [IMAGE...]",
                                    "Remove one or more images",
                                    nullptr,
                                    "@ image rm, @ image remove, @ rmi",
                                    kRmFlags,
                                    nullptr,
                                    {1, -1},
                                    true,
                                    runImageRm};
constinit const Command kImageTag = {"SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
                                     "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
                                     nullptr,
                                     "@ image tag, @ tag",
                                     {},
                                     nullptr,
                                     {2, 2},
                                     true,
                                     runTag};

}  // namespace commands
