// A blob on its way from a registry: every byte goes to the content store and on to whoever reads,
// connections that break are taken up again where they ended.
#pragma once

#include <exception>
#include <functional>
#include <memory>

#include "platform/archive/stream.h"
#include "platform/base/stop_token.h"
#include "storage/content/content.h"
#include "storage/registry/registry.h"

namespace image {

struct BlobProgress {
  std::function<void(std::int64_t current)> downloaded;  // at most ten times a second
  std::function<void(int seconds)> retrying;
};

class BlobStream : public archive::Source {
 public:
  // Gives up when `attempts` connections in turn have brought nothing.
  BlobStream(registry::Repository& repository, const base::Digest& digest, std::int64_t size,
             int attempts, content::Ingest& ingest, BlobProgress progress, base::StopToken stop);
  // An error is final: whoever reads on gets it again.
  size_t read(std::span<char> into) override;
  // What reading ended with, if that was an error.
  std::exception_ptr failure() const { return failure_; }

 private:
  size_t readOnce(std::span<char> into);
  void connect();
  bool retry(const base::Error& error);  // false: given up

  registry::Repository& repository_;
  const base::Digest digest_;
  const std::int64_t size_;
  const int attempts_;
  content::Ingest& ingest_;
  const BlobProgress progress_;
  const base::StopToken stop_;
  std::unique_ptr<registry::BlobReader> reader_;
  std::uint64_t skip_ = 0;  // bytes of the answer that are here already
  int failures_ = 0;
  std::exception_ptr failure_;
  std::int64_t last_report_;
};

}  // namespace image
