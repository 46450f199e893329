// What the decompressors share; private to this library.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "platform/archive/compression.h"

namespace archive {

// The compressed side: the present block of the source, counted.
class Input {
 public:
  explicit Input(Source& from) : from_(from) {}
  // Takes the next block when the present one is used up; `bytes` stays empty at the end.
  void refill();
  bool ended() const { return ended_ && bytes.empty(); }
  std::uint64_t taken() const { return taken_; }

  std::span<const char> bytes;

 private:
  Source& from_;
  std::uint64_t taken_ = 0;
  bool ended_ = false;
};

class InflatingSource : public Source {
 protected:
  InflatingSource(Source& from, const InflateLimits& limits, Compression compression);
  // Checks the limits after `made` more plain bytes.
  void count(size_t made);
  [[noreturn]] void damaged(std::string_view reason) const;
  [[noreturn]] void cutShort() const;

  Input input_;
  const InflateLimits limits_;
  const Compression compression_;
  std::uint64_t out_ = 0;
};

std::unique_ptr<Source> makeGunzip(Source& from, const InflateLimits& limits);
std::unique_ptr<Source> makeUnzstd(Source& from, const InflateLimits& limits);
std::unique_ptr<Source> makeUnxz(Source& from, const InflateLimits& limits);
std::unique_ptr<Source> makeBunzip2(Source& from, const InflateLimits& limits);
std::unique_ptr<Deflater> makeGzip(Sink& to, int level);
std::unique_ptr<Deflater> makeZstd(Sink& to, int level);

}  // namespace archive
