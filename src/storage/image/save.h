// Images as archives: `save` and `load`.
#pragma once

#include "storage/image/parts.h"

namespace image {

// An OCI image layout with Docker's manifest.json beside it: what `docker save` has written since
// version 25.
void save(Parts& parts, const std::vector<std::string>& references,
          const std::optional<Platform>& platform, const Images::Sink& tar,
          const base::StopToken& stop);

// Docker archives (with manifest.json), old and new, and OCI layouts; plain or compressed.
void load(Parts& parts, const Images::Source& tar, bool quiet,
          const std::optional<Platform>& platform, const ProgressSink& progress,
          const base::StopToken& stop);

}  // namespace image
