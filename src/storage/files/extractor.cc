#include "storage/files/extractor.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "storage/files/paths.h"
#include "storage/files/special.h"

namespace files {

using archive::EntryType;
using archive::TarEntry;

namespace {

constexpr std::uint64_t kWriteBackFrom = 1 << 20;
constexpr auto kMaxNesting = 1000;  // as many as are packed again
// Directories that no entry names: few bytes of a tar could ask for millions of them.
constexpr std::uint64_t kMaxImplied = 100'000;    // and one an entry
constexpr std::uint64_t kImpliedNames = 8 << 20;  // bytes of paths that are kept

[[noreturn]] void failAt(std::string_view call, const std::string& path) {
  base::failErrno(errno, call, "/" + path);
}

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  base::fail(base::Code::kInvalidArgument, format, std::forward<Args>(args)...);
}

struct timespec timeOf(const archive::TarTime& time) {
  return {time.seconds, time.nanos};
}

// Creating with the final mode saves a chmod a file; only what the umask would cut needs one.
mode_t currentUmask() {
  const auto status =
      sys::readFileIfExists(AT_FDCWD, "/proc/thread-self/status", 1 << 20).value_or("");
  const auto at = status.find("Umask:");
  if (at == std::string::npos) return 0777;
  mode_t mask = 0;
  for (const char c :
       base::trim(std::string_view(status).substr(at + 6, status.find('\n', at) - at - 6))) {
    mask = mask * 8 + static_cast<mode_t>(c - '0');
  }
  return mask;
}

bool isWhiteoutDevice(const struct stat& status) {
  return S_ISCHR(status.st_mode) && status.st_rdev == 0;
}

// Docker's rule: a relative link that would climb out of the root is refused when it is made.
bool climbsOut(const std::string& path, const std::string& target) {
  if (target.starts_with('/')) return false;
  const auto above = splitPath(path).parent;
  return !cleanName(above.empty() ? target : std::string(above) + "/" + target).has_value();
}

}  // namespace

Extractor::Extractor(int root, const UnpackOptions& options, archive::TarReader& reader,
                     archive::RecipeWriter* recipe)
    : root_(root),
      options_(options),
      reader_(reader),
      recipe_(recipe),
      tree_(root, [this](const std::string& path) { imply(path); }),
      umask_(currentUmask()) {}

void Extractor::add(TarEntry& entry) {
  if (std::exchange(forget_, false)) tree_.forget();
  const auto path = cleanName(entry.name);
  if (!path) refuse("{} is outside of the root of the archive", base::quote(entry.name));
  if (path->empty()) return addRoot(entry);
  if (std::count(path->begin(), path->end(), '/') > kMaxNesting)
    refuse("{:.100}…: directories are nested deeper than {}", base::quote(*path), kMaxNesting);
  if (options_.whiteouts != Whiteouts::kLiteral && addWhiteout(*path)) return;
  switch (entry.type) {
    case EntryType::kDirectory:
      addDirectory(*path, entry);
      break;
    case EntryType::kFile:
      addFile(*path, entry);
      break;
    case EntryType::kHardLink:
      addHardLink(*path, entry);
      break;
    case EntryType::kSymlink:
      addSymlink(*path, entry);
      break;
    case EntryType::kCharDevice:
    case EntryType::kBlockDevice:
    case EntryType::kFifo:
      addNode(*path, entry);
      break;
  }
  touch(*path);
}

void Extractor::touch(const std::string& path) {
  if (options_.whiteouts != Whiteouts::kApply) return;
  std::string_view rest = path;
  while (!rest.empty() && touched_.insert(markOf(rest)).second) rest = splitPath(rest).parent;
}

// Two hashes of different kinds: paths of one layer do not meet in both by chance.
Extractor::Mark Extractor::markOf(std::string_view path) {
  std::uint64_t other = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : path) other = (other ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return {std::hash<std::string_view>()(path), other};
}

// A directory that was made for want of an entry. Where there are more than can be remembered, the
// layer is held to leave some to its parents, which is right at worst slowly.
void Extractor::imply(const std::string& path) {
  ++impliedCount_;
  impliedNames_ += path.size();
  if (impliedCount_ > kMaxImplied + reader_.entries() ||
      impliedCount_ + reader_.entries() > options_.limits.entries ||
      impliedNames_ > options_.limits.totalNameBytes) {
    refuse("the archive needs too many directories that it has no entry for: {} with {} entries",
           impliedCount_, reader_.entries());
  }
  if (impliedNames_ <= kImpliedNames) {
    implied_.insert(path);
  } else {
    impliedMore_ = true;
  }
  touch(path);
}

Extractor::Place Extractor::place(const std::string& path) {
  const auto [above, base] = splitPath(path);
  const auto& directory = tree_.directory(above);
  return {directory.fd.get(), std::string(base), directory.inheritGroup};
}

bool Extractor::needsOwner(const Place& at, const TarEntry& entry) const {
  return entry.uid != 0 || entry.gid != 0 || at.inheritGroup;
}

// -- entries

