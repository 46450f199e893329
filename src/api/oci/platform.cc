#include "api/oci/platform.h"

#include <sys/utsname.h>

#include <algorithm>

#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace oci {

constexpr auto jsonFields(const Platform*) {
  return json::fields(json::goName("v1.Platform"),
                      json::field("architecture", &Platform::architecture),
                      json::field("os", &Platform::os),
                      json::field("os.version", &Platform::osVersion, json::kOmitEmpty),
                      json::field("os.features", &Platform::osFeatures, json::kOmitEmpty),
                      json::field("variant", &Platform::variant, json::kOmitEmpty));
}

namespace {

constexpr std::string_view kSystems[] = {
    "aix",   "android", "darwin", "dragonfly", "freebsd", "hurd",    "illumos", "ios", "js",
    "linux", "nacl",    "netbsd", "openbsd",   "plan9",   "solaris", "windows", "zos"};
constexpr std::string_view kArchitectures[] = {
    "386",     "amd64",   "amd64p32", "arm",    "armbe",  "arm64",    "arm64be",   "ppc64",
    "ppc64le", "loong64", "mips",     "mipsle", "mips64", "mips64le", "mips64p32", "mips64p32le",
    "ppc",     "riscv",   "riscv64",  "s390",   "s390x",  "sparc",    "sparc64",   "wasm"};

template <class List>
bool contains(const List& list, std::string_view text) {
  return std::find(std::begin(list), std::end(list), text) != std::end(list);
}

bool isWord(std::string_view text, std::string_view punctuation) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           punctuation.find(c) != punctuation.npos;
  });
}

void normalizeArchitecture(std::string& architecture, std::string& variant) {
  architecture = base::lower(architecture);
  variant = base::lower(variant);
  if (architecture == "i386") {
    architecture = "386";
    variant.clear();
  } else if (architecture == "x86_64" || architecture == "x86-64" || architecture == "amd64") {
    architecture = "amd64";
    if (variant == "v1") variant.clear();
  } else if (architecture == "aarch64" || architecture == "arm64") {
    architecture = "arm64";
    if (variant == "8" || variant == "v8") variant.clear();
  } else if (architecture == "armhf") {
    architecture = "arm";
    variant = "v7";
  } else if (architecture == "armel") {
    architecture = "arm";
    variant = "v6";
  } else if (architecture == "arm") {
    if (variant.empty() || variant == "7") variant = "v7";
    if (variant == "5" || variant == "6" || variant == "8") variant = "v" + variant;
  }
}

std::string normalizeSystem(std::string_view os) {
  std::string name = base::lower(os);
  return name == "macos" ? "darwin" : name.empty() ? "linux" : name;
}

// os, or os(version).
void parseSystem(std::string_view part, std::string_view whole, Platform& platform) {
  std::string_view name = part, version;
  const size_t bracket = part.find('(');
  bool valid = true;
  if (bracket != part.npos) {
    name = part.substr(0, bracket);
    valid = part.ends_with(')');
    if (valid) version = part.substr(bracket + 1, part.size() - bracket - 2);
    valid = valid && (version.empty() || isWord(version, "_.-"));
  }
  if (!valid || !isWord(name, "_-"))
    base::fail(base::Code::kInvalidArgument,
               "{} is an invalid OS component of {}: OSAndVersion specifier component must match "
               "\"^([A-Za-z0-9_-]+)(?:\\\\(([A-Za-z0-9_.-]*)\\\\))?$\": invalid argument",
               base::quote(part), base::quote(whole));
  platform.os = normalizeSystem(name);
  platform.osVersion = version;
}

// "v7" -> 7; "": the architecture's first.
int variantNumber(const Platform& platform) {
  const std::string& variant = platform.variant;
  if (variant.empty())
    return platform.architecture == "arm64" ? 8 : platform.architecture == "arm" ? 7 : 1;
  if (variant[0] != 'v') return -1;
  int number = 0;
  for (const char c : variant.substr(1)) {
    if (c == '.') break;
    if (c < '0' || c > '9' || number > 99) return -1;
    number = number * 10 + (c - '0');
  }
  return number;
}

}  // namespace

