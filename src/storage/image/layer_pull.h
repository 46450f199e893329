// The layers of one image on their way from a registry: downloaded, verified, decompressed and
// unpacked as one stream each, several at a time.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

#include "api/oci/image_spec.h"
#include "storage/image/blob_stream.h"
#include "storage/image/parts.h"

namespace image {

class LayerPull {
 public:
  LayerPull(Parts& parts, registry::Repository& repository, content::Lease& lease,
            const oci::Manifest& manifest, const std::vector<base::Digest>& diffIds,
            const ProgressSink& progress, const base::StopToken& stop);

  // The stack, lowest first; nothing is committed (but for layers that others had to be unpacked
  // on).
  std::vector<Layer> run();
  std::vector<content::Finished>& blobs() { return blobs_; }

 private:
  void keepBlob(size_t index);
  std::optional<size_t> comesWith(size_t index) const;
  void work();
  void pullLayer(size_t index);
  void unpackSequentially();
  BlobProgress progressOf(size_t index);
  Layer stream(size_t index, content::Ingest& ingest);
  void resume(size_t index, content::Ingest& ingest);
  Layer unpackStored(size_t index, const snapshot::Stack* below);
  std::unique_ptr<archive::Source> openPlain(size_t index) const;
  void say(size_t index, const std::string& status, std::int64_t current = 0, bool detail = true);

  Parts& parts_;
  registry::Repository& repository_;
  content::Lease& lease_;
  const oci::Manifest& manifest_;
  const std::vector<base::Digest>& diff_ids_;
  const ProgressSink& progress_;
  base::StopSource stop_;  // fires for all when one fails
  std::shared_ptr<void> outer_;
  std::mutex mutex_;  // progress_, failure_, blobs_
  std::exception_ptr failure_;
  std::vector<Layer> layers_;
  std::vector<content::Finished> blobs_;
  std::vector<size_t> missing_;
  std::vector<std::pair<size_t, size_t>> twins_;  // a layer named again, and where it is made
  std::atomic<size_t> next_{0};
};

}  // namespace image
