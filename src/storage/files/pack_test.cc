#include "storage/files/pack.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "platform/base/error.h"
#include "platform/base/scope_exit.h"
#include "platform/sys/mount.h"
#include "storage/files/copy.h"
#include "storage/files/test_tree.h"
#include "storage/files/unpack.h"

namespace files {
namespace {

using files::testing::Tar;
using files::testing::TemporaryDirectory;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string packed(int directory, PackOptions options = {}) {
  archive::StringSink out;
  pack(directory, out, options);
  return out.text;
}

std::vector<archive::TarEntry> entriesOf(const std::string& tar) {
  archive::StringSource source(tar);
  archive::TarReader reader(source);
  std::vector<archive::TarEntry> entries;
  archive::TarEntry entry;
  while (reader.next(entry)) entries.push_back(entry);
  return entries;
}

std::vector<std::string> namesOf(const std::string& tar) {
  std::vector<std::string> names;
  for (const auto& entry : entriesOf(tar)) names.push_back(entry.name);
  return names;
}

void fill(const TemporaryDirectory& root, const Tar& tar,
          Whiteouts whiteouts = Whiteouts::kLiteral) {
  const auto bytes = tar.bytes();
  archive::StringSource source(bytes);
  unpack(source, root.fd(), {.whiteouts = whiteouts});
}

Tar everything() {
  Tar tar;
  tar.dir("b", 0711).uid = 3;
  tar.file("b/z", "zz", 04755).xattrs = {{"user.note", "1"}};
  tar.file("b/a", "");
  tar.link("b/hard", "b/z");
  tar.symlink("a-link", "b");
  auto& device = tar.entry("dev", archive::EntryType::kBlockDevice, 0660);
  device.major = 259;
  device.minor = 70000;
  tar.entry("fifo", archive::EntryType::kFifo, 0600);
  tar.file("big", std::string(600'001, 'x'));
  return tar;
}

TEST(Pack, TreeComesBackAsItWas) {
  TemporaryDirectory root, again;
  fill(root, everything());
  const auto tar = packed(root.fd());
  EXPECT_THAT(namesOf(tar),
              ElementsAre("a-link", "b/", "b/a", "b/hard", "b/z", "big", "dev", "fifo"));
  archive::StringSource source(tar);
  unpack(source, again.fd(), {.whiteouts = Whiteouts::kLiteral});
  EXPECT_THAT(treeChanges(root.fd(), again.fd(), {}), IsEmpty());
  EXPECT_EQ(packed(again.fd()), tar) << "the same tree gives the same bytes";
  EXPECT_EQ(sys::statAt(again.fd(), "b/z").st_nlink, 2u);
  EXPECT_EQ(sys::statAt(again.fd(), "dev").st_rdev, ::makedev(259, 70000));
}

TEST(Pack, OverlayUpperBecomesALayer) {
  TemporaryDirectory root;
  Tar tar;
  tar.dir("d");
  tar.file("d/.wh..wh..opq", "");
  tar.file("d/own", "x");
  tar.file(".wh.gone", "");
  fill(root, tar, Whiteouts::kOverlay);
  EXPECT_THAT(namesOf(packed(root.fd(), {.overlayUpper = true})),
              ElementsAre("d/", "d/.wh..wh..opq", "d/own", ".wh.gone"));
  for (const auto& entry : entriesOf(packed(root.fd(), {.overlayUpper = true})))
    EXPECT_THAT(entry.xattrs, IsEmpty()) << entry.name;
}

TEST(Pack, SocketsAreLeftOut) {
  TemporaryDirectory root;
  const sys::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = root.path() + "/socket";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_THAT(namesOf(packed(root.fd())), IsEmpty());
}

TEST(Pack, WhatIsMountedInTheTreeIsNotRead) {
  TemporaryDirectory root;
  sys::makeDirs(root.fd(), "volume", 0755);
  sys::writeAtomic(root.fd(), "hosts", "", 0644);
  const sys::Fd volume = sys::makeMount("tmpfs", {});
  sys::writeAtomic(volume.get(), "secret", "x", 0600);
  sys::attachMount(volume.get(), sys::openAt(root.fd(), "volume", O_PATH).get());
  base::ScopeExit undo{[&] { ::umount2((root.path() + "/volume").c_str(), MNT_DETACH); }};
  EXPECT_THAT(namesOf(packed(root.fd())), ElementsAre("hosts", "volume/"));
}

TEST(Pack, FileThatShrinksKeepsItsPromisedSize) {
  TemporaryDirectory root;
  sys::writeAtomic(root.fd(), "log", std::string(2 << 20, 'x'), 0644);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    const sys::Fd fd = sys::openAt(root.fd(), "log", O_RDWR);
    while (!stop) {
      EXPECT_EQ(::ftruncate(fd.get(), 10), 0);
      EXPECT_EQ(::ftruncate(fd.get(), 2 << 20), 0);
    }
  });
  base::ScopeExit join{[&] {
    stop = true;
    writer.join();
  }};
  for (int i = 0; i < 50; ++i) {
    const auto entries = entriesOf(packed(root.fd()));  // throws when the archive is not whole
    EXPECT_EQ(entries.size(), 1u);
  }
}

// A container swaps a directory for a link to the host while its tree is packed.
TEST(Pack, SwappedLinksLeadNowhere) {
  TemporaryDirectory outside, root;
  sys::writeAtomic(outside.fd(), "canary", "secret", 0644);
  sys::makeDirs(root.fd(), "swap", 0755);
  sys::writeAtomic(root.fd(), "swap/own", "own", 0644);
  ASSERT_EQ(::symlinkat(outside.path().c_str(), root.fd(), "link"), 0);
  std::atomic<bool> stop{false};
  std::thread swapper([&] {
    while (!stop) ::renameat2(root.fd(), "swap", root.fd(), "link", RENAME_EXCHANGE);
  });
  base::ScopeExit join{[&] {
    stop = true;
    swapper.join();
  }};
  for (int i = 0; i < 300; ++i) {
    for (const auto& name : namesOf(packed(root.fd())))
      EXPECT_EQ(name.find("canary"), std::string::npos) << name;
  }
}

// CVE-2025-47290: another process changes the tree that is unpacked into.
TEST(Unpack, SwappedLinksLeadNowhere) {
  TemporaryDirectory outside, root;
  Tar tar;
  tar.dir("swap");
  for (int i = 0; i < 200; ++i)
    tar.file("swap/d" + std::to_string(i % 7) + "/f" + std::to_string(i), "x");
  const auto bytes = tar.bytes();
  sys::makeDirs(root.fd(), "swap", 0755);
  ASSERT_EQ(::symlinkat(outside.path().c_str(), root.fd(), "link"), 0);
  std::atomic<bool> stop{false};
  std::thread swapper([&] {
    while (!stop) ::renameat2(root.fd(), "swap", root.fd(), "link", RENAME_EXCHANGE);
  });
  base::ScopeExit join{[&] {
    stop = true;
    swapper.join();
  }};
  for (int i = 0; i < 30; ++i) {
    archive::StringSource source(bytes);
    try {
      unpack(source, root.fd(),
             {.whiteouts = i % 2 == 0 ? Whiteouts::kApply : Whiteouts::kLiteral});
    } catch (const base::Error&) {  // the tree is not what the archive expects: refused is as good
                                    // as done
    }
  }
  EXPECT_THAT(sys::listDir(outside.fd()), IsEmpty());
}

TEST(Copy, TakesEverythingAlong) {
  TemporaryDirectory root, copy;
  fill(root, everything());
  ASSERT_EQ(::fchmod(root.fd(), 01750), 0);
  const auto record = copyTree(root.fd(), copy.fd(), {});
  EXPECT_THAT(treeChanges(root.fd(), copy.fd(), {}), IsEmpty());
  EXPECT_EQ(packed(copy.fd()), packed(root.fd()));
  EXPECT_EQ(sys::statAt(copy.fd(), ".").st_mode & 07777, 01750u);
  EXPECT_EQ(sys::statAt(copy.fd(), "b").st_mtim.tv_sec, 1'600'000'000);
  EXPECT_EQ(record.bytes, 600'003u);
  EXPECT_THROW(copyTree(root.fd(), copy.fd(), {}), base::Error) << "nothing is overwritten";
}

TEST(Copy, LinksAcrossDirectoriesBeyondTheLongestPath) {
  TemporaryDirectory root, copy;
  const std::string name(200, 'd');
  sys::Fd at = sys::openAt(root.fd(), ".", O_RDONLY | O_DIRECTORY);
  for (int depth = 0; depth < 30; ++depth) {
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0755), 0);
    at = sys::openAt(at.get(), name, O_RDONLY | O_DIRECTORY);
  }
  const sys::Fd file = sys::openAt(at.get(), "first", O_WRONLY | O_CREAT, 0644);
  ASSERT_EQ(::linkat(at.get(), "first", root.fd(), "second", 0), 0);
  copyTree(root.fd(), copy.fd(), {});
  EXPECT_EQ(sys::statAt(copy.fd(), "second").st_nlink, 2u);
}

TEST(Changes, OfTwoTrees) {
  TemporaryDirectory before, after;
  fill(before, everything());
  copyTree(before.fd(), after.fd(), {});
  sys::removeTree(after.fd(), "a-link");
  sys::makeDirs(after.fd(), "new/deep", 0755);
  ASSERT_EQ(::fchmodat(after.fd(), "b/a", 0600, 0), 0);
  ASSERT_EQ(::setxattr((after.path() + "/b/z").c_str(), "user.note", "2", 1, 0), 0);
  sys::removeTree(after.fd(), "big");
  sys::makeDirs(after.fd(), "big", 0755);
  std::vector<std::string> lines;
  for (const auto& change : treeChanges(before.fd(), after.fd(), {}))
    lines.push_back("CAD"[static_cast<int>(change.kind)] + (" " + change.path));
  EXPECT_THAT(lines, ElementsAre("D /a-link", "C /b", "C /b/a", "C /b/hard", "C /b/z", "C /big",
                                 "A /new", "A /new/deep"));

  archive::StringSink tar;
  packDifference(before.fd(), after.fd(), tar, {});
  EXPECT_THAT(namesOf(tar.text),
              ElementsAre(".wh.a-link", "b/", "b/a", "b/hard", "b/z", "big/", "new/", "new/deep/"));
  archive::StringSource source(tar.text);
  unpack(source, before.fd(), {.whiteouts = Whiteouts::kApply});
  EXPECT_EQ(packed(before.fd()), packed(after.fd()));
}

TEST(Usage, CountsAHardLinkedFileOnce) {
  TemporaryDirectory root;
  fill(root, everything());
  const auto used = usage(root.fd());
  EXPECT_EQ(used.bytes, 600'001u + 2 + 1);  // a symbolic link's text counts, as in Docker
  EXPECT_EQ(used.inodes, 7u);
}

TEST(Usage, CountsTreesOfAnyDepthThatCannotBePacked) {
  TemporaryDirectory root;
  sys::Fd at = sys::openAt(root.fd(), ".", O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 1100; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0755), 0);
    at = sys::openAt(at.get(), "d", O_RDONLY | O_DIRECTORY);
  }
  EXPECT_GE(usage(root.fd()).inodes, 1100u);
  EXPECT_THROW(packed(root.fd()), base::Error);
}

}  // namespace
}  // namespace files
