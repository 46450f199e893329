// tmpcopyup: what an image has below the target of a tmpfs appears in the tmpfs. Both sides are
// directories that only this container's past could have written to; links are copied as links and
// never followed.
#include "runtime/launch/child.h"

namespace launch {
namespace {

constexpr int kMaxDepth = 128;

struct Entry {
  std::uint64_t inode;
  std::int64_t next;
  std::uint16_t size;
  std::uint8_t type;
  char name[1];
};

long copyBytes(long from, long to) noexcept {
  char buffer[8192];
  for (;;) {
    const long got = kernel::read(from, buffer, sizeof buffer);
    if (got <= 0) return got;
    for (long done = 0; done < got;) {
      const long wrote = kernel::write(to, buffer + done, static_cast<std::size_t>(got - done));
      if (wrote < 0) return wrote;
      done += wrote;
    }
  }
}

long copyFile(long from, long to, const char* name, unsigned mode) noexcept {
  const long in = kernel::openAt(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (in < 0) return in;
  const long out = kernel::openAt(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode & 0777);
  const long copied = out < 0 ? out : copyBytes(in, out);
  kernel::close(in);
  kernel::close(out);
  return copied;
}

long copyLink(long from, long to, const char* name) noexcept {
  char target[4096];
  const long size = sysraw::call(__NR_readlinkat, from, name, target, sizeof target - 1);
  if (size < 0) return size;
  target[size] = 0;
  return sysraw::call(__NR_symlinkat, target, to, name);
}

long copyDirectory(long from, long to, int depth) noexcept;

long copyEntry(long from, long to, const char* name, int depth) noexcept {
  struct stat info {};
  long done = kernel::statAt(from, name, info, AT_SYMLINK_NOFOLLOW);
  if (done < 0) return done;
  if (S_ISDIR(info.st_mode)) {
    done = kernel::mkdirAt(to, name, 0700);
    if (done < 0) return done;
    const long below = kernel::openAt(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const long copy = kernel::openAt(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    done = below < 0 ? below : copy < 0 ? copy : copyDirectory(below, copy, depth + 1);
    kernel::close(below);
    kernel::close(copy);
  } else if (S_ISREG(info.st_mode)) {
    done = copyFile(from, to, name, info.st_mode);
  } else if (S_ISLNK(info.st_mode)) {
    done = copyLink(from, to, name);
  } else if (S_ISFIFO(info.st_mode)) {
    done = sysraw::call(__NR_mknodat, to, name, info.st_mode, 0);
  } else {
    return 0;  // devices and sockets mean nothing in a new place
  }
  if (done < 0) return done;
  done = sysraw::call(__NR_fchownat, to, name, info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW);
  if (done < 0 || S_ISLNK(info.st_mode)) return done;
  // After the owner, which takes the set-id bits away.
  done = sysraw::call(__NR_fchmodat, to, name, info.st_mode & 07777);
  if (done < 0) return done;
  struct timespec times[2] = {info.st_atim, info.st_mtim};
  return sysraw::call(__NR_utimensat, to, name, times, AT_SYMLINK_NOFOLLOW);
}

long copyDirectory(long from, long to, int depth) noexcept {
  if (depth > kMaxDepth) return -ELOOP;
  alignas(8) char buffer[2048];
  for (;;) {
    const long got = sysraw::call(__NR_getdents64, from, buffer, sizeof buffer);
    if (got <= 0) return got;
    for (long at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
      at += entry->size;
      if (equal(entry->name, ".") || equal(entry->name, "..")) continue;
      const long done = copyEntry(from, to, entry->name, depth);
      if (done < 0) return done;
    }
  }
}

}  // namespace

long copyUp(long from, long to) noexcept {
  return copyDirectory(from, to, 0);
}

}  // namespace launch
