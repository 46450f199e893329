#include "cli/commands/option_mounts.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>

#include "cli/commands/option_values.h"
#include "platform/base/error.h"
#include "platform/base/ip.h"
#include "platform/base/strings.h"
#include "platform/base/units.h"

namespace commands {
namespace {

using base::Code;
using base::cut;
using base::fail;

std::string absolutePath(std::string_view path) {
  return std::filesystem::absolute(std::filesystem::path(path)).lexically_normal().string();
}

std::string withoutTrailingSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// The parts of one --mount while its fields are read.
struct MountParts {
  json::Value mount = json::Value::object();
  std::string type = "volume", source, target, consistency;
  bool readOnly = false;
  json::Value bind, volume, image, tmpfs;  // null until one of their options came
};

bool switchValue(std::string_view key, std::string_view value) {
  const auto on = base::parseBool(value);
  if (!on) fail(Code::kInvalidArgument, "invalid value for {}: {}", key, value);
  return *on;
}

void setBindOption(MountParts& parts, std::string_view key, const std::string& value) {
  if (key == "bind-propagation") {
    parts.bind.set("Propagation", base::lower(value));
  } else if (key == "bind-nonrecursive") {
    parts.bind.set("NonRecursive", switchValue(key, value));
  } else if (key == "bind-create-src") {
    parts.bind.set("CreateMountpoint", switchValue(key, value));
  } else if (value == "enabled") {
    if (parts.bind.isNull()) parts.bind = json::Value::object();
  } else if (value == "disabled") {
    parts.bind.set("NonRecursive", true);
  } else if (value == "writable") {
    parts.bind.set("ReadOnlyNonRecursive", true);
  } else if (value == "readonly") {
    parts.bind.set("ReadOnlyForceRecursive", true);
  } else {
    fail(Code::kInvalidArgument,
         "invalid value for bind-recursive: {} (must be \"enabled\", \"disabled\", \"writable\", "
         "or \"readonly\")",
         value);
  }
}

void setIn(json::Value& parent, std::string_view group, std::string_view assignment) {
  const auto [key, value] = cut(assignment, '=');
  json::Value table = parent[group].isObject() ? parent[group] : json::Value::object();
  table.set(key, std::string(value.value_or("")));
  parent.set(group, std::move(table));
}

void setVolumeOption(MountParts& parts, std::string_view key, const std::string& value) {
  if (parts.volume.isNull()) parts.volume = json::Value::object();
  json::Value driver = parts.volume["DriverConfig"];
  if (key == "volume-nocopy") {
    parts.volume.set("NoCopy", switchValue(key, value));
  } else if (key == "volume-subpath") {
    parts.volume.set("Subpath", value);
  } else if (key == "volume-label") {
    setIn(parts.volume, "Labels", value);
  } else if (key == "volume-driver") {
    driver.set("Name", value);
    parts.volume.set("DriverConfig", std::move(driver));
  } else {
    setIn(driver, "Options", value);
    parts.volume.set("DriverConfig", std::move(driver));
  }
}

void setTmpfsOption(MountParts& parts, std::string_view key, const std::string& value) {
  if (key == "tmpfs-size") {
    std::int64_t size = 0;
    try {
      size = base::parseRamBytes(value);
    } catch (const base::Error&) {
      fail(Code::kInvalidArgument, "invalid value for {}: {}", key, value);
    }
    parts.tmpfs.set("SizeBytes", size);
    return;
  }
  std::uint32_t mode = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), mode, 8);
  if (error != std::errc() || end != value.data() + value.size())
    fail(Code::kInvalidArgument, "invalid value for {}: {}", key, value);
  parts.tmpfs.set("Mode", static_cast<std::int64_t>(mode));
}

