// A root file system becomes an image of one layer.
#pragma once

#include "storage/image/parts.h"

namespace image {

base::Digest import(Parts& parts, const Images::Source& tar, const std::string& name,
                    const std::string& message, const std::vector<std::string>& changes,
                    const Platform& platform, const ProgressSink& progress,
                    const base::StopToken& stop);

// Writes config and a manifest for layers that have no compressed form, and stores both. Returns
// the image's id. `lease` holds them; `image.rawConfig` and `image.id` are filled.
void describeLocal(Parts& parts, content::Lease& lease, NewImage& image, const oci::Image& config);

}  // namespace image
