// xz and bzip2, read only: `import` and `load` take what people have.
#include <bzlib.h>
#include <lzma.h>

#include <algorithm>

#include "platform/archive/codecs.h"
#include "platform/base/error.h"

namespace archive {

namespace {

constexpr size_t kMaxCall = 1u << 30;

class Unxz : public InflatingSource {
 public:
  Unxz(Source& from, const InflateLimits& limits)
      : InflatingSource(from, limits, Compression::kXz) {
    if (lzma_stream_decoder(&stream_, limits.memory, LZMA_CONCATENATED) != LZMA_OK)
      throw std::bad_alloc();
  }
  ~Unxz() override { lzma_end(&stream_); }

  size_t read(std::span<char> into) override {
    stream_.next_out = reinterpret_cast<std::uint8_t*>(into.data());
    stream_.avail_out = into.size();
    while (stream_.avail_out == into.size() && !done_) step();
    const size_t made = into.size() - stream_.avail_out;
    count(made);
    return made;
  }

 private:
  void step() {
    input_.refill();
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(input_.bytes.data());
    stream_.avail_in = input_.bytes.size();
    const lzma_ret result = lzma_code(&stream_, input_.ended() ? LZMA_FINISH : LZMA_RUN);
    input_.bytes = input_.bytes.subspan(input_.bytes.size() - stream_.avail_in);
    switch (result) {
      case LZMA_OK:
        return;
      case LZMA_STREAM_END:
        done_ = true;
        return;
      case LZMA_BUF_ERROR:
        cutShort();
      case LZMA_MEMLIMIT_ERROR:
        damaged("its dictionary needs more memory than is allowed");
      case LZMA_MEM_ERROR:
        throw std::bad_alloc();
      default:
        damaged("invalid data");
    }
  }

  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool done_ = false;
};

class Bunzip2 : public InflatingSource {
 public:
  Bunzip2(Source& from, const InflateLimits& limits)
      : InflatingSource(from, limits, Compression::kBzip2) {}
  ~Bunzip2() override {
    if (open_) BZ2_bzDecompressEnd(&stream_);
  }

  size_t read(std::span<char> into) override {
    const auto wanted = static_cast<unsigned>(std::min(into.size(), kMaxCall));
    unsigned left = wanted;
    while (left == wanted) {
      input_.refill();
      if (input_.ended() && !open_ && members_ > 0) break;
      if (!open_) begin();
      left = step(into.data(), wanted);
    }
    count(wanted - left);
    return wanted - left;
  }

 private:
  void begin() {
    stream_ = {};
    if (BZ2_bzDecompressInit(&stream_, 0, 0) != BZ_OK) throw std::bad_alloc();
    open_ = true;
    ++members_;
  }

  unsigned step(char* out, unsigned room) {
    const auto offered = static_cast<unsigned>(std::min(input_.bytes.size(), kMaxCall));
    stream_.next_in = const_cast<char*>(input_.bytes.data());
    stream_.avail_in = offered;
    stream_.next_out = out;
    stream_.avail_out = room;
    const bool ended = input_.ended();
    const int result = BZ2_bzDecompress(&stream_);
    input_.bytes = input_.bytes.subspan(offered - stream_.avail_in);
    if (result == BZ_STREAM_END) {
      BZ2_bzDecompressEnd(&stream_);
      open_ = false;
    } else if (result == BZ_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (result != BZ_OK) {
      damaged("invalid data");
    } else if (ended && stream_.avail_out == room) {
      cutShort();
    }
    return stream_.avail_out;
  }

  bz_stream stream_{};
  bool open_ = false;
  std::uint64_t members_ = 0;
};

}  // namespace

std::unique_ptr<Source> makeUnxz(Source& from, const InflateLimits& limits) {
  return std::make_unique<Unxz>(from, limits);
}

std::unique_ptr<Source> makeBunzip2(Source& from, const InflateLimits& limits) {
  return std::make_unique<Bunzip2>(from, limits);
}

}  // namespace archive
