// rmi and prune.
#pragma once

#include "storage/image/parts.h"

namespace image {

Removed removeReference(Parts& parts, const std::string& reference, bool force, bool noPrune);
Removed pruneImages(Parts& parts, bool all, const std::function<bool(const Image&)>& matches);
std::int64_t collectGarbage(Parts& parts);

}  // namespace image
