// gzip (RFC 1952), zstd (RFC 8878), xz and bzip2 as streams, in process: a decompressor is never
// searched in PATH, where an image could have put its own (CVE-2026-41567).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "platform/archive/stream.h"

namespace archive {

enum class Compression { kNone, kGzip, kZstd, kXz, kBzip2 };

std::string_view name(Compression compression) noexcept;  // "gzip"; "none"

// By the first bytes (six are enough). kNone: no compression that is known here.
Compression detect(std::string_view head) noexcept;

// Against bombs. A stream may always give `freeBytes`; beyond that no more than `ratio` times its
// input, and never more than `bytes`. gzip cannot exceed 1032:1 by its format, so the ratio cuts
// only what xz and zstd can do.
struct InflateLimits {
  std::uint64_t bytes = 1ull << 40;
  std::uint64_t freeBytes = 1ull << 30;
  std::uint64_t ratio = 1100;
  std::uint64_t memory = 256u << 20;  // xz dictionaries and zstd windows beyond it are refused
};

// The plain bytes of `from`; concatenated members are one stream, as gzip(1) and zstd(1) have it;
// zero bytes behind the last gzip member are ignored. Error kInvalidArgument: damaged, cut short,
// or over a limit.
std::unique_ptr<Source> inflate(Source& from, Compression compression,
                                const InflateLimits& limits = {});

// Looks at the first bytes and inflates by what they say.
struct Detected {
  Compression compression;
  std::unique_ptr<Source> plain;
};
Detected inflateDetected(Source& from, const InflateLimits& limits = {});

class Deflater : public Sink {
 public:
  // Ends the stream; without it what was written is damaged. Nothing may be written after.
  virtual void finish() = 0;
};

// kGzip: level 1 (default) to 3 of ISA-L; kZstd: 1 to 19, 3 by default; kNone passes through. Level
// 0: the default. The same input and level give the same bytes. Error kNotImplemented for xz and
// bzip2.
std::unique_ptr<Deflater> deflate(Sink& to, Compression compression, int level = 0);

}  // namespace archive
