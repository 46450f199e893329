#include "cli/commands/container_options.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "cli/client/terminal.h"
#include "cli/commands/option_mounts.h"
#include "cli/commands/option_values.h"
#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"

namespace commands {
namespace {

using base::Code;
using base::cut;
using base::fail;
using Strings = std::vector<std::string>;

Strings joined(const Strings& a, const Strings& b) {
  Strings all = a;
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

template <class Parse>
json::Value parsedList(const Strings& values, Parse parse) {
  json::Value array = json::Value::array({});
  for (const std::string& value : values) array.asArray().push_back(parse(value));
  return array;
}

bool has(const Strings& values, std::string_view wanted) {
  return std::any_of(values.begin(), values.end(), [&](const std::string& value) {
    return base::equalsIgnoreCase(value, wanted);
  });
}

std::string shellLower(std::string text) {
  return base::lower(text);
}

json::Value healthcheck(const Flags& flags) {
  const auto duration = [&](const char* name) {
    const std::int64_t value = flags.number(name);
    if (value < 0) fail(Code::kInvalidArgument, "--{} cannot be negative", name);
    return value;
  };
  const std::string& command = flags.text("health-cmd");
  const std::int64_t interval = duration("health-interval"), timeout = duration("health-timeout"),
                     period = duration("health-start-period"),
                     startInterval = duration("health-start-interval"),
                     retries = flags.number("health-retries");
  if (retries < 0) fail(Code::kInvalidArgument, "--health-retries cannot be negative");
  const bool any = !command.empty() || interval || timeout || period || startInterval || retries;
  if (flags.on("no-healthcheck")) {
    if (any) fail(Code::kInvalidArgument, "--no-healthcheck conflicts with --health-* options");
    return json::Value{{"Test", toArray({"NONE"})}};
  }
  if (!any) return {};
  json::Value check = json::Value::object();
  if (!command.empty()) check.set("Test", toArray({"CMD-SHELL", command}));
  if (interval) check.set("Interval", interval);
  if (timeout) check.set("Timeout", timeout);
  if (period) check.set("StartPeriod", period);
  if (startInterval) check.set("StartInterval", startInterval);
  if (retries) check.set("Retries", retries);
  return check;
}

// Capability names in their full form, sorted; ALL stands alone; what is added is not dropped.
std::pair<json::Value, json::Value> capabilities(const Flags& flags) {
  const auto normalized = [](const Strings& values) {
    std::set<std::string> names;
    for (const std::string& value : values) {
      std::string name;
      for (const char c : base::trim(value))
        name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
      names.insert(name == "ALL" || name.starts_with("CAP_") ? name : fmt::format("CAP_{}", name));
    }
    return names;
  };
  std::set<std::string> add = normalized(flags.list("cap-add")),
                        drop = normalized(flags.list("cap-drop"));
  if (add.count("ALL")) add = {"ALL"};
  if (drop.count("ALL")) drop = {"ALL"};
  for (const std::string& name : add) {
    if (name != "ALL") drop.erase(name);
  }
  return {toArrayOrNull({add.begin(), add.end()}), toArrayOrNull({drop.begin(), drop.end()})};
}

struct Security {
  Strings options;
  bool given = false;
  bool unmasked = false;
};

Security securityOptions(const Flags& flags) {
  Security security;
  for (const std::string& option : flags.list("security-opt")) {
    security.given = true;
    auto [name, value] = cut(option, '=');
    if (!value && name != "no-new-privileges" && name != "writable-cgroups") {
      std::tie(name, value) = cut(option, ':');
      if (!value) fail(Code::kInvalidArgument, "Invalid --security-opt: {}", base::quote(option));
    }
    if (name == "systempaths" && value == "unconfined") {
      security.unmasked = true;
    } else if (name == "seccomp" && value && *value != "unconfined" && *value != "builtin") {
      const auto profile = sys::readFileIfExists(AT_FDCWD, std::string(*value));
      if (!profile) {
        fail(Code::kInvalidArgument,
             "opening seccomp profile ({}) failed: open {}: no such file or directory", *value,
             *value);
      }
      std::string compact;
      try {
        compact = json::compact(*profile);
        json::Value::parse(compact);
      } catch (const base::Error& error) {
        fail(Code::kInvalidArgument, "compacting json for seccomp profile ({}) failed: {}", *value,
             error.message());
      }
      security.options.push_back(fmt::format("seccomp={}", compact));
    } else {
      security.options.push_back(option);
    }
  }
  return security;
}

json::Value logConfig(const Flags& flags) {
  const std::string& driver = flags.text("log-driver");
  const auto options = keyValueMap(flags.list("log-opt"));
  if (driver == "none" && !options.empty())
    fail(Code::kInvalidArgument, "invalid logging opts for driver none");
  return json::Value{{"Type", driver}, {"Config", toObject(options)}};
}

void checkModes(const Flags& flags) {
  const auto check = [&](const char* flag, const char* what,
                         std::initializer_list<std::string_view> known, bool containers) {
    const std::string& mode = flags.text(flag);
    bool good = mode.empty() || std::find(known.begin(), known.end(), mode) != known.end();
    constexpr std::string_view kContainer = "container:";
    if (containers)
      good = good || (mode.starts_with(kContainer) && mode.size() > kContainer.size());
    if (!good) fail(Code::kInvalidArgument, "--{}: invalid {} mode", flag, what);
  };
  check("pid", "PID", {"host"}, true);
  check("uts", "UTS", {"host"}, false);
  check("userns", "USER", {"host"}, false);
  check("cgroupns", "CGROUP", {"host", "private"}, false);
}

// Proxies that the user's configuration hands to every container.
void addProxies(Cli& cli, Strings& environment) {
  const json::Value& proxies = cli.config().root()["proxies"]["default"];
  if (!proxies.isObject()) return;
  constexpr std::pair<const char*, const char*> kNames[] = {{"httpProxy", "HTTP_PROXY"},
                                                            {"httpsProxy", "HTTPS_PROXY"},
                                                            {"noProxy", "NO_PROXY"},
                                                            {"ftpProxy", "FTP_PROXY"},
                                                            {"allProxy", "ALL_PROXY"}};
  for (const auto& [key, variable] : kNames) {
    const json::Value* value = proxies.find(key);
    if (!value || !value->isString() || value->asString().empty()) continue;
    for (const std::string& name : {std::string(variable), shellLower(variable)}) {
      const bool given =
          std::any_of(environment.begin(), environment.end(),
                      [&](const std::string& v) { return cut(v, '=').first == name; });
      if (!given) environment.push_back(fmt::format("{}={}", name, value->asString()));
    }
  }
}

struct Mounts {
  Strings binds;
  json::Value volumes = json::Value::object();
  json::Value tmpfs;
  json::Value mounts;
};

Mounts mountOptions(const Flags& flags) {
  Mounts out;
  std::set<std::string> anonymous;
  for (const std::string& value : flags.list("volume")) {
    VolumeOption volume = volumeOption(value);
    if (volume.bind.empty()) {
      anonymous.insert(volume.target);
    } else if (std::find(out.binds.begin(), out.binds.end(), volume.bind) == out.binds.end()) {
      out.binds.push_back(std::move(volume.bind));
    }
  }
  for (const std::string& target : anonymous) out.volumes.set(target, json::Value::object());
  for (const std::string& value : flags.list("tmpfs")) {
    const auto [path, options] = cut(value, ':');
    out.tmpfs.set(path, std::string(options.value_or("")));
  }
  if (!flags.list("mount").empty()) out.mounts = parsedList(flags.list("mount"), mountOption);
  return out;
}

struct Ports {
  json::Value exposed, bindings = json::Value::object();
};

Ports portOptions(const Flags& flags) {
  PortBindings bindings;
  for (const std::string& value : flags.list("publish")) addPublished(bindings, value);
  std::set<std::string> exposed;
  Ports out;
  for (auto& [port, list] : bindings) {
    exposed.insert(port);
    out.bindings.set(port, json::Value::array(std::move(list)));
  }
  for (const std::string& value : flags.list("expose")) {
    for (std::string& port : exposedPorts(value)) exposed.insert(std::move(port));
  }
  for (const std::string& port : exposed) out.exposed.set(port, json::Value::object());
  return out;
}

// What the flags outside --network say about the first network.
void applyContainerFlags(NetworkOption& option, const Flags& flags) {
  const auto conflict = [](bool both, const char* flag, const char* what) {
    if (both)
      fail(Code::kInvalidArgument,
           "conflicting options: cannot specify both --{} and per-network {}", flag, what);
  };
  const Strings aliases = joined(flags.list("network-alias"), flags.list("net-alias"));
  conflict(!option.aliases.empty() && !aliases.empty(), "network-alias", "alias");
  conflict(!option.ip.empty() && !flags.text("ip").empty(), "ip", "IPv4 address");
  conflict(!option.ip6.empty() && !flags.text("ip6").empty(), "ip6", "IPv6 address");
  conflict(!option.mac.empty() && !flags.text("mac-address").empty(), "mac-address", "MAC address");
  conflict(!option.linkLocalIps.empty() && !flags.list("link-local-ip").empty(), "link-local-ip",
           "link-local IP addresses");
  if (!aliases.empty()) option.aliases = aliases;
  if (!flags.text("ip").empty()) option.ip = flags.text("ip");
  if (!flags.text("ip6").empty()) option.ip6 = flags.text("ip6");
  if (!flags.text("mac-address").empty()) option.mac = flags.text("mac-address");
  if (!flags.list("link-local-ip").empty()) option.linkLocalIps = flags.list("link-local-ip");
  if (option.userDefined() && !flags.list("link").empty()) option.links = flags.list("link");
}

struct Networks {
  std::string mode = "default";
  json::Value endpoints = json::Value::object();
};

Networks networkOptions(const Flags& flags) {
  const Strings given = joined(flags.list("network"), flags.list("net"));
  Networks out;
  std::map<std::string, json::Value> endpoints;
  std::vector<NetworkOption> options;
  for (const std::string& value : given) options.push_back(networkOption(value));
  if (options.empty()) options.push_back(networkOption("default"));
  bool own = false, predefined = false;
  for (size_t i = 0; i < options.size(); ++i) {
    NetworkOption& option = options[i];
    (option.userDefined() ? own : predefined) = true;
    if (i == 0) applyContainerFlags(option, flags);
    json::Value endpoint = endpointSettings(option);
    if (endpoints.count(option.target))
      fail(Code::kInvalidArgument, "network {} is specified multiple times",
           base::quote(option.target));
    // A single network about which nothing more is said is left to the daemon, as older clients
    // did.
    if (given.size() == 1 && option.plain()) continue;
    endpoints[option.target] = std::move(endpoint);
  }
  if (own && predefined) {
    fail(Code::kInvalidArgument,
         "conflicting options: cannot attach both user-defined and non-user-defined network-modes");
  }
  out.mode = options[0].target;
  for (auto& [name, endpoint] : endpoints) out.endpoints.set(name, std::move(endpoint));
  return out;
}

void addDevices(json::Value& host, const Flags& flags) {
  json::Value devices = json::Value::array({}), requests;
  Strings cdi;
  for (const std::string& value : flags.list("device")) {
    if (isCdiDevice(value)) {
      cdi.push_back(value);
    } else {
      devices.asArray().push_back(deviceMapping(value));
    }
  }
  for (const std::string& value : flags.list("gpus")) {
    if (requests.isNull()) requests = json::Value::array({});
    requests.asArray().push_back(gpuRequest(value));
  }
  if (!cdi.empty()) {
    if (requests.isNull()) requests = json::Value::array({});
    requests.asArray().push_back(json::Value{{"Driver", "cdi"},
                                             {"Count", 0},
                                             {"DeviceIDs", toArray(cdi)},
                                             {"Capabilities", nullptr},
                                             {"Options", nullptr}});
  }
  host.set("Devices", std::move(devices));
  host.set("DeviceCgroupRules", toArrayOrNull(flags.list("device-cgroup-rule")));
  host.set("DeviceRequests", std::move(requests));
}

json::Value ulimits(const Flags& flags) {
  std::map<std::string, json::Value> byName;  // the last one of a name counts
  for (const std::string& value : flags.list("ulimit")) {
    json::Value limit = ulimit(value);
    const std::string name = limit["Name"].asString();
    byName[name] = std::move(limit);
  }
  json::Value array = json::Value::array({});
  for (auto& [name, limit] : byName) array.asArray().push_back(std::move(limit));
  return array;
}

void addResources(json::Value& host, const Flags& flags) {
  const auto number = [&](const char* key, const char* flag) { host.set(key, flags.number(flag)); };
  number("CpuShares", "cpu-shares");
  number("Memory", "memory");
  number("NanoCpus", "cpus");
  host.set("CgroupParent", flags.text("cgroup-parent"));
  number("BlkioWeight", "blkio-weight");
  host.set("BlkioWeightDevice", parsedList(flags.list("blkio-weight-device"), weightDevice));
  host.set("BlkioDeviceReadBps", parsedList(flags.list("device-read-bps"), byteRate));
  host.set("BlkioDeviceWriteBps", parsedList(flags.list("device-write-bps"), byteRate));
  host.set("BlkioDeviceReadIOps", parsedList(flags.list("device-read-iops"), operationRate));
  host.set("BlkioDeviceWriteIOps", parsedList(flags.list("device-write-iops"), operationRate));
  number("CpuPeriod", "cpu-period");
  number("CpuQuota", "cpu-quota");
  number("CpuRealtimePeriod", "cpu-rt-period");
  number("CpuRealtimeRuntime", "cpu-rt-runtime");
  host.set("CpusetCpus", flags.text("cpuset-cpus"));
  host.set("CpusetMems", flags.text("cpuset-mems"));
  addDevices(host, flags);
  number("MemoryReservation", "memory-reservation");
  number("MemorySwap", "memory-swap");
  const std::int64_t swappiness = flags.number("memory-swappiness");
  if (swappiness != -1 && (swappiness < 0 || swappiness > 100)) {
    fail(Code::kInvalidArgument, "invalid value: {}. Valid memory swappiness range is 0-100",
         swappiness);
  }
  host.set("MemorySwappiness", swappiness);
  host.set("OomKillDisable", flags.on("oom-kill-disable"));
  number("PidsLimit", "pids-limit");
  host.set("Ulimits", ulimits(flags));
  number("CpuCount", "cpu-count");
  number("CpuPercent", "cpu-percent");
  number("IOMaximumIOps", "io-maxiops");
  number("IOMaximumBandwidth", "io-maxbandwidth");
}

json::Value storageOptions(const Flags& flags) {
  for (const std::string& value : flags.list("storage-opt")) {
    if (!cut(value, '=').second) fail(Code::kInvalidArgument, "invalid storage option");
  }
  return toObject(keyValueMap(flags.list("storage-opt")));
}

json::Value hostConfig(const Flags& flags, const Mounts& mounts, const Ports& ports,
                       const std::string& networkMode) {
  checkModes(flags);
  const auto [add, drop] = capabilities(flags);
  const Security security = securityOptions(flags);
  Strings hosts, domains;
  for (const std::string& value : flags.list("add-host")) hosts.push_back(extraHost(value));
  for (const std::string& value : flags.list("dns-search")) domains.push_back(searchDomain(value));
  json::Value host = json::Value::object();
  host.set("Binds", toArrayOrNull(mounts.binds));
  host.set("ContainerIDFile", flags.text("cidfile"));
  host.set("LogConfig", logConfig(flags));
  host.set("NetworkMode", networkMode);
  host.set("PortBindings", ports.bindings);
  host.set("RestartPolicy", restartPolicy(flags.text("restart")));
  host.set("AutoRemove", flags.on("rm"));
  host.set("VolumeDriver", flags.text("volume-driver"));
  host.set("VolumesFrom", toArrayOrNull(flags.list("volumes-from")));
  const client::TerminalSize size = client::terminalSize(1);
  host.set("ConsoleSize", json::Value::array({json::Value(size.height), json::Value(size.width)}));
  if (!flags.list("annotation").empty())
    host.set("Annotations", toObject(keyValueMap(flags.list("annotation"))));
  host.set("CapAdd", add);
  host.set("CapDrop", drop);
  host.set("CgroupnsMode", flags.text("cgroupns"));
  host.set("Dns", toArray(flags.list("dns")));
  host.set("DnsOptions", toArray(joined(flags.list("dns-option"), flags.list("dns-opt"))));
  host.set("DnsSearch", toArray(domains));
  host.set("ExtraHosts", toArrayOrNull(hosts));
  host.set("GroupAdd", toArrayOrNull(flags.list("group-add")));
  host.set("IpcMode", flags.text("ipc"));
  host.set("Cgroup", "");
  host.set("Links", toArrayOrNull(flags.list("link")));
  host.set("OomScoreAdj", flags.number("oom-score-adj"));
  host.set("PidMode", flags.text("pid"));
  host.set("Privileged", flags.on("privileged"));
  host.set("PublishAllPorts", flags.on("publish-all"));
  host.set("ReadonlyRootfs", flags.on("read-only"));
  host.set("SecurityOpt", security.given ? toArray(security.options) : json::Value());
  if (!flags.list("storage-opt").empty()) host.set("StorageOpt", storageOptions(flags));
  if (!mounts.tmpfs.isNull()) host.set("Tmpfs", mounts.tmpfs);
  host.set("UTSMode", flags.text("uts"));
  host.set("UsernsMode", flags.text("userns"));
  host.set("ShmSize", flags.number("shm-size"));
  if (!flags.list("sysctl").empty())
    host.set("Sysctls", toObject(keyValueMap(flags.list("sysctl"))));
  if (!flags.text("runtime").empty()) host.set("Runtime", flags.text("runtime"));
  host.set("Isolation", flags.text("isolation"));
  addResources(host, flags);
  if (!mounts.mounts.isNull()) host.set("Mounts", mounts.mounts);
  host.set("MaskedPaths", security.unmasked ? json::Value::array({}) : json::Value());
  host.set("ReadonlyPaths", security.unmasked ? json::Value::array({}) : json::Value());
  if (flags.changed("init")) host.set("Init", flags.on("init"));
  return host;
}

json::Value containerConfig(const CreateRequest& request, Cli& cli, const Flags& flags,
                            const Strings& args, const Mounts& mounts, const Ports& ports,
                            bool detached) {
  Strings environment = readKeyValueFiles(flags.list("env-file"), flags.list("env"), true);
  addProxies(cli, environment);
  const Strings labels = readKeyValueFiles(flags.list("label-file"), flags.list("label"), false);
  json::Value config = json::Value::object();
  config.set("Hostname", flags.text("hostname"));
  config.set("Domainname", flags.text("domainname"));
  config.set("User", flags.text("user"));
  config.set("AttachStdin", request.attachStdin);
  config.set("AttachStdout", request.attachStdout);
  config.set("AttachStderr", request.attachStderr);
  if (!ports.exposed.isNull()) config.set("ExposedPorts", ports.exposed);
  config.set("Tty", request.tty);
  config.set("OpenStdin", request.openStdin);
  config.set("StdinOnce", request.openStdin && request.attachStdin && !detached);
  config.set("Env", toArrayOrNull(environment));
  config.set("Cmd", toArrayOrNull({args.begin() + 1, args.end()}));
  if (json::Value check = healthcheck(flags); !check.isNull())
    config.set("Healthcheck", std::move(check));
  config.set("Image", request.image);
  config.set("Volumes", mounts.volumes);
  config.set("WorkingDir", flags.text("workdir"));
  config.set("Entrypoint",
             flags.changed("entrypoint") ? toArray({flags.text("entrypoint")}) : json::Value());
  config.set("OnBuild", nullptr);
  config.set("Labels", toObject(keyValueMap(labels)));
  if (!flags.text("stop-signal").empty()) config.set("StopSignal", flags.text("stop-signal"));
  if (flags.changed("stop-timeout")) config.set("StopTimeout", flags.number("stop-timeout"));
  return config;
}

}  // namespace

CreateRequest parseCreateRequest(Cli& cli, const Flags& flags, const std::vector<std::string>& args,
                                 bool detached) {
  CreateRequest request;
  request.pull = flags.text("pull");
  if (request.pull != "always" && request.pull != "missing" && request.pull != "never") {
    fail(Code::kInvalidArgument,
         "invalid pull option: '{}': must be one of \"always\", \"missing\" or \"never\"",
         request.pull);
  }
  if (flags.on("use-api-socket"))
    fail(Code::kNotImplemented, "--use-api-socket is not implemented");
  request.image = args[0];
  request.name = flags.text("name");
  request.cidFile = flags.text("cidfile");
  request.quietPull = flags.on("quiet");
  request.autoRemove = flags.on("rm");
  const char* platform = std::getenv("DOCKER_DEFAULT_PLATFORM");
  request.platform = flags.changed("platform") || !platform ? flags.text("platform") : platform;
  const Strings& attach = flags.list("attach");
  request.tty = flags.on("tty");
  request.openStdin = flags.on("interactive");
  request.attachStdin = !detached && (has(attach, "stdin") || request.openStdin);
  request.attachStdout = !detached && (attach.empty() || has(attach, "stdout"));
  request.attachStderr = !detached && (attach.empty() || has(attach, "stderr"));
  const Mounts mounts = mountOptions(flags);
  const Ports ports = portOptions(flags);
  request.body = containerConfig(request, cli, flags, args, mounts, ports, detached);
  Networks networks = networkOptions(flags);
  json::Value host = hostConfig(flags, mounts, ports, networks.mode);
  const std::string& restart = host["RestartPolicy"]["Name"].asString();
  if (request.autoRemove && restart != "no" && !restart.empty()) {
    fail(Code::kInvalidArgument, "conflicting options: cannot specify both --restart and --rm");
  }
  request.body.set("HostConfig", std::move(host));
  request.body.set("NetworkingConfig",
                   json::Value{{"EndpointsConfig", std::move(networks.endpoints)}});
  return request;
}

}  // namespace commands
