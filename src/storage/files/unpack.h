// Unpacks the tar of a layer or of a whole root file system into a directory.
//
// The tar is hostile. Every path is walked by the kernel below the directory's descriptor (openat2
// RESOLVE_IN_ROOT): symbolic links in it lead nowhere else, names that leave the tree are refused,
// hard links stay inside. Types, owners, modes, times, devices and extended attributes are restored
// (not: overlay's own attributes, which would let an image forge what overlay believes). The caller
// removes the directory when unpack() throws.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/archive/stream.h"
#include "platform/archive/tar.h"
#include "platform/base/stop_token.h"

namespace files {

// What ".wh.name" and ".wh..wh..opq" (OCI image-spec, layer.md) become.
enum class Whiteouts {
  kOverlay,  // a character device 0:0, trusted.overlay.opaque=y: the directory is one layer of an
             // overlay
  kApply,    // `name` is removed from the directory, which holds the parents' files (copied, or
             // merged by a mount)
  kLiteral,  // plain files: the tar is a root file system, not a layer
};

struct UnpackOptions {
  Whiteouts whiteouts = Whiteouts::kOverlay;
  archive::TarLimits limits;
  std::uint64_t maxBytes = UINT64_MAX;  // of file contents; Error kInvalidArgument beyond
  archive::Sink* recipe = nullptr;      // takes the recipe (platform/archive/recipe.h)
  base::StopToken stop;
  // Starts write-back of contents while unpacking, so that the one sync at the end finds little to
  // do.
  bool writeBack = true;
};

// What a layer was seen to be. Lists are sorted and hold at most 10,000 paths; `leavesToParents` is
// right beyond that.
struct UnpackRecord {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;     // contents of regular files in the tree
  std::uint64_t tarBytes = 0;  // the archive
  std::uint64_t recipeBytes = 0;
  bool recipeComplete = false;  // false without a recipe sink

  // What this layer leaves to those below it when it is unpacked alone (kOverlay).
  std::vector<std::string> impliedDirectories;  // made 0755 root:root for want of an entry
  std::vector<std::string>
      hardLinksBelow;                  // their targets are not in this tar; the links were not made
  std::vector<std::string> whiteouts;  // all of them; one with nothing below shows as a ghost name
  // Directories or hard links of a parent are needed: unpack again on the parents and key the layer
  // by its chainID. Always false for kApply and kLiteral.
  bool leavesToParents = false;

  // Extended attributes that the file system refused, and entries of kinds that are skipped (global
  // pax headers).
  std::vector<std::string> warnings;  // at most 20
};

// `directory`: any descriptor of it. Reads `tar` (plain bytes) to its end. Blocks; call it from a
// thread that may. Errors: kInvalidArgument for the tar (name and reason), kInternal with errno for
// the file system (ENOSPC, EDQUOT, EROFS…: sysErrno()), kCancelled.
UnpackRecord unpack(archive::Source& tar, int directory, const UnpackOptions& options);

// Of the whiteouts of a layer those that hide nothing in `lowers` (directory descriptors, any
// order): they would show as names that cannot be opened. When there are some, unpack on the
// parents as for leavesToParents.
std::vector<std::string> orphanWhiteouts(const UnpackRecord& record,
                                         const std::vector<int>& lowers);

// Writes again the tar that was unpacked to `directory` with a complete recipe (unpackDirectory
// holds that one layer, kOverlay or kLiteral, or the upper directory that kApply wrote through a
// mount). Compare its digest with the diffID.
void rebuildTar(const std::function<std::unique_ptr<archive::Source>()>& recipe, int directory,
                archive::Sink& tar);

}  // namespace files
