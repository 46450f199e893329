#include "platform/sys/file.h"

#include <dirent.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "platform/base/ids.h"
#include "platform/base/scope_exit.h"
#include "platform/sys/check.h"

namespace sys {
namespace {

bool absent(int error) noexcept {
  return error == ENOENT || error == ENOTDIR;
}

// {directory part, last component}; "." for a bare name.
std::pair<std::string, std::string> splitPath(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

void writeReplacing(int dir, const std::string& path, std::string_view bytes, mode_t mode,
                    bool durable) {
  const auto [parentPath, name] = splitPath(path);
  const Fd parent = openAt(dir, parentPath, O_RDONLY | O_DIRECTORY);
  const std::string temporary = "." + name + ".tmp-" + base::randomHex(6);
  base::ScopeExit undo{[&] { ::unlinkat(parent.get(), temporary.c_str(), 0); }};
  const Fd file = openAt(parent.get(), temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  writeAll(file.get(), bytes, path);
  check(::fchmod(file.get(), mode), "chmod", path);
  if (durable) check(retry([&] { return ::fsync(file.get()); }), "fsync", path);
  check(::renameat(parent.get(), temporary.c_str(), parent.get(), name.c_str()), "rename", path);
  undo.dismiss();
  if (durable) check(retry([&] { return ::fsync(parent.get()); }), "fsync", parentPath);
}

}  // namespace

Fd openAt(int dir, const std::string& path, int flags, mode_t mode) {
  return Fd(check(retry([&] { return ::openat(dir, path.c_str(), flags | O_CLOEXEC, mode); }),
                  "open", path));
}

std::optional<Fd> openAtIfExists(int dir, const std::string& path, int flags) {
  Fd fd(retry([&] { return ::openat(dir, path.c_str(), flags | O_CLOEXEC, 0); }));
  if (fd.valid()) return fd;
  if (absent(errno)) return std::nullopt;
  base::failErrno(errno, "open", path);
}

std::string readAll(int fd, size_t limit, std::string_view name) {
  std::string bytes;
  std::array<char, 16384> buffer;
  for (;;) {
    const auto n =
        check(retry([&] { return ::read(fd, buffer.data(), buffer.size()); }), "read", name);
    if (n == 0) return bytes;
    if (bytes.size() + static_cast<size_t>(n) > limit) base::failErrno(EFBIG, "read", name);
    bytes.append(buffer.data(), static_cast<size_t>(n));
  }
}

std::string readFile(int dir, const std::string& path, size_t limit) {
  return readAll(openAt(dir, path, O_RDONLY).get(), limit, path);
}

std::optional<std::string> readFileIfExists(int dir, const std::string& path, size_t limit) {
  const auto fd = openAtIfExists(dir, path, O_RDONLY);
  if (!fd) return std::nullopt;
  return readAll(fd->get(), limit, path);
}

void writeAll(int fd, std::string_view bytes, std::string_view name) {
  while (!bytes.empty()) {
    const auto n =
        check(retry([&] { return ::write(fd, bytes.data(), bytes.size()); }), "write", name);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

void writeExisting(int dir, const std::string& path, std::string_view bytes) {
  const Fd fd = openAt(dir, path, O_WRONLY);
  const auto n =
      check(retry([&] { return ::write(fd.get(), bytes.data(), bytes.size()); }), "write", path);
  if (static_cast<size_t>(n) != bytes.size()) base::failErrno(EIO, "write", path);
}

void writeDurable(int dir, const std::string& path, std::string_view bytes, mode_t mode) {
  writeReplacing(dir, path, bytes, mode, true);
}

void writeAtomic(int dir, const std::string& path, std::string_view bytes, mode_t mode) {
  writeReplacing(dir, path, bytes, mode, false);
}

Fd makeDirs(int dir, const std::string& path, mode_t mode) {
  constexpr int kFlags = O_PATH | O_DIRECTORY;
  if (auto whole = openAtIfExists(dir, path, kFlags)) return std::move(*whole);
  Fd at = openAt(dir, path.starts_with('/') ? "/" : ".", kFlags);
  for (size_t begin = 0; begin < path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    begin = end + 1;
    if (name.empty() || name == ".") continue;
    if (::mkdirat(at.get(), name.c_str(), mode) < 0 && errno != EEXIST)
      base::failErrno(errno, "mkdir", path);
    at = Fd(check(::openat(at.get(), name.c_str(), kFlags | O_CLOEXEC), "open", path));
  }
  return at;
}

bool removeFile(int dir, const std::string& path) {
  if (::unlinkat(dir, path.c_str(), 0) == 0) return true;
  if (absent(errno)) return false;
  base::failErrno(errno, "unlink", path);
}

std::vector<std::string> listDir(int dir, const std::string& path) {
  Fd fd = openAt(dir, path, O_RDONLY | O_DIRECTORY);
  DIR* stream = ::fdopendir(fd.get());
  if (stream == nullptr) base::failErrno(errno, "opendir", path);
  (void)fd.release();
  base::ScopeExit close{[&] { ::closedir(stream); }};
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream);  // NOLINT(concurrency-mt-unsafe): the stream is ours
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) base::failErrno(errno, "readdir", path);
  return names;
}

struct stat statAt(int dir, const std::string& path, int flags) {
  struct stat result {};
  check(::fstatat(dir, path.c_str(), &result, flags), "stat", path);
  return result;
}

std::optional<struct stat> statAtIfExists(int dir, const std::string& path, int flags) {
  struct stat result {};
  if (::fstatat(dir, path.c_str(), &result, flags) == 0) return result;
  if (absent(errno)) return std::nullopt;
  base::failErrno(errno, "stat", path);
}

std::optional<Fd> tryLock(int dir, const std::string& path) {
  Fd fd = openAt(dir, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (retry([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) == 0) return fd;
  if (errno == EWOULDBLOCK) return std::nullopt;
  base::failErrno(errno, "flock", path);
}

std::string procPath(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

std::string pathOf(int fd) {
  std::string path(256, '\0');
  for (;;) {
    const auto n =
        check(::readlink(procPath(fd).c_str(), path.data(), path.size()), "readlink", "descriptor");
    if (static_cast<size_t>(n) < path.size()) {
      path.resize(static_cast<size_t>(n));
      return path;
    }
    path.resize(path.size() * 2);
  }
}

}  // namespace sys
