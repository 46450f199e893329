// What -v, --mount, --tmpfs, --volumes-from and an image's VOLUME ask for, as one list: pure.
#pragma once

#include <string>
#include <vector>

#include "engine/container/record.h"

namespace container {

// Path without ".", "..", doubled slashes; absolute paths stay absolute.
std::string cleanPath(std::string_view path);

// One -v: "source:destination[:mode]". Error kInvalidArgument in Docker's words.
MountRecord parseBind(const std::string& specification, const std::string& volumeDriver);
// One --mount. Error as above; kNotImplemented for types image, npipe and cluster.
MountRecord fromMount(const dockerapi::Mount& mount, const std::string& volumeDriver);

// Everything the request and the merged config ask for; a destination asked for by -v, --mount or
// --tmpfs displaces an image's volume. Volumes without a name get none here: their records have
// `anonymous` set and the name empty. `inherited` comes from --volumes-from. Error kInvalidArgument
// "Duplicate mount point: /x".
std::vector<MountRecord> collectMounts(const dockerapi::Config& config,
                                       const dockerapi::HostConfig& hostConfig,
                                       const std::vector<MountRecord>& inherited);

}  // namespace container
