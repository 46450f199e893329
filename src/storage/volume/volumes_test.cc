#include "storage/volume/volumes.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <random>
#include <thread>

#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/ids.h"
#include "platform/sys/file.h"
#include "platform/sys/mount.h"
#include "storage/files/copy.h"

namespace {

using base::Code;
using store::Durability;
using testing::ElementsAre;
using volume::Spec;
using volume::Volumes;
namespace fs = std::filesystem;

// What a daemon would hold.
struct Daemon {
  explicit Daemon(const std::string& path)
      : store(path + "/db"), events(store), volumes(path, store, events) {}

  void acquire(const std::string& name, const std::string& container) {
    store.write(Durability::kLazy,
                [&](store::Transaction& t) { volumes.acquire(t, name, container); });
  }
  void release(const std::string& container) {
    store.write(Durability::kLazy, [&](store::Transaction& t) { volumes.release(t, container); });
  }
  std::vector<std::string> told() {
    std::vector<std::string> result;
    for (const auto& event : events.range({0}, {INT64_MAX})) {
      std::string text = event.action + " " + event.actorId;
      for (const auto& [key, value] : event.attributes) text += " " + key + "=" + value;
      result.push_back(text);
    }
    return result;
  }

  store::Store store;
  events::Bus events;
  Volumes volumes;
};

class VolumesTest : public testing::Test {
 protected:
  VolumesTest() {
    char name[] = "/tmp/sampan-volumes-XXXXXX";
    path_ = ::mkdtemp(name);
    start();
  }
  ~VolumesTest() override {
    daemon_.reset();
    for (const auto& mount : sys::readMounts()) {
      if (mount.mountPoint.starts_with(path_ + "/")) sys::detachMount(mount.mountPoint);
    }
    fs::remove_all(path_);
  }

  void start() {
    daemon_.reset();
    daemon_ = std::make_unique<Daemon>(path_);
  }
  Volumes& volumes() { return daemon_->volumes; }
  std::string data(const std::string& name) const { return path_ + "/volumes/" + name + "/_data"; }

  template <class Body>
  static std::string errorOf(Body&& body, Code* code = nullptr) {
    try {
      body();
      return "no error";
    } catch (const base::Error& error) {
      if (code != nullptr) *code = error.code();
      return error.message();
    }
  }
  // What must not be there once all is quiet.
  void expectNothingUnderWay() {
    for (const char* place : {".new", ".removed", ".copy", ".copied"}) {
      EXPECT_TRUE(fs::is_empty(path_ + "/volumes/" + place)) << place;
    }
  }

