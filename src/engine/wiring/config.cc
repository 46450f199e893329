#include "engine/wiring/config.h"

#include <fcntl.h>

#include <functional>
#include <map>
#include <set>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/json/json.h"
#include "platform/json/value.h"
#include "platform/sys/file.h"

namespace wiring {
namespace {

using base::Code;

// One setting: its flag, its key in daemon.json, and what it does with a value.
struct Setting {
  std::string flag;  // without dashes
  std::string key;   // of daemon.json; "" none
  bool isBool = false;
  bool isList = false;
  std::string help;
  std::function<void(Config&, const std::string&)> apply;
};

bool boolean(const std::string& flag, const std::string& value) {
  const auto parsed = base::parseBool(value);
  if (!parsed)
    base::fail(
        Code::kInvalidArgument,
        "invalid argument {} for \"--{}\" flag: strconv.ParseBool: parsing {}: invalid syntax",
        base::quote(value), flag, base::quote(value));
  return *parsed;
}

void liveRestore(Config&, const std::string& value) {
  if (!boolean("live-restore", value)) {
    base::fail(Code::kInvalidArgument,
               "live-restore cannot be switched off: containers always survive the daemon here");
  }
}

void storageDriver(Config& config, const std::string& value) {
  if (value == "aufs" || value == "devicemapper") {
    base::fail(Code::kInvalidArgument,
               "storage driver {} does not exist any more: overlay2 has replaced it", value);
  }
  if (value != "overlay2" && value != "vfs" && !value.empty())
    base::fail(Code::kInvalidArgument, "storage driver {} is not supported: overlay2 or vfs",
               value);
  config.storageDriver = value;
}

void addPool(Config& config, const std::string& value) {
  std::string base;
  int size = 0;
  for (const std::string& part : base::split(value, ',')) {
    const auto [key, text] = base::cut(part, '=');
    if (key == "base" && text) base = *text;
    if (key == "size" && text) size = static_cast<int>(base::parseInt(*text).value_or(0));
  }
  if (base.empty() || size <= 0)
    base::fail(
        Code::kInvalidArgument,
        "invalid argument {} for \"--default-address-pool\" flag: base=CIDR,size=N is needed",
        base::quote(value));
  config.addressPools.emplace_back(base, size);
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> kSettings{
      {"host", "hosts", false, true, "Daemon socket(s) to connect to",
       [](Config& c, const std::string& v) { c.hosts.push_back(v); }},
      {"data-root", "data-root", false, false,
       "Root directory of persistent state (default \"/var/lib/sampan\")",
       [](Config& c, const std::string& v) { c.dataRoot = v; }},
      {"exec-root", "exec-root", false, false,
       "Root directory for execution state files (default \"/run/sampan\")",
       [](Config& c, const std::string& v) { c.execRoot = v; }},
      {"pidfile", "pidfile", false, false,
       "Path to use for daemon PID file (default \"/run/sampan.pid\")",
       [](Config& c, const std::string& v) { c.pidfile = v; }},
      {"config-file", "", false, false,
       "Daemon configuration file (default \"/etc/sampan/daemon.json\")",
       [](Config& c, const std::string& v) {
         c.configFile = v;
         c.configFileGiven = true;
       }},
      {"insecure-registry", "insecure-registries", false, true,
       "Enable insecure registry communication",
       [](Config& c, const std::string& v) { c.insecureRegistries.push_back(v); }},
      {"registry-mirror", "registry-mirrors", false, true, "Preferred registry mirror",
       [](Config& c, const std::string& v) {
         http::Url::parse(v);
         c.registryMirrors.push_back(v);
       }},
      {"log-level", "log-level", false, false,
       "Set the logging level (\"debug\"|\"info\"|\"warn\"|\"error\"|\"fatal\") (default \"info\")",
       [](Config& c, const std::string& v) { c.logLevel = base::log::parseLevel(v); }},
      {"debug", "debug", true, false, "Enable debug mode",
       [](Config& c, const std::string& v) { c.debug = boolean("debug", v); }},
      {"bip", "bip", false, false, "IPv4 address for the default bridge",
       [](Config& c, const std::string& v) { c.bip = v; }},
      {"group", "group", false, false, "Group for the unix socket (default \"docker\")",
       [](Config& c, const std::string& v) {
         c.group = v;
         c.groupGiven = true;
       }},
      {"live-restore", "live-restore", true, false, "Containers survive the daemon: always on",
       liveRestore},
      {"dns", "dns", false, true, "DNS server to use",
       [](Config& c, const std::string& v) { c.dns.push_back(v); }},
      {"dns-search", "dns-search", false, true, "DNS search domains to use",
       [](Config& c, const std::string& v) { c.dnsSearch.push_back(v); }},
      {"dns-opt", "dns-opts", false, true, "DNS options to use",
       [](Config& c, const std::string& v) { c.dnsOptions.push_back(v); }},
      {"label", "labels", false, true, "Set key=value labels to the daemon",
       [](Config& c, const std::string& v) { c.labels.push_back(v); }},
      {"init", "init", true, false,
       "Run an init in the container to forward signals and reap processes",
       [](Config& c, const std::string& v) { c.init = boolean("init", v); }},
      {"storage-driver", "storage-driver", false, false, "Storage driver to use", storageDriver},
      {"default-address-pool", "", false, true,
       "Default address pools for node specific local networks", addPool},
      {"http-proxy", "", false, false, "HTTP proxy URL to use for outgoing traffic",
       [](Config& c, const std::string& v) { c.proxy.httpProxy = v; }},
      {"https-proxy", "", false, false, "HTTPS proxy URL to use for outgoing traffic",
       [](Config& c, const std::string& v) { c.proxy.httpsProxy = v; }},
      {"no-proxy", "", false, false,
       "Comma-separated list of hosts or IP addresses for which the proxy is skipped",
       [](Config& c, const std::string& v) { c.proxy.noProxy = v; }},
      {"validate", "", true, false, "Validate daemon configuration and exit",
       [](Config& c, const std::string& v) { c.validate = boolean("validate", v); }},
      {"version", "", true, false, "Print version information and quit",
       [](Config& c, const std::string& v) { c.version = boolean("version", v); }},
      {"help", "", true, false, "Print usage",
       [](Config& c, const std::string& v) { c.help = boolean("help", v); }},
  };
  return kSettings;
}

const std::map<char, std::string> kShorthands{
    {'H', "host"},  {'D', "debug"},   {'l', "log-level"},     {'p', "pidfile"},
    {'G', "group"}, {'v', "version"}, {'s', "storage-driver"}};

const Setting* byFlag(const std::string& flag) {
  for (const Setting& setting : settings()) {
    if (setting.flag == flag) return &setting;
  }
  return nullptr;
}

const Setting* byKey(const std::string& key) {
  for (const Setting& setting : settings()) {
    if (!key.empty() && setting.key == key) return &setting;
  }
  return nullptr;
}

void readArguments(const std::vector<std::string>& arguments, Config& config,
                   std::set<std::string>& given) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    std::string name;
    std::optional<std::string> value;
    if (word.starts_with("--")) {
      const auto [flag, text] = base::cut(std::string_view(word).substr(2), '=');
      name = flag;
      if (text) value = std::string(*text);
    } else if (word.size() >= 2 && word[0] == '-') {
      const auto found = kShorthands.find(word[1]);
      if (found == kShorthands.end())
        base::fail(Code::kInvalidArgument, "unknown shorthand flag: '{}' in {}", word[1], word);
      name = found->second;
      if (word.size() > 2) value = word.substr(word[2] == '=' ? 3 : 2);
    } else {
      base::fail(Code::kInvalidArgument, "\"sampand\" accepts no arguments; got {}",
                 base::quote(word));
    }
    const Setting* setting = byFlag(name);
    if (!setting) base::fail(Code::kInvalidArgument, "unknown flag: --{}", name);
    if (!value && setting->isBool) value = "true";
    if (!value) {
      if (++i == arguments.size())
        base::fail(Code::kInvalidArgument, "flag needs an argument: {}", word);
      value = arguments[i];
    }
    setting->apply(config, *value);
    if (!setting->key.empty()) given.insert(setting->key);
  }
}

