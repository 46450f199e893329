// Layers that are unpacked, stacks of them that can be mounted, and the writable top of a
// container.
//
//   image:      Staging s = prepare(id, below, placement);  unpack into s.root;  commit({s…}, rows
//   of the image) container:  prepareWritable(container, stack);  Fd root = open(container) …
//   removeWritable(container)
//
// A layer is keyed by its diffID where it stands for itself, by its chainID where it was unpacked
// on its parents (Docker's chainID of the lowest layer is its diffID). What was prepared and not
// committed is garbage after a restart: the constructor sweeps it, in the background. Thread-safe;
// no call waits for another layer's I/O. Every implementation passes snapshotter_test.cc.
//
// On disk, below the data root (all directories 0710 root, so that no host user traverses a layer;
// CVE-2021-41091):
//   <kind>/layers/<name>/          one layer; overlay: as overlayfs wants a lower, copy: with its
//   parents' files <kind>/writable/<id>/upper/    a container's changes; copy: its whole tree
//   <kind>/writable/<id>/work/     overlay's own
//   <kind>/removed/<n>/            on its way out; deleted in the background
// <name> has at most six characters (the row's number in base 36), so that 500 layers fit the page
// of options of mount(2). Rows: snapshot_layer, snapshot_writable. A directory without a row is
// garbage.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/archive/stream.h"
#include "platform/base/digest.h"
#include "platform/base/stop_token.h"
#include "platform/base/time.h"
#include "platform/sys/fd.h"
#include "state/store/store.h"
#include "storage/files/pack.h"
#include "storage/files/unpack.h"

namespace snapshot {

using LayerId = base::Digest;        // a diffID or a chainID
using Stack = std::vector<LayerId>;  // lowest first

enum class Placement {
  kAlone,      // the layer by itself, in any order and in parallel with others
  kOnParents,  // with the files of the stack below at hand
};

// A layer being made. Whoever drops it without commit() drops the layer. Ends before its
// Snapshotter.
class Staging {
 public:
  virtual ~Staging() = default;
  virtual const LayerId& id() const = 0;
  // Where to unpack, and how whiteouts are to be written there (files::UnpackOptions::whiteouts).
  virtual int root() const = 0;
  virtual files::Whiteouts whiteouts() const = 0;
  // The directory that holds just this layer, for files::rebuildTar; as root() when the layer
  // stands alone.
  virtual int tree() const = 0;
};

struct LayerInfo {
  LayerId id;
  std::uint64_t bytes = 0;  // as told to commit
  base::Time created;
};

struct Committed {
  std::unique_ptr<Staging> staging;
  std::uint64_t bytes = 0;  // contents (UnpackRecord::bytes)
};

class Snapshotter {
 public:
  virtual ~Snapshotter() = default;

  virtual std::string driver()
      const = 0;  // "overlay2" or "vfs": Docker's names, shown by info and inspect
  // False: layers are unpacked one after the other, kOnParents, and keyed by chainID (copy).
  virtual bool layersAreIndependent() const = 0;

  // -- layers
  virtual bool hasLayer(const LayerId& id) const = 0;
  virtual std::optional<LayerInfo> layer(const LayerId& id) const = 0;
  virtual std::vector<LayerInfo> layers() const = 0;

  // A new, empty layer on `below` (needed for kOnParents; staged layers of the same pull count).
  // Conflict: `id` exists, or another caller prepares it now. NotFound: a layer of `below` is
  // missing.
  virtual std::unique_ptr<Staging> prepare(const LayerId& id, const Stack& below,
                                           Placement placement) = 0;
  // As prepare, on layers that are staged and not yet committed: `below` lowest first, then
  // `staged`.
  virtual std::unique_ptr<Staging> prepareOn(const LayerId& id, const Stack& below,
                                             const std::vector<const Staging*>& staged) = 0;

  // Makes the layers durable and visible, in that order: one syncfs, then one durable transaction
  // that also runs `also` (the rows of image, references and leases). DataLoss: the sync failed;
  // the layers are then gone, as are those of a transaction that throws. No layer: only syncs and
  // runs `also`.
  virtual void commit(std::vector<Committed> layers,
                      std::function<void(store::Transaction&)> also) = 0;

  // The layer's directory, for rebuilding its tar. NotFound.
  virtual sys::Fd openLayer(const LayerId& id) const = 0;
  // NotFound; Conflict: a writable stands on it. Whether an image needs it is for the caller to
  // know.
  virtual void removeLayer(const LayerId& id) = 0;

  // -- stacks
  // A read-only, detached mount: nothing in any mount table; it lives as long as its last
  // descriptor or mount. NotFound: a layer is missing.
  virtual sys::Fd openStack(const Stack& stack) const = 0;

  // -- writables (id: the container's, [a-zA-Z0-9_.-]+)
  // A few mkdirs and one lazy row; whatever durable write follows makes it durable. Conflict:
  // exists. NotFound: a layer.
  virtual void prepareWritable(const std::string& id, const Stack& stack) = 0;
  // The root file system as a detached mount, for move_mount into the container, or to work in
  // while it is stopped. One upper must never be mounted twice at a time: the engine asks only for
  // containers that do not run.
  virtual sys::Fd open(const std::string& id) const = 0;
  virtual bool hasWritable(const std::string& id) const = 0;
  virtual std::vector<std::string> writables() const = 0;
  // Moves it aside and returns; the files go in the background. Missing is fine.
  virtual void removeWritable(const std::string& id) = 0;
  // At start: removes the writables for which `owned` is false (their container's record was never
  // written).
  virtual void retainWritables(const std::function<bool(const std::string& id)>& owned) = 0;

  // What the container changed: bytes; as `docker diff`; as the tar of a layer (commit). May be
  // called while it runs.
  virtual files::Usage usage(const std::string& id, const base::StopToken& stop = {}) const = 0;
  virtual std::vector<files::Change> changes(const std::string& id,
                                             const base::StopToken& stop = {}) const = 0;
  virtual files::PackRecord packChanges(const std::string& id, archive::Sink& tar,
                                        const base::StopToken& stop = {}) const = 0;

  // GraphDriver.Data of inspect: LowerDir, MergedDir, UpperDir, WorkDir; empty for copy.
  virtual std::vector<std::pair<std::string, std::string>> describe(
      const std::string& id) const = 0;
  // DriverStatus of info.
  virtual std::vector<std::pair<std::string, std::string>> status() const = 0;

  // syncfs of the data root. DataLoss when the kernel reports a lost write.
  virtual void sync() const = 0;
  // Waits until the background deletions under way have ended: for tests and shutdown.
  virtual void settle() = 0;
};

enum class Kind {
  kAuto,        // the first of the following that works on this data root
  kOverlay,     // fsopen and "lowerdir+", which later 6.x kernels have
  kOverlayOld,  // mount(2) in a private mount namespace, down to kernel 5.11
  kCopy,        // whole copies, reflinked where the file system can; for hosts without overlay
};

struct Options {
  std::string dataRoot;  // absolute; made when missing
  Kind kind = Kind::kAuto;
};

// Probes, opens and sweeps. Error: the kind asked for does not work here, with the reason.
std::unique_ptr<Snapshotter> makeSnapshotter(const Options& options, store::Store& store);

}  // namespace snapshot
