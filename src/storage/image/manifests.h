// Which platform an image is of, and what else its name points at.
#pragma once

#include "storage/image/parts.h"

namespace image {

oci::Platform platformOf(const Image& image);
// Empty parts: the host's.
oci::Platform platformOf(const Platform& platform);
// True: a container of `image` runs where `platform` is asked for.
bool isOf(const Image& image, const Platform& platform);

// The manifest, or those of the index, that the image's name points at; what is stored says.
std::vector<Images::ManifestInfo> manifestsOf(const Parts& parts, const Image& image);

// A manifest that an image came with, as the registry or the archive had it.
struct KeptManifest {
  oci::Descriptor descriptor;
  std::string body;
  oci::Manifest manifest;                // as many layers as the image
  std::optional<oci::Descriptor> index;  // what the name pointed at, if that was an index
};
// The one to push `image` with as `reference`: what this name stands for; else what its other names
// do, one whose layers are all kept first. nullopt: it was made here, or came in an archive of
// plain layers.
std::optional<KeptManifest> keptManifest(const Parts& parts, const Image& image,
                                         const oci::Reference& reference);

}  // namespace image
