#include "storage/files/unpack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "platform/archive/compression.h"
#include "platform/base/error.h"
#include "platform/base/scope_exit.h"
#include "platform/crypto/hash.h"
#include "platform/sys/spawn.h"
#include "storage/files/test_tree.h"

namespace files {
namespace {

using ::testing::ElementsAre;
using TarType = archive::EntryType;
using files::testing::Tar;
using files::testing::TemporaryDirectory;

UnpackRecord unpackText(const std::string& tar, int directory, UnpackOptions options = {}) {
  archive::StringSource source(tar);
  return unpack(source, directory, options);
}

std::string errorOf(const std::string& tar, int directory, UnpackOptions options = {}) {
  try {
    unpackText(tar, directory, options);
  } catch (const base::Error& error) {
    return error.message();
  }
  return "no error";
}

std::string contents(const TemporaryDirectory& directory, const std::string& path) {
  return sys::readFile(directory.fd(), path);
}

TEST(Unpack, RestoresTypesOwnersModesTimesAndAttributes) {
  TemporaryDirectory root;
  Tar tar;
  tar.dir("./", 0711);
  tar.dir("etc", 0750).gid = 42;
  auto& file = tar.file("etc/passwd", "root", 04751);
  file.uid = 100000;
  file.modified = {1'234'567'890, 123'456'789};
  file.xattrs = {{"user.note", std::string("a\0b", 3)}, {"trusted.overlay.redirect", "/etc"}};
  tar.symlink("etc/link", "/nowhere").uid = 7;
  tar.link("etc/hard", "./etc/passwd");
  auto& device = tar.entry("null", TarType::kCharDevice, 0666);
  device.major = 1;
  device.minor = 3;
  tar.entry("pipe", TarType::kFifo, 0622);
  auto& old = tar.dir("old", 01777);
  old.modified = {-1000, 0};
  tar.file("old/new", "", 0600);

  const auto record = unpackText(tar.bytes(), root.fd());
  const auto status = sys::statAt(root.fd(), "etc/passwd");
  EXPECT_EQ(status.st_mode, S_IFREG | 04751u);
  EXPECT_EQ(status.st_uid, 100000u);
  EXPECT_EQ(status.st_nlink, 2u);
  EXPECT_EQ(status.st_mtim.tv_sec, 1'234'567'890);
  EXPECT_EQ(status.st_mtim.tv_nsec, 123'456'789);
  char value[16];
  EXPECT_EQ(::getxattr((root.path() + "/etc/passwd").c_str(), "user.note", value, sizeof value), 3);
  EXPECT_EQ(::getxattr((root.path() + "/etc/passwd").c_str(), "trusted.overlay.redirect", value,
                       sizeof value),
            -1);
  EXPECT_EQ(sys::statAt(root.fd(), "etc").st_mode, S_IFDIR | 0750u);
  EXPECT_EQ(sys::statAt(root.fd(), "etc").st_gid, 42u);
  EXPECT_EQ(sys::statAt(root.fd(), "etc/link").st_uid, 7u);
  EXPECT_EQ(sys::statAt(root.fd(), "null").st_rdev, ::makedev(1, 3));
  EXPECT_EQ(sys::statAt(root.fd(), "null").st_mode, S_IFCHR | 0666u);
  EXPECT_EQ(sys::statAt(root.fd(), "pipe").st_mode, S_IFIFO | 0622u);
  EXPECT_EQ(sys::statAt(root.fd(), "old").st_mtim.tv_sec, -1000);
  EXPECT_EQ(sys::statAt(root.fd(), ".").st_mode, S_IFDIR | 0711u);
  EXPECT_EQ(record.bytes, 4u);
  EXPECT_EQ(record.entries, 9u);
  EXPECT_FALSE(record.leavesToParents);
  EXPECT_EQ(record.warnings.size(), 1u);
}

TEST(Unpack, ModeDoesNotDependOnTheUmask) {
  TemporaryDirectory root;
  Tar tar;
  tar.file("implied/dir/file", "x", 0666);
  tar.dir("open", 0777);
  const mode_t before = ::umask(077);
  base::ScopeExit restore{[&] { ::umask(before); }};
  unpackText(tar.bytes(), root.fd());
  EXPECT_EQ(sys::statAt(root.fd(), "implied/dir/file").st_mode & 07777, 0666u);
  EXPECT_EQ(sys::statAt(root.fd(), "implied").st_mode & 07777, 0755u);
  EXPECT_EQ(sys::statAt(root.fd(), "open").st_mode & 07777, 0777u);
}

TEST(Unpack, SetgidDirectoryDoesNotGiveItsGroupAway) {
  TemporaryDirectory root;
  Tar tar;
  tar.dir("d", 02775).gid = 50;
  tar.file("d/f", "x");
  tar.dir("d/sub", 0755);
  unpackText(tar.bytes(), root.fd());
  EXPECT_EQ(sys::statAt(root.fd(), "d/f").st_gid, 0u);
  EXPECT_EQ(sys::statAt(root.fd(), "d/sub").st_gid, 0u);
  EXPECT_EQ(sys::statAt(root.fd(), "d/sub").st_mode & 07777, 0755u);
}

TEST(Unpack, RecordsWhatALayerLeavesToItsParents) {
  TemporaryDirectory root;
  Tar tar;
  tar.file("usr/share/doc/x", "x");
  tar.dir("usr", 0755);
  tar.link("hard", "bin/below");
  tar.file("opt/.wh.gone", "");
  const auto record = unpackText(tar.bytes(), root.fd());
  EXPECT_THAT(record.impliedDirectories, ElementsAre("opt", "usr/share", "usr/share/doc"));
  EXPECT_THAT(record.hardLinksBelow, ElementsAre("hard"));
  EXPECT_THAT(record.whiteouts, ElementsAre("opt/gone"));
  EXPECT_TRUE(record.leavesToParents);
}

TEST(Unpack, OrphanWhiteoutsAreThoseThatHideNothing) {
  TemporaryDirectory lower, upper;
  Tar below, above;
  below.dir("etc");
  below.symlink("etc/dangling", "nowhere");
  unpackText(below.bytes(), lower.fd());
  above.dir("etc");
  above.file("etc/.wh.dangling", "");
  above.file("etc/.wh.never", "");
  const auto record = unpackText(above.bytes(), upper.fd());
  EXPECT_THAT(orphanWhiteouts(record, {lower.fd()}), ElementsAre("etc/never"));
}

TEST(Unpack, OverlayWhiteoutsHideOnlyWhatIsBelow) {
  TemporaryDirectory root;
  Tar tar;
  tar.dir("opaque");
  tar.file("opaque/own", "1");
  tar.file("opaque/.wh..wh..opq", "");
  tar.file(".wh.file", "");
  tar.dir("both");  // own directory first, then its whiteout
  tar.file("both/own", "1");
  tar.file(".wh.both", "");
  tar.file(".wh.again", "");  // whiteout first, then the directory
  tar.dir("again");
  tar.file("again/own", "1");
  tar.file(".wh..wh.plnk/1", "aufs");
  unpackText(tar.bytes(), root.fd());
  const auto isOpaque = [&](const std::string& path) {
    char value = 0;
    return ::getxattr((root.path() + "/" + path).c_str(), "trusted.overlay.opaque", &value, 1) ==
               1 &&
           value == 'y';
  };
  EXPECT_TRUE(isOpaque("opaque"));
  EXPECT_TRUE(isOpaque("both"));
  EXPECT_TRUE(isOpaque("again"));
  EXPECT_EQ(contents(root, "opaque/own") + contents(root, "both/own") + contents(root, "again/own"),
            "111");
  const auto gone = sys::statAt(root.fd(), "file");
  EXPECT_TRUE(S_ISCHR(gone.st_mode) && gone.st_rdev == 0);
  EXPECT_FALSE(sys::statAtIfExists(root.fd(), ".wh..wh.plnk"));
}

TEST(Unpack, AppliedWhiteoutsRemoveOnlyWhatWasThereBefore) {
  TemporaryDirectory root;
  Tar below, above;
  below.file("dir/old", "1");
  below.file("dir/sub/old", "1");
  below.file("file", "1");
  below.file("kept/old", "1");
  unpackText(below.bytes(), root.fd());
  above.file("dir/sub/new", "2");
  above.file("dir/.wh..wh..opq", "");
  above.file(".wh.file", "");
  above.file("kept/new", "2");
  above.file(".wh.kept", "");
  above.file(".wh.never", "");
  unpackText(above.bytes(), root.fd(), {.whiteouts = Whiteouts::kApply});
  EXPECT_FALSE(sys::statAtIfExists(root.fd(), "dir/old"));
  EXPECT_FALSE(sys::statAtIfExists(root.fd(), "dir/sub/old"));
  EXPECT_EQ(contents(root, "dir/sub/new"), "2");
  EXPECT_FALSE(sys::statAtIfExists(root.fd(), "file"));
  EXPECT_FALSE(sys::statAtIfExists(root.fd(), "kept/old"));
  EXPECT_EQ(contents(root, "kept/new"), "2");
}

TEST(Unpack, LiteralKeepsWhiteoutNames) {
  TemporaryDirectory root;
  Tar tar;
  tar.file("etc/.wh.name", "x");
  const auto record = unpackText(tar.bytes(), root.fd(), {.whiteouts = Whiteouts::kLiteral});
  EXPECT_EQ(contents(root, "etc/.wh.name"), "x");
  EXPECT_FALSE(record.leavesToParents);
}

TEST(Unpack, LaterEntriesReplaceEarlierOnes) {
  TemporaryDirectory root;
  Tar tar;
  tar.file("a", "first");
  tar.dir("b");
  tar.file("b/inside", "x");
  tar.symlink("c", "b");
  tar.file("a", "second");
  tar.file("b", "file now");
  tar.dir("c");
  tar.file("c/inside", "y");
  tar.link("d", "a");
  tar.link("d", "a");
  tar.link("a", "a");
  const auto record = unpackText(tar.bytes(), root.fd());
  EXPECT_EQ(contents(root, "a"), "second");
  EXPECT_EQ(contents(root, "b"), "file now");
  EXPECT_EQ(contents(root, "c/inside"), "y");
  EXPECT_EQ(contents(root, "d"), "second");
  EXPECT_EQ(record.bytes, std::string("second").size() + std::string("file now").size() + 2);
}

// -- hostile archives. A canary stands beside the root; every way out leads to it.

class Hostile : public ::testing::Test {
 protected:
  Hostile() {
    sys::writeAtomic(outer_.fd(), "canary", "alive", 0644);
    ::mkdirat(outer_.fd(), "root", 0755);
    root_ = sys::openAt(outer_.fd(), "root", O_RDONLY | O_DIRECTORY);
  }
  ~Hostile() override {
    EXPECT_EQ(sys::readFile(outer_.fd(), "canary"), "alive");
    EXPECT_EQ(sys::statAt(outer_.fd(), "canary").st_nlink, 1u);
    EXPECT_EQ(sys::statAt(outer_.fd(), "canary").st_mode & 07777, 0644u);
    EXPECT_EQ(sys::listDir(outer_.fd()).size(), 2u) << "something was made outside";
  }
  std::string refused(const Tar& tar) { return errorOf(tar.bytes(), root_.get()); }

  TemporaryDirectory outer_;
  sys::Fd root_;
};

TEST_F(Hostile, DotDotIsRefused) {
  for (const char* name : {"../canary", "a/../../canary", "..", "./../canary"}) {
    Tar tar;
    tar.file(name, "dead");
    EXPECT_THAT(refused(tar), ::testing::HasSubstr("is outside of")) << name;
  }
  Tar inside;
  inside.file("a/../b", "x");
  EXPECT_EQ(refused(inside), "no error");
  EXPECT_EQ(sys::readFile(root_.get(), "b"), "x");
}

TEST_F(Hostile, AbsoluteNamesStayInside) {
  Tar tar;
  tar.file(outer_.path() + "/canary", "dead");
  tar.file("/canary", "inside");
  EXPECT_EQ(refused(tar), "no error");
  EXPECT_EQ(sys::readFile(root_.get(), "canary"), "inside");
}

TEST_F(Hostile, SymlinkThenWriteStaysInside) {
  Tar absolute;
  absolute.dir("tmp");
  absolute.symlink("x", outer_.path());
  absolute.file("x/canary", "dead");
  EXPECT_NE(refused(absolute), "no error");  // inside the root that directory does not exist

  Tar toRoot;
  toRoot.symlink("y", "/");
  toRoot.file("y/canary", "inside");
  EXPECT_EQ(refused(toRoot), "no error");
  EXPECT_EQ(sys::readFile(root_.get(), "canary"), "inside");
}

TEST_F(Hostile, ClimbingSymlinkIsRefused) {
  Tar tar;
  tar.symlink("a/x", "../../canary");
  EXPECT_EQ(refused(tar), "invalid symlink \"a/x\" -> \"../../canary\"");
}

TEST_F(Hostile, FileIsNotWrittenThroughASymlinkOfItsName) {
  Tar tar;
  tar.symlink("x", outer_.path() + "/canary");
  tar.file("x", "replaced");
  EXPECT_EQ(refused(tar), "no error");
  EXPECT_EQ(sys::readFile(root_.get(), "x"), "replaced");
}

TEST_F(Hostile, HardLinkToTheOutsideIsRefused) {
  Tar climbing;
  climbing.link("x", "../canary");
  EXPECT_EQ(refused(climbing), "invalid hardlink \"x\" -> \"../canary\"");

  Tar absolute;
  absolute.link("x", outer_.path() + "/canary");
  EXPECT_EQ(refused(absolute), "no error");  // names something below, which is not there
  EXPECT_FALSE(sys::statAtIfExists(root_.get(), "x"));

  Tar throughLink;
  throughLink.symlink("s", outer_.path());
  throughLink.link("x", "s/canary");
  EXPECT_EQ(refused(throughLink), "no error");
  EXPECT_FALSE(sys::statAtIfExists(root_.get(), "x"));
}

TEST_F(Hostile, HardLinkToASymlinkLinksTheSymlink) {
  Tar tar;
  tar.symlink("s", outer_.path() + "/canary");
  tar.link("x", "s");
  auto& file = tar.file("x", "replaced", 0777);
  file.uid = 5;
  EXPECT_EQ(refused(tar), "no error");
}

TEST_F(Hostile, ModeAndOwnerOfASymlinkDoNotReachItsTarget) {
  Tar tar;
  auto& link = tar.symlink("x", outer_.path() + "/canary");
  link.mode = 06777;
  link.uid = 99;
  EXPECT_EQ(refused(tar), "no error");
  EXPECT_EQ(sys::statAt(outer_.fd(), "canary").st_uid, 0u);
}

TEST_F(Hostile, WhiteoutNamesDoNotLeaveTheirDirectory) {
  for (const auto mode : {Whiteouts::kOverlay, Whiteouts::kApply}) {
    for (const char* name : {".wh...", ".wh..", ".wh."}) {
      Tar tar;
      tar.file(name, "");
      EXPECT_THAT(errorOf(tar.bytes(), root_.get(), {.whiteouts = mode}),
                  ::testing::HasSubstr("invalid whiteout"))
          << name;
    }
    Tar through;
    through.symlink("s", outer_.path());
    through.symlink("t", "/");
    through.file("t/.wh.canary", "");
    EXPECT_EQ(errorOf(through.bytes(), root_.get(), {.whiteouts = mode}), "no error");
  }
}

TEST_F(Hostile, OpaqueMarkerBehindASymlinkEmptiesNothingOutside) {
  Tar tar;
  tar.symlink("s", outer_.path());
  tar.file("s/.wh..wh..opq", "");
  EXPECT_NE(errorOf(tar.bytes(), root_.get(), {.whiteouts = Whiteouts::kApply}), "no error");
}

TEST_F(Hostile, MagicLinksAreNotFollowed) {
  Tar tar;
  tar.symlink("proc", "/proc/self/root");
  tar.file("proc/canary", "dead");
  EXPECT_NE(refused(tar), "no error");
}

TEST_F(Hostile, CapsHold) {
  Tar many;
  for (int i = 0; i < 20; ++i) many.file("f" + std::to_string(i), "");
  EXPECT_EQ(errorOf(many.bytes(), root_.get(), {.limits = {.entries = 10}}),
            "archive/tar: more than 10 entries");
  Tar large;
  large.file("f", std::string(4096, 'x'));
  EXPECT_EQ(errorOf(large.bytes(), root_.get(), {.maxBytes = 4095}),
            "contents are larger than 4095 bytes");
  Tar deep;
  std::string name;
  for (int i = 0; i < 3000; ++i) name += "d/";
  deep.file(name + "f", "");
  EXPECT_THAT(refused(deep), ::testing::HasSubstr("too long"));
}

TEST(Unpack, TruncatedArchiveIsAnError) {
  Tar tar;
  tar.file("a", std::string(5000, 'x'));
  tar.file("b", "y");
  const auto bytes = tar.bytes();
  for (const size_t size : {size_t{100}, size_t{700}, size_t{5000}, size_t{6144 + 100}}) {
    TemporaryDirectory root;
    EXPECT_EQ(errorOf(bytes.substr(0, size), root.fd()), "archive/tar: unexpected EOF") << size;
  }
}

TEST(Unpack, NoSpaceLeftIsNamed) {
  TemporaryDirectory mountPoint;
  ASSERT_EQ(::mount("tmpfs", mountPoint.path().c_str(), "tmpfs", 0, "size=64k"), 0);
  base::ScopeExit undo{[&] { ::umount2(mountPoint.path().c_str(), MNT_DETACH); }};
  const sys::Fd root = sys::openAt(AT_FDCWD, mountPoint.path(), O_RDONLY | O_DIRECTORY);
  Tar tar;
  tar.file("big", std::string(1 << 20, 'x'));
  try {
    unpackText(tar.bytes(), root.get());
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.sysErrno(), ENOSPC);
    EXPECT_EQ(error.message(), "write /big: no space left on device");
  }
}

TEST(Unpack, StopsWhenAsked) {
  TemporaryDirectory root;
  base::StopSource source;
  source.stop();
  UnpackOptions options;
  options.stop = source.token();
  Tar tar;
  tar.file("a", "x");
  try {
    unpackText(tar.bytes(), root.fd(), options);
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kCancelled);
  }
}

// -- recipes

struct Rebuilt {
  bool complete = false;
  std::string tar;
  size_t recipeSize = 0;
};

Rebuilt roundTrip(const std::string& tar, UnpackOptions options = {}) {
  TemporaryDirectory root;
  archive::StringSink recipe;
  options.recipe = &recipe;
  const auto record = unpackText(tar, root.fd(), options);
  EXPECT_EQ(record.recipeBytes, recipe.text.size());
  Rebuilt result{record.recipeComplete, {}, recipe.text.size()};
  if (!record.recipeComplete) return result;
  archive::StringSink out;
  rebuildTar([&] { return std::make_unique<archive::StringSource>(recipe.text); }, root.fd(), out);
  result.tar = std::move(out.text);
  return result;
}

TEST(Recipe, ReplacedContentsAreKept) {
  Tar tar;
  tar.file("a", "first");
  tar.link("b", "a");
  tar.file("a", "second!");
  tar.file("b", "third");
  tar.file("a", "fourth");
  tar.file(".wh.x", "not empty, though it should be");
  tar.file("empty", "");
  tar.file("empty", "now full");
  const auto bytes = tar.bytes();
  const auto result = roundTrip(bytes);
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.tar, bytes);
}

TEST(Recipe, ReplacedDirectoryMakesItWorthless) {
  Tar tar;
  tar.file("d/f", "x");
  tar.file("d", "y");
  EXPECT_FALSE(roundTrip(tar.bytes()).complete);
}

TEST(Recipe, BytesBehindTheEndAreKept) {
  Tar tar;
  tar.file("f", "x");
  const auto bytes = tar.bytes() + std::string(10240, '\0') + "trailing";
  EXPECT_EQ(roundTrip(bytes).tar, bytes);
}

TEST(Recipe, ChangedFileIsNamed) {
  TemporaryDirectory root;
  Tar tar;
  tar.file("dir/f", "before");
  archive::StringSink recipe;
  UnpackOptions options;
  options.recipe = &recipe;
  unpackText(tar.bytes(), root.fd(), options);
  sys::writeAtomic(root.fd(), "dir/f", "beforX", 0644);
  archive::StringSink out;
  try {
    rebuildTar([&] { return std::make_unique<archive::StringSource>(recipe.text); }, root.fd(),
               out);
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kDataLoss);
    EXPECT_EQ(error.message(), "dir/f changed since it was unpacked");
  }
}

