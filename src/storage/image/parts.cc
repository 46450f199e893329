#include "storage/image/parts.h"

#include <algorithm>

#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/json/json.h"

namespace image {
namespace {

constexpr size_t kMaxLayers = 500;  // as many as the snapshotter stacks

}  // namespace

Busy::Held::~Held() {
  if (!busy_) return;
  base::Lock lock(busy_->mutex_);
  for (const auto& digest : digests_) busy_->digests_.erase(digest);
  busy_->changed_.notifyAll();
}

Busy::Held Busy::hold(std::set<base::Digest> digests, const base::StopToken& stop) {
  const auto wake = stop.onStop([this] { changed_.notifyAll(); });
  base::Lock lock(mutex_);
  for (;;) {
    stop.throwIfStopped();
    const bool taken = std::any_of(digests.begin(), digests.end(),
                                   [this](const auto& d)
                                       NO_THREAD_SAFETY_ANALYSIS { return digests_.contains(d); });
    if (!taken) break;
    changed_.waitUntil(mutex_, std::chrono::steady_clock::now() + std::chrono::milliseconds(500));
  }
  digests_.insert(digests.begin(), digests.end());
  return Held(*this, std::move(digests));
}

events::Event imageEvent(const std::string& action, const std::string& id,
                         const std::string& name) {
  events::Event event;
  event.type = "image";
  event.action = action;
  event.actorId = id;
  if (!name.empty()) event.attributes["name"] = name;
  return event;
}

oci::Image parseConfig(const std::string& raw) {
  const oci::Image config = json::parse<oci::Image>(raw);
  if (config.rootfs.type != "layers")
    base::fail(base::Code::kInvalidArgument, "image config: rootfs.type is \"{}\", not \"layers\"",
               config.rootfs.type);
  if (config.rootfs.diffIds.size() > kMaxLayers)
    base::fail(base::Code::kInvalidArgument, "image config: {} layers, more than {}",
               config.rootfs.diffIds.size(), kMaxLayers);
  const auto filled = std::count_if(config.history.begin(), config.history.end(),
                                    [](const oci::History& step) { return !step.emptyLayer; });
  if (static_cast<size_t>(filled) > config.rootfs.diffIds.size())
    base::fail(base::Code::kInvalidArgument, "too many non-empty layers in History section");
  return config;
}

void commitImage(Parts& parts, NewImage image, events::Event event) {
  std::vector<snapshot::Committed> staged;
  std::vector<LayerRow> rows;
  ImageRow row{image.id, image.rawConfig, {}, base::Time::now()};
  for (Layer& layer : image.layers) {
    row.layers.push_back(layer.row.id);
    rows.push_back(layer.row);
    image.blobs.insert(image.blobs.end(), layer.blobs.begin(), layer.blobs.end());
    if (layer.staging) staged.push_back({std::move(layer.staging), layer.row.bytes});
  }
  base::faultPoint("image.commit");
  parts.snapshots.commit(std::move(staged), [&](store::Transaction& t) {
    const std::string owner = "image:" + image.id.str();
    for (const content::Finished& blob : image.blobs) {
      parts.content.record(t, blob);
      if (!image.origin.empty()) parts.content.addOrigin(t, blob.digest, image.origin);
      parts.content.addReference(t, owner, blob.digest);
    }
    for (const LayerRow& layer : rows) {
      parts.catalog.putLayer(t, layer);
      if (!layer.recipe.empty())
        parts.content.addReference(t, "layer:" + layer.id.str(), layer.recipe);
    }
    parts.catalog.putImage(t, row);
    for (const auto& [name, target] : image.names)
      parts.catalog.putName(t, {name, image.id, target, row.added});
    parts.events.append(t, std::move(event));
  });
}

}  // namespace image
