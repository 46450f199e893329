#include "storage/image/manifests.h"

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

}  // namespace

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