void setMountField(MountParts& parts, const std::string& field) {
  constexpr std::string_view kBind[] = {"bind-propagation", "bind-nonrecursive", "bind-create-src",
                                        "bind-recursive"};
  constexpr std::string_view kVolume[] = {"volume-subpath", "volume-nocopy", "volume-label",
                                          "volume-driver", "volume-opt"};
  constexpr std::string_view kSwitches[] = {"readonly", "ro", "volume-nocopy", "bind-nonrecursive",
                                            "bind-create-src"};
  const auto isOneOf = [](const auto& list, std::string_view key) {
    return std::find(std::begin(list), std::end(list), key) != std::end(list);
  };
  const auto [rawKey, rest] = cut(field, '=');
  const std::string key = base::lower(rawKey);
  if (!rest && !isOneOf(kSwitches, key))
    fail(Code::kInvalidArgument, "invalid field '{}' must be a key=value pair", field);
  const std::string value(rest.value_or("true"));
  if (key == "type") {
    parts.type = base::lower(value);
  } else if (key == "source" || key == "src") {
    parts.source =
        value == "." || value.starts_with("./") ? withoutTrailingSlash(absolutePath(value)) : value;
  } else if (key == "target" || key == "dst" || key == "destination") {
    parts.target = value;
  } else if (key == "readonly" || key == "ro") {
    parts.readOnly = switchValue(key, value);
  } else if (key == "consistency") {
    parts.consistency = base::lower(value);
  } else if (isOneOf(kBind, key)) {
    setBindOption(parts, key, value);
  } else if (isOneOf(kVolume, key)) {
    setVolumeOption(parts, key, value);
  } else if (key == "image-subpath") {
    parts.image.set("Subpath", value);
  } else if (key == "tmpfs-size" || key == "tmpfs-mode") {
    setTmpfsOption(parts, key, value);
  } else {
    fail(Code::kInvalidArgument, "unexpected key '{}' in '{}'", rawKey, field);
  }
}

void checkMountParts(const MountParts& parts) {
  if (parts.type.empty()) fail(Code::kInvalidArgument, "type is required");
  if (parts.target.empty()) fail(Code::kInvalidArgument, "target is required");
  const auto mixed = [&](const json::Value& options, std::string_view type) {
    if (!options.isNull() && parts.type != type)
      fail(Code::kInvalidArgument, "cannot mix '{}-*' options with mount type '{}'", type,
           parts.type);
  };
  mixed(parts.volume, "volume");
  mixed(parts.bind, "bind");
  mixed(parts.image, "image");
  mixed(parts.tmpfs, "tmpfs");
  const auto needs = [](std::string_view option, std::string_view other) {
    fail(Code::kInvalidArgument, "option '{}' requires '{}' to be specified in conjunction", option,
         other);
  };
  if (parts.bind.find("ReadOnlyNonRecursive") && !parts.readOnly)
    needs("bind-recursive=writable", "readonly");
  if (!parts.bind.find("ReadOnlyForceRecursive")) return;
  if (!parts.readOnly) needs("bind-recursive=readonly", "readonly");
  const json::Value* propagation = parts.bind.find("Propagation");
  if (!propagation || *propagation != json::Value("rprivate"))
    needs("bind-recursive=readonly", "bind-propagation=rprivate");
}

}  // namespace

json::Value mountOption(std::string_view value) {
  MountParts parts;
  for (const std::string& field : splitRecord(value)) setMountField(parts, field);
  checkMountParts(parts);
  json::Value mount = json::Value::object();
  mount.set("Type", parts.type);
  if (!parts.source.empty()) mount.set("Source", parts.source);
  mount.set("Target", parts.target);
  if (parts.readOnly) mount.set("ReadOnly", true);
  if (!parts.consistency.empty()) mount.set("Consistency", parts.consistency);
  if (!parts.bind.isNull()) mount.set("BindOptions", parts.bind);
  if (!parts.volume.isNull()) mount.set("VolumeOptions", parts.volume);
  if (!parts.image.isNull()) mount.set("ImageOptions", parts.image);
  if (!parts.tmpfs.isNull()) mount.set("TmpfsOptions", parts.tmpfs);
  return mount;
}

void checkMount(std::string_view value) {
  mountOption(value);
}

VolumeOption volumeOption(std::string_view value) {
  if (value.empty()) fail(Code::kInvalidArgument, "invalid empty volume spec");
  const auto [source, rest] = cut(value, ':');
  if (!rest) return {"", std::string(value)};
  if (source.empty() || rest->empty() || rest->starts_with(':') || rest->ends_with(':')) {
    fail(Code::kInvalidArgument, "invalid spec: {}: empty section between colons", value);
  }
  const bool relative =
      source == "." || source == ".." || source.starts_with("./") || source.starts_with("../");
  if (!relative) return {std::string(value), ""};
  return {fmt::format("{}:{}", withoutTrailingSlash(absolutePath(source)), *rest), ""};
}

