// gzip by ISA-L: inflate at 740 MB/s against zlib's 298, deflate at 530 against 37 (level 6) on the
// same text.
#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "platform/archive/codecs.h"
#include "platform/base/error.h"

namespace archive {

namespace {

constexpr size_t kMaxCall = 1u << 30;  // ISA-L counts in 32 bits

class Gunzip : public InflatingSource {
 public:
  Gunzip(Source& from, const InflateLimits& limits)
      : InflatingSource(from, limits, Compression::kGzip),
        state_(std::make_unique<inflate_state>()) {
    begin();
  }

  size_t read(std::span<char> into) override {
    state_->next_out = reinterpret_cast<std::uint8_t*>(into.data());
    state_->avail_out = static_cast<std::uint32_t>(std::min(into.size(), kMaxCall));
    const auto wanted = state_->avail_out;
    while (state_->avail_out == wanted && !done_) step();
    const size_t made = wanted - state_->avail_out;
    count(made);
    return made;
  }

 private:
  void begin() {
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP;
    input_.refill();
  }

  void step() {
    input_.refill();
    const bool ended = input_.ended();
    const auto before = state_->avail_out;
    state_->next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(input_.bytes.data()));
    state_->avail_in = static_cast<std::uint32_t>(std::min(input_.bytes.size(), kMaxCall));
    const auto offered = state_->avail_in;
    const int result = isal_inflate(state_.get());
    input_.bytes = input_.bytes.subspan(offered - state_->avail_in);
    if (result < 0 || result > ISAL_END_INPUT) fail(result);
    if (state_->block_state == ISAL_BLOCK_FINISH) {
      nextMember();
    } else if (ended && state_->avail_out == before) {
      cutShort();
    }
  }

  // Behind a member stands another one, the end, or zeros of a tape block.
  void nextMember() {
    const auto next_out = state_->next_out;
    const auto avail_out = state_->avail_out;
    bool padded = false;
    for (input_.refill(); !input_.ended() && input_.bytes[0] == 0; input_.refill()) {
      const auto end =
          std::find_if(input_.bytes.begin(), input_.bytes.end(), [](char c) { return c != 0; });
      input_.bytes = input_.bytes.subspan(static_cast<size_t>(end - input_.bytes.begin()));
      padded = true;
    }
    if (input_.ended()) {
      done_ = true;
      return;
    }
    if (padded || input_.bytes[0] != '\x1f') damaged("bytes behind its end");
    begin();
    state_->next_out = next_out;
    state_->avail_out = avail_out;
  }

  [[noreturn]] void fail(int result) {
    switch (result) {
      case ISAL_INCORRECT_CHECKSUM:
        damaged("invalid checksum");
      case ISAL_INVALID_WRAPPER:
      case ISAL_UNSUPPORTED_METHOD:
        damaged("invalid header");
      default:
        damaged("invalid data");
    }
  }

  std::unique_ptr<inflate_state> state_;
  bool done_ = false;
};

class Gzip : public Deflater {
 public:
  Gzip(Sink& to, int level) : to_(to), stream_(std::make_unique<isal_zstream>()), out_(kOut) {
    static constexpr std::uint32_t kLevelBuffers[] = {0, ISAL_DEF_LVL1_DEFAULT,
                                                      ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};
    if (level < 1 || level > 3)
      base::fail(base::Code::kInvalidArgument, "gzip level {} is not 1 to 3", level);
    levelBuffer_.resize(kLevelBuffers[level]);
    isal_deflate_init(stream_.get());
    stream_->level = static_cast<std::uint32_t>(level);
    stream_->level_buf = levelBuffer_.data();
    stream_->level_buf_size = static_cast<std::uint32_t>(levelBuffer_.size());
    stream_->gzip_flag = IGZIP_GZIP;
  }

  void write(std::span<const char> bytes) override {
    while (!bytes.empty()) {
      const size_t part = std::min(bytes.size(), kMaxCall);
      run(bytes.first(part), false);
      bytes = bytes.subspan(part);
    }
  }

  void finish() override { run({}, true); }

 private:
  static constexpr size_t kOut = 128 << 10;

  void run(std::span<const char> bytes, bool last) {
    stream_->next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
    stream_->avail_in = static_cast<std::uint32_t>(bytes.size());
    stream_->end_of_stream = last ? 1 : 0;
    do {
      stream_->next_out = out_.data();
      stream_->avail_out = kOut;
      if (isal_deflate(stream_.get()) != COMP_OK)
        base::fail(base::Code::kInternal, "gzip: compression failed");
      const size_t made = kOut - stream_->avail_out;
      if (made > 0) to_.write({reinterpret_cast<const char*>(out_.data()), made});
    } while (stream_->avail_out == 0 || stream_->avail_in > 0 ||
             (last && stream_->internal_state.state != ZSTATE_END));
  }

  Sink& to_;
  std::unique_ptr<isal_zstream> stream_;
  std::vector<std::uint8_t> levelBuffer_;
  std::vector<std::uint8_t> out_;
};

}  // namespace

std::unique_ptr<Source> makeGunzip(Source& from, const InflateLimits& limits) {
  return std::make_unique<Gunzip>(from, limits);
}

std::unique_ptr<Deflater> makeGzip(Sink& to, int level) {
  return std::make_unique<Gzip>(to, level);
}

}  // namespace archive
