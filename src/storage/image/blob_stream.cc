#include "storage/image/blob_stream.h"

#include <poll.h>

#include <algorithm>

#include "platform/base/error.h"
#include "platform/base/log.h"
#include "platform/base/time.h"

namespace image {
namespace {

constexpr int kTries = 6;
constexpr std::int64_t kReportEvery = 100'000'000;

// Error kCancelled when `stop` fires first.
void pause(int seconds, const base::StopToken& stop) {
  pollfd wait{stop.fd(), POLLIN, 0};
  const std::int64_t until = base::monotonicNs() + seconds * 1'000'000'000LL;
  while (base::monotonicNs() < until) {
    ::poll(&wait, 1, static_cast<int>((until - base::monotonicNs()) / 1'000'000) + 1);
    stop.throwIfStopped();
  }
}

}  // namespace

BlobStream::BlobStream(registry::Repository& repository, const base::Digest& digest,
                       std::int64_t size, content::Ingest& ingest, BlobProgress progress,
                       base::StopToken stop)
    : repository_(repository),
      digest_(digest),
      size_(size),
      ingest_(ingest),
      progress_(std::move(progress)),
      stop_(std::move(stop)) {}

void BlobStream::connect() {
  const std::uint64_t have = ingest_.offset();
  reader_ = repository_.blob(digest_, have, stop_);
  // A registry without ranges sends it all again: what is here is passed over, and the digest tells
  // whether it is the same.
  skip_ = have - std::min(have, reader_->offset());
}

bool BlobStream::retry(const base::Error& error) {
  const auto* refused = dynamic_cast<const registry::RegistryError*>(&error);
  const bool temporary = refused ? refused->temporary() : error.code() == base::Code::kUnavailable;
  if (!temporary || ++failures_ >= kTries) return false;
  reader_.reset();
  const int seconds =
      std::min(refused && refused->retryAfter > 0 ? refused->retryAfter : 1 << (failures_ - 1), 60);
  base::log::debug("download interrupted", {{"digest", digest_.str()},
                                            {"error", error.message()},
                                            {"retry in", std::to_string(seconds)}});
  if (progress_.retrying) progress_.retrying(seconds);
  pause(seconds, stop_);
  return true;
}

size_t BlobStream::read(std::span<char> into) {
  for (;;) {
    stop_.throwIfStopped();
    try {
      if (static_cast<std::int64_t>(ingest_.offset()) == size_) return 0;
      if (!reader_) connect();
      const size_t count = reader_->read(into);
      if (count == 0) {
        if (size_ < 0) return 0;
        base::fail(base::Code::kUnavailable, "unexpected EOF: {} of {} bytes of {}",
                   ingest_.offset(), size_, digest_.str());
      }
      const size_t drop = static_cast<size_t>(std::min<std::uint64_t>(skip_, count));
      skip_ -= drop;
      if (drop == count) continue;
      const std::span<char> fresh = into.subspan(drop, count - drop);
      ingest_.write(fresh);
      if (drop > 0) std::copy(fresh.begin(), fresh.end(), into.begin());
      failures_ = 0;
      const std::int64_t now = base::monotonicNs();
      if (progress_.downloaded && now - last_report_ > kReportEvery) {
        last_report_ = now;
        progress_.downloaded(static_cast<std::int64_t>(ingest_.offset()));
      }
      return fresh.size();
    } catch (const base::Error& error) {
      if (!retry(error)) throw;
    }
  }
}

}  // namespace image
