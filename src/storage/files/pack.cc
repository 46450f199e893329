#include "storage/files/pack.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "platform/base/error.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "storage/files/mount_points.h"
#include "storage/files/packer.h"
#include "storage/files/paths.h"

namespace files {

using archive::EntryType;
using archive::TarEntry;

namespace {

constexpr size_t kBuffer = 256 << 10;

bool isKept(std::string_view attribute) {
  return attribute == "security.capability" ||
         (attribute.starts_with("user.") && !isOverlayAttribute(attribute));
}

void addAttributes(int fd, TarEntry& entry) {
  for (auto& attribute : readAttributes(fd)) {
    if (isKept(attribute.first)) entry.xattrs.push_back(std::move(attribute));
  }
}

EntryType typeOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return EntryType::kDirectory;
    case S_IFLNK:
      return EntryType::kSymlink;
    case S_IFCHR:
      return EntryType::kCharDevice;
    case S_IFBLK:
      return EntryType::kBlockDevice;
    case S_IFIFO:
      return EntryType::kFifo;
    default:
      return EntryType::kFile;
  }
}

std::string joined(const std::string& above, const std::string& name) {
  return above.empty() ? name : above + "/" + name;
}

}  // namespace

TarEntry Packer::entryOf(const Node& node, const std::string& path) const {
  TarEntry entry;
  entry.type = typeOf(node.status.st_mode);
  entry.name = entry.type == EntryType::kDirectory ? path + "/" : path;
  entry.mode = node.status.st_mode & 07777;
  entry.uid = node.status.st_uid;
  entry.gid = node.status.st_gid;
  entry.modified.seconds = node.status.st_mtim.tv_sec;
  if (entry.type == EntryType::kCharDevice || entry.type == EntryType::kBlockDevice) {
    entry.major = ::major(node.status.st_rdev);
    entry.minor = ::minor(node.status.st_rdev);
  }
  return entry;
}

void Packer::add(const TarEntry& entry) {
  writer_.add(entry);
  ++record.entries;
}

void Packer::marker(const std::string& path, const struct stat& like) {
  TarEntry entry;
  entry.name = path;
  entry.mode = 0;
  entry.modified.seconds = like.st_mtim.tv_sec;
  add(entry);
}

void Packer::whiteout(const std::string& above, const std::string& name, const struct stat& like) {
  marker(joined(above, std::string(kWhiteoutPrefix) + name), like);
}

// The second name of something that is in the archive.
bool Packer::addLink(const Node& node, const std::string& path) {
  if (node.status.st_nlink < 2) return false;
  const auto known = links_.find({node.status.st_dev, node.status.st_ino});
  if (known == links_.end()) return false;
  TarEntry entry = entryOf(node, path);
  entry.type = EntryType::kHardLink;
  entry.linkName = known->second;
  add(entry);
  return true;
}

void Packer::remember(const Node& node, const std::string& path) {
  if (node.status.st_nlink > 1) links_.try_emplace({node.status.st_dev, node.status.st_ino}, path);
}

void Packer::fileContents(int fd, std::uint64_t size) {
  if (buffer_.empty()) buffer_.resize(kBuffer);
  record.bytes += size;
  while (size > 0) {
    options_.stop.throwIfStopped();
    const size_t wanted = std::min<std::uint64_t>(size, buffer_.size());
    auto got = static_cast<size_t>(
        sys::check(sys::retry([&] { return ::read(fd, buffer_.data(), wanted); }), "read", "file"));
    if (got == 0) {  // it shrank; the header has promised more
      std::fill_n(buffer_.begin(), wanted, '\0');
      got = wanted;
    }
    writer_.data({buffer_.data(), got});
    size -= got;
  }
}

void Packer::file(int parent, const Node& node, const std::string& path) {
  const sys::Fd fd = openNode(parent, node, O_RDONLY, options_.oneFileSystem);
  if (!fd.valid()) {
    // Something is mounted on it (a container's /etc/hosts): what is below is an empty file, made
    // to be mounted on.
    const auto again = sys::statAtIfExists(parent, node.name);
    if (again && again->st_ino == node.status.st_ino) add(entryOf(node, path));
    return;
  }
  Node now = node;
  if (::fstat(fd.get(), &now.status) < 0) base::failErrno(errno, "stat", "/" + path);
  TarEntry entry = entryOf(now, path);
  entry.size = static_cast<std::uint64_t>(now.status.st_size);
  addAttributes(fd.get(), entry);
  add(entry);
  remember(node, path);
  fileContents(fd.get(), entry.size);
}

void Packer::directoryEntry(int directory, const Node& node, const std::string& path) {
  TarEntry entry = entryOf(node, path);
  if (directory >= 0) addAttributes(directory, entry);
  add(entry);
  if (options_.overlayUpper && directory >= 0 && isOpaque(directory))
    marker(path + "/" + std::string(kOpaqueName), node.status);
}

void Packer::tree(int parent, const Node& node, const std::string& path, int depth) {
  options_.stop.throwIfStopped();
  if (S_ISSOCK(node.status.st_mode)) return;
  if (S_ISDIR(node.status.st_mode)) {
    const sys::Fd fd = openNode(parent, node, O_RDONLY | O_DIRECTORY, options_.oneFileSystem);
    directoryEntry(fd.get(), node, path);
    if (fd.valid()) contents(fd.get(), path, depth + 1);
    return;
  }
  if (addLink(node, path)) return;
  if (S_ISREG(node.status.st_mode)) return file(parent, node, path);
  TarEntry entry = entryOf(node, path);
  if (entry.type == EntryType::kSymlink) {
    auto text = readLink(parent, node.name);
    if (!text) return;
    entry.linkName = std::move(*text);
  }
  add(entry);
  remember(node, path);
}

void Packer::contents(int directory, const std::string& path, int depth) {
  checkDepth(depth);
  for (const auto& node : readNodes(directory)) {
    if (options_.overlayUpper && isWhiteout(node.status)) {
      whiteout(path, node.name, node.status);
    } else if (S_ISDIR(node.status.st_mode) || !changesOnly ||
               !isMountPoint(joined(path, node.name), node.status)) {
      tree(directory, node, joined(path, node.name), depth);
    }
  }
}

PackRecord pack(int directory, archive::Sink& tar, const PackOptions& options) {
  Packer packer(tar, options);
  packer.changesOnly = options.overlayUpper;
  packer.contents(directory, "", 0);
  packer.finish();
  return packer.record;
}

}  // namespace files