void Extractor::addRoot(const TarEntry& entry) {
  if (entry.type != EntryType::kDirectory) refuse("{} is not a directory", base::quote(entry.name));
  const sys::Fd fd = sys::openAt(root_, ".", O_RDONLY | O_DIRECTORY);
  if (::fchown(fd.get(), entry.uid, entry.gid) < 0) failAt("chown", "");
  if (::fchmod(fd.get(), entry.mode) < 0) failAt("chmod", "");
  setAttributes(fd.get(), {fd.get(), ".", false}, "", entry);
  forget_ = true;  // it may be setgid now
  directories_.push_back({"", {timeOf(entry.modified), timeOf(entry.modified)}});
}

void Extractor::addDirectory(const std::string& path, const TarEntry& entry) {
  const Place at = place(path);
  bool existed = false;
  bool opaque = false;
  if (::mkdirat(at.parent, at.base.c_str(), entry.mode & 01777) < 0) {
    if (errno != EEXIST) failAt("mkdir", path);
    const auto existing = sys::statAt(at.parent, at.base);
    existed = S_ISDIR(existing.st_mode);
    if (!existed) {
      opaque = replace(at, path, existing);
      if (::mkdirat(at.parent, at.base.c_str(), entry.mode & 01777) < 0) failAt("mkdir", path);
    }
  }
  implied_.erase(path);
  const bool owner = existed || needsOwner(at, entry);
  const bool mode = existed || at.inheritGroup || (entry.mode & (umask_ | 06000)) != 0;
  if (owner || mode || opaque || !entry.xattrs.empty()) {
    const sys::Fd fd = sys::openAt(at.parent, at.base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (owner && ::fchown(fd.get(), entry.uid, entry.gid) < 0) failAt("chown", path);
    if (mode && ::fchmod(fd.get(), entry.mode) < 0) failAt("chmod", path);
    if (opaque) setAttribute(fd.get(), at, path, kOpaqueAttribute, "y");
    setAttributes(fd.get(), at, path, entry);
    if (existed) forget_ = true;
  }
  directories_.push_back(
      {path, {timeOf(entry.accessed.value_or(entry.modified)), timeOf(entry.modified)}});
}

int Extractor::createFile(const Place& at, const std::string& path, const TarEntry& entry) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  int fd =
      sys::retry([&] { return ::openat(at.parent, at.base.c_str(), kFlags, entry.mode & 0777); });
  if (fd < 0 && errno == EEXIST) {
    replace(at, path, sys::statAt(at.parent, at.base));
    fd =
        sys::retry([&] { return ::openat(at.parent, at.base.c_str(), kFlags, entry.mode & 0777); });
  }
  if (fd < 0) failAt("open", path);
  return fd;
}

void Extractor::writeContents(int fd, const std::string& path, const TarEntry& entry) {
  if (recipe_ != nullptr && entry.size > 0) recipe_->file(path);
  record.bytes += entry.size;
  if (record.bytes > options_.maxBytes)
    refuse("contents are larger than {} bytes", options_.maxBytes);
  for (auto part = reader_.data(); !part.empty(); part = reader_.data()) {
    options_.stop.throwIfStopped();
    while (!part.empty()) {
      const auto wrote = sys::retry([&] { return ::write(fd, part.data(), part.size()); });
      if (wrote < 0) failAt("write", path);
      part = part.subspan(static_cast<size_t>(wrote));
    }
  }
}