// Archives as they are found in the field.
TEST(Recipe, RealArchivesComeBackBitByBit) {
  TemporaryDirectory tree;
  const auto shell = [&](const std::string& script) {
    const auto output = sys::run({"/bin/sh", "-ec", "cd " + tree.path() + "; " + script});
    EXPECT_EQ(output.status.code, 0) << output.err;
  };
  shell(
      R"(mkdir -p t/usr/share t/dev; cp -a /etc/alternatives t/; cp -aL /usr/share/zoneinfo/Europe t/usr/share/ ;
    cp -a /usr/include/linux t/usr/; mknod t/dev/null c 1 3; mkfifo t/dev/f; ln t/usr/linux/fs.h t/hard;
    dd if=/dev/urandom of=t/random bs=1000 count=3001 2>/dev/null; setfattr -n user.x -v y t/random 2>/dev/null || :
    long=$(printf 'n%.0s' $(seq 200)); mkdir -p t/$long/$long; echo x > t/$long/$long/$long; ln -s $long/$long t/longlink
    chown 4000000:4000000 t/random; touch -d '1950-01-01' t/hard; echo ü > t/ü)");
  const char* const kinds[] = {"--format=gnu", "--format=pax --xattrs", "--format=posix",
                               "--format=gnu --owner=0 --group=0 -b 1"};
  for (const char* kind : kinds) {
    shell(fmt::format("tar {} -cf out.tar -C t .", kind));
    const auto bytes = sys::readFile(tree.fd(), "out.tar", 1u << 30);
    const auto result = roundTrip(bytes, {.whiteouts = Whiteouts::kLiteral});
    EXPECT_TRUE(result.complete) << kind;
    EXPECT_TRUE(result.tar == bytes) << kind;
    EXPECT_LT(result.recipeSize, bytes.size() / 20) << kind;
  }
}

}  // namespace
}  // namespace files
