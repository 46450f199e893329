// Writes a container's output as json-file records (record.h), in few large writes, and rotates by
// rename: the file `name` becomes `name.1`, that `name.2`, … and the last is removed; what the
// daemon compressed (`name.1.gz`) moves along.
//
//   open -> append … flush … append … flush -> finish (each stream's end) -> flush -> close
//
// No heap: one mapping made by open(). No exceptions: what the disk refuses is counted in
// Position::dropped, since a container must not stop for its log. One thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/logfile/record.h"

namespace logfile {

// Where the log stands: readers may read `offset` bytes of the file with this inode.
struct Position {
  std::uint64_t generation =
      1;  // counts files: grows with every rotation and every truncation by somebody else
  std::uint64_t offset = 0;
  std::uint64_t inode = 0;
  std::uint64_t dropped = 0;  // records lost
};

struct Config {
  int directory = -1;  // borrowed as long as the writer is open
  char name[128] = {};
  std::int64_t maxSize =
      0;  // a file that has reached it is rotated before the next record; 0: never
  std::uint32_t maxFiles = 1;
  std::uint64_t generation = 1;      // of the first file
  const char* attributes = nullptr;  // JSON text; borrowed as long as the writer is open
  std::size_t attributeBytes = 0;    // at most 64 KiB
  // Called after each change.
  void (*publish)(void* context, const Position& position) = nullptr;
  void* context = nullptr;
};

class Writer {
 public:
  // 0 or a negative errno. Appends to an existing file; a record that a power cut left half is cut
  // off first.
  int open(const Config& config) noexcept;
  bool isOpen() const noexcept { return fd_ >= 0; }

  // Output as it comes, in pieces of any size. Records reach the file at the latest with flush().
  void append(Stream stream, const std::uint8_t* bytes, std::size_t count,
              std::int64_t nowNs) noexcept;
  // The stream ended: what stands there without a newline is a record too.
  void finish(Stream stream, std::int64_t nowNs) noexcept;
  void flush() noexcept;

  // Gives pages back that a burst has touched. Call when quiet; everything must be flushed.
  void trim() noexcept;
  void close() noexcept;

  const Position& position() const noexcept { return position_; }

 private:
  struct Partial {
    std::uint8_t* bytes = nullptr;
    std::size_t count = 0;
  };

  void record(Stream stream, const std::uint8_t* bytes, std::size_t count, bool newline) noexcept;
  std::size_t fillPartial(Stream stream, const std::uint8_t* bytes, std::size_t count) noexcept;
  void setTime(std::int64_t ns) noexcept;
  char* put(char* out, const char* text, std::size_t count) noexcept;
  void rotateIfFull() noexcept;
  bool rotate() noexcept;
  void shiftFiles() noexcept;
  const char* nameOf(std::uint32_t index, const char* suffix) noexcept;
  int openFile(const char* name, int extraFlags) noexcept;
  int adopt(int fd) noexcept;
  void publish() noexcept;

  Config config_;
  int fd_ = -1;
  Position position_;
  std::int64_t rotate_at_ = 0;  // size from which rotation is tried
  char* staging_ = nullptr;
  std::size_t staged_ = 0;
  std::size_t staged_records_ = 0;
  std::size_t staging_high_ = 0;
  Partial partial_[2];
  std::int64_t time_ns_ = -1;
  char time_[kTimeBytes];
  std::size_t time_bytes_ = 0;
  char name_[160];
};

}  // namespace logfile
