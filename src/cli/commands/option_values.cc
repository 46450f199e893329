#include "cli/commands/option_values.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "cli/commands/flags.h"
#include "platform/base/error.h"
#include "platform/base/ip.h"
#include "platform/base/strings.h"
#include "platform/base/units.h"
#include "platform/sys/file.h"

namespace commands {
namespace {

using base::Code;
using base::cut;
using base::fail;

bool isName(std::string_view text, std::string_view more) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           more.find(c) != std::string_view::npos;
  });
}

// "/dev/x:rest", as the device limits take it.
std::pair<std::string_view, std::string_view> devicePair(std::string_view value) {
  const auto [path, rest] = cut(value, ':');
  if (path.empty() || !rest) fail(Code::kInvalidArgument, "bad format: {}", value);
  if (!path.starts_with("/dev/"))
    fail(Code::kInvalidArgument, "bad format for device path: {}", value);
  return {path, *rest};
}

}  // namespace

void checkAttachStream(std::string_view value) {
  const std::string name = base::lower(value);
  if (name != "stdin" && name != "stdout" && name != "stderr") {
    fail(Code::kInvalidArgument, "valid streams are STDIN, STDOUT and STDERR");
  }
}

void checkEnvironment(std::string_view value) {
  if (cut(value, '=').first.empty())
    fail(Code::kInvalidArgument, "invalid environment variable: {}", value);
}

void checkLabel(std::string_view value) {
  if (cut(value, '=').first.empty())
    fail(Code::kInvalidArgument, "invalid label '{}': empty name", value);
}

void checkFilter(std::string_view value) {
  if (value.empty() || cut(value, '=').second) return;
  fail(Code::kInvalidArgument, "bad format of filter (expected name=value)");
}

std::string extraHost(std::string_view value) {
  size_t split = value.find('=');
  if (split == std::string_view::npos) split = value.find(':');
  if (split == std::string_view::npos || split == 0)
    fail(Code::kInvalidArgument, "bad format for add-host: {}", base::quote(value));
  const std::string_view host = value.substr(0, split);
  std::string_view address = value.substr(split + 1);
  if (address != "host-gateway") {
    if (address.size() > 2 && address.front() == '[' && address.back() == ']')
      address = address.substr(1, address.size() - 2);
    if (!base::IpAddress::parse(address))
      fail(Code::kInvalidArgument, "invalid IP address in add-host: {}", base::quote(address));
  }
  return fmt::format("{}:{}", host, address);
}

void checkExtraHost(std::string_view value) {
  extraHost(value);
}

void checkIpAddress(std::string_view value) {
  if (!base::IpAddress::parse(base::trim(value)))
    fail(Code::kInvalidArgument, "IP address is not correctly formatted: {}", value);
}

std::string searchDomain(std::string_view value) {
  value = base::trim(value);
  if (value == ".") return std::string(value);
  std::string_view name = value;
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  bool good = !name.empty() && name.size() < 255 &&
              name.find_first_not_of("0123456789.-") != std::string_view::npos;
  for (const std::string& label : base::split(name, '.')) {
    good = good && isName(label, "-_") && label.size() <= 63 && label.front() != '-' &&
           label.back() != '-';
  }
  if (!good) fail(Code::kInvalidArgument, "{} is not a valid domain", value);
  return std::string(value);
}

void checkSearchDomain(std::string_view value) {
  searchDomain(value);
}

void checkLink(std::string_view value) {
  if (value.empty()) fail(Code::kInvalidArgument, "empty string specified for links");
  if (std::count(value.begin(), value.end(), ':') > 1)
    fail(Code::kInvalidArgument, "bad format for links: {}", value);
}

void checkSysctl(std::string_view value) {
  constexpr std::string_view kWhole[] = {"kernel.msgmax", "kernel.msgmnb",         "kernel.msgmni",
                                         "kernel.sem",    "kernel.shmall",         "kernel.shmmax",
                                         "kernel.shmmni", "kernel.shm_rmid_forced"};
  const auto [name, setting] = cut(value, '=');
  bool allowed = name.starts_with("net.") || name.starts_with("fs.mqueue.");
  for (const std::string_view whole : kWhole) allowed = allowed || name == whole;
  if (!setting || !allowed) fail(Code::kInvalidArgument, "sysctl '{}' is not allowed", value);
}

// "c 1:3 rwm": type, major:minor with stars, access.
void checkDeviceRule(std::string_view value) {
  const std::vector<std::string> parts = base::split(value, ' ');
  const auto isNumber = [](std::string_view text) {
    return text == "*" ||
           (!text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos);
  };
  bool good = parts.size() == 3 && (parts[0] == "a" || parts[0] == "b" || parts[0] == "c");
  if (good) {
    const auto [major, minor] = cut(parts[1], ':');
    const std::string& access = parts[2];
    good = minor && isNumber(major) && isNumber(*minor) && !access.empty() && access.size() <= 3 &&
           access.find_first_not_of("rwm") == std::string::npos;
  }
  if (!good) fail(Code::kInvalidArgument, "invalid device cgroup format '{}'", value);
}

