// The conformance suite: every implementation, and both ways of mounting an overlay, keep the
// promises of snapshotter.h.
#include "storage/snapshot/snapshotter.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <thread>

#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/scope_exit.h"
#include "platform/crypto/hash.h"
#include "platform/sys/file.h"
#include "platform/sys/mount.h"
#include "storage/files/mount_points.h"
#include "storage/files/test_tree.h"
#include "storage/snapshot/overlay_mount.h"

namespace snapshot {
namespace {

using files::testing::Tar;
using files::testing::TemporaryDirectory;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

LayerId idOf(const std::string& text) {
  return crypto::digestOf(text);
}

std::string codeOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const base::Error& error) {
    return std::string(base::codeName(error.code()));
  }
  return "none";
}

class SnapshotterTest : public ::testing::TestWithParam<Kind> {
 protected:
  SnapshotterTest() { reopen(); }

  void reopen() {
    snapshots_.reset();
    store_.reset();
    store_ = std::make_unique<store::Store>(directory_.path());
    snapshots_ = makeSnapshotter({directory_.path() + "/data", GetParam()}, *store_);
  }

  files::UnpackRecord fill(Staging& staging, const Tar& tar) {
    const std::string bytes = tar.bytes();
    archive::StringSource source(bytes);
    files::UnpackOptions options;
    options.whiteouts = staging.whiteouts();
    return files::unpack(source, staging.root(), options);
  }

  // Makes and commits a layer on `below`.
  LayerId layer(const std::string& name, const Stack& below, const Tar& tar,
                Placement placement = Placement::kAlone) {
    auto staging = snapshots_->prepare(idOf(name), below, placement);
    const auto record = fill(*staging, tar);
    std::vector<Committed> layers;
    layers.push_back({std::move(staging), record.bytes});
    snapshots_->commit(std::move(layers), {});
    return idOf(name);
  }

  // Two layers: a/one, a/two, gone; then a/two replaced, gone whited out, b/ new.
  Stack twoLayers() {
    Tar lower, upper;
    lower.dir("a");
    lower.file("a/one", "1");
    lower.file("a/two", "2");
    lower.file("gone", "x");
    lower.dir("full");
    lower.file("full/old", "x");
    upper.dir("a");
    upper.file("a/two", "two");
    upper.file(".wh.gone", "");
    upper.dir("b", 0700);
    upper.dir("full");
    upper.file("full/.wh..wh..opq", "");
    upper.file("full/new", "y");
    const auto first = layer("first", {}, lower);
    return {first, layer("second", {first}, upper)};
  }

  // Where the implementation keeps its directories.
  std::string kind() const {
    return directory_.path() + "/data/" + (GetParam() == Kind::kCopy ? "vfs" : "overlay2");
  }

  TemporaryDirectory directory_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Snapshotter> snapshots_;
};

TEST_P(SnapshotterTest, StackShowsTheUppermostOfEveryFile) {
  const sys::Fd root = snapshots_->openStack(twoLayers());
  EXPECT_EQ(sys::readFile(root.get(), "a/one"), "1");
  EXPECT_EQ(sys::readFile(root.get(), "a/two"), "two");
  EXPECT_FALSE(sys::statAtIfExists(root.get(), "gone"));
  EXPECT_THAT(sys::listDir(root.get(), "full"), ElementsAre("new"));
  EXPECT_EQ(sys::statAt(root.get(), "b").st_mode & 07777, 0700u);
  EXPECT_THAT(sys::listDir(root.get()), UnorderedElementsAre("a", "b", "full"));
}

