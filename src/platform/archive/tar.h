// tar (POSIX.1-1988 ustar, POSIX.1-2001 pax, GNU long names and base-256 numbers), read and written
// as a stream.
//
// The reader is for hostile input: every size, count and name is bounded before it is believed, and
// sparse formats are refused by name. It can hand out the raw bytes of the archive besides the data
// of files, which is what a recipe (recipe.h) is made of. Nothing here touches a file system.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/archive/stream.h"

namespace archive {

enum class EntryType : char {
  kFile = '0',
  kHardLink = '1',
  kSymlink = '2',
  kCharDevice = '3',
  kBlockDevice = '4',
  kDirectory = '5',
  kFifo = '6',
};

struct TarTime {
  std::int64_t seconds = 0;
  std::int32_t nanos = 0;
  auto operator<=>(const TarTime&) const = default;
};

struct TarEntry {
  EntryType type = EntryType::kFile;
  std::string name;        // as the archive says it; not cleaned
  std::string linkName;    // symbolic link: its text; hard link: a name in the archive
  std::uint32_t mode = 0;  // permission and suid, sgid, sticky bits only
  std::uint32_t uid = 0, gid = 0;
  std::string userName, groupName;
  std::uint64_t size = 0;  // of the data that follows; 0 but for files
  TarTime modified;
  std::optional<TarTime> accessed;
  std::uint32_t major = 0, minor = 0;
  std::vector<std::pair<std::string, std::string>>
      xattrs;  // SCHILY.xattr.*, in the archive's order
};

struct TarLimits {
  std::uint64_t entries = 4'000'000;
  std::uint64_t headerBytes = 1 << 20;     // one pax header or one GNU long name
  std::uint64_t nameBytes = 4096;          // PATH_MAX
  std::uint64_t totalNameBytes = 1 << 30;  // all names together
  std::uint64_t fileBytes = 1ull << 40;    // one file
};

// Hears the archive byte for byte, in order.
class TarListener {
 public:
  virtual ~TarListener() = default;
  // Headers, pax data, padding, the end blocks and all that follows them.
  virtual void raw(std::span<const char> bytes) = 0;
  // Data of the present entry that was taken by data(). What nobody took comes as raw.
  virtual void data(std::span<const char> bytes) = 0;
};

class TarReader {
 public:
  explicit TarReader(Source& from, TarLimits limits = {}, TarListener* listener = nullptr);

  // False at the end; the source was then read to its own end, so that hashes over it are whole.
  // Data of the last entry that was not taken is skipped. Error kInvalidArgument: not a tar,
  // damaged, cut short, over a limit.
  bool next(TarEntry& entry);

  // A piece of the present entry's data in place, valid until the next call; empty when there is no
  // more.
  std::span<const char> data();

  std::uint64_t entries() const { return entries_; }
  std::uint64_t bytes() const { return offset_; }  // of the archive, so far

 private:
  struct Overrides;
  void fetch(bool required);
  bool readBlock(std::span<char> block);
  std::string readSpecial(std::uint64_t size, std::string_view what);
  std::span<const char> takeData();
  void skipRest();
  void finish();
  bool parse(std::span<const char> header, Overrides& overrides, TarEntry& entry);
  void checkNames(const TarEntry& entry);

  Source& from_;
  TarLimits limits_;
  TarListener* listener_;
  std::span<const char> window_;  // what is left of the source's last block
  std::uint64_t offset_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t headers_ = 0;
  std::uint64_t nameBytes_ = 0;
  std::uint64_t dataLeft_ = 0;
  std::uint32_t padding_ = 0;
  bool sourceEnded_ = false;
  bool ended_ = false;
};

// Writes ustar headers, with a pax header before an entry that does not fit one (long names, ids
// and sizes beyond octal, fractions of seconds, xattrs, names that are not ASCII). The same entries
// give the same bytes.
class TarWriter {
 public:
  explicit TarWriter(Sink& to) : to_(to) {}

  // Then exactly entry.size bytes by data(). Error kInvalidArgument when the last entry's data is
  // not complete.
  void add(const TarEntry& entry);
  void data(std::span<const char> bytes);
  // The two end blocks. Without it the archive is cut short.
  void finish();

 private:
  Sink& to_;
  std::uint64_t dataLeft_ = 0;
  std::uint32_t padding_ = 0;
};

}  // namespace archive