json::Value ulimit(std::string_view value) {
  constexpr std::string_view kNames[] = {
      "as",   "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
      "nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};
  const auto [name, limits] = cut(value, '=');
  if (!limits) fail(Code::kInvalidArgument, "invalid ulimit argument: {}", value);
  if (std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames)) {
    fail(Code::kInvalidArgument, "invalid ulimit type: {}", name);
  }
  const std::vector<std::string> parts = base::split(*limits, ':');
  if (parts.size() > 2) {
    fail(Code::kInvalidArgument,
         "too many limit value arguments - {}, can only have up to two, `soft[:hard]`", *limits);
  }
  const std::int64_t soft = parseGoInt(parts[0]);
  std::int64_t hard = soft;
  if (parts.size() == 2 && !parts[1].empty()) {
    hard = parseGoInt(parts[1]);
    if (hard != -1 && (soft == -1 || soft > hard)) {
      fail(Code::kInvalidArgument,
           "ulimit soft limit must be less than or equal to hard limit: {} > {}",
           soft == -1 ? std::string("unlimited") : fmt::format("{}", soft), hard);
    }
  }
  return json::Value{{"Name", std::string(name)}, {"Hard", hard}, {"Soft", soft}};
}

void checkUlimit(std::string_view value) {
  ulimit(value);
}

json::Value weightDevice(std::string_view value) {
  const auto [path, weight] = devicePair(value);
  const auto number = base::parseUint(weight);
  if (!number || (*number > 0 && (*number < 10 || *number > 1000)))
    fail(Code::kInvalidArgument, "invalid weight for device: {}", value);
  return json::Value{{"Path", path}, {"Weight", *number}};
}

void checkWeightDevice(std::string_view value) {
  weightDevice(value);
}

json::Value byteRate(std::string_view value) {
  const auto [path, rate] = devicePair(value);
  std::int64_t bytes = -1;
  try {
    bytes = base::parseRamBytes(rate);
  } catch (const base::Error&) {
  }
  if (bytes < 0) {
    fail(Code::kInvalidArgument,
         "invalid rate for device: {}. The correct format is <device-path>:<number>[<unit>]. "
         "Number must be a positive integer. Unit is "
         "optional and can be kb, mb, or gb",
         value);
  }
  return json::Value{{"Path", path}, {"Rate", bytes}};
}

void checkByteRate(std::string_view value) {
  byteRate(value);
}

json::Value operationRate(std::string_view value) {
  const auto [path, rate] = devicePair(value);
  const auto number = base::parseUint(rate);
  if (!number) {
    fail(Code::kInvalidArgument,
         "invalid rate for device: {}. The correct format is <device-path>:<number>. Number must "
         "be a positive integer",
         value);
  }
  return json::Value{{"Path", path}, {"Rate", *number}};
}

void checkOperationRate(std::string_view value) {
  operationRate(value);
}

json::Value deviceMapping(std::string_view value) {
  const auto validMode = [](std::string_view mode) {
    return !mode.empty() && mode.size() <= 3 &&
           mode.find_first_not_of("rwm") == std::string_view::npos;
  };
  const std::vector<std::string> parts = base::split(value, ':');
  if (parts[0].empty() || parts.size() > 3)
    fail(Code::kInvalidArgument, "bad format for path: {}", value);
  std::string inside = parts[0], access = "rwm";
  if (parts.size() == 3) {
    if (!validMode(parts[2])) fail(Code::kInvalidArgument, "bad mode specified: {}", parts[2]);
    access = parts[2];
  }
  if (parts.size() >= 2) (parts.size() == 2 && validMode(parts[1]) ? access : inside) = parts[1];
  if (!inside.starts_with('/')) fail(Code::kInvalidArgument, "{} is not an absolute path", inside);
  return json::Value{
      {"PathOnHost", parts[0]}, {"PathInContainer", inside}, {"CgroupPermissions", access}};
}

bool isCdiDevice(std::string_view value) {
  const auto [kind, name] = cut(value, '=');
  const auto [vendor, deviceClass] = cut(kind, '/');
  return name && deviceClass && isName(vendor, ".-_") && isName(*deviceClass, ".-_") &&
         isName(*name, ".-_:");
}

