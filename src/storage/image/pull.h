// Pulling: manifest, config, layers in parallel, one commit.
#pragma once

#include "storage/image/parts.h"

namespace image {

void pull(Parts& parts, const std::string& reference, const std::optional<Platform>& platform,
          const registry::Credentials& credentials, const ProgressSink& progress,
          const base::StopToken& stop);
void pullAllTags(Parts& parts, const std::string& repository,
                 const std::optional<Platform>& platform, const registry::Credentials& credentials,
                 const ProgressSink& progress, const base::StopToken& stop);

Images::Remote inspectRemote(Parts& parts, const std::string& reference,
                             const registry::Credentials& credentials, const base::StopToken& stop);

// The manifest of an index that serves `wanted` best. kNotFound in Docker's words.
oci::Descriptor choosePlatform(const oci::Index& index, const oci::Platform& wanted);
// A document is what its media type says and nothing else besides (CVE-2021-41190).
// kInvalidArgument.
void checkDocument(const std::string& body, const std::string& mediaType);

}  // namespace image
