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

}  // namespace image