Platform Platform::host() {
  Platform platform;
  platform.os = "linux";
  struct utsname name = {};
  if (::uname(&name) == 0) platform.architecture = name.machine;
  if (platform.architecture.starts_with("armv") && platform.architecture.size() > 4) {
    platform.variant = "v" + platform.architecture.substr(4, 1);
    platform.architecture = "arm";
  }
  normalizeArchitecture(platform.architecture, platform.variant);
  return platform;
}

Platform Platform::parse(std::string_view text) {
  if (text.find('*') != text.npos)
    base::fail(base::Code::kInvalidArgument, "{}: wildcards not yet supported: invalid argument",
               base::quote(text));
  const std::vector<std::string> parts = base::split(text, '/');
  Platform platform;
  parseSystem(parts[0], text, platform);
  for (size_t i = 1; i < parts.size() && i < 4; ++i)
    if (!isWord(parts[i], "_.-"))
      base::fail(base::Code::kInvalidArgument,
                 "{} is an invalid component of {}: platform specifier component must match "
                 "\"^[A-Za-z0-9_.-]+$\": invalid argument",
                 base::quote(parts[i]), base::quote(text));
  if (parts.size() > 3)
    base::fail(base::Code::kInvalidArgument,
               "{}: cannot parse platform specifier: invalid argument", base::quote(text));
  if (parts.size() == 1) {
    const Platform host = Platform::host();
    if (contains(kSystems, platform.os)) {
      platform.architecture = host.architecture;
      if (host.architecture == "arm" && host.variant != "v7") platform.variant = host.variant;
      return platform;
    }
    platform.architecture = parts[0];
    normalizeArchitecture(platform.architecture, platform.variant);
    if (!contains(kArchitectures, platform.architecture))
      base::fail(base::Code::kInvalidArgument,
                 "{}: unknown operating system or architecture: invalid argument",
                 base::quote(text));
    platform.os = host.os;
    platform.osVersion.clear();
  } else {
    platform.architecture = parts[1];
    if (parts.size() == 3) platform.variant = parts[2];
    normalizeArchitecture(platform.architecture, platform.variant);
    if (parts.size() == 3 && platform.architecture == "arm64" && platform.variant.empty())
      platform.variant = "v8";
  }
  if (parts.size() < 3 && platform.architecture == "arm" && platform.variant == "v7")
    platform.variant.clear();
  return platform;
}

std::optional<Platform> Platform::parseJson(std::string_view text) {
  if (text.empty()) return std::nullopt;
  Platform platform =
      base::within("failed to parse platform", [&] { return json::parse<Platform>(text); });
  if (platform.empty() &&
      !(platform.variant.empty() && platform.osVersion.empty() && platform.osFeatures.empty()))
    base::fail(base::Code::kInvalidArgument,
               "optional platform components provided, but OS and Architecture are missing");
  if (platform.os.empty() || platform.architecture.empty())
    base::fail(base::Code::kInvalidArgument, "both OS and Architecture must be provided");
  return platform;
}

Platform Platform::normalized() const {
  Platform result = *this;
  result.os = normalizeSystem(os);
  normalizeArchitecture(result.architecture, result.variant);
  return result;
}

std::string Platform::str() const {
  std::string text = os;
  if (!architecture.empty()) text += "/" + architecture;
  if (!variant.empty()) text += "/" + variant;
  return text;
}

bool Platform::same(const Platform& other) const {
  const Platform a = normalized(), b = other.normalized();
  return a.os == b.os && a.architecture == b.architecture && a.variant == b.variant;
}

std::optional<int> platformRank(const Platform& wanted, const Platform& image) {
  const Platform want = wanted.normalized(), have = image.normalized();
  if (want.os != have.os) return std::nullopt;
  const int wantVariant = variantNumber(want), haveVariant = variantNumber(have);
  if (want.architecture == have.architecture) {
    if (want.variant == have.variant) return 0;
    if (wantVariant < 0 || haveVariant < 0 || haveVariant > wantVariant) return std::nullopt;
    return wantVariant - haveVariant;
  }
  if (want.architecture == "arm64" && have.architecture == "arm" && haveVariant >= 5 &&
      haveVariant <= 8)
    return 100 + 8 - haveVariant;
  if (want.architecture == "amd64" && have.architecture == "386") return 100;
  return std::nullopt;
}

}  // namespace oci

JSON_TYPE(oci::Platform);
