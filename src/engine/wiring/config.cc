#include "engine/wiring/config.h"

#include <fcntl.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "platform/base/error.h"
#include "platform/base/ip.h"
#include "platform/base/strings.h"
#include "platform/json/json.h"
#include "platform/json/value.h"
#include "platform/sys/file.h"

namespace wiring {
namespace {

using base::Code;

constexpr const char* kDefaultHost = "unix:///run/sampan.sock";

// One setting: its flag, its key in daemon.json, and what it does with a value.
struct Setting {
  std::string flag;  // without dashes
  std::string key;   // of daemon.json; "" none
  bool isBool = false;
  bool isList = false;
  std::string help;
  std::function<void(Config&, const std::string&)> apply;
  bool isNumber = false;
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

// A number above zero; dockerd takes 0 as "the default".
void count(int Config::*member, const std::string& flag, const std::string& value, Config& config) {
  const auto number = base::parseInt(value);
  if (!number || *number > 1000)
    base::fail(Code::kInvalidArgument, "invalid argument {} for \"--{}\" flag: not a number",
               base::quote(value), flag);
  std::string words = flag;
  std::replace(words.begin(), words.end(), '-', ' ');
  if (*number < 0) base::fail(Code::kInvalidArgument, "invalid {}: {}", words, *number);
  config.*member = *number == 0 ? Config{}.*member : static_cast<int>(*number);
}

void label(Config& config, const std::string& value) {
  if (value.find('=') == std::string::npos)
    base::fail(Code::kInvalidArgument, "bad attribute format: {}", value);
  const std::string key = value.substr(0, value.find('='));
  for (const std::string& known : config.labels) {
    if (known != value && known.substr(0, known.find('=')) == key)
      base::fail(Code::kInvalidArgument, "conflict labels for {} and {}", known, value);
  }
  config.labels.push_back(value);
}

[[noreturn]] void tls(const std::string& name) {
  base::fail(Code::kNotImplemented,
             "{}: TLS on the daemon's socket is not implemented; use a unix socket, over ssh from "
             "other hosts",
             name);
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
       [](Config& c, const std::string& v) {
         if (!base::IpAddress::parse(v))
           base::fail(Code::kInvalidArgument, "{} is not an ip address", v);
         c.dns.push_back(v);
       }},
      {"dns-search", "dns-search", false, true, "DNS search domains to use",
       [](Config& c, const std::string& v) { c.dnsSearch.push_back(v); }},
      {"dns-opt", "dns-opts", false, true, "DNS options to use",
       [](Config& c, const std::string& v) { c.dnsOptions.push_back(v); }},
      {"label", "labels", false, true, "Set key=value labels to the daemon", label},
      {"max-concurrent-downloads", "max-concurrent-downloads", false, false,
       "Set the max concurrent downloads (default 3)",
       [](Config& c, const std::string& v) {
         count(&Config::maxConcurrentDownloads, "max-concurrent-downloads", v, c);
       },
       true},
      {"max-concurrent-uploads", "max-concurrent-uploads", false, false,
       "Set the max concurrent uploads (default 5)",
       [](Config& c, const std::string& v) {
         count(&Config::maxConcurrentUploads, "max-concurrent-uploads", v, c);
       },
       true},
      {"max-download-attempts", "max-download-attempts", false, false,
       "Set the max download attempts for each pull (default 5)",
       [](Config& c, const std::string& v) {
         count(&Config::maxDownloadAttempts, "max-download-attempts", v, c);
       },
       true},
      {"init", "init", true, false,
       "Run an init in the container to forward signals and reap processes",
       [](Config& c, const std::string& v) { c.init = boolean("init", v); }},
      {"storage-driver", "storage-driver", false, false, "Storage driver to use", storageDriver},
      {"default-address-pool", "", false, true,
       "Default address pools for node specific local networks", addPool},
      {"http-proxy", "http-proxy", false, false, "HTTP proxy URL to use for outgoing traffic",
       [](Config& c, const std::string& v) { c.proxy.httpProxy = v; }},
      {"https-proxy", "https-proxy", false, false, "HTTPS proxy URL to use for outgoing traffic",
       [](Config& c, const std::string& v) { c.proxy.httpsProxy = v; }},
      {"no-proxy", "no-proxy", false, false,
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

const std::set<std::string> kTls{"tls", "tlsverify", "tlscacert", "tlscert", "tlskey"};

// What the command line set, by the key of daemon.json, for the words of a conflict.
using Given = std::map<std::string, std::vector<std::string>>;

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

void readArguments(const std::vector<std::string>& arguments, Config& config, Given& given) {
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
    if (kTls.contains(name)) tls("--" + name);
    const Setting* setting = byFlag(name);
    if (!setting) base::fail(Code::kInvalidArgument, "unknown flag: --{}", name);
    if (!value && setting->isBool) value = "true";
    if (!value) {
      if (++i == arguments.size())
        base::fail(Code::kInvalidArgument, "flag needs an argument: {}", word);
      value = arguments[i];
    }
    setting->apply(config, *value);
    const std::string& key = setting->key.empty() ? setting->flag : setting->key;
    if (!setting->isList) given[key].clear();
    given[key].push_back(*value);
  }
}

// As Go prints a value.
std::string shown(const json::Value& value) {
  if (value.isString()) return value.asString();
  if (!value.isArray()) return value.write();
  std::vector<std::string> words;
  for (const json::Value& element : value.asArray()) words.push_back(shown(element));
  return "[" + base::join(words, " ") + "]";
}

// The text that the setting's flag would have; the types are those of daemon.json, not of strings.
std::string scalar(const Setting& setting, const std::string& key, const json::Value& value) {
  if (setting.isBool && value.isBool()) return value.asBool() ? "true" : "false";
  if (setting.isNumber && value.isNumber()) return value.numberText();
  if (!setting.isBool && !setting.isNumber && value.isString()) return value.asString();
  base::fail(Code::kInvalidArgument, "the key \"{}\" has a value of the wrong type: {}", key,
             value.write());
}

void readPools(const json::Value& pools, Config& config) {
  for (const json::Value& pool : pools.asArray()) {
    config.addressPools.emplace_back(pool["base"].asString(),
                                     static_cast<int>(pool["size"].asInt()));
  }
}

void applyKey(const std::string& key, const json::Value& value, Config& config) {
  if (key == "default-address-pools") return readPools(value, config);
  const Setting& setting = *byKey(key);
  if (!setting.isList) return setting.apply(config, scalar(setting, key, value));
  if (!value.isArray())
    base::fail(Code::kInvalidArgument, "the key \"{}\" has a value of the wrong type: {}", key,
               value.write());
  for (const json::Value& element : value.asArray()) {
    if (!element.isString())
      base::fail(Code::kInvalidArgument, "the key \"{}\" has a value of the wrong type: {}", key,
                 element.write());
    setting.apply(config, element.asString());
  }
}

// The members of `proxies` are keys like the others, with flags of the same names.
std::map<std::string, json::Value> keysOf(const json::Value& document) {
  std::map<std::string, json::Value> keys;
  for (const auto& [key, value] : document.asObject()) {
    if (key != "proxies") {
      keys[key] = value;
      continue;
    }
    for (const auto& [name, proxy] : value.asObject()) {
      const bool known = name == "http-proxy" || name == "https-proxy" || name == "no-proxy";
      keys[known ? name : "proxies." + name] = proxy;
    }
  }
  return keys;
}

bool known(const std::string& key) {
  return byKey(key) || key == "default-address-pools" || kTls.contains(key);
}

void readDocument(const json::Value& document, Config& config, const Given& given) {
  const auto keys = keysOf(document);
  std::vector<std::string> strange, conflicts;
  for (const auto& [key, value] : keys) {
    if (!known(key)) strange.push_back(key);
    const auto flag = given.find(key == "default-address-pools" ? "default-address-pool" : key);
    if (flag == given.end()) continue;
    const Setting* setting = byKey(key);
    const std::string ours = !setting || setting->isList ? "[" + base::join(flag->second, " ") + "]"
                                                         : flag->second.back();
    conflicts.push_back(fmt::format("{}: (from flag: {}, from file: {})", key, ours, shown(value)));
  }
  if (!strange.empty())
    base::fail(Code::kInvalidArgument,
               "the following directives don't match any configuration option: {}",
               base::join(strange, ", "));
  if (!conflicts.empty())
    base::fail(Code::kInvalidArgument,
               "the following directives are specified both as a flag and in the configuration "
               "file: {}",
               base::join(conflicts, ", "));
  for (const auto& [key, value] : keys) {
    if (kTls.contains(key)) tls(key);
    applyKey(key, value, config);
  }
}

void readFile(Config& config, const Given& given) {
  const auto text = sys::readFileIfExists(AT_FDCWD, config.configFile, 1 << 20);
  const std::string where = "unable to configure the daemon with file " + config.configFile;
  if (!text) {
    if (config.configFileGiven)
      base::fail(Code::kInvalidArgument, "{}: open {}: no such file or directory", where,
                 config.configFile);
    return;
  }
  std::string_view body = *text;
  if (body.starts_with("\xef\xbb\xbf")) body.remove_prefix(3);
  body = base::trim(body);
  if (body.empty()) return;
  base::within(where, [&] {
    const json::Value document = json::Value::parse(body);
    if (!document.isObject()) base::fail(Code::kInvalidArgument, "the document is no JSON object");
    readDocument(document, config, given);
  });
}

// What dockerd lets one leave out: the scheme of TCP, its port, the usual socket's path.
std::string wholeHost(const std::string& host) {
  if (host == "unix://" || host.empty()) return kDefaultHost;
  std::string whole = host.find("://") == std::string::npos ? "tcp://" + host : host;
  if (whole.starts_with("tcp://") && whole.find(':', 6) == std::string::npos) {
    if (whole == "tcp://") whole += "localhost";
    whole += ":2375";
  }
  return whole;
}

}  // namespace

Config readConfig(const std::vector<std::string>& arguments) {
  Config config;
  config.arguments = arguments;
  config.proxy = http::ProxyConfig::fromEnvironment();
  Given given;
  readArguments(arguments, config, given);
  if (config.version || config.help) return config;
  readFile(config, given);
  for (std::string& host : config.hosts) host = wholeHost(host);
  if (config.hosts.empty()) config.hosts.emplace_back(kDefaultHost);
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
