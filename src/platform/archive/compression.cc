#include "platform/archive/compression.h"

#include <algorithm>
#include <cstring>

#include "platform/archive/codecs.h"
#include "platform/base/error.h"

namespace archive {

std::string_view name(Compression compression) noexcept {
  switch (compression) {
    case Compression::kNone:
      return "none";
    case Compression::kGzip:
      return "gzip";
    case Compression::kZstd:
      return "zstd";
    case Compression::kXz:
      return "xz";
    case Compression::kBzip2:
      return "bzip2";
  }
  return "none";
}

Compression detect(std::string_view head) noexcept {
  using namespace std::string_view_literals;
  if (head.starts_with("\x1f\x8b\x08"sv)) return Compression::kGzip;
  if (head.starts_with("\x28\xb5\x2f\xfd"sv)) return Compression::kZstd;
  // A zstd stream may begin with a skippable frame, 0x184D2A50 to 5F.
  if (head.size() >= 4 && (head[0] & 0xf0) == 0x50 && head.substr(1, 3) == "\x2a\x4d\x18"sv)
    return Compression::kZstd;
  if (head.starts_with("\xfd"
                       "7zXZ\0"sv))
    return Compression::kXz;
  if (head.starts_with("BZh"sv) && head.size() >= 4 && head[3] >= '1' && head[3] <= '9')
    return Compression::kBzip2;
  return Compression::kNone;
}

void Input::refill() {
  if (ended_ || !bytes.empty()) return;
  bytes = from_.block();
  ended_ = bytes.empty();
  taken_ += bytes.size();
}

InflatingSource::InflatingSource(Source& from, const InflateLimits& limits, Compression compression)
    : input_(from), limits_(limits), compression_(compression) {}

void InflatingSource::count(size_t made) {
  out_ += made;
  if (out_ > limits_.bytes) {
    base::fail(base::Code::kInvalidArgument, "{} stream inflates to more than {} bytes",
               name(compression_), limits_.bytes);
  }
  if (out_ > limits_.freeBytes && out_ / limits_.ratio > input_.taken()) {
    base::fail(base::Code::kInvalidArgument, "{} stream inflates to more than {} times its size",
               name(compression_), limits_.ratio);
  }
}

void InflatingSource::damaged(std::string_view reason) const {
  base::fail(base::Code::kInvalidArgument, "damaged {} stream: {}", name(compression_), reason);
}

void InflatingSource::cutShort() const {
  base::fail(base::Code::kInvalidArgument, "{} stream is cut short: unexpected EOF",
             name(compression_));
}

namespace {

// The bytes that were looked at, then the rest.
class Prefixed : public Source {
 public:
  Prefixed(std::string head, Source& from) : head_(std::move(head)), from_(from) {}
  size_t read(std::span<char> into) override {
    if (at_ == head_.size()) return from_.read(into);
    const size_t taken = std::min(into.size(), head_.size() - at_);
    std::copy_n(head_.data() + at_, taken, into.data());
    at_ += taken;
    return taken;
  }
  std::span<const char> block() override {
    if (at_ == head_.size()) return from_.block();
    const std::span<const char> rest(head_.data() + at_, head_.size() - at_);
    at_ = head_.size();
    return rest;
  }

 private:
  std::string head_;
  size_t at_ = 0;
  Source& from_;
};

// Keeps the prefixed source alive below the inflater.
class Owning : public Source {
 public:
  Owning(std::unique_ptr<Source> below, std::unique_ptr<Source> top)
      : below_(std::move(below)), top_(std::move(top)) {}
  size_t read(std::span<char> into) override { return top_->read(into); }
  std::span<const char> block() override { return top_->block(); }

 private:
  std::unique_ptr<Source> below_;
  std::unique_ptr<Source> top_;
};

class PassThrough : public Deflater {
 public:
  explicit PassThrough(Sink& to) : to_(to) {}
  void write(std::span<const char> bytes) override { to_.write(bytes); }
  void finish() override {}

 private:
  Sink& to_;
};

class Plain : public Source {
 public:
  explicit Plain(Source& from) : from_(from) {}
  size_t read(std::span<char> into) override { return from_.read(into); }
  std::span<const char> block() override { return from_.block(); }

 private:
  Source& from_;
};

}  // namespace

std::unique_ptr<Source> inflate(Source& from, Compression compression,
                                const InflateLimits& limits) {
  switch (compression) {
    case Compression::kNone:
      return std::make_unique<Plain>(from);
    case Compression::kGzip:
      return makeGunzip(from, limits);
    case Compression::kZstd:
      return makeUnzstd(from, limits);
    case Compression::kXz:
      return makeUnxz(from, limits);
    case Compression::kBzip2:
      return makeBunzip2(from, limits);
  }
  base::fail(base::Code::kInvalidArgument, "unknown compression");
}

Detected inflateDetected(Source& from, const InflateLimits& limits) {
  std::string head(6, '\0');
  size_t have = 0;
  while (have < head.size()) {
    const size_t got = from.read({head.data() + have, head.size() - have});
    if (got == 0) break;
    have += got;
  }
  head.resize(have);
  const auto compression = detect(head);
  auto below = std::make_unique<Prefixed>(std::move(head), from);
  auto top = inflate(*below, compression, limits);
  return {compression, std::make_unique<Owning>(std::move(below), std::move(top))};
}

std::unique_ptr<Deflater> deflate(Sink& to, Compression compression, int level) {
  switch (compression) {
    case Compression::kNone:
      return std::make_unique<PassThrough>(to);
    case Compression::kGzip:
      return makeGzip(to, level == 0 ? 1 : level);
    case Compression::kZstd:
      return makeZstd(to, level == 0 ? 3 : level);
    case Compression::kXz:
    case Compression::kBzip2:
      break;
  }
  base::fail(base::Code::kNotImplemented, "writing {}", name(compression));
}

}  // namespace archive
