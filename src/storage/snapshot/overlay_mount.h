// Overlay mounts that are in no mount table, by the two ways that kernels offer. Private to this
// library.
#pragma once

#include <string>
#include <vector>

#include "platform/sys/fd.h"

namespace snapshot {

struct OverlayPlan {
  int layers = -1;                  // directory that every name here is relative to
  std::string layersPath;           // its path
  std::vector<std::string> lowers;  // topmost first; at least one with an upper, two without
  std::string upperFromLayers;      // "../writable/<id>/upper"; empty: read-only
  std::string workFromLayers;
};

// Whether the kernel takes "lowerdir+". Asked without a mount: one that it refuses stands in its
// log, and a daemon would write there at every start on an old kernel.
bool overlayAppendsLowers();

// fsopen and "lowerdir+", where the kernel takes that. Error kInternal with the kernel's words.
sys::Fd mountOverlayNew(const OverlayPlan& plan);

// mount(2) with the layers' directory as cwd, on a thread in a mount namespace of its own, then a
// detached clone of it: the namespace and its mount end with the thread, the clone stays. For
// kernels that refuse what the new way needs; a page (4 kB) must hold all names. The thread shares
// nothing of its namespaces with the rest of the process.
sys::Fd mountOverlayOld(const OverlayPlan& plan);

}  // namespace snapshot