void Extractor::addFile(const std::string& path, const TarEntry& entry) {
  const Place at = place(path);
  const sys::Fd fd(createFile(at, path, entry));
  if (!hardLinks_.empty()) hardLinks_.erase(path);
  writeContents(fd.get(), path, entry);
  finishFile(fd.get(), at, path, entry);
  // Only a hint: the sync that counts comes once, at the end.
  if (options_.writeBack && entry.size >= kWriteBackFrom)
    ::sync_file_range(fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
}

// Owner before mode and attributes: chown(2) clears suid bits and file capabilities. Times last.
void Extractor::finishFile(int fd, const Place& at, const std::string& path,
                           const TarEntry& entry) {
  if (needsOwner(at, entry) && ::fchown(fd, entry.uid, entry.gid) < 0) failAt("chown", path);
  if ((entry.mode & (umask_ | 07000)) != 0 && ::fchmod(fd, entry.mode) < 0) failAt("chmod", path);
  setAttributes(fd, at, path, entry);
  const struct timespec times[2] = {timeOf(entry.accessed.value_or(entry.modified)),
                                    timeOf(entry.modified)};
  if (::futimens(fd, times) < 0) failAt("utimes", path);
}

// For what cannot be opened: symbolic links, devices, fifos.
void Extractor::finishLink(const Place& at, const std::string& path, const TarEntry& entry,
                           mode_t type) {
  const Special made(at.parent, at.base, type, path);
  if (needsOwner(at, entry)) made.owner(entry.uid, entry.gid);
  if (type != S_IFLNK && (entry.mode & (umask_ | 07000)) != 0) made.mode(entry.mode & 07777);
  setAttributes(-1, at, path, entry);
  made.times({timeOf(entry.accessed.value_or(entry.modified)), timeOf(entry.modified)});
}

void Extractor::addHardLink(const std::string& path, const TarEntry& entry) {
  const auto target = cleanName(entry.linkName);
  if (!target || target->empty()) {
    refuse("invalid hardlink {} -> {}", base::quote(entry.name), base::quote(entry.linkName));
  }
  if (*target == path) return;
  const Place at =
      place(path);  // first: one more look-up never drops the latest from the cache, several may
  const auto [above, base] = splitPath(*target);
  const std::string targetBase(base);
  const auto* directory = tree_.findDirectory(above);
  const int from = directory != nullptr ? directory->fd.get() : -1;
  const auto status = directory != nullptr ? sys::statAtIfExists(from, targetBase) : std::nullopt;
  if (!status || (options_.whiteouts == Whiteouts::kOverlay && isWhiteoutDevice(*status))) {
    if (options_.whiteouts != Whiteouts::kOverlay) {
      base::failErrno(ENOENT, "link", "/" + *target + " /" + path);
    }
    note(record.hardLinksBelow, path);
    record.leavesToParents = true;
    return;
  }
  const auto link = [&] {
    return ::linkat(from, targetBase.c_str(), at.parent, at.base.c_str(), 0);
  };
  if (link() < 0) {
    if (errno != EEXIST) failAt("link", path);
    const auto existing = sys::statAt(at.parent, at.base);
    if (existing.st_ino == status->st_ino && existing.st_dev == status->st_dev) return;
    replace(at, path, existing);
    if (link() < 0) failAt("link", path);
  }
  if (recipe_ != nullptr) hardLinks_.insert(path);
}

void Extractor::addSymlink(const std::string& path, const TarEntry& entry) {
  if (climbsOut(path, entry.linkName)) {
    refuse("invalid symlink {} -> {}", base::quote(entry.name), base::quote(entry.linkName));
  }
  const Place at = place(path);
  const auto link = [&] { return ::symlinkat(entry.linkName.c_str(), at.parent, at.base.c_str()); };
  if (link() < 0) {
    if (errno != EEXIST) failAt("symlink", path);
    replace(at, path, sys::statAt(at.parent, at.base));
    if (link() < 0) failAt("symlink", path);
  }
  finishLink(at, path, entry, S_IFLNK);
}

void Extractor::addNode(const std::string& path, const TarEntry& entry) {
  const Place at = place(path);
  const mode_t type = entry.type == EntryType::kCharDevice    ? S_IFCHR
                      : entry.type == EntryType::kBlockDevice ? S_IFBLK
                                                              : S_IFIFO;
  const dev_t device = entry.type == EntryType::kFifo ? 0 : ::makedev(entry.major, entry.minor);
  const auto make = [&] {
    return ::mknodat(at.parent, at.base.c_str(), type | (entry.mode & 0777), device);
  };
  if (make() < 0) {
    if (errno != EEXIST) failAt("mknod", path);
    replace(at, path, sys::statAt(at.parent, at.base));
    if (make() < 0) failAt("mknod", path);
  }
  finishLink(at, path, entry, type);
}

// -- making way

void Extractor::saveReplaced(const Place& at, const std::string& path,
                             const struct stat& existing) {
  if (recipe_ == nullptr) return;
  if (options_.whiteouts == Whiteouts::kApply && !touched(path)) return;  // a parent's file
  if (S_ISDIR(existing.st_mode)) return recipe_->abandon();
  if (!S_ISREG(existing.st_mode) || hardLinks_.erase(path) > 0) return;
  const sys::Fd fd = sys::openAt(at.parent, at.base, O_RDONLY | O_NOFOLLOW);
  archive::FdSource contents(fd.get(), options_.stop);
  recipe_->replaced(path, contents, static_cast<std::uint64_t>(existing.st_size));
}

bool Extractor::replace(const Place& at, const std::string& path, const struct stat& existing) {
  saveReplaced(at, path, existing);
  if (S_ISREG(existing.st_mode) && existing.st_nlink == 1) {
    record.bytes -= std::min(record.bytes, static_cast<std::uint64_t>(existing.st_size));
  }
  if (S_ISDIR(existing.st_mode)) {
    sys::removeTree(at.parent, at.base);
    std::erase_if(directories_, [&](const LateDirectory& d) {
      return d.path == path || d.path.starts_with(path + "/");
    });
    std::erase_if(lateAttributes_, [&](const LateAttribute& a) {
      return a.path == path || a.path.starts_with(path + "/");
    });
  } else if (::unlinkat(at.parent, at.base.c_str(), 0) < 0) {
    failAt("unlink", path);
  }
  // A directory that was reached through what is gone may be another one now. Not at once: the
  // caller still works in the parent, whose descriptor is the cache's.
  if (!S_ISREG(existing.st_mode)) forget_ = true;
  return options_.whiteouts == Whiteouts::kOverlay && isWhiteoutDevice(existing);
}

}  // namespace files
