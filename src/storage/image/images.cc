#include "storage/image/images.h"

#include <algorithm>

#include "platform/base/error.h"
#include "storage/image/import.h"
#include "storage/image/manifests.h"
#include "storage/image/parts.h"
#include "storage/image/pull.h"
#include "storage/image/push.h"
#include "storage/image/remove.h"
#include "storage/image/save.h"

namespace image {

struct Images::Impl : Parts {
  using Parts::Parts;
};

Images::Images(Options options, store::Store& store, events::Bus& events, content::Store& content,
               snapshot::Snapshotter& snapshots)
    : impl_(std::make_unique<Impl>(std::move(options), store, events, content, snapshots)) {
  image::collectGarbage(*impl_);
}

Images::~Images() = default;

Image Images::resolve(const std::string& reference, const std::optional<Platform>& platform) const {
  const auto image = impl_->catalog.resolve(reference);
  if (!image) {
    // A name that is no reference is the request's fault, one that nobody has is not.
    const auto parsed = reference.starts_with("sha256:")
                            ? std::nullopt
                            : std::optional(oci::Reference::parse(reference));
    base::fail(base::Code::kNotFound, "No such image: {}",
               parsed ? parsed->withDefaultTag().familiar() : reference);
  }
  if (platform && !isOf(*image, *platform)) {
    base::fail(base::Code::kNotFound,
               "image with reference {} was found but its platform ({}) does not match the "
               "specified platform ({})",
               reference, platformOf(*image).str(), platformOf(*platform).str());
  }
  return *image;
}

std::vector<Image> Images::list() const {
  auto images = impl_->catalog.all();
  std::sort(images.begin(), images.end(),
            [](const Image& a, const Image& b) { return a.created > b.created; });
  return images;
}

std::vector<Images::History> Images::history(const std::string& reference,
                                             const std::optional<Platform>& platform) const {
  const Image image = resolve(reference, platform);
  std::vector<History> list;
  size_t layer = 0;
  for (const oci::History& step : image.config.history) {
    History line;
    line.id = "<missing>";
    line.createdBy = step.createdBy;
    line.comment = step.comment;
    line.created = step.created.value_or(base::Time{});
    if (!step.emptyLayer && layer < image.layers.size()) {
      const auto row = impl_->catalog.layer(image.layers[layer++]);
      line.size = row ? static_cast<std::int64_t>(row->bytes) : 0;
    }
    list.push_back(std::move(line));
  }
  std::reverse(list.begin(), list.end());
  if (!list.empty()) {
    list.front().id = image.id.str();
    list.front().tags = image.repoTags;
  }
  return list;
}

void Images::tag(const std::string& reference, const std::string& newName) {
  const oci::Reference name = oci::Reference::parse(newName).withDefaultTag();
  if (!name.digest().empty())
    base::fail(base::Code::kInvalidArgument, "refusing to create a tag with a digest reference");
  const Image image = resolve(reference);
  const std::shared_lock making(impl_->making);
  impl_->store.write(store::Durability::kDurable, [&](store::Transaction& t) {
    impl_->catalog.putName(t, {name.str(), image.id, image.target, base::Time::now()});
    impl_->events.append(t, imageEvent("tag", image.id.str(), name.familiar()));
  });
}

std::vector<Images::ManifestInfo> Images::manifests(const Image& image) const {
  return manifestsOf(*impl_, image);
}

Removed Images::remove(const std::string& reference, bool force, bool noPrune,
                       const std::vector<Platform>& platforms) {
  if (!platforms.empty()) {
    const Image image = resolve(reference);
    const bool any = std::any_of(platforms.begin(), platforms.end(),
                                 [&](const Platform& platform) { return isOf(image, platform); });
    if (!any) resolve(reference, platforms.front());  // says which it is
  }
  return removeReference(*impl_, reference, force, noPrune);
}

Removed Images::prune(bool all, const std::function<bool(const Image&)>& matches) {
  return pruneImages(*impl_, all, matches);
}

void Images::pull(const std::string& reference, const std::optional<Platform>& platform,
                  const registry::Credentials& credentials, const ProgressSink& progress,
                  const base::StopToken& stop) {
  image::pull(*impl_, reference, platform, credentials, progress, stop);
}

void Images::pullAllTags(const std::string& repository, const std::optional<Platform>& platform,
                         const registry::Credentials& credentials, const ProgressSink& progress,
                         const base::StopToken& stop) {
  image::pullAllTags(*impl_, repository, platform, credentials, progress, stop);
}

void Images::push(const std::string& repository, const std::string& tag,
                  const std::optional<Platform>& platform, const registry::Credentials& credentials,
                  const ProgressSink& progress, const base::StopToken& stop) {
  image::push(*impl_, repository, tag, platform, credentials, progress, stop);
}

Images::Remote Images::inspectRemote(const std::string& reference,
                                     const registry::Credentials& credentials,
                                     const base::StopToken& stop) {
  return image::inspectRemote(*impl_, reference, credentials, stop);
}

base::Digest Images::import(const Source& tar, const std::string& name, const std::string& message,
                            const std::vector<std::string>& changes, const Platform& platform,
                            const ProgressSink& progress, const base::StopToken& stop) {
  return image::import(*impl_, tar, name, message, changes, platform, progress, stop);
}

void Images::load(const Source& tar, bool quiet, const std::optional<Platform>& platform,
                  const ProgressSink& progress, const base::StopToken& stop) {
  image::load(*impl_, tar, quiet, platform, progress, stop);
}

void Images::save(const std::vector<std::string>& references,
                  const std::optional<Platform>& platform, const Sink& tar,
                  const base::StopToken& stop) {
  image::save(*impl_, references, platform, tar, stop);
}

std::string Images::login(const registry::Credentials& credentials, const std::string& server,
                          const base::StopToken& stop) {
  return impl_->registries.login(server, credentials, stop);
}

void Images::reconfigure(std::vector<std::string> mirrors, std::vector<std::string> insecure,
                         const Transfers& transfers) {
  impl_->registries.reconfigure(std::move(mirrors), std::move(insecure));
  impl_->downloads = transfers.downloads;
  impl_->uploads = transfers.uploads;
  impl_->attempts = transfers.attempts;
}

std::int64_t Images::collectGarbage() {
  return image::collectGarbage(*impl_);
}

}  // namespace image
