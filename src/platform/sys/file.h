// Files and directories of our own (state, configuration, cgroup and proc files). Every path is
// relative to a directory descriptor (or AT_FDCWD). For anything a guest can influence use
// open_in_root.h.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/sys/fd.h"

namespace sys {

// openat(2) with O_CLOEXEC. Error kInternal with errno.
Fd openAt(int dir, const std::string& path, int flags, mode_t mode = 0);
// nullopt when there is no such file (ENOENT, ENOTDIR).
std::optional<Fd> openAtIfExists(int dir, const std::string& path, int flags);

// Whole content, at most `limit` bytes (Error kInternal EFBIG beyond).
std::string readAll(int fd, size_t limit = 64u << 20, std::string_view name = "file");
std::string readFile(int dir, const std::string& path, size_t limit = 64u << 20);
std::optional<std::string> readFileIfExists(int dir, const std::string& path,
                                            size_t limit = 64u << 20);

void writeAll(int fd, std::string_view bytes, std::string_view name = "file");
// One write(2) to an existing file: for proc, sys and cgroup files.
void writeExisting(int dir, const std::string& path, std::string_view bytes);
// Temporary file in the same directory, write, fsync, rename, fsync of the directory.
void writeDurable(int dir, const std::string& path, std::string_view bytes, mode_t mode);
// The same without the syncs: atomic against a crash of the program, not of the machine.
void writeAtomic(int dir, const std::string& path, std::string_view bytes, mode_t mode);

// mkdir -p; existing directories keep their mode. Returns the last one opened O_PATH|O_DIRECTORY.
Fd makeDirs(int dir, const std::string& path, mode_t mode);
// False when there was none.
bool removeFile(int dir, const std::string& path);
// rm -rf of `path` below `dir`; follows no symbolic link, crosses no mount point (EBUSY there).
// Missing is fine.
void removeTree(int dir, const std::string& path);

// Names without "." and "..", unordered.
std::vector<std::string> listDir(int dir, const std::string& path = ".");

struct stat statAt(int dir, const std::string& path, int flags = AT_SYMLINK_NOFOLLOW);
std::optional<struct stat> statAtIfExists(int dir, const std::string& path,
                                          int flags = AT_SYMLINK_NOFOLLOW);

// An exclusive flock on `path` (created, 0600), held as long as the Fd. nullopt: another process
// has it.
std::optional<Fd> tryLock(int dir, const std::string& path);

// "/proc/self/fd/N": a path for calls that take only paths.
std::string procPath(int fd);
// Where a descriptor points (readlink of procPath).
std::string pathOf(int fd);

}  // namespace sys