json::Value gpuRequest(std::string_view value) {
  if (value.empty()) fail(Code::kInvalidArgument, "EOF");
  json::Value request{{"Driver", ""},
                      {"Count", 0},
                      {"DeviceIDs", nullptr},
                      {"Capabilities", nullptr},
                      {"Options", json::Value::object()}};
  bool counted = false, devices = false;
  std::vector<std::string> capabilities;
  const auto setCount = [&](std::string_view text) {
    const auto number = base::parseInt(text);
    if (text != "all" && !number) {
      fail(Code::kInvalidArgument,
           "invalid count ({}): value must be either \"all\" or an integer: invalid syntax", text);
    }
    request.set("Count", text == "all" ? std::int64_t{-1} : *number);
    counted = true;
  };
  for (const std::string& field : splitRecord(value)) {
    const auto [key, rest] = cut(field, '=');
    const std::string text(rest.value_or(""));
    if (!rest) {
      setCount(field);
    } else if (key == "driver") {
      request.set("Driver", text);
    } else if (key == "count") {
      setCount(text);
    } else if (key == "device") {
      request.set("DeviceIDs", toArray(base::split(text, ',')));
      devices = true;
    } else if (key == "capabilities") {
      capabilities = base::split(text, ',');
    } else if (key == "options") {
      request.set("Options", toObject(keyValueMap(splitRecord(text))));
    } else {
      fail(Code::kInvalidArgument, "unexpected key '{}' in '{}'", key, field);
    }
  }
  capabilities.emplace_back("gpu");
  if (!counted && !devices) request.set("Count", 1);
  request.set("Capabilities", json::Value::array({toArray(capabilities)}));
  return request;
}

void checkGpus(std::string_view value) {
  gpuRequest(value);
}

json::Value restartPolicy(std::string_view value) {
  if (value.empty()) return json::Value{{"Name", ""}, {"MaximumRetryCount", 0}};
  const auto [name, count] = cut(value, ':');
  if (name.empty())
    fail(Code::kInvalidArgument, "invalid restart policy format: no policy provided before colon");
  std::int64_t retries = 0;
  if (count) {
    const auto number = base::parseInt(*count);
    if (!number)
      fail(Code::kInvalidArgument,
           "invalid restart policy format: maximum retry count must be an integer");
    retries = *number;
  }
  return json::Value{{"Name", std::string(name)}, {"MaximumRetryCount", retries}};
}

std::string resolveEnvironment(std::string_view value) {
  if (cut(value, '=').second) return std::string(value);
  const std::string name(value);
  const char* ours = std::getenv(name.c_str());
  return ours ? fmt::format("{}={}", name, ours) : name;
}

std::vector<std::string> readKeyValueFiles(const std::vector<std::string>& files,
                                           const std::vector<std::string>& values,
                                           bool takeEnvironment) {
  std::vector<std::string> out;
  for (const std::string& file : files) {
    const auto text = sys::readFileIfExists(AT_FDCWD, file);
    if (!text) fail(Code::kInvalidArgument, "open {}: no such file or directory", file);
    std::string_view rest = *text;
    if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
    for (const std::string& raw : base::split(rest, '\n')) {
      std::string_view line = raw;
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      line.remove_prefix(std::min(line.find_first_not_of(" \t\v\f"), line.size()));
      if (line.empty() || line[0] == '#') continue;
      const auto [name, setting] = cut(line, '=');
      if (name.find_first_of(" \t") != std::string_view::npos) {
        fail(Code::kInvalidArgument, "invalid env file ({}): variable '{}' contains whitespaces",
             file, name);
      }
      if (name.empty())
        fail(Code::kInvalidArgument, "invalid env file ({}): no variable name on line '{}'", file,
             line);
      if (setting) {
        out.emplace_back(line);
      } else if (takeEnvironment && std::getenv(std::string(name).c_str())) {
        out.push_back(resolveEnvironment(name));
      }
    }
  }
  for (const std::string& value : values)
    out.push_back(takeEnvironment ? resolveEnvironment(value) : value);
  return out;
}

std::map<std::string, std::string> keyValueMap(const std::vector<std::string>& values) {
  std::map<std::string, std::string> map;
  for (const std::string& value : values) {
    const auto [key, text] = cut(value, '=');
    map[std::string(key)] = text.value_or("");
  }
  return map;
}

json::Value toObject(const std::map<std::string, std::string>& values) {
  json::Value object = json::Value::object();
  for (const auto& [key, value] : values) object.set(key, value);
  return object;
}

json::Value toArray(const std::vector<std::string>& values) {
  json::Value array = json::Value::array({});
  for (const std::string& value : values) array.asArray().emplace_back(value);
  return array;
}

json::Value toArrayOrNull(const std::vector<std::string>& values) {
  return values.empty() ? json::Value() : toArray(values);
}

std::vector<std::string> splitRecord(std::string_view text) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"') {
        fields.back() += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        fields.back() += c;
        ++i;
      } else {
        quoted = false;
      }
    } else if (c == ',') {
      fields.emplace_back();
    } else if (c == '"') {
      if (!fields.back().empty())
        fail(Code::kInvalidArgument,
             "parse error on line 1, column {}: bare \" in non-quoted-field", i + 1);
      quoted = true;
    } else {
      fields.back() += c;
    }
  }
  if (quoted)
    fail(Code::kInvalidArgument,
         "parse error on line 1, column {}: extraneous or missing \" in quoted-field",
         text.size() + 1);
  return fields;
}

}  // namespace commands
