// Every walk is tested twice: the kernel's openat2 and our own.
#include "platform/sys/open_in_root.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "platform/base/error.h"
#include "platform/sys/file.h"
#include "platform/sys/open_in_root_walk.h"

namespace {

using sys::Fd;

class Tree : public testing::Test {
 protected:
  Tree() {
    char name[] = "/tmp/sampan-root-XXXXXX";
    top_ = ::mkdtemp(name);
    root_ = sys::makeDirs(AT_FDCWD, top_ + "/root", 0755);
    sys::makeDirs(root_.get(), "a/b/c", 0755);
    write(top_ + "/secret", "outside");
    write(top_ + "/root/secret", "inside");
    write(top_ + "/root/a/file", "file");
    link("/secret", "abs");
    link("../../../../../secret", "a/climb");
    link("b/c", "a/rel");
    link("loop2", "loop1");
    link("loop1", "loop2");
    link("/a/missing/deeper", "dangling");
    link("file", "a/tofile");
  }
  ~Tree() override { sys::removeTree(AT_FDCWD, top_); }

  static void write(const std::string& path, const std::string& text) {
    sys::writeAtomic(AT_FDCWD, path, text, 0644);
  }
  void link(const char* target, const char* name) {
    ASSERT_EQ(::symlinkat(target, root_.get(), name), 0);
  }
  std::string inodePath(int fd) { return sys::pathOf(fd).substr(top_.size()); }

