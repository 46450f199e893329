#include "runtime/logfile/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>

#include "platform/sysraw/sysraw.h"

namespace logfile {

namespace {

constexpr std::size_t kStaging = 256 * 1024;
constexpr std::size_t kMapping = kStaging + 2 * kPieceBytes;
constexpr std::size_t kPage = 4096;
constexpr const char* kSuffixes[] = {"", ".gz"};

void unlinkAt(int dir, const char* name) noexcept {
  sysraw::call(__NR_unlinkat, dir, name, 0);
}

long renameAt(int dir, const char* from, const char* to) noexcept {
  return sysraw::call(__NR_renameat2, dir, from, dir, to, 0);
}

// Size of `fd` without the half record that may stand at its end.
std::int64_t cutTornRecord(int fd, std::int64_t size) noexcept {
  char block[512];
  std::int64_t end = size;
  while (end > 0) {
    const std::int64_t from =
        end > static_cast<std::int64_t>(sizeof block) ? end - sizeof block : 0;
    const long got = sysraw::call(__NR_pread64, fd, block, end - from, from);
    if (got <= 0) return size;
    std::int64_t at = got;
    while (at > 0 && block[at - 1] != '\n') --at;
    end = from + at;
    if (at > 0) break;
  }
  if (end != size && sysraw::call(__NR_ftruncate, fd, end) < 0) return size;
  return end;
}

// The cost of a rotation is one rename a file kept: where they are many, one is full with some
// bytes for each of them at the earliest, however small it is asked to be.
std::int64_t fullAt(const Config& config) noexcept {
  constexpr std::uint32_t kFewFiles = 16;
  constexpr std::int64_t kBytesAFile = 256;
  if (config.maxFiles <= kFewFiles || config.maxSize <= 0) return config.maxSize;
  const std::int64_t least = kBytesAFile * config.maxFiles;
  return config.maxSize > least ? config.maxSize : least;
}

}  // namespace

int Writer::open(const Config& config) noexcept {
  config_ = config;
  if (config_.maxFiles == 0) config_.maxFiles = 1;
  if (staging_ == nullptr) {
    const long mapped = sysraw::call(__NR_mmap, 0, kMapping, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped < 0 && mapped > -4096) return static_cast<int>(mapped);
    staging_ = reinterpret_cast<char*>(mapped);
    partial_[0].bytes = reinterpret_cast<std::uint8_t*>(staging_) + kStaging;
    partial_[1].bytes = partial_[0].bytes + kPieceBytes;
  }
  position_ = Position{};
  position_.generation = config.generation != 0 ? config.generation : 1;
  const int fd = openFile(config_.name, 0);
  if (fd < 0) return fd;
  return adopt(fd);
}

int Writer::openFile(const char* name, int extraFlags) noexcept {
  return static_cast<int>(sysraw::retry([&] {
    return sysraw::call(__NR_openat, config_.directory, name,
                        O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | extraFlags, 0640);
  }));
}

// Makes `fd` the current file.
int Writer::adopt(int fd) noexcept {
  struct stat st;
  const long failed = sysraw::call(__NR_newfstatat, fd, "", &st, AT_EMPTY_PATH);
  if (failed < 0) {
    sysraw::call(__NR_close, fd);
    return static_cast<int>(failed);
  }
  if (fd_ >= 0) sysraw::call(__NR_close, fd_);
  fd_ = fd;
  position_.offset = static_cast<std::uint64_t>(cutTornRecord(fd, st.st_size));
  position_.inode = st.st_ino;
  rotate_at_ = fullAt(config_);
  publish();
  return 0;
}

void Writer::publish() noexcept {
  if (config_.publish != nullptr) config_.publish(config_.context, position_);
}

void Writer::setTime(std::int64_t ns) noexcept {
  if (ns == time_ns_) return;
  time_ns_ = ns;
  time_bytes_ = formatTime(ns, time_);
}

void Writer::append(Stream stream, const std::uint8_t* bytes, std::size_t count,
                    std::int64_t nowNs) noexcept {
  if (fd_ < 0) return;
  setTime(nowNs);
  std::size_t at = 0;
  if (partial_[static_cast<int>(stream)].count > 0) at = fillPartial(stream, bytes, count);
  while (at < count) {
    const std::size_t left = count - at;
    const std::size_t line = untilNewline(bytes + at, left < kPieceBytes ? left : kPieceBytes);
    if (line < left && line < kPieceBytes) {
      record(stream, bytes + at, line, true);
      at += line + 1;
    } else if (line == kPieceBytes) {
      record(stream, bytes + at, line, false);
      at += line;
    } else {
      at += fillPartial(stream, bytes + at, left);
    }
  }
}

// Takes what belongs to the line that is begun; returns how many bytes it took, with the newline.
std::size_t Writer::fillPartial(Stream stream, const std::uint8_t* bytes,
                                std::size_t count) noexcept {
  Partial& partial = partial_[static_cast<int>(stream)];
  std::size_t at = 0;
  while (at < count) {
    const std::size_t room = kPieceBytes - partial.count;
    const std::size_t most = count - at < room ? count - at : room;
    const std::size_t line = untilNewline(bytes + at, most);
    std::memcpy(partial.bytes + partial.count, bytes + at, line);
    partial.count += line;
    at += line;
    if (line < most) {
      record(stream, partial.bytes, partial.count, true);
      partial.count = 0;
      return at + 1;
    }
    if (partial.count < kPieceBytes) return at;
    record(stream, partial.bytes, partial.count, false);
    partial.count = 0;
    // The rest of the same line, if it is there, is a piece of its own.
    return at;
  }
  return at;
}

void Writer::finish(Stream stream, std::int64_t nowNs) noexcept {
  Partial& partial = partial_[static_cast<int>(stream)];
  if (fd_ < 0 || partial.count == 0) return;
  setTime(nowNs);
  record(stream, partial.bytes, partial.count, false);
  partial.count = 0;
}

char* Writer::put(char* out, const char* text, std::size_t count) noexcept {
  std::memcpy(out, text, count);
  return out + count;
}

void Writer::record(Stream stream, const std::uint8_t* bytes, std::size_t count,
                    bool newline) noexcept {
  rotateIfFull();
  if (staged_ + kMaxRecord + config_.attributeBytes > kStaging) flush();
  char* out = staging_ + staged_;
  out = put(out, "{\"log\":\"", 8);
  out = escape(bytes, count, out);
  if (newline) out = put(out, "\\n", 2);
  out = stream == Stream::kStdout ? put(out, "\",\"stream\":\"stdout\"", 19)
                                  : put(out, "\",\"stream\":\"stderr\"", 19);
  if (config_.attributeBytes > 0) {
    out = put(out, ",\"attrs\":", 9);
    out = put(out, config_.attributes, config_.attributeBytes);
  }
  out = put(out, ",\"time\":\"", 9);
  out = put(out, time_, time_bytes_);
  out = put(out, "\"}\n", 3);
  staged_ = static_cast<std::size_t>(out - staging_);
  ++staged_records_;
}

void Writer::flush() noexcept {
  if (staged_ == 0) return;
  if (staged_ > staging_high_) staging_high_ = staged_;
  std::size_t written = 0;
  while (written < staged_) {
    const long n = sysraw::retry(
        [&] { return sysraw::call(__NR_write, fd_, staging_ + written, staged_ - written); });
    if (n <= 0) break;
    written += static_cast<std::size_t>(n);
  }
  const long end = sysraw::call(__NR_lseek, fd_, 0, 1 /* SEEK_CUR */);
  const std::uint64_t expected = position_.offset + written;
  if (written < staged_) {
    // Half a batch may end within a record: none of it stays.
    sysraw::call(__NR_ftruncate, fd_, position_.offset);
    position_.dropped += staged_records_;
  } else if (end >= 0 && static_cast<std::uint64_t>(end) != expected) {
    // Somebody truncated the file, as administrators do: what follows is a new file to readers.
    ++position_.generation;
    position_.offset = static_cast<std::uint64_t>(end);
    rotate_at_ = fullAt(config_);
  } else {
    position_.offset = expected;
  }
  staged_ = 0;
  staged_records_ = 0;
  publish();
}

void Writer::rotateIfFull() noexcept {
  if (config_.maxSize <= 0) return;
  if (static_cast<std::int64_t>(position_.offset + staged_) < rotate_at_) return;
  flush();
  if (static_cast<std::int64_t>(position_.offset) < rotate_at_) return;
  // A disk that refuses a new file is not asked again for every record.
  if (!rotate()) rotate_at_ = static_cast<std::int64_t>(position_.offset) + fullAt(config_) / 4 + 1;
}

const char* Writer::nameOf(std::uint32_t index, const char* suffix) noexcept {
  std::size_t n = std::strlen(config_.name);
  std::memcpy(name_, config_.name, n);
  if (index > 0) {
    name_[n++] = '.';
    char number[10];
    std::size_t digits = 0;
    for (; index > 0; index /= 10) number[digits++] = static_cast<char>('0' + index % 10);
    while (digits > 0) name_[n++] = number[--digits];
  }
  std::strcpy(name_ + n, suffix);
  return name_;
}

void Writer::shiftFiles() noexcept {
  const int dir = config_.directory;
  char from[sizeof name_];
  for (const char* suffix : kSuffixes) {
    unlinkAt(dir, nameOf(config_.maxFiles - 1, suffix));
    for (std::uint32_t i = config_.maxFiles - 1; i > 1; --i) {
      std::strcpy(from, nameOf(i - 1, suffix));
      renameAt(dir, from, nameOf(i, suffix));
    }
  }
  renameAt(dir, config_.name, nameOf(1, ""));
}

// The new file exists before the old one moves: where the disk has no room for it, nothing changes.
bool Writer::rotate() noexcept {
  char fresh[sizeof name_];
  std::strcpy(fresh, nameOf(0, ".new"));
  const int fd = openFile(fresh, O_TRUNC);
  if (fd < 0) return false;
  if (config_.maxFiles > 1) shiftFiles();
  if (renameAt(config_.directory, fresh, config_.name) < 0) {
    sysraw::call(__NR_close, fd);
    return false;
  }
  ++position_.generation;
  return adopt(fd) == 0;
}

void Writer::trim() noexcept {
  if (staging_ == nullptr || staged_ > 0 || staging_high_ <= kPage) return;
  sysraw::call(__NR_madvise, staging_ + kPage, kStaging - kPage, MADV_DONTNEED);
  for (Partial& partial : partial_) {
    if (partial.count == 0) sysraw::call(__NR_madvise, partial.bytes, kPieceBytes, MADV_DONTNEED);
  }
  staging_high_ = 0;
}

void Writer::close() noexcept {
  flush();
  if (fd_ >= 0) sysraw::call(__NR_close, fd_);
  fd_ = -1;
}

}  // namespace logfile
