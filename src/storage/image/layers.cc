#include "storage/image/layers.h"

#include "platform/base/error.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"
#include "storage/files/unpack.h"
#include "storage/image/produced_source.h"

namespace image {
namespace {

using base::Code;

// A layer whose digest only its bytes will tell is staged under a name of its own.
snapshot::LayerId temporaryId() {
  return base::Digest::sha256(base::randomHex(32));
}

}  // namespace

std::optional<Layer> Layers::existing(const std::vector<base::Digest>& diffIds,
                                      size_t index) const {
  auto row = catalog_.layerByChain(chainIdOf(diffIds, index + 1));
  if (!row && independent()) row = catalog_.layerByDiff(diffIds[index]);
  if (!row || !snapshots_.hasLayer(row->id)) return std::nullopt;
  Layer layer;
  layer.row = std::move(*row);
  return layer;
}

Layer Layers::run(content::Lease& lease, archive::Source& plain, const base::Digest& expected,
                  std::unique_ptr<snapshot::Staging> staging, bool alone,
                  const base::Digest& chainId, const base::StopToken& stop) {
  const auto recipe = content_.ingestUnknown(lease);
  archive::HashingSource hashed(plain);
  files::UnpackOptions options;
  options.whiteouts = staging->whiteouts();
  options.recipe = recipe.get();
  options.stop = stop;
  Layer layer;
  {
    // Hashing costs more than everything else here: on a thread of its own it runs beside the
    // files.
    archive::PipelinedSource ahead(hashed);
    layer.record = files::unpack(ahead, staging->root(), options);
  }
  const base::Digest diffId = hashed.finish();
  if (!expected.empty() && diffId != expected) {
    base::fail(Code::kDataLoss,
               "layer verification failed: the image's config names {}, its bytes are {}",
               expected.str(), diffId.str());
  }
  layer.row.id = staging->id();
  layer.row.diffId = diffId;
  layer.row.chainId = chainId.empty() ? diffId : chainId;
  layer.row.alone = alone;
  layer.row.tarBytes = layer.record.tarBytes;
  layer.row.bytes = layer.record.bytes;
  layer.staging = std::move(staging);
  if (layer.record.recipeComplete) {
    layer.blobs.push_back(recipe->finish());
    layer.row.recipe = layer.blobs.back().digest;
  } else {
    recipe->discard();
  }
  for (const std::string& warning : layer.record.warnings) {
    base::log::warn("while unpacking a layer", {{"layer", diffId.str()}, {"warning", warning}});
  }
  return layer;
}

Layer Layers::unpack(content::Lease& lease, archive::Source& plain, const base::Digest& expected,
                     const base::StopToken& stop) {
  const auto id = expected.empty() ? temporaryId() : expected;
  return run(lease, plain, expected, snapshots_.prepare(id, {}, snapshot::Placement::kAlone), true,
             {}, stop);
}

Layer Layers::unpackOn(content::Lease& lease, archive::Source& plain, const base::Digest& expected,
                       const base::Digest& chainId, const snapshot::Stack& below,
                       const base::StopToken& stop) {
  // The lowest layer's chain id is its diff id, which its stand-alone copy may have taken.
  const auto id =
      below.empty() || chainId.empty() ? (expected.empty() ? temporaryId() : expected) : chainId;
  return run(lease, plain, expected, snapshots_.prepare(id, below, snapshot::Placement::kOnParents),
             false, chainId, stop);
}

Layer Layers::again(const std::vector<Layer>& layers, size_t first) {
  Layer layer;
  layer.row = layers[first].row;
  layer.record = layers[first].record;
  layer.twin = first;
  return layer;
}

bool Layers::needsParents(const std::vector<Layer>& layers, size_t index) const {
  const Layer& layer = layers[index];
  const bool made = layer.staging || layer.twin;
  if (index == 0 || !made || !layer.row.alone) return false;
  // The one that stood for both was unpacked again, for its own place only.
  if (layer.twin && layers[*layer.twin].row.id != layer.row.id) return true;
  if (layer.record.leavesToParents) return true;
  if (layer.record.whiteouts.empty()) return false;
  std::vector<sys::Fd> opened;
  std::vector<int> lowers;
  for (size_t below = 0; below < index; ++below) {
    const Layer& holder = layers[layers[below].twin.value_or(below)];
    if (holder.staging) {
      lowers.push_back(holder.staging->tree());
    } else {
      opened.push_back(snapshots_.openLayer(layers[below].row.id));
      lowers.push_back(opened.back().get());
    }
  }
  return !files::orphanWhiteouts(layer.record, lowers).empty();
}

void Layers::settle(content::Lease& lease, std::vector<Layer>& layers,
                    const std::vector<base::Digest>& diffIds, const OpenTar& open,
                    const base::StopToken& stop) {
  for (size_t index = 0; index < layers.size(); ++index) {
    if (!needsParents(layers, index)) continue;
    base::log::debug("a layer leaves something to those below: unpacked again on them",
                     {{"layer", diffIds[index].str()}});
    std::vector<snapshot::Committed> ready;
    snapshot::Stack below;
    for (size_t i = 0; i < index; ++i) {
      below.push_back(layers[i].row.id);
      if (layers[i].staging) ready.push_back({std::move(layers[i].staging), layers[i].row.bytes});
    }
    snapshots_.commit(std::move(ready), [](store::Transaction&) {});
    const size_t source = layers[index].twin.value_or(index);
    layers[index] = Layer();  // its stand-alone copy goes
    const auto plain = open(source);
    layers[index] =
        unpackOn(lease, *plain, diffIds[index], chainIdOf(diffIds, index + 1), below, stop);
  }
}

std::unique_ptr<archive::Source> Layers::tar(const LayerRow& row) const {
  if (row.recipe.empty()) {
    base::fail(Code::kDataLoss,
               "the exact tar of layer {} cannot be made again: no recipe was kept for it",
               row.diffId.str());
  }
  return std::make_unique<ProducedSource>([this, row](archive::Sink& sink) {
    const sys::Fd directory = snapshots_.openLayer(row.id);
    files::rebuildTar([&] { return content_.open(row.recipe); }, directory.get(), sink);
  });
}

}  // namespace image
