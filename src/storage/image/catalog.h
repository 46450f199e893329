// Which images there are, what they are called and made of: rows in the database, views in memory.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/oci/image_spec.h"
#include "api/oci/reference.h"
#include "platform/base/mutex.h"
#include "storage/image/images.h"

namespace image {

// A layer that is unpacked, and how to have its bytes again.
struct LayerRow {
  snapshot::LayerId id;  // in the snapshotter
  base::Digest diffId;
  base::Digest chainId;
  bool alone = true;    // keyed by what it is, usable in any stack
  base::Digest recipe;  // blob, empty when it could not be kept
  std::uint64_t tarBytes = 0, bytes = 0;
  oci::Descriptor blob;  // compressed form, when one is known; digest empty otherwise
};

struct ImageRow {
  base::Digest id;
  std::string rawConfig;
  std::vector<snapshot::LayerId> layers;
  base::Time added;
};

struct NameRow {
  std::string name;  // complete: "docker.io/library/busybox:latest" or "…@sha256:…"
  base::Digest image;
  oci::Descriptor target;
  base::Time tagged;
};

// Thread-safe. Changes happen inside writer closures; what is read was committed.
class Catalog {
 public:
  explicit Catalog(store::Store& store);

  std::optional<Image> find(const base::Digest& id) const EXCLUDES(mutex_);
  // By name ("busybox", "busybox:1", "busybox@sha256:…"), then by id or id prefix. nullopt: none.
  std::optional<Image> resolve(const std::string& reference) const EXCLUDES(mutex_);
  // The complete name that `reference` stands for, if there is such a name.
  std::optional<NameRow> nameOf(const std::string& reference) const EXCLUDES(mutex_);
  std::vector<Image> all() const EXCLUDES(mutex_);
  std::vector<NameRow> namesOf(const base::Digest& id) const EXCLUDES(mutex_);
  std::vector<NameRow> names() const EXCLUDES(mutex_);

  std::optional<LayerRow> layer(const snapshot::LayerId& id) const EXCLUDES(mutex_);
  std::optional<LayerRow> layerByDiff(const base::Digest& diffId) const
      EXCLUDES(mutex_);  // one that stands alone
  std::optional<LayerRow> layerByChain(const base::Digest& chainId) const EXCLUDES(mutex_);
  // Layers that no image refers to once `without` is gone.
  std::vector<LayerRow> onlyOf(const base::Digest& without) const EXCLUDES(mutex_);
  std::vector<LayerRow> orphanLayers() const EXCLUDES(mutex_);

  void putImage(store::Transaction& t, const ImageRow& row);
  void putName(store::Transaction& t, const NameRow& row);
  void putLayer(store::Transaction& t, const LayerRow& row);
  void removeImage(store::Transaction& t, const base::Digest& id);
  void removeName(store::Transaction& t, const std::string& name);
  void removeLayer(store::Transaction& t, const snapshot::LayerId& id);

 private:
  struct Entry {
    ImageRow row;
    oci::Image config;
    std::vector<std::string> names;
  };
  Image viewOf(const Entry& entry) const REQUIRES(mutex_);
  void addImage(ImageRow row) EXCLUDES(mutex_);
  void addName(NameRow row) EXCLUDES(mutex_);
  void dropName(const std::string& name) EXCLUDES(mutex_);

  mutable base::Mutex mutex_;
  std::map<base::Digest, Entry> images_ GUARDED_BY(mutex_);
  std::map<std::string, NameRow> names_ GUARDED_BY(mutex_);
  std::map<snapshot::LayerId, LayerRow> layers_ GUARDED_BY(mutex_);
};

// OCI image-spec's ChainID: of the first `count` layers.
base::Digest chainIdOf(const std::vector<base::Digest>& diffIds, size_t count);

}  // namespace image
