#include "storage/snapshot/snapshotter.h"

#include "platform/base/error.h"
#include "platform/base/log.h"
#include "storage/snapshot/copy.h"
#include "storage/snapshot/overlay.h"

namespace snapshot {

std::unique_ptr<Snapshotter> makeSnapshotter(const Options& options, store::Store& store) {
  switch (options.kind) {
    case Kind::kOverlay:
      return std::make_unique<Overlay>(options.dataRoot, store, false);
    case Kind::kOverlayOld:
      return std::make_unique<Overlay>(options.dataRoot, store, true);
    case Kind::kCopy:
      return std::make_unique<Copy>(options.dataRoot, store);
    case Kind::kAuto:
      break;
  }
  const bool newToo = overlayAppendsLowers();
  if (!newToo) base::log::info("this kernel mounts overlay only the old way");
  for (const bool oldWay : {false, true}) {
    if (!oldWay && !newToo) continue;
    try {
      return std::make_unique<Overlay>(options.dataRoot, store, oldWay);
    } catch (const base::Error& error) {
      if (error.sysErrno() == ENOSPC || error.code() == base::Code::kDataLoss) throw;
      base::log::info(oldWay ? "overlay does not work on this data root"
                             : "overlay does not work the new way on this data root",
                      {{"error", error.message()}});
    }
  }
  base::log::warn("layers are copied whole: slow, and dear in space", {{"driver", "vfs"}});
  return std::make_unique<Copy>(options.dataRoot, store);
}

}  // namespace snapshot
