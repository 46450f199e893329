#include "storage/image/remove.h"

#include <algorithm>

#include "platform/base/error.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"

namespace image {
namespace {

using base::Code;

std::vector<User> usersOf(const Parts& parts, const base::Digest& id) {
  return parts.options.usedBy ? parts.options.usedBy(id) : std::vector<User>{};
}

void untag(Parts& parts, store::Transaction& t, const NameRow& name, Removed& removed) {
  parts.catalog.removeName(t, name.name);
  removed.lines.emplace_back(false, oci::Reference::parse(name.name).familiar());
  parts.events.append(t, imageEvent("untag", name.image.str(), name.image.str()));
}

void deleteLayers(Parts& parts, const std::vector<LayerRow>& layers) {
  for (const LayerRow& layer : layers) {
    try {
      parts.snapshots.removeLayer(layer.id);
    } catch (const base::Error& error) {
      base::log::warn("a layer could not be removed; the collector tries again",
                      {{"layer", layer.id.str()}, {"error", error.message()}});
    }
  }
}

// Names, rows and references in one durable transaction; directories and blobs after it.
void deleteImage(Parts& parts, const Image& image, const std::vector<NameRow>& names,
                 Removed& removed) {
  const std::vector<LayerRow> layers = parts.catalog.onlyOf(image.id);
  parts.store.write(store::Durability::kDurable, [&](store::Transaction& t) {
    for (const NameRow& name : names) untag(parts, t, name, removed);
    parts.catalog.removeImage(t, image.id);
    parts.content.removeReferences(t, "image:" + image.id.str());
    for (const LayerRow& layer : layers) {
      parts.catalog.removeLayer(t, layer.id);
      parts.content.removeReferences(t, "layer:" + layer.id.str());
      removed.reclaimed += static_cast<std::int64_t>(layer.bytes);
    }
    parts.events.append(t, imageEvent("delete", image.id.str(), image.id.str()));
  });
  removed.lines.emplace_back(true, image.id.str());
  // Docker names what it deletes by chain id, from the top down.
  for (size_t count = image.diffIds.size(); count > 0; --count) {
    const bool gone = std::any_of(layers.begin(), layers.end(), [&](const LayerRow& l) {
      return l.id == image.layers[count - 1];
    });
    if (gone) removed.lines.emplace_back(true, chainIdOf(image.diffIds, count).str());
  }
  deleteLayers(parts, layers);
  parts.content.collect();
}

bool hasTag(const std::vector<NameRow>& names) {
  return std::any_of(names.begin(), names.end(), [](const NameRow& n) {
    return oci::Reference::parse(n.name).digest().empty();
  });
}

Removed removeByName(Parts& parts, const NameRow& name, const Image& image,
                     const std::string& asked, bool force) {
  Removed removed;
  const auto names = parts.catalog.namesOf(image.id);
  const oci::Reference reference = oci::Reference::parse(name.name);
  std::vector<NameRow> others;
  for (const NameRow& other : names) {
    if (other.name != name.name) others.push_back(other);
  }
  // Digests of the same repository stand for the tag and go with the last tag of it.
  const bool lastTag = reference.digest().empty() ? !hasTag(others) : others.empty();
  if (!lastTag) {
    parts.store.write(store::Durability::kDurable, [&](store::Transaction& t) {
      untag(parts, t, name, removed);
      const bool repositoryGone =
          std::none_of(others.begin(), others.end(), [&](const NameRow& other) {
            const auto r = oci::Reference::parse(other.name);
            return r.digest().empty() && r.name() == reference.name();
          });
      for (const NameRow& other : others) {
        const auto r = oci::Reference::parse(other.name);
        if (repositoryGone && !r.digest().empty() && r.name() == reference.name())
          untag(parts, t, other, removed);
      }
    });
    return removed;
  }
  const auto users = usersOf(parts, image.id);
  if (!users.empty()) {
    if (!force) {
      base::fail(Code::kConflict,
                 "conflict: unable to remove repository reference \"{}\" (must force) - container "
                 "{} is using its referenced image {}",
                 asked, base::shortId(users.front().containerId), base::shortId(image.id.str()));
    }
    // By force only the names go: the containers need the rest.
    parts.store.write(store::Durability::kDurable, [&](store::Transaction& t) {
      for (const NameRow& each : names) untag(parts, t, each, removed);
    });
    return removed;
  }
  std::vector<NameRow> ordered{name};
  ordered.insert(ordered.end(), others.begin(), others.end());
  deleteImage(parts, image, ordered, removed);
  return removed;
}

Removed removeById(Parts& parts, const Image& image, bool force) {
  const auto names = parts.catalog.namesOf(image.id);
  std::vector<std::string> repositories;
  for (const NameRow& name : names) repositories.push_back(oci::Reference::parse(name.name).name());
  std::sort(repositories.begin(), repositories.end());
  repositories.erase(std::unique(repositories.begin(), repositories.end()), repositories.end());
  const auto users = usersOf(parts, image.id);
  for (const User& user : users) {
    if (user.running) {
      base::fail(Code::kConflict,
                 "conflict: unable to delete {} (cannot be forced) - image is being used by "
                 "running container {}",
                 base::shortId(image.id.str()), base::shortId(user.containerId));
    }
  }
  if (!force && repositories.size() > 1) {
    base::fail(Code::kConflict,
               "conflict: unable to delete {} (must be forced) - image is referenced in multiple "
               "repositories",
               base::shortId(image.id.str()));
  }
  if (!force && !users.empty()) {
    base::fail(Code::kConflict,
               "conflict: unable to delete {} (must be forced) - image is being used by stopped "
               "container {}",
               base::shortId(image.id.str()), base::shortId(users.front().containerId));
  }
  Removed removed;
  if (!users.empty()) {
    parts.store.write(store::Durability::kDurable, [&](store::Transaction& t) {
      for (const NameRow& name : names) untag(parts, t, name, removed);
    });
    return removed;
  }
  deleteImage(parts, image, names, removed);
  return removed;
}

}  // namespace

Removed removeReference(Parts& parts, const std::string& reference, bool force, bool) {
  const std::unique_lock making(parts.making);
  if (const auto name = parts.catalog.nameOf(reference)) {
    const auto image = parts.catalog.find(name->image);
    if (image) return removeByName(parts, *name, *image, reference, force);
  }
  const auto image = parts.catalog.resolve(reference);
  if (!image) {
    const auto parsed = oci::Reference::tryParse(reference);
    base::fail(Code::kNotFound, "No such image: {}",
               parsed ? parsed->withDefaultTag().familiar() : reference);
  }
  return removeById(parts, *image, force);
}

Removed pruneImages(Parts& parts, bool all, const std::function<bool(const Image&)>& matches) {
  const std::unique_lock making(parts.making);
  Removed total;
  for (const Image& image : parts.catalog.all()) {
    const auto names = parts.catalog.namesOf(image.id);
    if ((!all && hasTag(names)) || !matches(image) || !usersOf(parts, image.id).empty()) continue;
    Removed removed;
    deleteImage(parts, image, names, removed);
    total.lines.insert(total.lines.end(), removed.lines.begin(), removed.lines.end());
    total.reclaimed += removed.reclaimed;
  }
  return total;
}

std::int64_t collectGarbage(Parts& parts) {
  const std::unique_lock making(parts.making, std::try_to_lock);
  if (!making.owns_lock()) return 0;
  const auto orphans = parts.catalog.orphanLayers();
  if (!orphans.empty()) {
    parts.store.write(store::Durability::kLazy, [&](store::Transaction& t) {
      for (const LayerRow& layer : orphans) {
        parts.catalog.removeLayer(t, layer.id);
        parts.content.removeReferences(t, "layer:" + layer.id.str());
      }
    });
  }
  deleteLayers(parts, orphans);
  // Layers of the snapshotter that no row of ours knows: an image that was never committed.
  std::vector<LayerRow> unknown;
  for (const auto& info : parts.snapshots.layers()) {
    if (parts.catalog.layer(info.id)) continue;
    LayerRow row;
    row.id = info.id;
    unknown.push_back(std::move(row));
  }
  deleteLayers(parts, unknown);
  return static_cast<std::int64_t>(parts.content.collect().bytes);
}

}  // namespace image