namespace {

// "published=8080,target=80,protocol=udp" -> "8080:80/udp".
std::string fromLongPortSyntax(std::string_view value) {
  std::string published, target, protocol = "tcp";
  for (const std::string& field : base::split(value, ',')) {
    const auto [key, text] = cut(field, '=');
    if (!text || text->empty())
      fail(Code::kInvalidArgument,
           "invalid publish opts format (should be name=value but got '{}')", field);
    if (key == "published") published = *text;
    if (key == "target") target = *text;
    if (key == "protocol") protocol = *text;
  }
  return published.empty() ? fmt::format("{}/{}", target, protocol)
                           : fmt::format("{}:{}/{}", published, target, protocol);
}

// As Go's net.SplitHostPort and net.ParseIP see what stands before the ports.
std::string checkedHostIp(std::string_view ip) {
  std::string_view plain = ip;
  if (ip.starts_with('[')) {
    const size_t bracket = ip.find(']');
    const char* wrong = bracket == std::string_view::npos ? "missing ']' in address"
                        : bracket + 1 != ip.size()        ? "missing port in address"
                                                          : nullptr;
    if (wrong)
      fail(Code::kInvalidArgument, "invalid IP address {}: address {}:: {}", ip, ip, wrong);
    plain = ip.substr(1, bracket - 1);
  }
  if (!plain.empty() && !base::IpAddress::parse(plain))
    fail(Code::kInvalidArgument, "invalid IP address: {}", plain);
  return std::string(plain);
}

// "80" or "80-82"; what stands behind a second hyphen is not looked at. Errors in Go's words.
std::pair<unsigned, unsigned> portRange(std::string_view text) {
  const auto port = [](std::string_view digits) {
    const bool number =
        !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
    const auto value = number ? base::parseInt(digits) : std::nullopt;
    if (!value || *value > UINT16_MAX)
      fail(Code::kInvalidArgument, "strconv.ParseUint: parsing {}: {}", base::quote(digits),
           number ? "value out of range" : "invalid syntax");
    return static_cast<unsigned>(*value);
  };
  if (text.empty()) fail(Code::kInvalidArgument, "empty string specified for ports");
  const std::vector<std::string> parts = base::split(text, '-');
  const unsigned first = port(parts[0]), last = port(parts[parts.size() > 1 ? 1 : 0]);
  if (last < first) fail(Code::kInvalidArgument, "invalid range specified for port: {}", text);
  return {first, last};
}

std::pair<unsigned, unsigned> portRangeOr(std::string_view text, const char* wrong) {
  try {
    return portRange(text);
  } catch (const base::Error&) {
    fail(Code::kInvalidArgument, "{}: {}", wrong, text);
  }
}

// "80/udp" -> "80" and "udp"; "tcp" where none stands. A third part is not looked at.
std::pair<std::string, std::string> portAndProtocol(std::string_view text) {
  const std::vector<std::string> parts = base::split(text, '/');
  return {parts[0], parts.size() > 1 && !parts[1].empty() ? parts[1] : "tcp"};
}

}  // namespace

void addPublished(PortBindings& bindings, std::string_view value) {
  const std::string converted =
      value.find('=') != std::string_view::npos ? fromLongPortSyntax(value) : std::string(value);
  const std::string_view spec = converted;
  std::string_view container = spec, host, ip;
  if (const size_t last = spec.rfind(':'); last != std::string_view::npos) {
    container = spec.substr(last + 1);
    const std::string_view front = spec.substr(0, last);
    const size_t middle = front.rfind(':');
    host = middle == std::string_view::npos ? front : front.substr(middle + 1);
    if (middle != std::string_view::npos) ip = front.substr(0, middle);
  }
  const auto [ports, protocolText] = portAndProtocol(container);
  const std::string protocol = base::lower(protocolText);
  const std::string hostIp = checkedHostIp(ip);
  if (ports.empty()) fail(Code::kInvalidArgument, "no port specified: {}<empty>", spec);
  const auto [low, high] = portRangeOr(ports, "invalid containerPort");
  std::optional<std::pair<unsigned, unsigned>> outside;
  if (!host.empty()) outside = portRangeOr(host, "invalid hostPort");
  const bool oneInside = low == high;
  if (outside && outside->second - outside->first != high - low && !oneInside) {
    fail(Code::kInvalidArgument, "invalid ranges specified for container and host Ports: {} and {}",
         ports, host);
  }
  if (protocol != "tcp" && protocol != "udp" && protocol != "sctp")
    fail(Code::kInvalidArgument, "invalid proto: {}", protocol);
  for (unsigned i = 0; i <= high - low; ++i) {
    std::string hostPort;
    if (outside && oneInside && outside->first != outside->second) {
      hostPort = fmt::format("{}-{}", outside->first, outside->second);
    } else if (outside) {
      hostPort = fmt::format("{}", outside->first + i);
    }
    bindings[fmt::format("{}/{}", low + i, protocol)].push_back(
        json::Value{{"HostIp", hostIp}, {"HostPort", hostPort}});
  }
}

