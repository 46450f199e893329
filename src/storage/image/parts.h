// What the operations of this library share.
#pragma once

#include <atomic>
#include <map>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "platform/base/mutex.h"
#include "storage/image/catalog.h"
#include "storage/image/images.h"
#include "storage/image/layers.h"

namespace image {

// Digests that somebody is unpacking: a second pull of a layer waits for the first, instead of
// doing it twice.
class Busy {
 public:
  class Held {
   public:
    Held(Busy& busy, std::set<base::Digest> digests) : busy_(&busy), digests_(std::move(digests)) {}
    Held(Held&& other) noexcept : busy_(other.busy_), digests_(std::move(other.digests_)) {
      other.busy_ = nullptr;
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    Held& operator=(Held&&) = delete;
    ~Held();

   private:
    Busy* busy_;
    std::set<base::Digest> digests_;
  };
  // All or nothing, so that two pulls never wait for each other. Error kCancelled.
  [[nodiscard]] Held hold(std::set<base::Digest> digests, const base::StopToken& stop)
      EXCLUDES(mutex_);

 private:
  base::Mutex mutex_;
  base::Condition changed_;
  std::set<base::Digest> digests_ GUARDED_BY(mutex_);
};

struct Parts {
  Options options;
  store::Store& store;
  events::Bus& events;
  content::Store& content;
  snapshot::Snapshotter& snapshots;
  registry::Registries registries;
  Catalog catalog;
  Layers layers;
  Busy busy;
  std::atomic<int> downloads, uploads, attempts;  // Transfers
  // Shared by whoever makes images; the collector takes it alone, so that it never sees a layer
  // without its image.
  std::shared_mutex making;

  Parts(Options o, store::Store& s, events::Bus& e, content::Store& c, snapshot::Snapshotter& n)
      : options(std::move(o)),
        store(s),
        events(e),
        content(c),
        snapshots(n),
        registries(options.registries),
        catalog(s),
        layers(c, n, catalog),
        downloads(options.transfers.downloads),
        uploads(options.transfers.uploads),
        attempts(options.transfers.attempts) {}
};

// An image that is complete but for its commit.
struct NewImage {
  base::Digest id;
  std::string rawConfig;
  std::vector<Layer> layers;
  std::vector<content::Finished> blobs;  // manifest, config, compressed layers
  std::vector<std::pair<std::string, oci::Descriptor>> names;  // complete name -> target
  std::string origin;  // "host/path" that its blobs came from, or empty
};

// One sync, one durable transaction: layers, blobs, references, rows, names, and `event`.
void commitImage(Parts& parts, NewImage image, events::Event event);

events::Event imageEvent(const std::string& action, const std::string& id, const std::string& name);

// A config that an image can be made of. kInvalidArgument.
oci::Image parseConfig(const std::string& raw);

}  // namespace image
