#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"
#include "platform/crypto/hash.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "storage/content/impl.h"

namespace content {

namespace {

constexpr std::uint64_t kWriteBack = 16u << 20;

class FileIngest : public Ingest {
 public:
  FileIngest(Store::Impl& impl, Lease& lease, const base::Digest& digest,
             std::optional<std::uint64_t> size)
      : impl_(impl),
        lease_(lease),
        expected_(digest),
        size_(size),
        name_(digest.empty() ? "new-" + base::randomHex(8) : partialName(digest)),
        fd_(sys::openAt(impl.partials.get(), name_, O_RDWR | O_CREAT | O_NOFOLLOW, 0600)),
        hasher_(digest.empty() ? crypto::Algorithm::kSha256 : crypto::algorithmOf(digest)) {
    resume();
  }

  ~FileIngest() override {
    // Nobody could ask for it again, or there is nothing to go on from.
    if (fd_.valid() && (expected_.empty() || offset_ == 0)) removeQuietly();
    if (!expected_.empty()) impl_.endIngest(expected_);
  }

  std::uint64_t offset() const override { return offset_; }

  void write(std::span<const char> bytes) override {
    if (size_ && bytes.size() > *size_ - offset_) {
      discard();
      base::fail(base::Code::kDataLoss, "{}: more than the {} bytes that were announced", label(),
                 *size_);
    }
    hasher_.update(std::string_view(bytes.data(), bytes.size()));
    sys::writeAll(fd_.get(), {bytes.data(), bytes.size()}, label());
    offset_ += bytes.size();
    base::faultPoint("content.write");
    startWriteBack();
  }

  void restart() override {
    if (!fd_.valid())  // finish() or write() threw it away
      fd_ = sys::openAt(impl_.partials.get(), name_, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (::ftruncate(fd_.get(), 0) < 0) base::failErrno(errno, "truncate", label());
    if (::lseek(fd_.get(), 0, SEEK_SET) < 0) base::failErrno(errno, "seek", label());
    hasher_.finish();
    offset_ = flushed_ = 0;
  }

  Finished finish() override {
    if (size_ && offset_ != *size_) {
      if (offset_ < *size_) {  // cut short: what is here is good, and the next try goes on from it
        base::fail(base::Code::kDataLoss, "{}: {} of {} bytes: unexpected EOF", label(), offset_,
                   *size_);
      }
      discard();
      base::fail(base::Code::kDataLoss, "{}: {} bytes instead of {}", label(), offset_, *size_);
    }
    const auto digest = hasher_.finish();
    if (!expected_.empty() && digest != expected_) {
      discard();
      base::fail(base::Code::kDataLoss,
                 "filesystem layer verification failed for digest {}: it is {}", expected_.str(),
                 digest.str());
    }
    lease_.hold(digest);
    base::faultPoint("content.verified");
    impl_.publish(name_, digest);
    base::faultPoint("content.published");
    fd_.reset();
    return {digest, offset_};
  }

  void discard() override {
    sys::removeFile(impl_.partials.get(), name_);
    fd_.reset();
  }

 private:
  std::string label() const {
    return expected_.empty() ? "new content" : "content " + expected_.str();
  }

  void removeQuietly() noexcept {
    try {
      discard();
    } catch (const base::Error& error) {
      base::log::warn("cannot remove a partial blob", {{"error", error.message()}});
    }
  }

  // What an earlier try left is hashed again: no state of a hash can go stale, and a disk reads
  // faster than a network.
  void resume() {
    struct stat status {};
    if (::fstat(fd_.get(), &status) < 0) base::failErrno(errno, "stat", label());
    const auto have = static_cast<std::uint64_t>(status.st_size);
    if (size_ && have > *size_) return restart();
    archive::FdSource source(fd_.get());
    for (auto bytes = source.block(); !bytes.empty(); bytes = source.block()) {
      hasher_.update(std::string_view(bytes.data(), bytes.size()));
      offset_ += bytes.size();
    }
    flushed_ = offset_;
  }

  // So that the one sync at the end finds little to do.
  void startWriteBack() {
    if (offset_ - flushed_ < kWriteBack) return;
    ::sync_file_range(fd_.get(), static_cast<off_t>(flushed_),
                      static_cast<off_t>(offset_ - flushed_), SYNC_FILE_RANGE_WRITE);
    flushed_ = offset_;
  }

  Store::Impl& impl_;
  Lease& lease_;
  const base::Digest expected_;
  const std::optional<std::uint64_t> size_;
  const std::string name_;
  sys::Fd fd_;
  crypto::Hasher hasher_;
  std::uint64_t offset_ = 0;
  std::uint64_t flushed_ = 0;
};

}  // namespace

std::unique_ptr<Ingest> makeIngest(Store::Impl& impl, Lease& lease, const base::Digest& digest,
                                   std::optional<std::uint64_t> size) {
  return std::make_unique<FileIngest>(impl, lease, digest, size);
}

}  // namespace content
