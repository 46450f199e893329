#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>

#include "api/oci/platform.h"
#include "cli/commands/commands.h"
#include "platform/base/error.h"
#include "platform/base/scope_exit.h"
#include "platform/base/strings.h"
#include "platform/base/time.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"

namespace commands {

void forEachArgument(Invocation& invocation, const std::function<bool(const std::string&)>& body) {
  std::vector<std::string> errors;
  for (const std::string& argument : invocation.args) {
    try {
      if (body(argument)) invocation.cli.print(argument + "\n");
    } catch (const base::Error& error) {
      errors.push_back(error.message());
    }
  }
  if (!errors.empty()) throw Exit(1, base::join(errors, "\n"));
}

bool confirm(Cli& cli, std::string_view warning) {
  cli.print(fmt::format("{}\nAre you sure you want to continue? [y/N] ", warning));
  cli.flush();
  std::string line;
  char c = 0;
  while (sys::retry([&] { return ::read(0, &c, 1); }) == 1 && c != '\n') line += c;
  return base::equalsIgnoreCase(base::trim(line), "y");
}

namespace {

// A date with as many parts as were given, in the local zone unless it names one. False: not such a
// text.
bool parseDate(const std::string& text, std::int64_t& seconds) {
  for (const char* format : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d"}) {
    tm parts{};
    parts.tm_isdst = -1;
    const char* end = ::strptime(text.c_str(), format, &parts);
    if (!end) continue;
    if (*end == '\0') {
      seconds = ::mktime(&parts);
      return true;
    }
    if (std::string_view(end) == "Z") {
      seconds = ::timegm(&parts);
      return true;
    }
    tm zoned{};
    const char* zoneEnd = ::strptime(end, "%z", &zoned);
    if (zoneEnd && *zoneEnd == '\0' && (*end == '+' || *end == '-')) {
      seconds = ::timegm(&parts) - zoned.tm_gmtoff;
      return true;
    }
  }
  return false;
}

}  // namespace

std::string apiTimestamp(std::string_view value) {
  const auto text = [](std::int64_t ns) {
    const base::Time time{ns};
    return fmt::format("{}.{:09}", time.unixSeconds(), ns - time.unixSeconds() * 1'000'000'000);
  };
  if (value.empty()) return {};
  if (const auto duration = base::parseGoDuration(value); duration && value != "0")
    return fmt::format("{}", base::Time{base::Time::now().ns - *duration}.unixSeconds());
  if (const auto instant = base::parseRfc3339(value)) return text(instant->ns);
  std::int64_t seconds = 0;
  if (parseDate(std::string(value), seconds)) return fmt::format("{}.{:09}", seconds, 0);
  if (value.find_first_not_of("0123456789.") == std::string_view::npos) return std::string(value);
  base::fail(base::Code::kInvalidArgument, "failed to parse value as time or duration: {}",
             base::quote(value));
}

std::string containerPath(std::string_view name, std::string_view suffix) {
  while (name.starts_with('/')) name.remove_prefix(1);
  if (base::trim(name).empty())
    base::fail(base::Code::kInvalidArgument, "invalid container name or ID: value is empty");
  return fmt::format("/containers/{}{}", client::segment(name), suffix);
}

std::string imagePath(std::string_view name, std::string_view suffix) {
  return fmt::format("/images/{}{}", client::segment(name), suffix);
}

oci::Reference parseTarget(const std::string& name) {
  try {
    return oci::Reference::parse(name);
  } catch (const base::Error& error) {
    base::fail(base::Code::kInvalidArgument,
               "Error parsing reference: {} is not a valid repository/tag: {}", base::quote(name),
               error.message());
  }
}

std::string platformJson(const std::string& platform) {
  const oci::Platform parsed = oci::Platform::parse(platform).normalized();
  json::Value value = json::Value::object();
  value.set("architecture", parsed.architecture);
  value.set("os", parsed.os);
  if (!parsed.osVersion.empty()) value.set("os.version", parsed.osVersion);
  if (!parsed.variant.empty()) value.set("variant", parsed.variant);
  return value.write();
}

void copyBody(http::ClientResponse& response, int fd) {
  std::array<char, 64 * 1024> buffer;
  while (const size_t n = response.read(buffer))
    sys::writeAll(fd, {buffer.data(), n}, fd == 1 ? "/dev/stdout" : "file");
}

void saveBody(http::ClientResponse& response, const std::string& path, std::string_view failed) {
  if (path.empty()) return copyBody(response, STDOUT_FILENO);
  const auto existing = sys::statAtIfExists(AT_FDCWD, path, 0);
  if (existing && S_ISDIR(existing->st_mode))
    base::fail(base::Code::kInvalidArgument, "{}: cannot write to a directory", failed);
  const size_t slash = path.rfind('/');
  const std::string folder = slash == path.npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
  if (!existing && !sys::statAtIfExists(AT_FDCWD, folder, 0))
    base::fail(base::Code::kNotFound, "{}: invalid output path: stat {}: no such file or directory",
               failed, folder);
  if (existing && !S_ISREG(existing->st_mode)) {  // a pipe or device is written as it is
    const sys::Fd target = sys::openAt(AT_FDCWD, path, O_WRONLY);
    return copyBody(response, target.get());
  }
  const std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  base::ScopeExit undo{[&] { ::unlink(temporary.c_str()); }};
  sys::Fd target = sys::openAt(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_EXCL,
                               existing ? existing->st_mode & 0777 : 0600);
  copyBody(response, target.get());
  target.reset();
  sys::check(::rename(temporary.c_str(), path.c_str()), "rename", path);
  undo.dismiss();
}

}  // namespace commands
