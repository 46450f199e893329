// Layers on their way in and out: a plain tar becomes an unpacked layer with its recipe, and a
// layer its tar again.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "platform/archive/stream.h"
#include "platform/base/stop_token.h"
#include "storage/content/content.h"
#include "storage/image/catalog.h"
#include "storage/snapshot/snapshotter.h"

namespace image {

// A layer of the image being made: there already, or staged and not yet committed.
struct Layer {
  LayerRow row;
  std::unique_ptr<snapshot::Staging> staging;  // null: it exists
  std::vector<content::Finished> blobs;        // to be recorded with the image
  files::UnpackRecord record;
  // The image names the same layer lower down, too: unpacked once, staged there.
  std::optional<size_t> twin;
};

// Opens the plain tar of layer `index` again: a layer may have to be unpacked twice.
using OpenTar = std::function<std::unique_ptr<archive::Source>(size_t index)>;

class Layers {
 public:
  Layers(content::Store& content, snapshot::Snapshotter& snapshots, const Catalog& catalog)
      : content_(content), snapshots_(snapshots), catalog_(catalog) {}

  // The layer that is unpacked already and can be layer `index` of this stack.
  std::optional<Layer> existing(const std::vector<base::Digest>& diffIds, size_t index) const;

  // Unpacks one layer by itself. `expected` is empty when only the bytes will tell. kDataLoss:
  // another diffID. `onParents`: below these, which are committed; the layer is then keyed by
  // `chainId`.
  Layer unpack(content::Lease& lease, archive::Source& plain, const base::Digest& expected,
               const base::StopToken& stop);
  Layer unpackOn(content::Lease& lease, archive::Source& plain, const base::Digest& expected,
                 const base::Digest& chainId, const snapshot::Stack& below,
                 const base::StopToken& stop);

  // A further place of the layer that is staged at `first`.
  static Layer again(const std::vector<Layer>& layers, size_t first);

  // Layers that leave something to those below are unpacked again on them. `layers`: the whole
  // stack, lowest first.
  void settle(content::Lease& lease, std::vector<Layer>& layers,
              const std::vector<base::Digest>& diffIds, const OpenTar& open,
              const base::StopToken& stop);

  // True: any layer can be unpacked at any time (overlay).
  bool independent() const { return snapshots_.layersAreIndependent(); }

  // The plain tar of an unpacked layer, exactly, on a thread of its own.
  std::unique_ptr<archive::Source> tar(const LayerRow& row) const;

 private:
  Layer run(content::Lease& lease, archive::Source& plain, const base::Digest& expected,
            std::unique_ptr<snapshot::Staging> staging, bool alone, const base::Digest& chainId,
            const base::StopToken& stop);
  bool needsParents(const std::vector<Layer>& layers, size_t index) const;

  content::Store& content_;
  snapshot::Snapshotter& snapshots_;
  const Catalog& catalog_;
};

}  // namespace image
