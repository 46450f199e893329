// Pushing: what is missing there, from the very bytes where they are at hand, compressed anew where
// not.
#pragma once

#include "storage/image/parts.h"

namespace image {

// `tag` empty: all tags of the repository.
void push(Parts& parts, const std::string& repository, const std::string& tag,
          const std::optional<Platform>& platform, const registry::Credentials& credentials,
          const ProgressSink& progress, const base::StopToken& stop);

}  // namespace image
