#include "storage/image/manifests.h"

#include <algorithm>

#include "platform/base/error.h"
#include "platform/base/log.h"
#include "platform/json/json.h"

namespace image {
namespace {

// BuildKit's way to put attestations beside images into an index.
constexpr const char* kReferenceType = "vnd.docker.reference.type";
constexpr const char* kReferenceDigest = "vnd.docker.reference.digest";

void addWhatIsHere(const Parts& parts, Images::ManifestInfo& info) {
  if (!parts.content.has(info.descriptor.digest)) return;
  const auto manifest = json::parse<oci::Manifest>(parts.content.read(info.descriptor.digest));
  info.contentBytes = info.descriptor.size;
  if (parts.content.has(manifest.config.digest)) info.contentBytes += manifest.config.size;
  for (const oci::Descriptor& layer : manifest.layers) {
    if (parts.content.has(layer.digest)) info.contentBytes += layer.size;
  }
  const auto image = parts.catalog.find(manifest.config.digest);
  if (!image) return;
  info.available = true;
  info.id = image->id;
  info.unpackedBytes = image->size;
  if (info.platform.architecture.empty()) info.platform = platformOf(*image);
}

// nullopt: not here, damaged, or of another image.
std::optional<KeptManifest> readKept(const Parts& parts, const Image& image,
                                     const oci::Descriptor& descriptor) {
  if (!oci::media::isManifest(descriptor.mediaType) || !parts.content.has(descriptor.digest))
    return std::nullopt;
  KeptManifest kept{descriptor, {}, {}, {}};
  try {
    kept.body = parts.content.read(descriptor.digest);
    kept.manifest = json::parse<oci::Manifest>(kept.body);
  } catch (const base::Error& error) {
    base::log::warn("a manifest cannot be used again", {{"image", image.id.str()},
                                                        {"manifest", descriptor.digest.str()},
                                                        {"error", error.message()}});
    return std::nullopt;
  }
  const auto& layers = kept.manifest.layers;
  if (kept.manifest.config.digest != image.id || layers.size() != image.layers.size() ||
      layers.size() != image.diffIds.size())
    return std::nullopt;
  // An archive of plain layers is no form to send an image in.
  for (size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].digest == image.diffIds[i] && !parts.content.has(layers[i].digest))
      return std::nullopt;
  }
  return kept;
}

}  // namespace

std::optional<KeptManifest> keptManifest(const Parts& parts, const Image& image,
                                         const oci::Reference& reference) {
  std::optional<KeptManifest> own, other;
  bool whole = false;  // other
  const auto consider = [&](const NameRow& name, const oci::Descriptor& descriptor,
                            const std::optional<oci::Descriptor>& index) {
    auto kept = own ? std::nullopt : readKept(parts, image, descriptor);
    if (!kept) return;
    kept->index = index;
    if (name.name == reference.str()) {
      own = std::move(kept);
    } else if (!whole) {
      whole = std::all_of(kept->manifest.layers.begin(), kept->manifest.layers.end(),
                          [&](const auto& layer) { return parts.content.has(layer.digest); });
      if (whole || !other) other = std::move(kept);
    }
  };
  for (const NameRow& name : parts.catalog.namesOf(image.id)) {
    if (!oci::media::isIndex(name.target.mediaType)) {
      consider(name, name.target, std::nullopt);
    } else if (parts.content.has(name.target.digest)) {
      const auto index = json::parse<oci::Index>(parts.content.read(name.target.digest));
      for (const oci::Descriptor& one : index.manifests) consider(name, one, name.target);
    }
  }
  return own ? own : other;
}

oci::Platform platformOf(const Image& image) {
  oci::Platform platform;
  platform.os = image.config.os;
  platform.architecture = image.config.architecture;
  platform.variant = image.config.variant;
  return platform.normalized();
}

oci::Platform platformOf(const Platform& platform) {
  oci::Platform wanted = oci::Platform::host();
  if (!platform.os.empty()) wanted.os = platform.os;
  if (!platform.architecture.empty()) {
    wanted.architecture = platform.architecture;
    wanted.variant = platform.variant;
  }
  return wanted.normalized();
}

bool isOf(const Image& image, const Platform& platform) {
  if (platform.architecture.empty()) return true;
  return oci::platformRank(platformOf(platform), platformOf(image)).has_value();
}

std::vector<Images::ManifestInfo> manifestsOf(const Parts& parts, const Image& image) {
  std::vector<Images::ManifestInfo> list;
  const auto add = [&](const oci::Descriptor& descriptor) {
    Images::ManifestInfo info;
    info.descriptor = descriptor;
    if (descriptor.platform) info.platform = *descriptor.platform;
    const auto type = descriptor.annotations.find(kReferenceType);
    const auto of = descriptor.annotations.find(kReferenceDigest);
    if (type != descriptor.annotations.end() && type->second == "attestation-manifest" &&
        of != descriptor.annotations.end())
      info.attestsFor = base::Digest::tryParse(of->second).value_or(base::Digest());
    addWhatIsHere(parts, info);
    list.push_back(std::move(info));
  };
  if (image.target.digest.empty() || !parts.content.has(image.target.digest)) return list;
  if (oci::media::isManifest(image.target.mediaType)) {
    add(image.target);
  } else if (oci::media::isIndex(image.target.mediaType)) {
    const auto index = json::parse<oci::Index>(parts.content.read(image.target.digest));
    for (const oci::Descriptor& descriptor : index.manifests) add(descriptor);
  }
  return list;
}

}  // namespace image