std::vector<std::string> exposedPorts(std::string_view value) {
  if (value.find(':') != std::string_view::npos)
    fail(Code::kInvalidArgument, "invalid port format for --expose: {}", value);
  const auto [ports, protocol] = portAndProtocol(value);
  const auto [low, high] =
      base::within(fmt::format("invalid range format for --expose: {}, error", value),
                   [&, &text = ports] { return portRange(text); });
  std::vector<std::string> out;
  for (unsigned port = low; port <= high; ++port)
    out.push_back(fmt::format("{}/{}", port, protocol));
  return out;
}

bool NetworkOption::plain() const {
  return aliases.empty() && links.empty() && linkLocalIps.empty() && ip.empty() && ip6.empty() &&
         mac.empty() && driverOptions.empty() && gatewayPriority == 0;
}

bool NetworkOption::userDefined() const {
  return target != "default" && target != "bridge" && target != "host" && target != "none" &&
         !target.starts_with("container:");
}

namespace {

// A name may hold an '=' at its end; only key=value pairs make the long form.
bool isLongNetworkSyntax(std::string_view value) {
  const auto isWord = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  };
  for (size_t i = 1; i + 1 < value.size(); ++i) {
    if (value[i] == '=' && isWord(value[i - 1]) && isWord(value[i + 1])) return true;
  }
  return false;
}

std::string checkedMac(std::string_view value) {
  const size_t bytes = (value.size() + 1) / 3;
  bool good = value.size() % 3 == 2 && (bytes == 6 || bytes == 8 || bytes == 20);
  for (size_t i = 0; good && i < value.size(); ++i) {
    good = i % 3 == 2 ? value[i] == ':' || value[i] == '-'
                      : std::isxdigit(static_cast<unsigned char>(value[i])) != 0;
  }
  if (!good) fail(Code::kInvalidArgument, "{} is not a valid mac address", value);
  return std::string(value);
}

}  // namespace

NetworkOption networkOption(std::string_view value) {
  NetworkOption option;
  if (!isLongNetworkSyntax(value)) {
    option.target = value;
    return option;
  }
  for (const std::string& field : splitRecord(value)) {
    const auto [rawKey, rest] = cut(field, '=');
    if (!rest) fail(Code::kInvalidArgument, "invalid field {}", field);
    const std::string key = base::lower(base::trim(rawKey));
    const std::string text(base::trim(*rest));
    if (key == "name") {
      option.target = text;
    } else if (key == "alias") {
      option.aliases.push_back(text);
    } else if (key == "ip") {
      option.ip = text;
    } else if (key == "ip6") {
      option.ip6 = text;
    } else if (key == "mac-address") {
      option.mac = text;
    } else if (key == "link-local-ip") {
      option.linkLocalIps.push_back(text);
    } else if (key == "driver-opt") {
      const auto [name, setting] = cut(text, '=');
      if (!setting) fail(Code::kInvalidArgument, "invalid key value pair format in driver options");
      option.driverOptions[base::lower(base::trim(name))] = base::trim(*setting);
    } else if (key == "gw-priority") {
      const auto number = base::parseInt(text);
      if (!number) fail(Code::kInvalidArgument, "invalid gw-priority ({}): invalid syntax", text);
      option.gatewayPriority = *number;
    } else {
      fail(Code::kInvalidArgument, "invalid field key {}", key);
    }
  }
  if (option.target.empty()) fail(Code::kInvalidArgument, "network name/id is not specified");
  return option;
}

void checkNetworkOption(std::string_view value) {
  networkOption(value);
}

json::Value endpointSettings(const NetworkOption& option) {
  if (base::trim(option.target).empty()) fail(Code::kInvalidArgument, "no name set for network");
  if (!option.userDefined()) {
    if (!option.aliases.empty())
      fail(Code::kInvalidArgument,
           "network-scoped aliases are only supported for user-defined networks");
    if (!option.links.empty())
      fail(Code::kInvalidArgument, "links are only supported for user-defined networks");
  }
  json::Value ipam;
  if (!option.ip.empty()) ipam.set("IPv4Address", option.ip);
  if (!option.ip6.empty()) ipam.set("IPv6Address", option.ip6);
  if (!option.linkLocalIps.empty()) ipam.set("LinkLocalIPs", toArray(option.linkLocalIps));
  json::Value endpoint = json::Value::object();
  endpoint.set("IPAMConfig", std::move(ipam));
  endpoint.set("Links", toArrayOrNull(option.links));
  endpoint.set("Aliases", toArrayOrNull(option.aliases));
  endpoint.set("MacAddress", option.mac.empty() ? std::string() : checkedMac(option.mac));
  endpoint.set("DriverOpts",
               option.driverOptions.empty() ? json::Value() : toObject(option.driverOptions));
  endpoint.set("GwPriority", option.gatewayPriority);
  return endpoint;
}

}  // namespace commands
