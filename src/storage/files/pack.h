// Packs a directory as a tar: the changes of a container as a layer (commit), or a whole tree
// (export, save of a mount). Names in byte order, a directory before what is in it; hard links are
// kept; sockets are left out; times are cut to seconds as Docker does. Owners, modes, devices, and
// the attributes user.* and security.capability are kept.
//
// The tree may be changed by others meanwhile: every file is opened by its directory's descriptor
// without following links and looked at again; a file that shrinks is padded with zeros, one that
// vanished is left out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/archive/stream.h"
#include "platform/base/stop_token.h"

namespace files {

struct PackOptions {
  // The directory is the upper of an overlay: its whiteouts become ".wh." entries, opaque
  // directories get
  // ".wh..wh..opq", trusted.overlay.* is left out.
  bool overlayUpper = false;
  // A directory of another mount is packed empty (a volume's mount point).
  bool oneFileSystem = true;
  base::StopToken stop;
};

struct PackRecord {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;  // contents
};

PackRecord pack(int directory, archive::Sink& tar, const PackOptions& options);

// The difference between two whole trees as a layer: entries of `after` that are new or differ
// (type, owner, mode, size, mtime, link text, device, attributes) from `before`, and whiteouts for
// what is gone. For snapshotters without an upper directory.
PackRecord packDifference(int before, int after, archive::Sink& tar, const PackOptions& options);

// What `docker diff` lists.
enum class ChangeKind { kModified = 0, kAdded = 1, kDeleted = 2 };  // the API's numbers
struct Change {
  std::string path;  // "/etc/passwd"
  ChangeKind kind = ChangeKind::kModified;
};
// Of an overlay's upper over its lowers (topmost first). Sorted by path; parents of changes are
// listed as modified. What no path can name (PATH_MAX) is left out; the directory in which it lies
// is not.
std::vector<Change> overlayChanges(int upper, const std::vector<int>& lowers,
                                   const base::StopToken& stop);
std::vector<Change> treeChanges(int before, int after, const base::StopToken& stop);

struct Usage {
  std::uint64_t bytes = 0;  // apparent size, a hard-linked file once: what `docker ps --size` shows
  std::uint64_t inodes = 0;
};
// Of a tree of any depth, with a bounded number of descriptors. What is moved within it meanwhile
// may be left out or, moved back, be counted twice.
Usage usage(int directory, const base::StopToken& stop = {});

}  // namespace files
