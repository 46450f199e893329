// inspect of containers, images, networks and volumes, and of whatever a name may mean.
#include "api/dockerapi/container.h"
#include "api/dockerapi/image.h"
#include "api/dockerapi/network.h"
#include "api/dockerapi/volume.h"
#include "cli/commands/commands.h"
#include "cli/commands/go_shapes.h"
#include "cli/commands/list_format.h"
#include "platform/base/strings.h"
#include "platform/gotemplate/docker_format.h"

namespace commands {
namespace {

using base::Code;
using base::fail;

constexpr Flag kInspectFlags[] = {
    {"format", 'f', Kind::kString, "string", kInspectFormatUsage},
    {"size", 's', Kind::kBool, "", "Display total file sizes if the type is container"},
    {"type", 0, Kind::kString, "string", "Only inspect objects of the given type"},
};
constexpr Flag kContainerFlags[] = {
    {"format", 'f', Kind::kString, "string", kInspectFormatUsage},
    {"size", 's', Kind::kBool, "", "Display total file sizes"},
};
constexpr Flag kImageFlags[] = {
    {"format", 'f', Kind::kString, "string", kInspectFormatUsage},
    {"platform", 0, Kind::kString, "string",
     "Inspect a specific platform of the multi-platform image.\n"
     "If the image or the server is not multi-platform capable, the command will error out if the "
     "platform does not match.\n"
     "'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)"},
};
constexpr Flag kNetworkFlags[] = {
    {"format", 'f', Kind::kString, "string", kInspectFormatUsage},
    {"verbose", 'v', Kind::kBool, "", "Verbose output for diagnostics"},
};
constexpr Flag kVolumeFlags[] = {
    {"format", 'f', Kind::kString, "string", kInspectFormatUsage},
};

constexpr int kBadTemplate = 64;  // the exit code for a --format that does not parse

enum class ObjectKind { kContainer, kImage, kNetwork, kVolume, kOther };

struct Object {
  ObjectKind kind;
  std::string text;  // as the engine wrote it
};

// As docker's own structs hold it: fields that JSON leaves out have their zero values.
gotemplate::Data typedData(const Object& object) {
  switch (object.kind) {
    case ObjectKind::kContainer:
      return goShape(gotemplate::Data::of(json::parse<dockerapi::ContainerInspect>(object.text)));
    case ObjectKind::kImage:
      return goShape(gotemplate::Data::of(json::parse<dockerapi::ImageInspect>(object.text)));
    case ObjectKind::kNetwork:
      return goShape(gotemplate::Data::of(json::parse<dockerapi::NetworkInspect>(object.text)));
    case ObjectKind::kVolume:
      return goShape(gotemplate::Data::of(json::parse<dockerapi::Volume>(object.text)));
    case ObjectKind::kOther:
      return gotemplate::Data::parse(object.text);
  }
  return {};
}

using Find = std::function<Object(const std::string& name)>;

// Shows what was found, then tells of what was not.
int inspectAll(Invocation& invocation, const Find& find, bool onlyVolumes = false) {
  Cli& cli = invocation.cli;
  const std::string& format = invocation.flags.text("format");
  const bool templated = !format.empty() && format != "json";
  std::optional<gotemplate::Template> compiled;
  if (templated) {
    try {
      compiled = gotemplate::parseInspectFormat(format);
    } catch (const base::Error& error) {
      throw Exit(kBadTemplate, error.message());
    }
  }
  bool shown = false;
  std::vector<Object> objects;
  std::vector<std::string> errors;
  for (const std::string& name : invocation.args) {
    try {
      objects.push_back(find(name));
      if (!templated) continue;
      const Object& object = objects.back();
      // docker has no daemon's text of a volume to fall back to.
      const std::string_view raw =
          object.kind == ObjectKind::kVolume && onlyVolumes ? std::string_view() : object.text;
      cli.print(gotemplate::inspectRow(*compiled, typedData(object), raw) + "\n");
      shown = true;
    } catch (const base::Error& error) {
      errors.push_back(error.message());
    }
  }
  if (templated && !shown) cli.print("\n");
  if (!templated) {
    std::vector<std::string> texts;
    for (const Object& object : objects) texts.emplace_back(base::trim(object.text));
    const std::string array = fmt::format("[{}]", base::join(texts, ","));
    cli.print((format == "json" ? array : json::indent(array, "", "    ")) + "\n");
  }
  if (!errors.empty()) throw Exit(1, base::join(errors, "\n"));
  return 0;
}

// The text of an object, which is shown as it came once it is known to be one.
std::string fetch(Cli& cli, const std::string& path, const client::QueryString& query = {}) {
  std::string text = cli.engine().call("GET", path, query);
  json::Value::parse(text, {.decoder = true});
  return text;
}

Object getContainer(Cli& cli, const std::string& name, bool size) {
  client::QueryString query;
  query.addIf(size, "size");
  return {ObjectKind::kContainer, fetch(cli, containerPath(name, "/json"), query)};
}

Object getImage(Cli& cli, const std::string& name, const std::string& platform) {
  client::QueryString query;
  if (!platform.empty()) query.add("platform", platformJson(platform));
  return {ObjectKind::kImage, fetch(cli, imagePath(name, "/json"), query)};
}

Object getNetwork(Cli& cli, const std::string& name, bool verbose) {
  client::QueryString query;
  query.addIf(verbose, "verbose", "true");
  return {ObjectKind::kNetwork,
          fetch(cli, fmt::format("/networks/{}", client::segment(name)), query)};
}

Object getVolume(Cli& cli, const std::string& name) {
  return {ObjectKind::kVolume, fetch(cli, fmt::format("/volumes/{}", client::segment(name)))};
}

struct KindName {
  const char* name;
  Object (*get)(Cli& cli, const std::string& name, bool size);
};

constexpr KindName kKinds[] = {
    {"container",
     [](Cli& cli, const std::string& name, bool size) { return getContainer(cli, name, size); }},
    {"image", [](Cli& cli, const std::string& name, bool) { return getImage(cli, name, ""); }},
    {"network",
     [](Cli& cli, const std::string& name, bool) { return getNetwork(cli, name, false); }},
    {"volume", [](Cli& cli, const std::string& name, bool) { return getVolume(cli, name); }},
};

// What a swarm or a plugin host would have; the engine's answer says why it has none.
struct OtherKind {
  const char* name;
  const char* before;
  const char* behind;
};

constexpr OtherKind kOtherKinds[] = {
    {"config", "/configs/", ""}, {"node", "/nodes/", ""},       {"plugin", "/plugins/", "/json"},
    {"secret", "/secrets/", ""}, {"service", "/services/", ""}, {"task", "/tasks/", ""},
};

// The first kind that has the name.
Object getAnything(Cli& cli, const std::string& name, const std::string& type, bool size) {
  for (const KindName& kind : kKinds) {
    if (!type.empty() && type != kind.name) continue;
    try {
      return kind.get(cli, name, size);
    } catch (const client::ApiError& error) {
      if (!error.notFound() || !type.empty()) throw;
    }
  }
  for (const OtherKind& kind : kOtherKinds) {
    if (type != kind.name) continue;
    const std::string path = fmt::format("{}{}{}", kind.before, client::segment(name), kind.behind);
    return {ObjectKind::kOther, fetch(cli, path)};
  }
  fail(Code::kNotFound, "Error: No such object: {}", name);
}

int runInspect(Invocation& invocation) {
  const std::string& type = invocation.flags.text("type");
  const bool size = invocation.flags.on("size");
  bool known = type.empty() && !invocation.flags.changed("type");
  for (const KindName& kind : kKinds) known = known || type == kind.name;
  for (const OtherKind& kind : kOtherKinds) known = known || type == kind.name;
  if (invocation.flags.changed("type") && type.empty())
    fail(Code::kInvalidArgument,
         "type is empty: must be one of \"config\", \"container\", \"image\", \"network\", "
         "\"node\", \"plugin\", \"secret\", \"service\", \"task\", \"volume\"");
  if (!known) {
    fail(Code::kInvalidArgument,
         "unknown type: {}: must be one of \"config\", \"container\", \"image\", \"network\", "
         "\"node\", \"plugin\", \"secret\", \"service\", "
         "\"task\", \"volume\"",
         base::quote(type));
  }
  return inspectAll(invocation, [&](const std::string& name) {
    return getAnything(invocation.cli, name, type, size);
  });
}

int runContainerInspect(Invocation& invocation) {
  return inspectAll(invocation, [&](const std::string& name) {
    return getContainer(invocation.cli, name, invocation.flags.on("size"));
  });
}

int runImageInspect(Invocation& invocation) {
  return inspectAll(invocation, [&](const std::string& name) {
    return getImage(invocation.cli, name, invocation.flags.text("platform"));
  });
}

int runNetworkInspect(Invocation& invocation) {
  return inspectAll(invocation, [&](const std::string& name) {
    return getNetwork(invocation.cli, name, invocation.flags.on("verbose"));
  });
}

int runVolumeInspect(Invocation& invocation) {
  return inspectAll(
      invocation, [&](const std::string& name) { return getVolume(invocation.cli, name); }, true);
}

}  // namespace

constinit const Command kInspect = {"[OPTIONS] NAME|ID [NAME|ID...]",
                                    "Return low-level information on Docker objects",
                                    nullptr,
                                    nullptr,
                                    kInspectFlags,
                                    nullptr,
                                    {1, -1},
                                    true,
                                    runInspect};
constinit const Command kContainerInspect = {
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Display detailed information on one or more containers",
    nullptr,
    nullptr,
    kContainerFlags,
    nullptr,
    {1, -1},
    true,
    runContainerInspect};
constinit const Command kImageInspect = {"[OPTIONS] IMAGE [IMAGE...]",
                                         "Display detailed information on one or more images",
                                         nullptr,
                                         nullptr,
                                         kImageFlags,
                                         nullptr,
                                         {1, -1},
                                         true,
                                         runImageInspect};
constinit const Command kNetworkInspect = {"[OPTIONS] NETWORK [NETWORK...]",
                                           "Display detailed information on one or more networks",
                                           nullptr,
                                           nullptr,
                                           kNetworkFlags,
                                           nullptr,
                                           {1, -1},
                                           true,
                                           runNetworkInspect};
constinit const Command kVolumeInspect = {"[OPTIONS] VOLUME [VOLUME...]",
                                          "Display detailed information on one or more volumes",
                                          nullptr,
                                          nullptr,
                                          kVolumeFlags,
                                          nullptr,
                                          {1, -1},
                                          true,
                                          runVolumeInspect};

}  // namespace commands
