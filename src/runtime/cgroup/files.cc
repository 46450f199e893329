#include "runtime/cgroup/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"

namespace cgroup {

std::string checkedPath(const std::string& path) {
  std::vector<std::string> kept;
  for (auto& piece : base::split(path, '/')) {
    if (piece.empty() || piece == ".") continue;
    if (piece == ".." || piece.find('\n') != piece.npos) {
      base::fail(base::Code::kInvalidArgument, "invalid cgroup path {}", base::quote(path));
    }
    kept.push_back(std::move(piece));
  }
  if (kept.empty())
    base::fail(base::Code::kInvalidArgument, "invalid cgroup path {}", base::quote(path));
  return base::join(kept, "/");
}

namespace {

int tryWrite(int dir, const std::string& file, const std::string& value) {
  const sys::Fd fd(::openat(dir, file.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) return errno;
  const auto written = sys::retry([&] { return ::write(fd.get(), value.data(), value.size()); });
  if (written < 0) return errno;
  return static_cast<size_t>(written) == value.size() ? 0 : EIO;
}

[[noreturn]] void refused(const std::string& file, const std::string& value, int error) {
  const bool wrong =
      error == EINVAL || error == ERANGE || error == EBUSY || error == ENODEV || error == EPERM;
  throw base::Error(wrong ? base::Code::kInvalidArgument : base::Code::kInternal,
                    fmt::format("unable to set {} to {}: {}", file, value, base::errnoText(error)),
                    error);
}

}  // namespace

void writeLimit(int dir, const std::string& file, const std::string& value) {
  if (const int error = tryWrite(dir, file, value); error != 0) refused(file, value, error);
}

bool writeLimitIfExists(int dir, const std::string& file, const std::string& value) {
  const int error = tryWrite(dir, file, value);
  if (error == ENOENT) return false;
  if (error != 0) refused(file, value, error);
  return true;
}

std::string readText(int dir, const std::string& file) {
  const sys::Fd fd(::openat(dir, file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) return {};
  std::string text;
  char buffer[4096];
  for (;;) {
    // A group that dies meanwhile answers ENODEV; what it has no numbers for, EOPNOTSUPP.
    const auto got = sys::retry([&] { return ::read(fd.get(), buffer, sizeof buffer); });
    if (got <= 0) return text;
    text.append(buffer, static_cast<size_t>(got));
  }
}

std::uint64_t readNumber(int dir, const std::string& file) {
  return base::parseUint(base::trim(readText(dir, file))).value_or(0);
}

std::map<std::string, std::uint64_t> readTable(int dir, const std::string& file) {
  std::map<std::string, std::uint64_t> table;
  for (const auto& line : base::split(readText(dir, file), '\n')) {
    const auto [key, value] = base::cut(line, ' ');
    if (const auto number = value ? base::parseUint(*value) : std::nullopt)
      table.emplace(key, *number);
  }
  return table;
}

std::optional<sys::Fd> openGroup(int root, const std::string& path) {
  return sys::openAtIfExists(root, path, O_RDONLY | O_DIRECTORY);
}

std::vector<std::string> childGroups(int dir) {
  std::vector<std::string> names;
  for (auto& name : sys::listDir(dir)) {
    const auto info = sys::statAtIfExists(dir, name);
    if (info && S_ISDIR(info->st_mode)) names.push_back(std::move(name));
  }
  return names;
}

std::vector<int> readProcesses(int dir) {
  std::vector<int> ids;
  for (const auto& line : base::split(readText(dir, "cgroup.procs"), '\n')) {
    if (const auto id = base::parseInt(line)) ids.push_back(static_cast<int>(*id));
  }
  for (const auto& name : childGroups(dir)) {
    const auto child = openGroup(dir, name);
    if (!child) continue;
    for (const int id : readProcesses(child->get())) ids.push_back(id);
  }
  return ids;
}

bool removeGroup(int root, const std::string& path) {
  if (::unlinkat(root, path.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
  if (errno != EBUSY && errno != ENOTEMPTY) base::failErrno(errno, "rmdir", path);
  const auto dir = openGroup(root, path);
  if (!dir) return true;
  bool empty = true;
  for (const auto& name : childGroups(dir->get())) empty &= removeGroup(dir->get(), name);
  return empty && (::unlinkat(root, path.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT);
}

void pauseFor(std::chrono::microseconds duration) {
  const timespec pause{duration.count() / 1'000'000, (duration.count() % 1'000'000) * 1000};
  ::nanosleep(&pause, nullptr);
}

}  // namespace cgroup
