#include "runtime/shimserver/ring.h"

#include <cstring>

#include "runtime/shimserver/kernel.h"

namespace shimserver {

namespace {
constexpr std::size_t kPage = 4096;
}

bool Ring::open(std::size_t capacity) noexcept {
  bytes_ = static_cast<std::uint8_t*>(mapPages(capacity));
  capacity_ = bytes_ != nullptr ? capacity : 0;
  return bytes_ != nullptr;
}

void Ring::close() noexcept {
  unmapPages(bytes_, capacity_);
  bytes_ = nullptr;
  capacity_ = 0;
}

int Ring::pieces(std::uint64_t at, std::size_t count, iovec out[2]) const noexcept {
  const std::size_t from = place(at);
  const std::size_t first = count < capacity_ - from ? count : capacity_ - from;
  out[0] = {bytes_ + from, first};
  out[1] = {bytes_, count - first};
  return first < count ? 2 : 1;
}

void Ring::write(std::uint64_t at, const std::uint8_t* bytes, std::size_t count) noexcept {
  iovec to[2];
  pieces(at, count, to);
  std::memcpy(to[0].iov_base, bytes, to[0].iov_len);
  std::memcpy(to[1].iov_base, bytes + to[0].iov_len, to[1].iov_len);
}

void Ring::read(std::uint64_t at, std::uint8_t* bytes, std::size_t count) const noexcept {
  iovec from[2];
  pieces(at, count, from);
  std::memcpy(bytes, from[0].iov_base, from[0].iov_len);
  std::memcpy(bytes + from[0].iov_len, from[1].iov_base, from[1].iov_len);
}

void Ring::advance(std::size_t count) noexcept {
  const std::size_t end = static_cast<std::size_t>(head_ - origin_) + count;
  if (end > touched_) touched_ = end;
  head_ += count;
}

bool Ring::grow(std::uint64_t tail, std::size_t capacity) noexcept {
  auto* fresh = static_cast<std::uint8_t*>(mapPages(capacity));
  if (fresh == nullptr) return false;
  const std::size_t count = static_cast<std::size_t>(head_ - tail);
  read(tail, fresh, count);
  unmapPages(bytes_, capacity_);
  bytes_ = fresh;
  capacity_ = capacity;
  origin_ = tail;
  return true;
}

void Ring::trim() noexcept {
  if (touched_ > kPage) dropPages(bytes_ + kPage, capacity_ - kPage);
  touched_ = 0;
  rewind();
}

}  // namespace shimserver
