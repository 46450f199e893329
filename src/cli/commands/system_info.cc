// info.
#include <algorithm>
#include <cctype>

#include "api/dockerapi/system.h"
#include "cli/commands/commands.h"
#include "cli/commands/go_shapes.h"
#include "cli/commands/list_format.h"
#include "cli/commands/template.h"
#include "platform/base/build_info.h"
#include "platform/base/strings.h"
#include "platform/base/units.h"

namespace commands {
namespace {

constexpr Flag kFlags[] = {
    {"format", 'f', Kind::kString, "string", kInspectFormatUsage},
};

using gotemplate::Data;

// What the client knows of itself: what `version` shows, without the negotiated version, which
// needs an engine.
Data clientInfo(Cli& cli) {
  std::vector<Data::Member> version{{"Platform", Data::nil(), true}};
  const auto add = [&](const char* name, const std::string& value) {
    version.push_back({name, Data(value), value.empty()});
  };
  add("Version", SAMPAN_VERSION);
  add("APIVersion", "");
  add("DefaultAPIVersion", client::kApiVersion);
  add("GitCommit", base::buildCommit());
  add("GoVersion", base::buildCompiler());
  add("Os", "linux");
  add("Arch", "amd64");
  add("BuildTime", clientBuildTime());
  add("Context", cli.contextName());
  Data::Member embedded{"clientVersion", Data::structure(std::move(version)), false, true};
  return Data::structure({{"Debug", Data(cli.debug())},
                          std::move(embedded),
                          {"Plugins", Data::list({})},
                          {"Warnings", Data::list({}, true)}});
}

// Lines of the server's part, each behind one blank.
class Report {
 public:
  explicit Report(const json::Value& info) : info_(info) {}

  std::string text() {
    counts();
    drivers();
    swarm();
    runtimes();
    security();
    host();
    registries();
    return std::move(out_);
  }

 private:
  void line(std::string_view title, std::string_view value) {
    out_ += value.empty() ? fmt::format(" {}: \n", title) : fmt::format(" {}: {}\n", title, value);
  }
  void known(std::string_view title, const char* key) {
    if (const std::string value = textAt(info_, key); !value.empty()) line(title, value);
  }
  void number(std::string_view title, const char* key) {
    line(title, fmt::format("{}", numberAt(info_, key)));
  }
  void onOff(std::string_view title, const char* key) {
    line(title, flagAt(info_, key) ? "true" : "false");
  }

  static std::string words(const json::Value::Array& values) {
    std::vector<std::string> out;
    for (const json::Value& value : values) {
      if (value.isString()) out.push_back(value.asString());
    }
    return base::join(out, " ");
  }
  void items(const char* title, const json::Value::Array& values) {
    if (values.empty()) return;
    out_ += fmt::format(" {}:\n", title);
    for (const json::Value& value : values) {
      if (value.isString()) out_ += fmt::format("  {}\n", value.asString());
    }
  }

  void counts() {
    number("Containers", "Containers");
    number(" Running", "ContainersRunning");
    number(" Paused", "ContainersPaused");
    number(" Stopped", "ContainersStopped");
    number("Images", "Images");
    known("Server Version", "ServerVersion");
    known("Storage Driver", "Driver");
    for (const json::Value& pair : arrayAt(info_, "DriverStatus")) {
      if (pair.isArray() && pair.size() == 2)
        out_ +=
            fmt::format("  {}: {}\n", pair.asArray()[0].asString(), pair.asArray()[1].asString());
    }
  }

  void drivers() {
    known("Logging Driver", "LoggingDriver");
    known("Cgroup Driver", "CgroupDriver");
    known("Cgroup Version", "CgroupVersion");
    out_ += " Plugins:\n";
    const json::Value& plugins = info_["Plugins"];
    out_ += fmt::format("  Volume: {}\n  Network: {}\n", words(arrayAt(plugins, "Volume")),
                        words(arrayAt(plugins, "Network")));
    if (!arrayAt(plugins, "Authorization").empty())
      out_ += fmt::format("  Authorization: {}\n", words(arrayAt(plugins, "Authorization")));
    out_ += fmt::format("  Log: {}\n", words(arrayAt(plugins, "Log")));
    items("CDI spec directories", arrayAt(info_, "CDISpecDirs"));
  }

  void swarm() {
    const json::Value& swarm = info_["Swarm"];
    line("Swarm", textAt(swarm, "LocalNodeState"));
  }

  void runtimes() {
    std::vector<std::string> names;
    for (const auto& member : objectAt(info_, "Runtimes")) names.push_back(member.name);
    std::sort(names.begin(), names.end());
    if (!names.empty()) line("Runtimes", base::join(names, " "));
    if (!names.empty()) line("Default Runtime", textAt(info_, "DefaultRuntime"));
    line("Init Binary", textAt(info_, "InitBinary"));
    line("containerd version", textAt(info_["ContainerdCommit"], "ID"));
    line("runc version", textAt(info_["RuncCommit"], "ID"));
    line("init version", textAt(info_["InitCommit"], "ID"));
  }

  void security() {
    const auto& options = arrayAt(info_, "SecurityOptions");
    if (options.empty()) return;
    out_ += " Security Options:\n";
    for (const json::Value& option : options) {
      for (const std::string& field : base::split(option.asString(), ',')) {
        const auto [key, value] = base::cut(field, '=');
        if (key == "name") {
          out_ += fmt::format("  {}\n", value.value_or(""));
        } else if (value) {
          std::string title(key);
          if (!title.empty() && title[0] >= 'a' && title[0] <= 'z')
            title[0] = static_cast<char>(title[0] - 32);
          out_ += fmt::format("   {}: {}\n", title, *value);
        }
      }
    }
  }

