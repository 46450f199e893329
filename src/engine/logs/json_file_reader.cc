#include "engine/logs/json_file_reader.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <vector>

#include "engine/logs/unescape.h"
#include "platform/base/error.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"

namespace logs {
namespace {

constexpr size_t kBlock = 256 * 1024;
constexpr size_t kLongestLine =
    1 << 20;  // the shim splits at 16 KiB; escaped six times as long at most
constexpr int kOldest = 1000;

constexpr std::string_view kLogKey = "{\"log\":\"";
constexpr std::string_view kStreamKey = "\",\"stream\":\"std";
constexpr std::string_view kTimeKey = "\"time\":\"";
constexpr std::string_view kAttributesKey = "\"attrs\":";

// The end of a JSON string that starts at `from`: the first quote that no backslash escapes.
size_t closingQuote(std::string_view line, size_t from) {
  for (size_t at = from;;) {
    at = line.find('"', at);
    if (at == std::string_view::npos) return at;
    size_t slashes = 0;
    while (at - slashes > from && line[at - slashes - 1] == '\\') ++slashes;
    if (slashes % 2 == 0) return at;
    ++at;
  }
}

}  // namespace

std::optional<Entry> parseEntry(std::string_view line, std::string& scratch) {
  if (!line.starts_with(kLogKey)) return std::nullopt;
  const size_t close = closingQuote(line, kLogKey.size());
  if (close == std::string_view::npos) return std::nullopt;
  const std::string_view raw = line.substr(kLogKey.size(), close - kLogKey.size());
  std::string_view rest = line.substr(close);
  if (!rest.starts_with(kStreamKey)) return std::nullopt;
  rest.remove_prefix(kStreamKey.size());
  Entry entry;
  entry.standardError = rest.starts_with("err\"");
  if (!entry.standardError && !rest.starts_with("out\"")) return std::nullopt;
  // A container's label may be called "time" as well: the record's own stands outside `attrs`.
  const size_t attributes = rest.find(kAttributesKey);
  const bool attributesFirst = attributes < rest.find(kTimeKey);
  const size_t time = attributesFirst ? rest.rfind(kTimeKey) : rest.find(kTimeKey);
  if (time == std::string_view::npos) return std::nullopt;
  const size_t timeEnd = rest.find('"', time + kTimeKey.size());
  if (timeEnd == std::string_view::npos || !rest.ends_with('}')) return std::nullopt;
  const auto when =
      base::parseRfc3339(rest.substr(time + kTimeKey.size(), timeEnd - time - kTimeKey.size()));
  if (!when) return std::nullopt;
  entry.time = *when;
  if (attributes != std::string_view::npos) {
    const std::string_view value = rest.substr(attributes + kAttributesKey.size());
    entry.attributes = value.substr(0, value.rfind(attributesFirst ? ",\"time" : "}"));
  }
  if (raw.find('\\') == std::string_view::npos) {
    entry.text = raw;
  } else if (raw.ends_with("\\n") && raw.find('\\') == raw.size() - 2) {
    scratch.assign(raw.substr(0, raw.size() - 2)).push_back('\n');  // nearly every line
    entry.text = scratch;
  } else {
    if (!unescape(raw, scratch)) return std::nullopt;
    entry.text = scratch;
  }
  return entry;
}

// One file being read: what was read and not yet given stays in `pending`.
struct JsonFileReader::File {
  sys::Fd fd;
  ino_t inode = 0;
  std::string pending;
};

JsonFileReader::JsonFileReader(int directory, std::string name)
    : directory_(directory), name_(std::move(name)) {}
JsonFileReader::~JsonFileReader() = default;

std::optional<JsonFileReader::File> JsonFileReader::openNumber(int number) const {
  const std::string path = number == 0 ? name_ : name_ + "." + std::to_string(number);
  auto fd = sys::openAtIfExists(directory_, path, O_RDONLY | O_NOFOLLOW);
  if (!fd) return std::nullopt;
  struct stat info {};
  sys::check(fstat(fd->get(), &info), "fstat", path);
  return File{std::move(*fd), info.st_ino, {}};
}

// The file that was begun after `file`: one number below it, wherever renaming has brought it by
// now.
std::optional<JsonFileReader::File> JsonFileReader::successor(const File& file) const {
  std::optional<File> newer;
  for (int number = 0; number < kOldest; ++number) {
    auto candidate = openNumber(number);
    if (!candidate) break;
    if (candidate->inode == file.inode) return newer;
    newer = std::move(candidate);
  }
  return newer;  // ours was rotated away: the oldest that is left comes next
}

// Gives every complete line up to the end of the file. False: `each` had enough.
bool JsonFileReader::drain(File& file, const Query& query, const Each& each,
                           const base::StopToken& stop) {
  std::string scratch;
  std::vector<char> block(kBlock);
  for (;;) {
    stop.throwIfStopped();
    const ssize_t got =
        sys::check(sys::retry([&] { return ::read(file.fd.get(), block.data(), block.size()); }),
                   "read", name_);
    if (got == 0) return true;
    file.pending.append(block.data(), static_cast<size_t>(got));
    size_t from = 0;
    for (size_t end; (end = file.pending.find('\n', from)) != std::string::npos; from = end + 1) {
      const auto entry =
          parseEntry(std::string_view(file.pending).substr(from, end - from), scratch);
      if (!entry || (entry->standardError ? !query.standardError : !query.standardOutput)) continue;
      if (!query.since.zero() && entry->time < query.since) continue;
      if (!query.until.zero() && entry->time > query.until) return false;
      if (!each(*entry)) return false;
    }
    file.pending.erase(0, from);
    if (file.pending.size() > kLongestLine) file.pending.clear();
  }
}

namespace {

// The offset behind which `wanted` lines follow, or 0 with how many are missing.
std::pair<off_t, std::int64_t> tailOffset(int fd, std::int64_t wanted) {
  struct stat info {};
  sys::check(fstat(fd, &info), "fstat", "log");
  std::vector<char> block(kBlock);
  off_t end = info.st_size;
  std::int64_t missing = wanted;
  bool last = true;  // the newline that ends the last line begins none
  while (end > 0) {
    const off_t begin = end > static_cast<off_t>(kBlock) ? end - static_cast<off_t>(kBlock) : 0;
    const ssize_t got = sys::check(
        ::pread(fd, block.data(), static_cast<size_t>(end - begin), begin), "pread", "log");
    for (ssize_t i = got - 1; i >= 0; --i) {
      if (block[static_cast<size_t>(i)] != '\n') continue;
      if (last && begin + i == info.st_size - 1) {
        last = false;
        continue;
      }
      if (--missing == 0) return {begin + i + 1, 0};
    }
    end = begin;
  }
  return {0, info.st_size > 0 ? missing - 1 : missing};
}

}  // namespace

std::optional<JsonFileReader::File> JsonFileReader::start(const Query& query,
                                                          const base::StopToken& stop) const {
  std::vector<File> files;
  std::int64_t missing = query.tail.value_or(-1);
  for (int number = 0; number < kOldest && missing != 0; ++number) {
    stop.throwIfStopped();
    auto file = openNumber(number);
    if (!file) break;
    if (missing > 0) {
      const auto [offset, left] = tailOffset(file->fd.get(), missing);
      sys::check(::lseek(file->fd.get(), offset, SEEK_SET), "lseek", name_);
      missing = left;
    }
    files.clear();
    files.push_back(std::move(*file));
  }
  if (query.tail == 0) {
    if (auto file = openNumber(0)) {
      sys::check(::lseek(file->fd.get(), 0, SEEK_END), "lseek", name_);
      files.push_back(std::move(*file));
    }
  }
  if (files.empty()) return std::nullopt;
  return std::move(files.back());
}

void JsonFileReader::read(const Query& query, const Each& each, const base::StopToken& stop) {
  for (auto file = start(query, stop); file; file = successor(*file)) {
    if (!drain(*file, query, each, stop)) return;
  }
}

namespace {

// Wakes when something in the directory changed. Polls once a second as well: a file system may
// lack inotify.
class Watch {
 public:
  explicit Watch(int directory) : fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    if (fd_.valid())
      inotify_add_watch(fd_.get(), sys::procPath(directory).c_str(),
                        IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
  }
  void wait(const base::StopToken& ended, const base::StopToken& stop) {
    std::array<pollfd, 3> fds{
        {{fd_.get(), POLLIN, 0}, {ended.fd(), POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
    ::poll(fds.data(), fds.size(), 1000);
    std::array<char, 4096> drop;
    while (fd_.valid() && ::read(fd_.get(), drop.data(), drop.size()) > 0) {
    }
  }

 private:
  sys::Fd fd_;
};

}  // namespace

void JsonFileReader::follow(const Query& query, const Each& each, const std::function<void()>& idle,
                            const base::StopToken& ended, const base::StopToken& stop) {
  Watch watch(directory_);
  auto file = start(query, stop);
  bool begun = file.has_value();
  while (!stop.stopped()) {
    const bool last =
        ended.stopped();  // read before draining: what was written before the end is then seen
    if (!file && !begun) {
      file = openNumber(0);
      begun = file.has_value();
    }
    for (;;) {
      if (file && !drain(*file, query, each, stop)) return idle();
      auto next = file ? successor(*file) : std::nullopt;
      if (!next) break;
      if (!drain(*file, query, each, stop))
        return idle();  // what came between the last read and the rename
      file = std::move(next);
    }
    idle();
    if (last || (!query.until.zero() && base::Time::now() > query.until)) return;
    watch.wait(ended, stop);
  }
}

}  // namespace logs