  // An image's directory with everything that can be in one.
  std::string makeImage() {
    const std::string image = path_ + "/image";
    if (fs::exists(image)) return image;
    fs::create_directories(image + "/sub/deep");
    sys::writeAtomic(AT_FDCWD, image + "/file", "content", 0640);
    sys::writeAtomic(AT_FDCWD, image + "/sub/tool", std::string(100'000, 't'), 04755);
    EXPECT_EQ(::link((image + "/file").c_str(), (image + "/sub/deep/hard").c_str()), 0);
    EXPECT_EQ(::symlink("/etc/passwd", (image + "/out").c_str()), 0);
    EXPECT_EQ(::symlink("../../../../..", (image + "/sub/up").c_str()), 0);
    EXPECT_EQ(::mknod((image + "/null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
    EXPECT_EQ(::mkfifo((image + "/pipe").c_str(), 0600), 0);
    EXPECT_EQ(::lchown((image + "/file").c_str(), 1000, 1001), 0);
    EXPECT_EQ(::lchown((image + "/out").c_str(), 5, 6), 0);
    EXPECT_EQ(::setxattr((image + "/file").c_str(), "user.note", "hi", 2, 0), 0);
    EXPECT_EQ(::chown(image.c_str(), 70, 71), 0);
    EXPECT_EQ(::chmod(image.c_str(), 02750), 0);
    return image;
  }
  sys::Fd openImage() { return sys::openAt(AT_FDCWD, makeImage(), O_PATH | O_DIRECTORY); }

  void expectFilled(const std::string& where) {
    const auto stat = [&](const std::string& name) { return sys::statAt(AT_FDCWD, where + name); };
    EXPECT_EQ(sys::readFile(AT_FDCWD, where + "/file"), "content");
    EXPECT_EQ(stat("/file").st_mode & 07777, 0640u);
    EXPECT_EQ(stat("/file").st_uid, 1000u);
    EXPECT_EQ(stat("/file").st_gid, 1001u);
    EXPECT_EQ(stat("/file").st_ino, stat("/sub/deep/hard").st_ino);
    EXPECT_EQ(stat("/sub/tool").st_mode & 07777, 04755u);
    EXPECT_EQ(stat("/sub/tool").st_size, 100'000);
    EXPECT_EQ(fs::read_symlink(where + "/out"), "/etc/passwd");
    EXPECT_EQ(stat("/out").st_uid, 5u);
    EXPECT_EQ(fs::read_symlink(where + "/sub/up"), "../../../../..");
    EXPECT_EQ(stat("/null").st_rdev, makedev(1, 3));
    EXPECT_TRUE(S_ISFIFO(stat("/pipe").st_mode));
    char value[8];
    EXPECT_EQ(::getxattr((where + "/file").c_str(), "user.note", value, sizeof value), 2);
    EXPECT_EQ(stat("").st_uid, 70u);
    EXPECT_EQ(stat("").st_gid, 71u);
    EXPECT_EQ(stat("").st_mode & 07777, 02750u);
    EXPECT_EQ(std::distance(fs::directory_iterator(where), {}), 5);
  }

  std::string path_;
  std::unique_ptr<Daemon> daemon_;
};

TEST_F(VolumesTest, CreateMakesDockersLayout) {
  const base::Time before = base::Time::now();
  const auto made = volumes().create({"web", "local", {}, {{"a", "b"}}});
  EXPECT_EQ(made.name, "web");
  EXPECT_EQ(made.driver, "local");
  EXPECT_EQ(made.scope, "local");
  EXPECT_EQ(made.mountpoint, data("web"));
  EXPECT_FALSE(made.anonymous);
  EXPECT_GE(made.created, before);
  EXPECT_EQ(sys::statAt(AT_FDCWD, data("web")).st_mode & 07777, 0755u);
  EXPECT_EQ(sys::statAt(AT_FDCWD, path_ + "/volumes/web").st_mode & 07777, 0701u);
  EXPECT_EQ(sys::statAt(AT_FDCWD, path_ + "/volumes").st_mode & 07777, 0701u);
  start();
  const auto kept = volumes().get("web");
  EXPECT_EQ(kept.created, made.created);
  EXPECT_EQ(kept.labels, (json::Map<std::string>{{"a", "b"}}));
  EXPECT_THAT(daemon_->told(), ElementsAre("create web driver=local"));
  expectNothingUnderWay();
}

TEST_F(VolumesTest, AnonymousOnesGetAnIdAndTheLabel) {
  const auto made = volumes().create({});
  EXPECT_EQ(made.name.size(), 64u);
  EXPECT_TRUE(base::isHex(made.name));
  EXPECT_TRUE(made.anonymous);
  EXPECT_EQ(made.labels, (json::Map<std::string>{{"com.docker.volume.anonymous", ""}}));
}

TEST_F(VolumesTest, NilAndEmptyMapsAreKeptApart) {
  Spec spec{"empty", "", {}, {}};
  spec.labels.given = true;
  volumes().create(spec);
  volumes().create({"nil", "", {}, {}});
  start();
  EXPECT_FALSE(volumes().get("empty").labels.isNil());
  EXPECT_TRUE(volumes().get("empty").options.isNil());
  EXPECT_TRUE(volumes().get("nil").labels.isNil());
}

TEST_F(VolumesTest, AnExistingOneIsTheAnswer) {
  volumes().create({"web", "", {}, {{"a", "b"}}});
  const auto again =
      volumes().create({"web", "local", {{"type", "tmpfs"}, {"device", "x"}}, {{"c", "d"}}});
  EXPECT_EQ(again.labels, (json::Map<std::string>{{"a", "b"}}));
  EXPECT_TRUE(again.options.empty());
  EXPECT_EQ(daemon_->told().size(), 1u);
}

TEST_F(VolumesTest, RefusalsAreInDockersWordsAndLeaveNothing) {
  Code code{};
  EXPECT_EQ(errorOf(
                [&] {
                  volumes().create({"web", "nope", {}, {}});
                },
                &code),
            "create web: error looking up volume plugin nope: plugin \"nope\" not found");
  EXPECT_EQ(code, Code::kNotFound);
  EXPECT_EQ(errorOf(
                [&] {
                  volumes().create({"/x", "", {}, {}});
                },
                &code),
            "create /x: \"/x\" includes invalid characters for a local volume name, only "
            "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are "
            "allowed. If you intended to pass a host directory, use absolute path");
  EXPECT_EQ(code, Code::kInvalidArgument);
  EXPECT_EQ(errorOf(
                [&] {
                  volumes().create({"web", "", {{"foo", "x"}}, {}});
                },
                &code),
            "create web: invalid option: \"foo\"");
  EXPECT_EQ(errorOf([&] { volumes().get("web"); }, &code), "get web: no such volume");
  EXPECT_EQ(code, Code::kNotFound);
  EXPECT_TRUE(volumes().list().empty());
  EXPECT_EQ(std::distance(fs::directory_iterator(path_ + "/volumes"), {}), 4);
  expectNothingUnderWay();
}

TEST_F(VolumesTest, RemoveTakesTheDataAndTells) {
  volumes().create({"web", "", {}, {}});
  sys::writeAtomic(AT_FDCWD, data("web") + "/f", "x", 0600);
  volumes().remove("web", false);
  EXPECT_FALSE(volumes().exists("web"));
  EXPECT_FALSE(fs::exists(path_ + "/volumes/web"));
  expectNothingUnderWay();
  Code code{};
  EXPECT_EQ(errorOf([&] { volumes().remove("web", false); }, &code), "get web: no such volume");
  EXPECT_EQ(code, Code::kNotFound);
  volumes().remove("web", true);
  EXPECT_THAT(daemon_->told(), ElementsAre("create web driver=local", "destroy web driver=local"));
  volumes().create({"web", "", {}, {}});
  EXPECT_TRUE(fs::is_empty(data("web")));
}

TEST_F(VolumesTest, OneInUseIsKeptWithItsData) {
  volumes().create({"web", "", {}, {}});
  sys::writeAtomic(AT_FDCWD, data("web") + "/f", "x", 0600);
  daemon_->acquire("web", "c1");
  daemon_->acquire("web", "c2");
  daemon_->acquire("web", "c1");
  for (const bool force : {false, true}) {
    Code code{};
    EXPECT_EQ(errorOf([&] { volumes().remove("web", force); }, &code),
              "remove web: volume is in use - [c1, c2]");
    EXPECT_EQ(code, Code::kConflict);
  }
  start();
  EXPECT_THAT(volumes().get("web").users, ElementsAre("c1", "c2"));
  daemon_->release("c1");
  EXPECT_NE(errorOf([&] { volumes().remove("web", false); }).find("[c2]"), std::string::npos);
  EXPECT_TRUE(fs::exists(data("web") + "/f"));
  daemon_->release("c2");
  volumes().remove("web", false);
  EXPECT_EQ(errorOf([&] { daemon_->acquire("web", "c3"); }), "get web: no such volume");
}

TEST_F(VolumesTest, AnAcquireThatWinsTheRaceKeepsTheVolume) {
  for (int round = 0; round < 30; ++round) {
    volumes().create({"web", "", {}, {}});
    sys::writeAtomic(AT_FDCWD, data("web") + "/f", "x", 0600);
    bool acquired = false;
    bool removed = false;
    std::thread other(
        [&] { acquired = errorOf([&] { daemon_->acquire("web", "c"); }) == "no error"; });
    removed = errorOf([&] { volumes().remove("web", false); }) == "no error";
    other.join();
    EXPECT_NE(acquired, removed);
    EXPECT_EQ(fs::exists(data("web") + "/f"), acquired);
    daemon_->release("c");
    volumes().remove("web", true);
  }
}

TEST_F(VolumesTest, PruneTakesUnusedOnesThatMatch) {
  volumes().create({"keep", "", {}, {}});
  volumes().create({"used", "", {}, {{"p", ""}}});
  volumes().create({"gone", "", {}, {{"p", ""}}});
  volumes().create({"fs", "", {{"type", "tmpfs"}, {"device", "tmpfs"}}, {{"p", ""}}});
  sys::writeAtomic(AT_FDCWD, data("gone") + "/f", std::string(1234, 'x'), 0600);
  daemon_->acquire("used", "c");
  const auto pruned =
      volumes().prune([](const volume::Volume& v) { return v.labels.contains("p"); });
  EXPECT_THAT(pruned.names, ElementsAre("gone"));
  EXPECT_EQ(pruned.bytes, 1234u);
  EXPECT_EQ(volumes().list().size(), 3u);
  EXPECT_EQ(daemon_->told().back(), "prune  reclaimed=1234");
}

TEST_F(VolumesTest, TmpfsIsMountedWithTheFirstUseAndGoesWithTheLast) {
  volumes().create(
      {"mem", "", {{"type", "tmpfs"}, {"device", "tmpfs"}, {"o", "size=1m,uid=1000,noexec"}}, {}});
  daemon_->acquire("mem", "c1");
  daemon_->acquire("mem", "c2");
  {
    const auto first = volumes().openMount("mem", "c1", {"/m", false, "rslave"});
    sys::writeAtomic(AT_FDCWD, sys::procPath(first.get()) + "/f", "shared", 0600);
    EXPECT_EQ(sys::statAt(first.get(), ".").st_uid, 1000u);
  }
  const auto second = volumes().openMount("mem", "c2");
  EXPECT_EQ(sys::readFile(second.get(), "f"), "shared");
  EXPECT_EQ(sys::readFile(AT_FDCWD, data("mem") + "/f"), "shared");  // the host sees it, too
  // A restart of the daemon alone changes nothing for those that run.
  start();
  EXPECT_EQ(sys::readFile(AT_FDCWD, data("mem") + "/f"), "shared");
  volumes().closeMount("mem", "c1");
  EXPECT_TRUE(fs::exists(data("mem") + "/f"));
  volumes().closeMount("mem", "c2");
  EXPECT_FALSE(fs::exists(data("mem") + "/f"));
  volumes().closeMount("mem", "c2");
  EXPECT_THAT(
      daemon_->told(),
      ElementsAre(
          "create mem driver=local",
          "mount mem container=c1 destination=/m driver=local propagation=rslave read/write=false",
          "mount mem container=c2 destination= driver=local propagation= read/write=true",
          "unmount mem container=c1 driver=local", "unmount mem container=c2 driver=local"));
}

TEST_F(VolumesTest, TwoMountsOfOneContainerAreTwoUses) {
  volumes().create({"mem", "", {{"type", "tmpfs"}, {"device", "tmpfs"}}, {}});
  daemon_->acquire("mem", "c");
  sys::writeAtomic(AT_FDCWD, sys::procPath(volumes().openMount("mem", "c").get()) + "/f", "x",
                   0600);
  volumes().openMount("mem", "c");
  volumes().closeMount("mem", "c");
  EXPECT_TRUE(fs::exists(data("mem") + "/f"));
  volumes().closeMount("mem", "c");
  EXPECT_FALSE(fs::exists(data("mem") + "/f"));
}

TEST_F(VolumesTest, ABindShowsItsDirectoryAndRemoveLeavesThat) {
  fs::create_directory(path_ + "/host");
  sys::writeAtomic(AT_FDCWD, path_ + "/host/f", "precious", 0600);
  volumes().create(
      {"bind", "", {{"type", "none"}, {"device", path_ + "/host"}, {"o", "bind"}}, {}});
  daemon_->acquire("bind", "c");
  EXPECT_EQ(sys::readFile(volumes().openMount("bind", "c").get(), "f"), "precious");
  daemon_->release("c");  // a close that was forgotten must not cost the host its files
  volumes().remove("bind", false);
  EXPECT_EQ(sys::readFile(AT_FDCWD, path_ + "/host/f"), "precious");
}

TEST_F(VolumesTest, AMountThatFailsLeavesNoUse) {
  volumes().create({"bad", "", {{"type", "tmpfs"}, {"device", "tmpfs"}, {"o", "sizze=1"}}, {}});
  daemon_->acquire("bad", "c");
  EXPECT_EQ(errorOf([&] { volumes().openMount("bad", "c"); })
                .find("error while mounting volume '" + data("bad") +
                      "': failed to mount local volume: mount tmpfs:"),
            0u);
  EXPECT_EQ(daemon_->told().size(), 1u);
  EXPECT_EQ(errorOf([&] { volumes().openMount("none", "c"); }), "get none: no such volume");
}

TEST_F(VolumesTest, AMountThatNobodyUsesIsSweptAtStart) {
  volumes().create({"mem", "", {{"type", "tmpfs"}, {"device", "tmpfs"}}, {}});
  daemon_->acquire("mem", "c");
  sys::writeAtomic(AT_FDCWD, sys::procPath(volumes().openMount("mem", "c").get()) + "/f", "x",
                   0600);
  daemon_->release("c");
  start();
  EXPECT_FALSE(fs::exists(data("mem") + "/f"));
}

TEST_F(VolumesTest, UsesOfAnotherBootAreForgotten) {
  volumes().create({"mem", "", {{"type", "tmpfs"}, {"device", "tmpfs"}}, {}});
  daemon_->acquire("mem", "c");
  volumes().openMount("mem", "c");
  daemon_->store.write(Durability::kLazy, [](store::Transaction& t) {
    t.run("UPDATE volume_mount SET boot='other'");
  });
  sys::detachMount(data("mem"));  // as a reboot does
  start();
  sys::writeAtomic(AT_FDCWD, sys::procPath(volumes().openMount("mem", "c").get()) + "/f", "x",
                   0600);
  volumes().closeMount("mem", "c");
  EXPECT_FALSE(fs::exists(data("mem") + "/f"));
}

TEST_F(VolumesTest, ADirectoryWithoutARowIsTakenIn) {
  fs::create_directories(data("brought"));
  sys::writeAtomic(AT_FDCWD, data("brought") + "/f", "precious", 0600);
  fs::create_directories(path_ + "/volumes/no-data");
  fs::create_directories(path_ + "/volumes/bad name/_data");
  start();
  ASSERT_EQ(volumes().list().size(), 1u);
  EXPECT_FALSE(volumes().get("brought").anonymous);
  EXPECT_EQ(sys::readFile(AT_FDCWD, data("brought") + "/f"), "precious");
}

TEST_F(VolumesTest, AMissingDirectoryIsMadeAnew) {
  volumes().create({"web", "", {}, {}});
  fs::remove_all(path_ + "/volumes/web");
  start();
  EXPECT_TRUE(fs::is_directory(data("web")));
}

TEST_F(VolumesTest, CopyUpFillsAnEmptyVolumeOnce) {
  volumes().create({"web", "", {}, {}});
  daemon_->acquire("web", "c1");
  daemon_->acquire("web", "c2");
  const auto image = openImage();
  const auto open = volumes().openMount("web", "c1");  // opened before, shows the copy as well
  volumes().copyUp("web", image.get(), "c1");
  expectFilled(data("web"));
  EXPECT_EQ(sys::readFile(open.get(), "file"), "content");
  expectNothingUnderWay();
  // What a container deletes stays deleted for it; an emptied volume is filled again for a new one.
  for (const auto& entry : fs::directory_iterator(data("web"))) fs::remove_all(entry);
  volumes().copyUp("web", image.get(), "c1");
  EXPECT_TRUE(fs::is_empty(data("web")));
  volumes().copyUp("web", image.get(), "c2");
  expectFilled(data("web"));
}

TEST_F(VolumesTest, CopyUpLeavesAVolumeWithContentsAlone) {
  volumes().create({"web", "", {}, {}});
  sys::writeAtomic(AT_FDCWD, data("web") + "/mine", "x", 0600);
  volumes().copyUp("web", openImage().get());
  EXPECT_EQ(std::distance(fs::directory_iterator(data("web")), {}), 1);
  EXPECT_EQ(sys::statAt(AT_FDCWD, data("web")).st_uid, 0u);
}

TEST_F(VolumesTest, AnEmptyDirectoryGivesOwnerAndMode) {
  fs::create_directory(path_ + "/empty");
  ASSERT_EQ(::chown((path_ + "/empty").c_str(), 70, 71), 0);
  ASSERT_EQ(::chmod((path_ + "/empty").c_str(), 0700), 0);
  volumes().create({"pg", "", {}, {}});
  volumes().copyUp("pg", sys::openAt(AT_FDCWD, path_ + "/empty", O_PATH).get());
  const auto status = sys::statAt(AT_FDCWD, data("pg"));
  EXPECT_EQ(status.st_uid, 70u);
  EXPECT_EQ(status.st_gid, 71u);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
}

TEST_F(VolumesTest, CopyUpIntoAFileSystemOfItsOwn) {
  volumes().create({"mem", "", {{"type", "tmpfs"}, {"device", "tmpfs"}}, {}});
  daemon_->acquire("mem", "c");
  volumes().openMount("mem", "c");
  volumes().copyUp("mem", openImage().get(), "c");
  expectFilled(data("mem"));
  expectNothingUnderWay();
  volumes().closeMount("mem", "c");
  EXPECT_TRUE(fs::is_empty(data("mem")));
}

TEST_F(VolumesTest, BytesCountTheContents) {
  volumes().create({"web", "", {}, {}});
  EXPECT_EQ(volumes().bytes("web"), 0u);
  fs::create_directory(data("web") + "/d");
  sys::writeAtomic(AT_FDCWD, data("web") + "/d/f", std::string(5000, 'x'), 0600);
  ASSERT_EQ(::link((data("web") + "/d/f").c_str(), (data("web") + "/g").c_str()), 0);
  EXPECT_EQ(volumes().bytes("web"), 5000u);
}

#if SAMPAN_FAULTS

class VolumesKilled : public VolumesTest {
 protected:
  // Runs `body` in a process of its own that dies at the fault; then starts anew. The daemon here
  // is closed before.
  void killAt(const std::string& point, int hit, const std::function<void(Daemon&)>& body) {
    daemon_.reset();
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::setenv("SAMPAN_FAULT", fmt::format("{}:{}:kill", point, hit).c_str(), 1);
      base::fault::reload();
      try {
        Daemon daemon(path_);
        body(daemon);
      } catch (const std::exception&) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        << point << " " << hit << " " << status;
    start();
  }
};

TEST_F(VolumesKilled, CreateIsThereOrNot) {
  for (const char* point :
       {"volume.create.made", "store.before-commit", "store.committed", "volume.create.recorded"}) {
    // The sweep's own commit comes first.
    const int hit = std::string_view(point).starts_with("store") ? 2 : 1;
    killAt(point, hit, [](Daemon& d) { d.volumes.create({"web", "", {}, {}}); });
    const bool recorded = std::string_view(point) == "store.committed" ||
                          std::string_view(point) == "volume.create.recorded";
    EXPECT_EQ(volumes().exists("web"), recorded) << point;
    EXPECT_EQ(fs::is_directory(data("web")), recorded) << point;
    expectNothingUnderWay();
    volumes().remove("web", true);
  }
}

TEST_F(VolumesKilled, RemoveTookAllOrNothing) {
  for (const char* point : {"volume.remove.renamed", "volume.remove.recorded"}) {
    volumes().create({"web", "", {}, {}});
    sys::writeAtomic(AT_FDCWD, data("web") + "/f", "x", 0600);
    killAt(point, 1, [](Daemon& d) { d.volumes.remove("web", false); });
    const bool kept = std::string_view(point) == "volume.remove.renamed";
    EXPECT_EQ(volumes().exists("web"), kept);
    EXPECT_EQ(fs::exists(data("web") + "/f"), kept);
    expectNothingUnderWay();
    volumes().remove("web", true);
  }
}

TEST_F(VolumesKilled, AMountWithoutItsRowIsSwept) {
  volumes().create({"mem", "", {{"type", "tmpfs"}, {"device", "tmpfs"}, {"o", "mode=0707"}}, {}});
  daemon_->acquire("mem", "c");
  for (const char* point : {"volume.mount.attached", "volume.unmount.recorded"}) {
    killAt(point, 1, [](Daemon& d) {
      d.volumes.openMount("mem", "c");
      d.volumes.closeMount("mem", "c");
    });
    EXPECT_EQ(sys::statAt(AT_FDCWD, data("mem")).st_mode & 07777, 0755u) << point;
  }
}

TEST_F(VolumesKilled, CopyUpIsRepeatedOrFinished) {
  const auto image = openImage();
  std::vector<std::pair<std::string, int>> moments{{"volume.copy-up.copied", 1}};
  for (int hit = 1; hit <= 5; ++hit) moments.emplace_back("volume.copy-up.move", hit);
  for (const auto& [point, hit] : moments) {
    volumes().create({"web", "", {}, {}});
    daemon_->acquire("web", "c");
    killAt(point, hit, [&](Daemon& d) { d.volumes.copyUp("web", image.get(), "c"); });
    expectNothingUnderWay();
    volumes().copyUp("web", image.get(), "c");
    expectFilled(data("web"));
    daemon_->release("c");
    volumes().remove("web", false);
  }
}

TEST_F(VolumesKilled, CopyUpIntoAFileSystemOfItsOwnIsRepeatedToo) {
  const auto image = openImage();
  for (const auto& [point, hit] :
       {std::pair("volume.copy-up.copied", 1), {"volume.copy-up.move", 3}}) {
    volumes().create({"mem", "", {{"type", "tmpfs"}, {"device", "tmpfs"}}, {}});
    daemon_->acquire("mem", "c");
    killAt(point, hit, [&](Daemon& d) {
      d.volumes.openMount("mem", "c");
      d.volumes.copyUp("mem", image.get(), "c");
    });
    volumes().copyUp("mem", image.get(), "c");
    expectFilled(data("mem"));
    volumes().closeMount("mem", "c");
    daemon_->release("c");
    volumes().remove("mem", false);
  }
}

#endif

TEST_F(VolumesTest, ManyThreadsOnFewNames) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      std::mt19937 random(static_cast<unsigned>(i));
      for (int round = 0; round < 40; ++round) {
        const std::string name = "v" + std::to_string(random() % 3);
        const std::string container = "c" + std::to_string(i);
        try {
          volumes().create({name, "", {}, {}});
          daemon_->acquire(name, container);
          const auto fd = volumes().openMount(name, container);
          EXPECT_TRUE(sys::statAtIfExists(fd.get(), ".").has_value());
          volumes().closeMount(name, container);
          daemon_->release(container);
          volumes().remove(name, false);
        } catch (const base::Error& error) {
          EXPECT_TRUE(error.code() == Code::kConflict || error.code() == Code::kNotFound)
              << error.what();
          daemon_->release(container);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& volume : volumes().list()) volumes().remove(volume.name, false);
  expectNothingUnderWay();
}

}  // namespace
