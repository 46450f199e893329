// The state behind content::Store. Private to this library.
#pragma once

#include <map>
#include <set>
#include <string>

#include "platform/base/mutex.h"
#include "storage/content/content.h"

namespace content {

struct Store::Impl {
  Impl(const std::string& dataRoot, store::Store& database);

  void sweep();
  void sweepPartials();
  bool onDisk(const base::Digest& digest) const;
  void hold(const base::Digest& digest) EXCLUDES(mutex);
  void release(const std::set<base::Digest>& digests) EXCLUDES(mutex);
  // Waits for its turn; false: the blob is there, and held by `lease`.
  bool beginIngest(Lease& lease, const base::Digest& digest, const base::StopToken& stop)
      EXCLUDES(mutex);
  void endIngest(const base::Digest& digest) EXCLUDES(mutex);
  // Moves a verified file to its place.
  void publish(const std::string& partial, const base::Digest& digest);

  store::Store& database;
  std::string path;
  sys::Fd root, blobs, partials;

  base::Mutex mutex;
  base::Condition changed;
  std::set<base::Digest> ingesting GUARDED_BY(mutex);
  std::map<base::Digest, int> held GUARDED_BY(mutex);
  bool collecting GUARDED_BY(mutex) = false;
  std::set<base::Digest> heldMeanwhile GUARDED_BY(mutex);  // while collecting
};

// "sha256/<hex>"
std::string blobName(const base::Digest& digest);
// "sha256-<hex>", of a download that has begun.
std::string partialName(const base::Digest& digest);

std::unique_ptr<Ingest> makeIngest(Store::Impl& impl, Lease& lease, const base::Digest& digest,
                                   std::optional<std::uint64_t> size);

}  // namespace content
