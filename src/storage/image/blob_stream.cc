#include "storage/image/blob_stream.h"

#include <algorithm>

#include "platform/base/error.h"
#include "platform/base/log.h"
#include "platform/base/time.h"
#include "storage/image/retry.h"

namespace image {
namespace {

constexpr std::int64_t kReportEvery = 100'000'000;

}  // namespace

BlobStream::BlobStream(registry::Repository& repository, const base::Digest& digest,
                       std::int64_t size, int attempts, content::Ingest& ingest,
                       BlobProgress progress, base::StopToken stop)
    : repository_(repository),
      digest_(digest),
      size_(size),
      attempts_(attempts),
      ingest_(ingest),
      progress_(std::move(progress)),
      stop_(std::move(stop)),
      last_report_(base::monotonicNs()) {}

void BlobStream::connect() {
  const std::uint64_t have = ingest_.offset();
  reader_ = repository_.blob(digest_, have, stop_);
  if (const auto whole = reader_->size(); size_ >= 0 && whole && *whole != std::uint64_t(size_)) {
    ingest_.discard();
    base::fail(base::Code::kDataLoss,
               "failed size validation: blob {} has {} bytes at the registry, the manifest says {}",
               digest_.str(), *whole, size_);
  }
  // A registry without ranges sends it all again: what is here is passed over, and the digest tells
  // whether it is the same.
  skip_ = have - std::min(have, reader_->offset());
}

bool BlobStream::retry(const base::Error& error) {
  if (!temporary(error) || ++failures_ >= attempts_) return false;
  reader_.reset();
  const int seconds = std::min(delayAfter(error, failures_), 60);
  base::log::debug("download interrupted", {{"digest", digest_.str()},
                                            {"error", error.message()},
                                            {"retry in", std::to_string(seconds)}});
  if (progress_.retrying) progress_.retrying(seconds);
  pause(seconds, stop_);
  return true;
}

size_t BlobStream::read(std::span<char> into) {
  if (failure_) std::rethrow_exception(failure_);
  for (;;) {
    try {
      return readOnce(into);
    } catch (const base::Error& error) {
      try {
        if (retry(error)) continue;
      } catch (const base::Error&) {  // stopped while it waited
        failure_ = std::current_exception();
        throw;
      }
      failure_ = std::current_exception();
      throw;
    }
  }
}

size_t BlobStream::readOnce(std::span<char> into) {
  for (;;) {
    stop_.throwIfStopped();
    if (static_cast<std::int64_t>(ingest_.offset()) == size_) return 0;
    if (!reader_) connect();
    const size_t count = reader_->read(into);
    if (count == 0) {
      if (size_ < 0) return 0;
      base::fail(base::Code::kUnavailable, "unexpected EOF: {} of {} bytes of {}", ingest_.offset(),
                 size_, digest_.str());
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
  }
}

}  // namespace image
