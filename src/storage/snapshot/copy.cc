#include "storage/snapshot/copy.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>

#include "platform/base/error.h"
#include "platform/sys/file.h"
#include "platform/sys/mount.h"
#include "storage/files/copy.h"

namespace snapshot {

namespace {

sys::Fd emptyDirectory() {
  return sys::makeMount("tmpfs", {{"size", "4k"}, {"mode", "0755"}});
}

}  // namespace

// The topmost layer holds the files of those below it.
void Copy::copyInto(int directory, const std::vector<Number>& below) const {
  if (below.empty()) {
    if (::fchmod(directory, 0755) < 0) base::failErrno(errno, "chmod", "/");
    return;
  }
  files::copyTree(openNumber(below.back()).get(), directory, {});
}

void Copy::begin(LayerStaging& staging, const std::vector<Number>& below, Placement) {
  const std::string name = directoryName(staging.number_);
  if (::mkdirat(layers_.get(), name.c_str(), 0755) < 0) base::failErrno(errno, "mkdir", name);
  staging.tree_ = openNumber(staging.number_);
  staging.whiteouts_ = files::Whiteouts::kApply;
  copyInto(staging.tree_.get(), below);
}

void Copy::beginWritable(const std::string&, int directory, const std::vector<Number>& below) {
  if (::mkdirat(directory, "upper", 0755) < 0) base::failErrno(errno, "mkdir", "upper");
  copyInto(sys::openAt(directory, "upper", O_RDONLY | O_DIRECTORY).get(), below);
}

sys::Fd Copy::mountStack(const std::vector<Number>& stack) const {
  sys::Fd clone =
      stack.empty() ? emptyDirectory() : sys::cloneMount(openNumber(stack.back()).get(), false);
  sys::setMountAttributes(clone.get(), MOUNT_ATTR_RDONLY, 0, false);
  return clone;
}

sys::Fd Copy::mountWritable(const std::string& id, const std::vector<Number>&) const {
  return sys::cloneMount(openUpper(id).get(), false);
}

sys::Fd Copy::openBase(const std::string& writable) const {
  const auto stack = stackOf(writable);
  return stack.empty() ? emptyDirectory() : openNumber(stack.back());
}

std::vector<files::Change> Copy::changes(const std::string& id, const base::StopToken& stop) const {
  return files::treeChanges(openBase(id).get(), openUpper(id).get(), stop);
}

files::PackRecord Copy::packChanges(const std::string& id, archive::Sink& tar,
                                    const base::StopToken& stop) const {
  return files::packDifference(openBase(id).get(), openUpper(id).get(), tar,
                               {.overlayUpper = false, .oneFileSystem = true, .stop = stop});
}

}  // namespace snapshot
