#include <zstd.h>

#include <algorithm>
#include <bit>
#include <memory>
#include <vector>

#include "platform/archive/codecs.h"
#include "platform/base/error.h"

namespace archive {

namespace {

struct FreeContext {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

class Unzstd : public InflatingSource {
 public:
  Unzstd(Source& from, const InflateLimits& limits)
      : InflatingSource(from, limits, Compression::kZstd), context_(ZSTD_createDCtx()) {
    if (!context_) throw std::bad_alloc();
    const int windowLog = std::clamp<int>(std::bit_width(limits.memory) - 1, 10, 31);
    ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, windowLog);
  }

  size_t read(std::span<char> into) override {
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    while (out.pos == 0) {
      input_.refill();
      if (input_.ended() && between_) break;
      ZSTD_inBuffer in{input_.bytes.data(), input_.bytes.size(), 0};
      const bool ended = input_.ended();
      const size_t result = ZSTD_decompressStream(context_.get(), &out, &in);
      input_.bytes = input_.bytes.subspan(in.pos);
      if (ZSTD_isError(result)) damaged(ZSTD_getErrorName(result));
      between_ = result == 0;
      if (ended && out.pos == 0 && !between_) cutShort();
    }
    count(out.pos);
    return out.pos;
  }

 private:
  std::unique_ptr<ZSTD_DCtx, FreeContext> context_;
  bool between_ = false;  // a frame has just ended; an empty stream is cut short, not empty
};

class Zstd : public Deflater {
 public:
  Zstd(Sink& to, int level) : to_(to), context_(ZSTD_createCCtx()), out_(ZSTD_CStreamOutSize()) {
    if (!context_) throw std::bad_alloc();
    if (level < 1 || level > 19)
      base::fail(base::Code::kInvalidArgument, "zstd level {} is not 1 to 19", level);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
  }

  void write(std::span<const char> bytes) override { run(bytes, ZSTD_e_continue); }
  void finish() override { run({}, ZSTD_e_end); }

 private:
  void run(std::span<const char> bytes, ZSTD_EndDirective how) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (;;) {
      ZSTD_outBuffer out{out_.data(), out_.size(), 0};
      const size_t left = ZSTD_compressStream2(context_.get(), &out, &in, how);
      if (ZSTD_isError(left))
        base::fail(base::Code::kInternal, "zstd: {}", ZSTD_getErrorName(left));
      if (out.pos > 0) to_.write({out_.data(), out.pos});
      if (how == ZSTD_e_end ? left == 0 : in.pos == in.size) return;
    }
  }

  Sink& to_;
  std::unique_ptr<ZSTD_CCtx, FreeContext> context_;
  std::vector<char> out_;
};

}  // namespace

std::unique_ptr<Source> makeUnzstd(Source& from, const InflateLimits& limits) {
  return std::make_unique<Unzstd>(from, limits);
}

std::unique_ptr<Deflater> makeZstd(Sink& to, int level) {
  return std::make_unique<Zstd>(to, level);
}

}  // namespace archive
