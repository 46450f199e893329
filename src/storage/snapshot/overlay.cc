#include "storage/snapshot/overlay.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <set>

#include "platform/base/error.h"
#include "platform/base/scope_exit.h"
#include "platform/sys/file.h"
#include "platform/sys/mount.h"

namespace snapshot {

namespace {

constexpr const char* kEmpty =
    "../empty";  // seen from layers/: what a stack without layers stands on

void makeDirectory(int parent, const std::string& name, mode_t mode) {
  if (::mkdirat(parent, name.c_str(), mode) < 0) base::failErrno(errno, "mkdir", name);
  // The umask may have cut it, and the root of a container is what its upper directory is.
  const sys::Fd made = sys::openAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (::fchmod(made.get(), mode) < 0) base::failErrno(errno, "chmod", name);
}

// What overlayfs reads, each layer once: it takes no directory twice. Of a layer that an image
// names again the uppermost place decides alone, since for every name that the lower one has,
// whiteouts and opaque directories included, the upper one has the same to say, and before it.
std::vector<Number> topmostFirst(const std::vector<Number>& stack) {
  std::vector<Number> numbers;
  std::set<Number> seen;
  for (auto number = stack.rbegin(); number != stack.rend(); ++number) {
    if (seen.insert(*number).second) numbers.push_back(*number);
  }
  return numbers;
}

}  // namespace

Overlay::Overlay(const std::string& dataRoot, store::Store& store, bool oldWay)
    : Library(dataRoot, "overlay2", store), old_way_(oldWay) {
  sys::makeDirs(root_.get(), "empty", 0755);
  sys::makeDirs(root_.get(), "mount", 0700);
  probe();
}

// On the data root itself: overlayfs works on some file systems only, and needs trusted attributes
// and devices there.
void Overlay::probe() {
  const std::string name = "probe";
  sys::removeTree(staging_.get(), name);
  makeDirectory(staging_.get(), name, 0700);
  base::ScopeExit clean{[&] { sys::removeTree(staging_.get(), name); }};
  const sys::Fd directory = sys::openAt(staging_.get(), name, O_RDONLY | O_DIRECTORY);
  for (const char* part : {"upper", "work", "upper/opaque"})
    makeDirectory(directory.get(), part, 0755);
  if (::mknodat(directory.get(), "upper/gone", S_IFCHR, 0) < 0)
    base::failErrno(errno, "mknod", "whiteout");
  const sys::Fd opaque = sys::openAt(directory.get(), "upper/opaque", O_RDONLY | O_DIRECTORY);
  if (::fsetxattr(opaque.get(), "trusted.overlay.opaque", "y", 1, 0) < 0)
    base::failErrno(errno, "setxattr", "trusted.overlay.opaque");
  OverlayPlan trial = plan({});
  trial.upperFromLayers = "../staging/probe/upper";
  trial.workFromLayers = "../staging/probe/work";
  const sys::Fd root = mount(trial);
  if (sys::statAtIfExists(root.get(), "gone"))
    base::fail(base::Code::kInternal, "overlay does not hide what a whiteout names");
  sys::writeAtomic(root.get(), "file", "x", 0600);
  if (!sys::statAtIfExists(directory.get(), "upper/file"))
    base::fail(base::Code::kInternal, "overlay does not write to its upper");
}

OverlayPlan Overlay::plan(const std::vector<Number>& below) const {
  OverlayPlan plan;
  plan.layers = layers_.get();
  plan.layersPath = path_ + "/layers";
  for (const Number number : topmostFirst(below)) plan.lowers.push_back(directoryName(number));
  if (below.empty()) plan.lowers.push_back(kEmpty);
  return plan;
}

void Overlay::begin(LayerStaging& staging, const std::vector<Number>& below, Placement placement) {
  const std::string name = directoryName(staging.number_);
  makeDirectory(layers_.get(), name, 0755);
  staging.tree_ = openNumber(staging.number_);
  if (placement == Placement::kAlone) return;
  makeDirectory(staging_.get(), name, 0700);
  staging.workDirectory_ = true;
  OverlayPlan merged = plan(below);
  merged.upperFromLayers = name;
  merged.workFromLayers = "../staging/" + name;
  const sys::Fd top = mount(merged);
  // A descriptor that can be listed; the mount lives as long as it.
  staging.root_ = sys::openAt(top.get(), ".", O_RDONLY | O_DIRECTORY);
  staging.whiteouts_ = files::Whiteouts::kApply;
}

void Overlay::beginWritable(const std::string&, int directory, const std::vector<Number>&) {
  makeDirectory(directory, "upper", 0755);
  if (::mkdirat(directory, "work", 0700) < 0) base::failErrno(errno, "mkdir", "work");
}

sys::Fd Overlay::mountStack(const std::vector<Number>& stack) const {
  OverlayPlan merged = plan(stack);
  if (merged.lowers.size() == 1)
    merged.lowers.push_back(kEmpty);  // overlayfs wants two when there is no upper
  if (stack.empty()) {
    sys::Fd clone =
        sys::cloneMount(sys::openAt(root_.get(), "empty", O_PATH | O_DIRECTORY).get(), false);
    sys::setMountAttributes(clone.get(), MOUNT_ATTR_RDONLY, 0, false);
    return clone;
  }
  return mount(merged);
}

sys::Fd Overlay::mountWritable(const std::string& id, const std::vector<Number>& below) const {
  OverlayPlan merged = plan(below);
  merged.upperFromLayers = "../writable/" + id + "/upper";
  merged.workFromLayers = "../writable/" + id + "/work";
  return mount(merged);
}

std::vector<files::Change> Overlay::changes(const std::string& id,
                                            const base::StopToken& stop) const {
  const auto stack = stackOf(id);
  std::vector<sys::Fd> owned;
  std::vector<int> lowers;
  for (const Number number : topmostFirst(stack)) {
    owned.push_back(openNumber(number));
    lowers.push_back(owned.back().get());
  }
  return files::overlayChanges(openUpper(id).get(), lowers, stop);
}

files::PackRecord Overlay::packChanges(const std::string& id, archive::Sink& tar,
                                       const base::StopToken& stop) const {
  return files::pack(openUpper(id).get(), tar,
                     {.overlayUpper = true, .oneFileSystem = true, .stop = stop});
}

std::vector<std::pair<std::string, std::string>> Overlay::describe(const std::string& id) const {
  const auto stack = stackOf(id);
  std::string lowers;
  for (const Number number : topmostFirst(stack)) {
    lowers += (lowers.empty() ? "" : ":") + path_ + "/layers/" + directoryName(number);
  }
  const std::string own = path_ + "/writable/" + id;
  return {{"LowerDir", lowers},
          {"MergedDir", own + "/merged"},
          {"UpperDir", own + "/upper"},
          {"WorkDir", own + "/work"}};
}

std::vector<std::pair<std::string, std::string>> Overlay::status() const {
  return {{"Supports d_type", "true"},
          {"Using metacopy", "false"},
          {"Native Overlay Diff", "true"},
          {"userxattr", "false"},
          {"Mounted by", old_way_ ? "mount(2)" : "fsopen(2)"}};
}

}  // namespace snapshot