  std::string top_;
  Fd root_;
};

class OpenInRoot : public Tree, public testing::WithParamInterface<bool> {
 protected:
  Fd open(const std::string& path, int flags, mode_t mode = 0) {
    return GetParam() ? sys::openInRootByWalk(root_.get(), path, flags, mode)
                      : sys::openInRoot(root_.get(), path, flags, mode);
  }
  std::string read(const std::string& path) { return sys::readAll(open(path, O_RDONLY).get()); }
  int errorOf(const std::string& path, int flags, mode_t mode = 0) {
    try {
      open(path, flags, mode);
      return 0;
    } catch (const base::Error& error) {
      return error.sysErrno();
    }
  }
};

TEST_P(OpenInRoot, AbsoluteAndClimbingLinksStayInside) {
  EXPECT_EQ(read("abs"), "inside");
  EXPECT_EQ(read("a/climb"), "inside");
  EXPECT_EQ(read("/../../secret"), "inside");
  EXPECT_EQ(read("a/b/../../../../secret"), "inside");
  EXPECT_EQ(read("a/tofile"), "file");
}

TEST_P(OpenInRoot, DirectoriesAndTheRootItself) {
  EXPECT_EQ(inodePath(open("a/rel", O_PATH).get()), "/root/a/b/c");
  EXPECT_EQ(inodePath(open("a/rel/..", O_PATH).get()), "/root/a/b");
  EXPECT_EQ(inodePath(open("/", O_PATH).get()), "/root");
  EXPECT_EQ(inodePath(open("..", O_RDONLY | O_DIRECTORY).get()), "/root");
  EXPECT_EQ(inodePath(open("a/./b//", O_PATH).get()), "/root/a/b");
}

TEST_P(OpenInRoot, FailsWithTheKernelsErrno) {
  EXPECT_EQ(errorOf("nothing", O_RDONLY), ENOENT);
  EXPECT_EQ(errorOf("nothing/below", O_RDONLY), ENOENT);
  EXPECT_EQ(errorOf("a/file/below", O_RDONLY), ENOTDIR);
  EXPECT_EQ(errorOf("a/file/", O_RDONLY), ENOTDIR);
  EXPECT_EQ(errorOf("loop1", O_RDONLY), ELOOP);
  EXPECT_EQ(errorOf("dangling", O_RDONLY), ENOENT);
  EXPECT_EQ(errorOf("abs", O_RDONLY | O_NOFOLLOW), ELOOP);
  EXPECT_EQ(errorOf("a/file", O_RDONLY | O_DIRECTORY), ENOTDIR);
  EXPECT_EQ(errorOf("abs", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
}

TEST_P(OpenInRoot, CreatesWhereTheLinkLeads) {
  link("/a/made", "maker");
  open("maker", O_WRONLY | O_CREAT, 0640);
  const auto status = sys::statAt(root_.get(), "a/made");
  EXPECT_EQ(status.st_mode & 07777, 0640u);
  open("a/plain", O_WRONLY | O_CREAT | O_EXCL, 0600);
  EXPECT_TRUE(sys::statAtIfExists(root_.get(), "a/plain"));
}

TEST_P(OpenInRoot, TheLinkItselfCanBeOpened) {
  struct stat status {};
  ASSERT_EQ(::fstat(open("abs", O_PATH | O_NOFOLLOW).get(), &status), 0);
  EXPECT_TRUE(S_ISLNK(status.st_mode));
}

TEST_P(OpenInRoot, DescriptorsAreCloseOnExec) {
  EXPECT_NE(::fcntl(open("a/file", O_RDONLY).get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_P(OpenInRoot, MagicLinksAreRefusedAndPlainOnesOfProcAreNot) {
  root_ = sys::openAt(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY);
  const std::string self = std::to_string(::getpid());
  for (const char* magic : {"/exe", "/cwd", "/root", "/ns/net", "/fd/1"}) {
    EXPECT_EQ(errorOf(self + magic, O_PATH), ELOOP) << magic;
  }
  EXPECT_NE(read("mounts"), "");
  EXPECT_NE(read("self/stat"), "");
}

TEST_P(OpenInRoot, ARenamedDirectoryNeverLeadsOutside) {
  // A guest that moves a directory out of the tree while we are in it would make ".." climb.
  std::atomic<bool> done{false};
  std::thread guest([&] {
    const std::string inside = top_ + "/root/a/b/c";
    const std::string outside = top_ + "/moved";
    while (!done) {
      ::rename(inside.c_str(), outside.c_str());
      ::rename(outside.c_str(), inside.c_str());
    }
  });
  for (int i = 0; i < 3000; ++i) {
    try {
      EXPECT_EQ(read("a/b/c/../../../../secret"), "inside");
    } catch (const base::Error& error) {
      EXPECT_TRUE(error.sysErrno() == ENOENT || error.sysErrno() == EAGAIN ||
                  error.sysErrno() == EXDEV)
          << error.what();
    }
  }
  done = true;
  guest.join();
}

INSTANTIATE_TEST_SUITE_P(Walks, OpenInRoot, testing::Bool(),
                         [](const auto& info) { return info.param ? "Own" : "Kernel"; });

// The child sees openat2 fail with `error`; what runs in it must not notice.
int runWithoutOpenat2(int error, const std::function<bool()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{4, const_cast<sock_filter*>(filter)};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(100);
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) ::_exit(101);
    bool good = false;
    try {
      good = body();
    } catch (const std::exception&) {
      ::_exit(102);
    }
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WEXITSTATUS(status);
}

using OpenInRootFallback = Tree;

TEST_F(OpenInRootFallback, TakesOverWhereOpenat2IsHidden) {
  for (const int error : {ENOSYS, EPERM}) {
    EXPECT_EQ(runWithoutOpenat2(
                  error,
                  [&] {
                    return sys::readAll(sys::openInRoot(root_.get(), "a/climb", O_RDONLY).get()) ==
                               "inside" &&
                           !sys::openInRootIfExists(root_.get(), "nothing", O_RDONLY) &&
                           sys::openInRootIfExists(root_.get(), "a", O_PATH).has_value();
                  }),
              0)
        << error;
  }
}

using MakeDirsInRoot = Tree;

TEST_F(MakeDirsInRoot, MakesWhatIsMissingWithOwnerAndMode) {
  const mode_t before = ::umask(077);
  const Fd made = sys::makeDirsInRoot(root_.get(), "x/y/z", 0751, 1000, 1001);
  ::umask(before);
  EXPECT_EQ(inodePath(made.get()), "/root/x/y/z");
  for (const char* path : {"x", "x/y", "x/y/z"}) {
    const auto status = sys::statAt(root_.get(), path);
    EXPECT_EQ(status.st_mode & 07777, 0751u);
    EXPECT_EQ(status.st_uid, 1000u);
    EXPECT_EQ(status.st_gid, 1001u);
  }
}

TEST_F(MakeDirsInRoot, ExistingOnesKeepTheirMode) {
  sys::makeDirsInRoot(root_.get(), "a/b/new", 0700);
  EXPECT_EQ(sys::statAt(root_.get(), "a/b").st_mode & 07777, 0755u);
  EXPECT_EQ(inodePath(sys::makeDirsInRoot(root_.get(), "a/b", 0700).get()), "/root/a/b");
}

TEST_F(MakeDirsInRoot, FollowsLinksInsideAlsoDanglingOnes) {
  EXPECT_EQ(inodePath(sys::makeDirsInRoot(root_.get(), "a/rel/new", 0755).get()),
            "/root/a/b/c/new");
  EXPECT_EQ(inodePath(sys::makeDirsInRoot(root_.get(), "dangling/end", 0755).get()),
            "/root/a/missing/deeper/end");
  link("/../../evil", "out");
  EXPECT_EQ(inodePath(sys::makeDirsInRoot(root_.get(), "out/x", 0755).get()), "/root/evil/x");
  EXPECT_FALSE(std::filesystem::exists(top_ + "/evil"));
}

TEST_F(MakeDirsInRoot, AFileInTheWayIsAnError) {
  for (const char* path : {"a/file", "a/file/x"}) {
    try {
      sys::makeDirsInRoot(root_.get(), path, 0755);
      FAIL();
    } catch (const base::Error& error) {
      EXPECT_EQ(error.sysErrno(), ENOTDIR) << error.what();
    }
  }
}

TEST_F(MakeDirsInRoot, ALinkSwappedInNeverLeadsOutside) {
  sys::makeDirs(AT_FDCWD, top_ + "/outside", 0755);
  std::atomic<bool> done{false};
  std::thread guest([&] {
    const std::string place = top_ + "/root/race";
    while (!done) {
      ::rmdir(place.c_str());
      ::symlink((top_ + "/outside").c_str(), place.c_str());
      ::unlink(place.c_str());
    }
  });
  for (int i = 0; i < 3000; ++i) {
    try {
      sys::makeDirsInRoot(root_.get(), "race/in" + std::to_string(i % 7), 0755);
    } catch (const base::Error&) {
    }
    sys::removeTree(root_.get(), "race");
  }
  done = true;
  guest.join();
  EXPECT_TRUE(std::filesystem::is_empty(top_ + "/outside"));
}

using LocateInRoot = Tree;

TEST_F(LocateInRoot, SplitsParentAndName) {
  const auto locate = [&](const char* path) {
    const auto located = sys::locateInRoot(root_.get(), path);
    return inodePath(located.parent.get()) + " " + located.name;
  };
  EXPECT_EQ(locate("/a/rel/new"), "/root/a/b/c new");
  EXPECT_EQ(locate("abs"), "/root abs");
  EXPECT_EQ(locate("a/b/"), "/root/a b");
  EXPECT_EQ(locate("/"), "/root .");
  EXPECT_EQ(locate(""), "/root .");
  EXPECT_EQ(locate("a/.."), "/root .");
  EXPECT_EQ(locate("a/rel/."), "/root/a/b c");
  EXPECT_EQ(locate("a/b/c/.."), "/root/a b");
}

}  // namespace
