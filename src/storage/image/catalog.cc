#include "storage/image/catalog.h"

#include <algorithm>
#include <set>

#include "platform/base/error.h"
#include "platform/base/ids.h"
#include "platform/crypto/hash.h"
#include "platform/json/json.h"
#include "platform/json/value.h"

namespace image {
namespace {

const store::Schema kSchema{"images",
                            {"CREATE TABLE image (id TEXT PRIMARY KEY, config TEXT NOT NULL, "
                             "layers TEXT NOT NULL, added INTEGER NOT NULL) WITHOUT ROWID;"
                             "CREATE TABLE image_name (name TEXT PRIMARY KEY, image TEXT NOT NULL, "
                             "target TEXT NOT NULL, tagged INTEGER NOT NULL) WITHOUT ROWID;"
                             "CREATE TABLE image_layer (id TEXT PRIMARY KEY, diff TEXT NOT NULL, "
                             "chain TEXT NOT NULL, alone INTEGER NOT NULL, recipe TEXT "
                             "NOT NULL, tar_bytes INTEGER NOT NULL, bytes INTEGER NOT NULL, blob "
                             "TEXT NOT NULL) WITHOUT ROWID"}};

std::string joined(const std::vector<snapshot::LayerId>& layers) {
  std::string text;
  for (const auto& layer : layers) text += (text.empty() ? "" : " ") + layer.str();
  return text;
}

std::vector<snapshot::LayerId> splitLayers(const std::string& text) {
  std::vector<snapshot::LayerId> layers;
  for (size_t from = 0; from < text.size();) {
    const size_t end = std::min(text.find(' ', from), text.size());
    layers.push_back(base::Digest::parse(std::string_view(text).substr(from, end - from)));
    from = end + 1;
  }
  return layers;
}

base::Digest maybeDigest(const std::string& text) {
  return text.empty() ? base::Digest() : base::Digest::parse(text);
}

// Empty for an image that was made here and never pushed: no manifest names it yet.
oci::Descriptor parseTarget(const std::string& text) {
  return text.empty() ? oci::Descriptor() : json::parse<oci::Descriptor>(text);
}

LayerRow layerOf(const store::Row& row) {
  LayerRow layer;
  layer.id = base::Digest::parse(row.text(0));
  layer.diffId = base::Digest::parse(row.text(1));
  layer.chainId = base::Digest::parse(row.text(2));
  layer.alone = row.integer(3) != 0;
  layer.recipe = maybeDigest(row.text(4));
  layer.tarBytes = static_cast<std::uint64_t>(row.integer(5));
  layer.bytes = static_cast<std::uint64_t>(row.integer(6));
  if (const std::string blob = row.text(7); !blob.empty())
    layer.blob = json::parse<oci::Descriptor>(blob);
  return layer;
}

}  // namespace

base::Digest chainIdOf(const std::vector<base::Digest>& diffIds, size_t count) {
  base::Digest chain = diffIds.at(0);
  for (size_t i = 1; i < count; ++i) chain = crypto::digestOf(chain.str() + " " + diffIds[i].str());
  return chain;
}

Catalog::Catalog(store::Store& store) {
  store.ensure(kSchema);
  store.read([&](store::Reader& reader) {
    reader.query("SELECT id, diff, chain, alone, recipe, tar_bytes, bytes, blob FROM image_layer",
                 {}, [&](const store::Row& row) {
                   LayerRow layer = layerOf(row);
                   base::Lock lock(mutex_);
                   layers_[layer.id] = std::move(layer);
                 });
    reader.query("SELECT id, config, layers, added FROM image", {}, [&](const store::Row& row) {
      addImage({base::Digest::parse(row.text(0)), row.text(1), splitLayers(row.text(2)),
                base::Time{row.integer(3)}});
    });
    reader.query("SELECT name, image, target, tagged FROM image_name", {},
                 [&](const store::Row& row) {
                   addName({row.text(0), base::Digest::parse(row.text(1)), parseTarget(row.text(2)),
                            base::Time{row.integer(3)}});
                 });
  });
}

void Catalog::addImage(ImageRow row) {
  Entry entry{std::move(row), {}, {}};
  entry.config = json::parse<oci::Image>(entry.row.rawConfig);
  base::Lock lock(mutex_);
  for (const auto& [name, named] : names_) {
    if (named.image == entry.row.id) entry.names.push_back(name);
  }
  images_[entry.row.id] = std::move(entry);
}

void Catalog::addName(NameRow row) {
  dropName(row.name);
  base::Lock lock(mutex_);
  if (const auto image = images_.find(row.image); image != images_.end())
    image->second.names.push_back(row.name);
  std::string name = row.name;
  names_[name] = std::move(row);
}

void Catalog::dropName(const std::string& name) {
  base::Lock lock(mutex_);
  const auto found = names_.find(name);
  if (found == names_.end()) return;
  if (const auto image = images_.find(found->second.image); image != images_.end())
    std::erase(image->second.names, name);
  names_.erase(found);
}

Image Catalog::viewOf(const Entry& entry) const {
  Image image;
  image.id = entry.row.id;
  image.config = entry.config;
  image.rawConfig = entry.row.rawConfig;
  image.layers = entry.row.layers;
  image.diffIds = entry.config.rootfs.diffIds;
  for (const auto& layer : image.layers) {
    if (const auto row = layers_.find(layer); row != layers_.end())
      image.size += static_cast<std::int64_t>(row->second.bytes);
  }
  if (entry.config.created) image.created = *entry.config.created;
  for (const std::string& name : entry.names) {
    const NameRow& row = names_.at(name);
    const auto reference = oci::Reference::parse(name);
    (reference.digest().empty() ? image.repoTags : image.repoDigests)
        .push_back(reference.familiar());
    image.lastTagged = std::max(image.lastTagged, row.tagged);
    image.target = row.target;
  }
  std::sort(image.repoTags.begin(), image.repoTags.end());
  std::sort(image.repoDigests.begin(), image.repoDigests.end());
  return image;
}

std::optional<Image> Catalog::find(const base::Digest& id) const {
  base::Lock lock(mutex_);
  const auto found = images_.find(id);
  if (found == images_.end()) return std::nullopt;
  return viewOf(found->second);
}

std::optional<NameRow> Catalog::nameOf(const std::string& text) const {
  const auto parsed = oci::Reference::tryParse(text);
  if (!parsed) return std::nullopt;
  const oci::Reference reference = parsed->withDefaultTag();
  base::Lock lock(mutex_);
  // A digest says more than the tag beside it.
  const std::string key = reference.digest().empty()
                              ? reference.str()
                              : reference.nameOnly().withDigest(reference.digest()).str();
  const auto found = names_.find(key);
  if (found == names_.end()) return std::nullopt;
  return found->second;
}

std::optional<Image> Catalog::resolve(const std::string& text) const {
  if (const auto named = nameOf(text)) {
    auto image = find(named->image);
    if (image && !named->target.digest.empty()) image->target = named->target;
    return image;
  }
  std::string hex = text.starts_with("sha256:") ? text.substr(7) : text;
  if (!base::isHex(hex) || hex.size() > 64) return std::nullopt;
  base::Lock lock(mutex_);
  const Entry* match = nullptr;
  for (const auto& [id, entry] : images_) {
    if (!id.hex().starts_with(hex)) continue;
    if (match) return std::nullopt;  // ambiguous: as good as unknown, in Docker's eyes
    match = &entry;
  }
  if (!match) return std::nullopt;
  return viewOf(*match);
}

std::vector<Image> Catalog::all() const {
  base::Lock lock(mutex_);
  std::vector<Image> images;
  images.reserve(images_.size());
  for (const auto& [id, entry] : images_) images.push_back(viewOf(entry));
  return images;
}

std::vector<NameRow> Catalog::namesOf(const base::Digest& id) const {
  base::Lock lock(mutex_);
  std::vector<NameRow> rows;
  const auto found = images_.find(id);
  if (found == images_.end()) return rows;
  for (const std::string& name : found->second.names) rows.push_back(names_.at(name));
  return rows;
}

std::vector<NameRow> Catalog::names() const {
  base::Lock lock(mutex_);
  std::vector<NameRow> rows;
  for (const auto& [name, row] : names_) rows.push_back(row);
  return rows;
}

std::optional<LayerRow> Catalog::layer(const snapshot::LayerId& id) const {
  base::Lock lock(mutex_);
  const auto found = layers_.find(id);
  return found == layers_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<LayerRow> Catalog::layerByDiff(const base::Digest& diffId) const {
  base::Lock lock(mutex_);
  for (const auto& [id, row] : layers_) {
    if (row.alone && row.diffId == diffId) return row;
  }
  return std::nullopt;
}

std::optional<LayerRow> Catalog::layerByChain(const base::Digest& chainId) const {
  base::Lock lock(mutex_);
  for (const auto& [id, row] : layers_) {
    if (!row.alone && row.chainId == chainId) return row;
  }
  return std::nullopt;
}

std::vector<LayerRow> Catalog::onlyOf(const base::Digest& without) const {
  base::Lock lock(mutex_);
  std::vector<LayerRow> rows;
  const auto found = images_.find(without);
  if (found == images_.end()) return rows;
  // Each once: an image may stand on a layer twice.
  const std::set<snapshot::LayerId> own(found->second.row.layers.begin(),
                                        found->second.row.layers.end());
  for (const auto& layer : own) {
    bool shared = false;
    for (const auto& [id, entry] : images_) {
      shared =
          shared || (id != without && std::find(entry.row.layers.begin(), entry.row.layers.end(),
                                                layer) != entry.row.layers.end());
    }
    if (const auto row = layers_.find(layer); !shared && row != layers_.end())
      rows.push_back(row->second);
  }
  return rows;
}

std::vector<LayerRow> Catalog::orphanLayers() const {
  base::Lock lock(mutex_);
  std::vector<LayerRow> rows;
  for (const auto& [id, row] : layers_) {
    bool used = false;
    for (const auto& [image, entry] : images_) {
      used = used || std::find(entry.row.layers.begin(), entry.row.layers.end(), id) !=
                         entry.row.layers.end();
    }
    if (!used) rows.push_back(row);
  }
  return rows;
}

void Catalog::putImage(store::Transaction& t, const ImageRow& row) {
  t.run("INSERT OR REPLACE INTO image (id, config, layers, added) VALUES (?, ?, ?, ?)",
        {row.id.str(), row.rawConfig, joined(row.layers), row.added.ns});
  t.afterCommit([this, row] { addImage(row); });
}

void Catalog::putName(store::Transaction& t, const NameRow& row) {
  t.run("INSERT OR REPLACE INTO image_name (name, image, target, tagged) VALUES (?, ?, ?, ?)",
        {row.name, row.image.str(),
         row.target.digest.empty() ? std::string() : json::write(row.target), row.tagged.ns});
  t.afterCommit([this, row] { addName(row); });
}

void Catalog::putLayer(store::Transaction& t, const LayerRow& row) {
  t.run(
      "INSERT OR REPLACE INTO image_layer (id, diff, chain, alone, recipe, tar_bytes, bytes, blob) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      {row.id.str(), row.diffId.str(), row.chainId.str(), std::int64_t{row.alone}, row.recipe.str(),
       static_cast<std::int64_t>(row.tarBytes), static_cast<std::int64_t>(row.bytes),
       row.blob.digest.empty() ? std::string() : json::write(row.blob)});
  t.afterCommit([this, row] {
    base::Lock lock(mutex_);
    layers_[row.id] = row;
  });
}

void Catalog::removeImage(store::Transaction& t, const base::Digest& id) {
  t.run("DELETE FROM image WHERE id = ?", {id.str()});
  t.afterCommit([this, id] {
    base::Lock lock(mutex_);
    images_.erase(id);
  });
}

void Catalog::removeName(store::Transaction& t, const std::string& name) {
  t.run("DELETE FROM image_name WHERE name = ?", {name});
  t.afterCommit([this, name] { dropName(name); });
}

void Catalog::removeLayer(store::Transaction& t, const snapshot::LayerId& id) {
  t.run("DELETE FROM image_layer WHERE id = ?", {id.str()});
  t.afterCommit([this, id] {
    base::Lock lock(mutex_);
    layers_.erase(id);
  });
}

}  // namespace image
