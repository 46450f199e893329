#include "platform/archive/stream.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "platform/base/error.h"
#include "platform/sys/check.h"

namespace archive {

namespace {
constexpr size_t kBlock = 256 << 10;
}

std::span<const char> Source::block() {
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(kBlock);
  const size_t got = read({buffer_.get(), kBlock});
  return {buffer_.get(), got};
}

size_t StringSource::read(std::span<char> into) {
  const size_t taken = std::min(into.size(), rest_.size());
  std::copy_n(rest_.data(), taken, into.data());
  rest_.remove_prefix(taken);
  return taken;
}

std::span<const char> StringSource::block() {
  const auto all = rest_;
  rest_ = {};
  return {all.data(), all.size()};
}

void StringSink::write(std::span<const char> bytes) {
  if (bytes.size() > limit_ - text.size()) {
    base::fail(base::Code::kInvalidArgument, "more than {} bytes", limit_);
  }
  text.append(bytes.data(), bytes.size());
}

size_t FdSource::read(std::span<char> into) {
  stop_.throwIfStopped();
  return static_cast<size_t>(sys::check(
      sys::retry([&] { return ::read(fd_, into.data(), into.size()); }), "read", "stream"));
}

void FdSink::write(std::span<const char> bytes) {
  while (!bytes.empty()) {
    const auto wrote = sys::check(
        sys::retry([&] { return ::write(fd_, bytes.data(), bytes.size()); }), "write", "stream");
    bytes = bytes.subspan(static_cast<size_t>(wrote));
  }
}

size_t HashingSource::read(std::span<char> into) {
  const size_t got = from_.read(into);
  hasher_.update(std::string_view(into.data(), got));
  bytes_ += got;
  return got;
}

std::span<const char> HashingSource::block() {
  const auto bytes = from_.block();
  hasher_.update(std::string_view(bytes.data(), bytes.size()));
  bytes_ += bytes.size();
  return bytes;
}

void HashingSink::write(std::span<const char> bytes) {
  hasher_.update(std::string_view(bytes.data(), bytes.size()));
  bytes_ += bytes.size();
  if (to_ != nullptr) to_->write(bytes);
}

std::uint64_t copy(Source& from, Sink& to) {
  std::uint64_t total = 0;
  for (auto bytes = from.block(); !bytes.empty(); bytes = from.block()) {
    to.write(bytes);
    total += bytes.size();
  }
  return total;
}

std::uint64_t drain(Source& from) {
  std::uint64_t total = 0;
  for (auto bytes = from.block(); !bytes.empty(); bytes = from.block()) total += bytes.size();
  return total;
}

}  // namespace archive