  void host() {
    known("Kernel Version", "KernelVersion");
    known("Operating System", "OperatingSystem");
    known("OSType", "OSType");
    known("Architecture", "Architecture");
    number("CPUs", "NCPU");
    line("Total Memory", base::bytesSize(static_cast<double>(numberAt(info_, "MemTotal"))));
    known("Name", "Name");
    known("ID", "ID");
    known("Docker Root Dir", "DockerRootDir");
    onOff("Debug Mode", "Debug");
    if (flagAt(info_, "Debug")) {
      number(" File Descriptors", "NFd");
      number(" Goroutines", "NGoroutines");
      known(" System Time", "SystemTime");
      number(" EventsListeners", "NEventsListener");
    }
    known("HTTP Proxy", "HttpProxy");
    known("HTTPS Proxy", "HttpsProxy");
    known("No Proxy", "NoProxy");
    items("Labels", arrayAt(info_, "Labels"));
    onOff("Experimental", "ExperimentalBuild");
  }

  void registries() {
    const json::Value& config = info_["RegistryConfig"];
    std::vector<std::string> insecure;
    for (const auto& member : objectAt(config, "IndexConfigs")) {
      if (!flagAt(member.value, "Secure")) insecure.push_back(member.name);
    }
    const auto& ranges = arrayAt(config, "InsecureRegistryCIDRs");
    if (!insecure.empty() || !ranges.empty()) {
      out_ += " Insecure Registries:\n";
      for (const std::string& name : insecure) out_ += fmt::format("  {}\n", name);
      for (const json::Value& range : ranges) out_ += fmt::format("  {}\n", range.asString());
    }
    items("Registry Mirrors", arrayAt(config, "Mirrors"));
    onOff("Live Restore Enabled", "LiveRestoreEnabled");
    known("Product License", "ProductLicense");
    const auto& pools = arrayAt(info_, "DefaultAddressPools");
    if (!pools.empty()) {
      out_ += " Default Address Pools:\n";
      for (const json::Value& pool : pools)
        out_ +=
            fmt::format("   Base: {}, Size: {}\n", textAt(pool, "Base"), numberAt(pool, "Size"));
    }
  }

  const json::Value& info_;
  std::string out_;
};

// The engine's info with what this client adds to it.
Data wholeInfo(const json::Value& info, const Data& client) {
  static const gotemplate::StructType kType = {"system.dockerInfo", {}};
  Data server = goShape(Data::of(json::parse<dockerapi::Info>(info.write())));
  return Data::structure({{"Info", std::move(server), false, true},
                          {"ServerErrors", Data::list({}, true), true},
                          {"UserName", Data(""), true},
                          {"ClientInfo", client},
                          {"ClientErrors", Data::list({}, true), true}},
                         &kType);
}

bool namesFields(std::string_view text) {
  for (size_t dot = text.find('.'); dot != text.npos; dot = text.find('.', dot + 1)) {
    if (dot + 1 < text.size() && std::isalpha(static_cast<unsigned char>(text[dot + 1])))
      return true;
  }
  return false;
}

// A template that works on what the client knows needs no engine.
bool needsEngine(const gotemplate::Template& format, const Data& client) {
  const Data sparse =
      Data::structure({{"ClientInfo", client}, {"ClientErrors", Data::list({}, true), true}});
  try {
    format.execute(sparse);
    return false;
  } catch (const base::Error&) {
    return true;
  }
}

int runInfo(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const std::string& text = invocation.flags.text("format");
  const auto format = valueFormat(text, "");
  if (format && namesFields(text) && !needsEngine(*format, clientInfo(cli))) {
    printValue(cli, *format, wholeInfo(json::Value::object(), clientInfo(cli)));
    return 0;
  }
  json::Value info = json::Value::object();
  std::optional<base::Error> problem;
  bool fromEngine = false;  // it answered, though with an error
  try {
    info = cli.engine().getJson("/info");
  } catch (const Exit&) {
    throw;
  } catch (const client::ApiError& error) {
    problem = error;
    fromEngine = true;
  } catch (const base::Error& error) {
    problem = error;
  }
  if (format) {
    printValue(cli, *format, wholeInfo(info, clientInfo(cli)));
    if (problem) throw *problem;
    return 0;
  }
  cli.print(fmt::format("Client:\n Version:    {}\n Context:    {}\n Debug Mode: {}\n\nServer:\n",
                        SAMPAN_VERSION, cli.contextName(), cli.debug()));
  if (problem) {
    if (!fromEngine) throw *problem;
    cli.warn(fmt::format("ERROR: {}", problem->message()));
    base::fail(base::Code::kUnavailable, "errors pretty printing info");
  }
  cli.print(Report(info).text());
  cli.print("\n");
  for (const json::Value& warning : arrayAt(info, "Warnings")) cli.warn(warning.asString());
  return 0;
}

}  // namespace

constinit const Command kInfo = {"[OPTIONS]", "Display system-wide information",
                                 nullptr,     "@ system info, @ info",
                                 kFlags,      nullptr,
                                 {0, 0},      true,
                                 runInfo};

}  // namespace commands