std::string scalar(const std::string& key, const json::Value& value) {
  if (value.isString()) return value.asString();
  if (value.isBool()) return value.asBool() ? "true" : "false";
  if (value.isNumber()) return value.numberText();
  base::fail(Code::kInvalidArgument, "the key \"{}\" has a value of the wrong type", key);
}

void readProxies(const json::Value& proxies, Config& config) {
  for (const auto& [name, value] : proxies.asObject()) {
    if (name == "http-proxy")
      config.proxy.httpProxy = value.asString();
    else if (name == "https-proxy")
      config.proxy.httpsProxy = value.asString();
    else if (name == "no-proxy")
      config.proxy.noProxy = value.asString();
    else
      base::fail(Code::kInvalidArgument,
                 "the following directives don't match any configuration option: proxies.{}", name);
  }
}

void readPools(const json::Value& pools, Config& config) {
  for (const json::Value& pool : pools.asArray()) {
    config.addressPools.emplace_back(pool["base"].asString(),
                                     static_cast<int>(pool["size"].asInt()));
  }
}

void readFile(Config& config, const std::set<std::string>& given) {
  const auto text = sys::readFileIfExists(AT_FDCWD, config.configFile, 1 << 20);
  if (!text) {
    if (config.configFileGiven)
      base::fail(Code::kInvalidArgument,
                 "unable to configure the daemon with file {}: open {}: no such file or directory",
                 config.configFile, config.configFile);
    return;
  }
  const json::Value document =
      base::within("unable to configure the daemon with file " + config.configFile,
                   [&] { return json::Value::parse(*text); });
  for (const auto& [key, value] : document.asObject()) {
    const std::string where = "unable to configure the daemon with file " + config.configFile;
    if (given.contains(key)) {
      base::fail(Code::kInvalidArgument,
                 "{}: the following directives are specified both as a flag and in the "
                 "configuration file: {}",
                 where, key);
    }
    base::within(where, [&] {
      if (key == "proxies") return readProxies(value, config);
      if (key == "default-address-pools") return readPools(value, config);
      const Setting* setting = byKey(key);
      if (!setting)
        base::fail(Code::kInvalidArgument,
                   "the following directives don't match any configuration option: {}", key);
      if (!setting->isList) return setting->apply(config, scalar(key, value));
      for (const json::Value& element : value.asArray())
        setting->apply(config, scalar(key, element));
    });
  }
}

}  // namespace

Config readConfig(const std::vector<std::string>& arguments) {
  Config config;
  config.proxy = http::ProxyConfig::fromEnvironment();
  std::set<std::string> given;
  readArguments(arguments, config, given);
  if (config.version || config.help) return config;
  readFile(config, given);
  if (config.hosts.empty()) config.hosts.emplace_back("unix:///run/sampan.sock");
  for (const std::string* path : {&config.dataRoot, &config.execRoot, &config.pidfile}) {
    if (!path->starts_with('/'))
      base::fail(Code::kInvalidArgument, "\"{}\" must be an absolute path", *path);
  }
  return config;
}

std::string helpText() {
  std::string text =
      "\nUsage:  sampand [OPTIONS]\n\nA container engine that speaks the Docker Engine "
      "API.\n\nOptions:\n";
  for (const Setting& setting : settings()) {
    text += fmt::format("      --{:<28} {}\n",
                        setting.flag + (setting.isBool   ? ""
                                        : setting.isList ? " list"
                                                         : " string"),
                        setting.help);
  }
  return text;
}

}  // namespace wiring