TEST_P(SnapshotterTest, StackIsReadOnlyAndInNoMountTable) {
  const auto before = sys::readMounts().size();
  const sys::Fd root = snapshots_->openStack(twoLayers());
  EXPECT_EQ(::openat(root.get(), "new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(sys::readMounts().size(), before);
}

TEST_P(SnapshotterTest, StackOfOneLayerAndOfNone) {
  Tar tar;
  tar.file("f", "x");
  const auto id = layer("only", {}, tar);
  EXPECT_EQ(sys::readFile(snapshots_->openStack({id}).get(), "f"), "x");
  EXPECT_THAT(sys::listDir(snapshots_->openStack({}).get()), IsEmpty());
  snapshots_->prepareWritable("scratch", {});
  const sys::Fd root = snapshots_->open("scratch");
  sys::writeAtomic(root.get(), "f", "written", 0600);
  EXPECT_EQ(sys::readFile(root.get(), "f"), "written");
}

TEST_P(SnapshotterTest, WritableKeepsItsChangesAndLeavesLayersAlone) {
  const auto stack = twoLayers();
  snapshots_->prepareWritable("c1", stack);
  snapshots_->prepareWritable("c2", stack);
  {
    const sys::Fd root = snapshots_->open("c1");
    sys::writeAtomic(root.get(), "a/one", "changed", 0640);
    sys::removeTree(root.get(), "full");
    sys::writeAtomic(root.get(), "new", "n", 0600);
  }
  reopen();
  const sys::Fd mine = snapshots_->open("c1"), other = snapshots_->open("c2");
  EXPECT_EQ(sys::readFile(mine.get(), "a/one"), "changed");
  EXPECT_FALSE(sys::statAtIfExists(mine.get(), "full"));
  EXPECT_EQ(sys::readFile(other.get(), "a/one"), "1");
  EXPECT_FALSE(sys::statAtIfExists(other.get(), "new"));
  EXPECT_EQ(sys::statAt(mine.get(), ".").st_mode & 07777, 0755u);
}

TEST_P(SnapshotterTest, MountOutlivesTheRemovalOfItsSnapshot) {
  snapshots_->prepareWritable("c", twoLayers());
  const sys::Fd root = snapshots_->open("c");
  EXPECT_EQ(sys::readFile(root.get(), "a/one"), "1");
  TemporaryDirectory target;
  sys::attachMount(root.get(), target.fd());
  base::ScopeExit undo{[&] { ::umount2(target.path().c_str(), MNT_DETACH); }};
  EXPECT_EQ(sys::readFile(AT_FDCWD, target.path() + "/a/two"), "two");
}

TEST_P(SnapshotterTest, LayerThatWasNotCommittedIsGoneAfterRestart) {
  Tar tar;
  tar.file("f", "x");
  snapshots_.reset();
  store_.reset();
  const pid_t child = ::fork();
  if (child == 0) {  // dies as by kill -9: nothing cleans up
    reopen();
    auto alone = snapshots_->prepare(idOf("half"), {}, Placement::kAlone);
    fill(*alone, tar);
    auto onParents = snapshots_->prepareOn(idOf("other"), {}, {alone.get()});
    fill(*onParents, tar);
    ::_exit(7);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(WEXITSTATUS(status), 7);
  reopen();
  snapshots_->settle();
  EXPECT_FALSE(snapshots_->hasLayer(idOf("half")));
  for (const char* name : {"/layers", "/staging", "/removed"})
    EXPECT_THAT(sys::listDir(AT_FDCWD, kind() + name), IsEmpty()) << name;
}

#if SAMPAN_FAULTS
// kill -9 at every point of a layer's and a writable's life: each is there, whole, or gone without
// a trace.
TEST_P(SnapshotterTest, KilledAnywhereNothingIsHalfThere) {
  Tar tar;
  tar.file("a", "1");
  tar.file("b", "2");
  const auto id = idOf("l");
  for (const char* point :
       {"files.unpack:2", "snapshot.commit:1", "snapshot.committed:1", "snapshot.writable.made:1",
        "snapshot.writable.aside:1", "snapshot.layer.unrecorded:1"}) {
    snapshots_.reset();
    store_.reset();
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("SAMPAN_FAULT", (std::string(point) + ":kill").c_str(), 1);
      base::fault::reload();
      reopen();
      layer("l", {}, tar);
      snapshots_->prepareWritable("c", {id});
      snapshots_->removeWritable("c");
      snapshots_->removeLayer(id);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << point;
    reopen();
    snapshots_->settle();
    const bool present = snapshots_->hasLayer(id);
    EXPECT_EQ(sys::listDir(AT_FDCWD, kind() + "/layers").size(), present ? 1u : 0u) << point;
    EXPECT_EQ(sys::listDir(AT_FDCWD, kind() + "/writable").size(), snapshots_->writables().size())
        << point;
    EXPECT_THAT(sys::listDir(AT_FDCWD, kind() + "/removed"), IsEmpty()) << point;
    if (present) {
      EXPECT_EQ(sys::listDir(snapshots_->openStack({id}).get()).size(), 2u) << point;
      for (const auto& left : snapshots_->writables()) snapshots_->removeWritable(left);
      snapshots_->removeLayer(id);
    }
  }
}
#endif

TEST_P(SnapshotterTest, SweepsWhatACrashLeft) {
  const auto stack = twoLayers();
  snapshots_->prepareWritable("kept", stack);
  snapshots_.reset();
  ASSERT_EQ(::mkdir((kind() + "/layers/zz").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((kind() + "/writable/orphan").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((kind() + "/staging/zz").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((kind() + "/removed/half").c_str(), 0755), 0);
  reopen();
  snapshots_->settle();
  EXPECT_EQ(sys::listDir(AT_FDCWD, kind() + "/layers").size(), 2u);
  EXPECT_THAT(sys::listDir(AT_FDCWD, kind() + "/writable"), ElementsAre("kept"));
  EXPECT_THAT(sys::listDir(AT_FDCWD, kind() + "/staging"), IsEmpty());
  EXPECT_THAT(sys::listDir(AT_FDCWD, kind() + "/removed"), IsEmpty());
  // A number that a swept directory had is not a reason to fail.
  Tar tar;
  tar.file("f", "x");
  layer("third", stack, tar);
}

TEST_P(SnapshotterTest, WritableWhoseDirectoryIsLostIsForgotten) {
  snapshots_->prepareWritable("c", {});
  sys::removeTree(AT_FDCWD, kind() + "/writable/c");
  reopen();
  EXPECT_FALSE(snapshots_->hasWritable("c"));
  snapshots_->prepareWritable("c", {});
}

TEST_P(SnapshotterTest, FailedTransactionLeavesNoLayer) {
  Tar tar;
  tar.file("f", "x");
  auto staging = snapshots_->prepare(idOf("l"), {}, Placement::kAlone);
  fill(*staging, tar);
  std::vector<Committed> layers;
  layers.push_back({std::move(staging), 1});
  EXPECT_EQ(codeOf([&] {
              snapshots_->commit(std::move(layers), [](store::Transaction&) {
                base::fail(base::Code::kForbidden, "no");
              });
            }),
            "forbidden");
  EXPECT_FALSE(snapshots_->hasLayer(idOf("l")));
  layer("l", {}, tar);  // and may be tried again
  EXPECT_TRUE(snapshots_->hasLayer(idOf("l")));
}

TEST_P(SnapshotterTest, ErrorsHaveTheirCodes) {
  const auto stack = twoLayers();
  EXPECT_EQ(codeOf([&] { snapshots_->prepare(stack[0], {}, Placement::kAlone); }), "conflict");
  EXPECT_EQ(
      codeOf([&] { snapshots_->prepare(idOf("n"), {idOf("missing")}, Placement::kOnParents); }),
      "not found");
  auto staging = snapshots_->prepare(idOf("n"), {}, Placement::kAlone);
  EXPECT_EQ(codeOf([&] { snapshots_->prepare(idOf("n"), {}, Placement::kAlone); }), "conflict");
  EXPECT_EQ(codeOf([&] { snapshots_->openStack({idOf("missing")}); }), "not found");
  EXPECT_EQ(codeOf([&] { snapshots_->open("c"); }), "not found");
  EXPECT_EQ(codeOf([&] { snapshots_->prepareWritable("c", {idOf("missing")}); }), "not found");
  snapshots_->prepareWritable("c", stack);
  EXPECT_EQ(codeOf([&] { snapshots_->prepareWritable("c", stack); }), "conflict");
  for (const char* id : {"", "../x", "a/b", "a:b", "a,b", ".", ".."}) {
    EXPECT_EQ(codeOf([&] { snapshots_->prepareWritable(id, stack); }), "invalid argument") << id;
  }
  EXPECT_EQ(codeOf([&] { snapshots_->removeLayer(stack[1]); }), "conflict");
  EXPECT_EQ(codeOf([&] { snapshots_->removeLayer(idOf("missing")); }), "not found");
  snapshots_->removeWritable("c");
  snapshots_->removeWritable("c");
  snapshots_->removeLayer(stack[1]);
  staging.reset();
  EXPECT_FALSE(snapshots_->hasLayer(stack[1]));
  reopen();
  EXPECT_FALSE(snapshots_->hasLayer(stack[1]));
  EXPECT_TRUE(snapshots_->hasLayer(stack[0]));
}

TEST_P(SnapshotterTest, LayerOnParentsFindsThem) {
  Tar lower, upper;
  lower.dir("usr", 0711);
  lower.dir("usr/lib");
  lower.file("usr/lib/target", "below");
  lower.symlink("lib", "usr/lib");
  lower.file("old/x", "x");
  upper.file("lib/new", "through the link");
  upper.link("hard", "usr/lib/target");
  upper.file("usr/.wh.never", "");
  upper.file("old/.wh.x", "");
  const auto first = layer("first", {}, lower);
  const auto second = layer("second", {first}, upper, Placement::kOnParents);
  const sys::Fd root = snapshots_->openStack({first, second});
  EXPECT_EQ(sys::readFile(root.get(), "usr/lib/new"), "through the link");
  EXPECT_TRUE(S_ISLNK(sys::statAt(root.get(), "lib").st_mode));
  EXPECT_EQ(sys::statAt(root.get(), "usr").st_mode & 07777, 0711u);
  EXPECT_EQ(sys::readFile(root.get(), "hard"), "below");
  EXPECT_THAT(sys::listDir(root.get(), "old"), IsEmpty());
  EXPECT_THAT(sys::listDir(root.get(), "usr"), ElementsAre("lib"));
}

TEST_P(SnapshotterTest, LayersOfOnePullAreStagedOnOneAnother) {
  Tar lower, upper;
  lower.dir("d");
  lower.file("d/f", "x");
  upper.link("hard", "d/f");
  auto first = snapshots_->prepare(idOf("1"), {}, Placement::kAlone);
  fill(*first, lower);
  auto second = snapshots_->prepareOn(idOf("2"), {}, {first.get()});
  fill(*second, upper);
  std::vector<Committed> layers;
  layers.push_back({std::move(first), 1});
  layers.push_back({std::move(second), 0});
  bool ran = false;
  snapshots_->commit(std::move(layers), [&](store::Transaction&) { ran = true; });
  EXPECT_TRUE(ran);
  EXPECT_EQ(sys::readFile(snapshots_->openStack({idOf("1"), idOf("2")}).get(), "hard"), "x");
  EXPECT_EQ(snapshots_->layers().size(), 2u);
}

TEST_P(SnapshotterTest, ManyLayersMount) {
  const size_t count = GetParam() == Kind::kCopy ? 12 : 120;  // Docker's own limit is 125
  Stack stack;
  std::vector<Committed> layers;
  std::vector<const Staging*> staged;
  for (size_t i = 0; i < count; ++i) {
    Tar tar;
    tar.file("f" + std::to_string(i), "x");
    const auto id = idOf("l" + std::to_string(i));
    auto staging = snapshots_->layersAreIndependent()
                       ? snapshots_->prepare(id, {}, Placement::kAlone)
                       : snapshots_->prepareOn(id, {}, staged);
    fill(*staging, tar);
    staged.push_back(staging.get());
    layers.push_back({std::move(staging), 1});
    stack.push_back(id);
  }
  snapshots_->commit(std::move(layers), {});
  snapshots_->prepareWritable("c", stack);
  EXPECT_EQ(sys::listDir(snapshots_->open("c").get()).size(), count);
}

TEST_P(SnapshotterTest, ChangesUsageAndLayerOfAContainer) {
  const auto stack = twoLayers();
  snapshots_->prepareWritable("c", stack);
  {
    const sys::Fd root = snapshots_->open("c");
    sys::writeAtomic(root.get(), "a/one", "changed", 0640);
    sys::removeFile(root.get(), "a/two");
    sys::makeDirs(root.get(), "new/deep", 0755);
    sys::writeAtomic(root.get(), "new/deep/file", std::string(1000, 'x'), 0644);
    ASSERT_EQ(::linkat(root.get(), "new/deep/file", root.get(), "new/link", 0), 0);
    sys::removeTree(root.get(), "full");
    sys::makeDirs(root.get(), "full", 0711);
  }
  std::vector<std::string> lines;
  for (const auto& change : snapshots_->changes("c"))
    lines.push_back("CAD"[static_cast<int>(change.kind)] + (" " + change.path));
  EXPECT_THAT(lines, ElementsAre("C /a", "C /a/one", "D /a/two", "C /full", "D /full/new", "A /new",
                                 "A /new/deep", "A /new/deep/file", "A /new/link"));
  EXPECT_GE(snapshots_->usage("c").bytes, 1007u);

  archive::StringSink tar;
  snapshots_->packChanges("c", tar);
  auto staging = snapshots_->prepare(idOf("commit"), stack, Placement::kOnParents);
  archive::StringSource source(tar.text);
  const auto record = files::unpack(source, staging->root(), {.whiteouts = staging->whiteouts()});
  EXPECT_FALSE(record.leavesToParents);
  std::vector<Committed> layers;
  layers.push_back({std::move(staging), record.bytes});
  snapshots_->commit(std::move(layers), {});
  Stack three = stack;
  three.push_back(idOf("commit"));
  const sys::Fd root = snapshots_->openStack(three);
  EXPECT_EQ(sys::readFile(root.get(), "a/one"), "changed");
  EXPECT_THAT(sys::listDir(root.get(), "a"), ElementsAre("one"));
  EXPECT_THAT(sys::listDir(root.get(), "full"), IsEmpty());
  EXPECT_EQ(sys::statAt(root.get(), "full").st_mode & 07777, 0711u);
  EXPECT_EQ(sys::statAt(root.get(), "new/link").st_nlink, 2u);
}

TEST_P(SnapshotterTest, WhatTheEngineMakesItselfIsNoChange) {
  const auto stack = twoLayers();
  snapshots_->prepareWritable("c", stack);
  const auto listed = [&] {
    std::vector<std::string> lines;
    for (const auto& change : snapshots_->changes("c"))
      lines.push_back("CAD"[static_cast<int>(change.kind)] + (" " + change.path));
    return lines;
  };
  {
    const sys::Fd root = snapshots_->open("c");
    files::makeMountPoints(root.get());
    EXPECT_EQ(sys::statAt(root.get(), ".dockerenv").st_mode & 0777, 0755u);
    EXPECT_EQ(sys::statAt(root.get(), "etc/hosts").st_size, 0);
    files::makeMountPoints(root.get());
  }
  EXPECT_THAT(listed(), IsEmpty());
  {
    const sys::Fd root = snapshots_->open("c");
    sys::writeAtomic(root.get(), "etc/other", "", 0644);
  }
  EXPECT_THAT(listed(), Contains("A /etc/other"));
  EXPECT_THAT(listed(), Not(Contains("A /etc/hosts")));
  archive::StringSink tar;
  snapshots_->packChanges("c", tar);
  EXPECT_THAT(tar.text, HasSubstr("etc/other"));
  EXPECT_THAT(tar.text, Not(HasSubstr("etc/host")));
  EXPECT_THAT(tar.text, Not(HasSubstr(".dockerenv")));
}

TEST_P(SnapshotterTest, LayerCommittedFromAContainerStandsAlone) {
  const auto stack = twoLayers();
  snapshots_->prepareWritable("c", stack);
  {
    const sys::Fd root = snapshots_->open("c");
    sys::writeAtomic(root.get(), "a/three", "3", 0640);
  }
  archive::StringSink tar;
  snapshots_->packChanges("c", tar);
  TemporaryDirectory alone;
  archive::StringSource source(tar.text);
  const auto record = files::unpack(source, alone.fd(), {});
  EXPECT_FALSE(record.leavesToParents);
  EXPECT_THAT(record.impliedDirectories, IsEmpty());
}

TEST_P(SnapshotterTest, RemovalIsQuickAndThorough) {
  Tar tar;
  for (int i = 0; i < 300; ++i)
    tar.file("d" + std::to_string(i % 50) + "/f" + std::to_string(i), "x");
  const auto id = layer("l", {}, tar);
  snapshots_->prepareWritable("c", {id});
  snapshots_->removeWritable("c");
  snapshots_->removeLayer(id);
  EXPECT_FALSE(snapshots_->hasWritable("c"));
  snapshots_->settle();
  for (const char* name : {"/layers", "/writable", "/removed"})
    EXPECT_THAT(sys::listDir(AT_FDCWD, kind() + name), IsEmpty());
}

TEST_P(SnapshotterTest, WritablesWithoutAnOwnerGo) {
  snapshots_->prepareWritable("mine", {});
  snapshots_->prepareWritable("lost", {});
  snapshots_->retainWritables([](const std::string& id) { return id == "mine"; });
  EXPECT_THAT(snapshots_->writables(), ElementsAre("mine"));
}

TEST_P(SnapshotterTest, DirectoriesAreClosedToOthers) {
  twoLayers();
  snapshots_->prepareWritable("c", {});
  for (const char* name : {"", "/layers", "/writable", "/writable/c", "/staging", "/removed"}) {
    EXPECT_EQ(sys::statAt(AT_FDCWD, kind() + name).st_mode & 0007, 0u) << name;
  }
}

TEST_P(SnapshotterTest, ManyThreadsAtOnce) {
  const auto stack = twoLayers();
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const std::string id = "c" + std::to_string(t) + "-" + std::to_string(i);
        snapshots_->prepareWritable(id, stack);
        const sys::Fd root = snapshots_->open(id);
        sys::writeAtomic(root.get(), "own", id, 0600);
        if (sys::readFile(root.get(), "own") == id) ++good;
        snapshots_->removeWritable(id);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 80);
  EXPECT_THAT(snapshots_->writables(), IsEmpty());
}

std::string nameOf(const ::testing::TestParamInfo<Kind>& tested) {
  switch (tested.param) {
    case Kind::kAuto:
      return "Auto";
    case Kind::kOverlay:
      return "Overlay";
    case Kind::kOverlayOld:
      return "OverlayOld";
    case Kind::kCopy:
      return "Copy";
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(All, SnapshotterTest,
                         ::testing::Values(Kind::kOverlay, Kind::kOverlayOld, Kind::kCopy,
                                           Kind::kAuto),
                         nameOf);

TEST(MakeSnapshotter, ChoosesOverlayHere) {
  TemporaryDirectory directory;
  store::Store store(directory.path());
  EXPECT_EQ(makeSnapshotter({directory.path() + "/data", Kind::kAuto}, store)->driver(),
            "overlay2");
}

// The question asked without a mount has the answer that a mount would give.
TEST(MakeSnapshotter, KnowsWhetherTheNewWayWorks) {
  TemporaryDirectory directory;
  store::Store store(directory.path());
  bool works = true;
  try {
    makeSnapshotter({directory.path() + "/new", Kind::kOverlay}, store);
  } catch (const base::Error&) {
    works = false;
  }
  EXPECT_EQ(overlayAppendsLowers(), works);
  const auto chosen = makeSnapshotter({directory.path() + "/data", Kind::kAuto}, store);
  const std::pair<std::string, std::string> way{"Mounted by", works ? "fsopen(2)" : "mount(2)"};
  EXPECT_THAT(chosen->status(), testing::Contains(way));
}

TEST(MakeSnapshotter, CopiesWhereOverlayCannotBe) {
  // An overlay cannot have its upper on an overlay.
  TemporaryDirectory directory;
  for (const char* name : {"lower", "upper", "work"}) sys::makeDirs(directory.fd(), name, 0755);
  const sys::Fd outer = sys::makeMount("overlay", {{"lowerdir", directory.path() + "/lower"},
                                                   {"upperdir", directory.path() + "/upper"},
                                                   {"workdir", directory.path() + "/work"}});
  TemporaryDirectory target;
  sys::attachMount(outer.get(), target.fd());
  base::ScopeExit undo{[&] { ::umount2(target.path().c_str(), MNT_DETACH); }};
  store::Store store(directory.path());
  EXPECT_EQ(makeSnapshotter({target.path() + "/data", Kind::kAuto}, store)->driver(), "vfs");
  EXPECT_THROW(makeSnapshotter({target.path() + "/data", Kind::kOverlay}, store), base::Error);
}

TEST(MakeSnapshotter, DeepDataRoot) {
  TemporaryDirectory directory;
  std::string path = directory.path() + "/data";
  while (path.size() < 300) path += "/" + std::string(50, 'd');
  store::Store store(directory.path());
  for (const auto kind : {Kind::kAuto, Kind::kOverlayOld}) {
    const auto snapshots = makeSnapshotter({path, kind}, store);
    snapshots->prepareWritable("c", {});
    sys::writeAtomic(snapshots->open("c").get(), "f", "x", 0600);
    EXPECT_EQ(snapshots->usage("c").bytes, 1u);
    snapshots->removeWritable("c");
  }
}

}  // namespace
}  // namespace snapshot
