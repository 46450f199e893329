// A byte ring that several readers follow, each at an offset of its own. Offsets count from the
// first byte ever.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

namespace shimserver {

class Ring {
 public:
  // `capacity` is a power of two. False: no memory.
  bool open(std::size_t capacity) noexcept;
  void close() noexcept;

  std::uint64_t head() const noexcept { return head_; }
  // Room for new bytes while a reader stands at `tail`.
  std::size_t space(std::uint64_t tail) const noexcept {
    return capacity_ - static_cast<std::size_t>(head_ - tail);
  }

  // Where the `count` bytes from offset `at` are: one or two pieces; returns how many.
  int pieces(std::uint64_t at, std::size_t count, iovec out[2]) const noexcept;
  void write(std::uint64_t at, const std::uint8_t* bytes, std::size_t count) noexcept;
  void read(std::uint64_t at, std::uint8_t* bytes, std::size_t count) const noexcept;
  void advance(std::size_t count) noexcept;

  // Nobody needs what is there: the next byte goes to the start again, so that little output
  // touches few pages.
  void rewind() noexcept { origin_ = head_; }
  // More room, keeping what is behind `tail`. False: no memory, nothing changed.
  bool grow(std::uint64_t tail, std::size_t capacity) noexcept;
  // Gives pages back; nobody may need what is there.
  void trim() noexcept;

 private:
  std::size_t place(std::uint64_t at) const noexcept {
    return static_cast<std::size_t>(at - origin_) & (capacity_ - 1);
  }

  std::uint8_t* bytes_ = nullptr;
  std::size_t capacity_ = 0;
  std::uint64_t head_ = 0;
  std::uint64_t origin_ = 0;
  std::size_t touched_ = 0;
};

}  // namespace shimserver
