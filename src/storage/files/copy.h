// Copies a tree as it is: types, owners, modes, times, attributes, hard links, devices; contents
// shared by reflink where the file system can. For snapshotters without overlay, and for a volume's
// first contents.
#pragma once

#include <cstdint>

#include "platform/base/stop_token.h"

namespace files {

struct CopyRecord {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
};

// The contents of the directory `from` into the directory `to`, which takes over the owner, mode,
// times and attributes of `from` as well. What is at `to` already stays; a name that exists there
// is an Error (kInternal, EEXIST). Nothing of other mounts is copied. Neither tree is walked by
// path.
CopyRecord copyTree(int from, int to, const base::StopToken& stop);

}  // namespace files
