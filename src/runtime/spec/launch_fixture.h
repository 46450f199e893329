// For tests of the launch: a busybox root in a temporary directory, a plan that runs in it, and
// what it printed.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/mount.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "platform/sys/fd.h"
#include "platform/sys/file.h"
#include "platform/sys/mount.h"
#include "platform/sys/socket.h"
#include "runtime/launch/launch.h"
#include "runtime/spec/plan_writer.h"

namespace spec::testing {

struct Result {
  bool started = false;
  launch::Failure failure;
  std::string out;
  int status = -1;  // of waitpid

  int code() const { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }
};

class LaunchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_FAIL() << "these tests need root";
    char name[] = "/tmp/sampan-launch-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    base_ = name;
    root_ = base_ + "/root";
    for (const char* dir : {"", "/bin", "/etc", "/proc", "/dev", "/sys", "/tmp", "/data"}) {
      ASSERT_EQ(mkdir((root_ + dir).c_str(), 0755), 0) << dir;
    }
    ASSERT_EQ(std::system(("cp /bin/busybox " + root_ + "/bin/busybox && ln -s busybox " + root_ +
                           "/bin/sh")
                              .c_str()),
              0);
    for (const char* tool :
         {"true",     "cat",      "id",  "ls",     "echo",  "mount", "stat", "sleep",
          "hostname", "readlink", "env", "touch",  "mkdir", "pwd",   "grep", "head",
          "wc",       "test",     "tty", "ulimit", "stty",  "kill",  "ps"}) {
      ASSERT_EQ(symlink("busybox", (root_ + "/bin/" + tool).c_str()), 0) << tool;
    }
    file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n");
    file("/etc/group", "root:x:0:\nalice:x:1000:\nwheel:x:10:alice,root\nvideo:x:44:bob,alice\n");
  }

  void TearDown() override {
    if (!base_.empty()) sys::removeTree(AT_FDCWD, base_);
  }

  void file(const std::string& path, std::string_view text, mode_t mode = 0644) {
    const std::string full = root_ + path;
    ::unlink(full.c_str());
    const sys::Fd fd = sys::openAt(AT_FDCWD, full, O_WRONLY | O_CREAT | O_TRUNC, mode);
    sys::writeAll(fd.get(), text);
    ASSERT_EQ(fchmod(fd.get(), mode), 0);
  }

  static sys::Fd cloneOf(const std::string& path, bool recursive = false) {
    const sys::Fd at = sys::openAt(AT_FDCWD, path, O_PATH);
    return sys::cloneMount(at.get(), recursive);
  }

  // New mount, pid, uts, ipc namespaces; proc, dev with the usual devices, devpts.
  void fill(PlanWriter& writer, const std::vector<std::string>& argv) {
    auto& root = writer.root;
    root.flags = launch::kFlagSetsid;
    root.newNamespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;
    root.rootfs = writer.fd(cloneOf(root_, true));
    mounts_.clear();
    addFileSystem(writer, "proc", "/proc", {},
                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                  launch::kMountPlainDirectory);
    addFileSystem(writer, "tmpfs", "/dev", {{"mode", "755"}, {"size", "65536k"}},
                  MOUNT_ATTR_NOSUID);
    addFileSystem(writer, "devpts", "/dev/pts",
                  {{"newinstance", ""}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}},
                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    std::vector<launch::Device> devices;
    const auto device = [&](const char* path, unsigned minor) {
      devices.push_back({writer.text(path), 0, S_IFCHR | 0666, 1, minor, 0, 0});
    };
    device("/dev/null", 3);
    device("/dev/zero", 5);
    device("/dev/full", 7);
    device("/dev/random", 8);
    device("/dev/urandom", 9);
    devices.push_back({writer.text("/dev/tty"), 0, S_IFCHR | 0666, 5, 0, 0, 0});
    root.devices = writer.list(devices);
    root.symlinks = writer.list(
        std::vector<launch::Symlink>{{writer.text("/proc/self/fd"), writer.text("/dev/fd")},
                                     {writer.text("/proc/self/fd/0"), writer.text("/dev/stdin")},
                                     {writer.text("/proc/self/fd/1"), writer.text("/dev/stdout")},
                                     {writer.text("/proc/self/fd/2"), writer.text("/dev/stderr")},
                                     {writer.text("pts/ptmx"), writer.text("/dev/ptmx")}});
    root.argv = writer.texts(argv);
    root.env = writer.texts({"PATH=/usr/local/bin:/bin", "TERM=xterm"});
    root.cwd = writer.text("/");
    root.hostname = writer.text("box");
  }

  void addFileSystem(PlanWriter& writer, const char* type, const char* target,
                     const std::vector<std::pair<std::string, std::string>>& options,
                     std::uint64_t attributes, std::uint32_t flags = 0) {
    launch::Mount mount{};
    mount.kind = launch::MountKind::kFilesystem;
    mount.flags = flags;
    mount.type = writer.text(type);
    mount.target = writer.text(target);
    mount.attributesSet = attributes;
    std::vector<launch::MountOption> list;
    for (const auto& [key, value] : options)
      list.push_back({writer.text(key), writer.optionalText(value)});
    mount.options = writer.list(list);
    mounts_.push_back(mount);
  }

  void addBind(PlanWriter& writer, sys::Fd source, const std::string& target) {
    launch::Mount mount{};
    mount.kind = launch::MountKind::kAttach;
    mount.target = writer.text(target);
    mount.source = writer.text("source");
    mount.fd = writer.fd(std::move(source));
    // As every plan of a container has it: systemd shares the host's mounts, and what is mounted
    // into a clone of a shared one appears on the host.
    mount.propagation = MS_PRIVATE | MS_REC;
    mounts_.push_back(mount);
  }

  // Launches, reads stdout and stderr to their end, waits.
  Result launchAndWait(PlanWriter& writer) {
    Result result;
    writer.root.mounts = writer.list(mounts_);
    int pipe[2];
    EXPECT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    sys::Fd read(pipe[0]);
    if (!(writer.root.flags & launch::kFlagTerminal)) {
      writer.root.stdio[1] = writer.fd(sys::Fd(pipe[1]));
      writer.root.stdio[2] = writer.root.stdio[1];
    } else {
      ::close(pipe[1]);
    }
    Plan plan = writer.finish();
    launch::Child child;
    result.started = begin(plan, child, result.failure);
    if (!result.started) return result;
    plan.fds.clear();
    int from = child.terminal >= 0 ? child.terminal : read.get();
    char buffer[4096];
    for (;;) {
      const ssize_t got = ::read(from, buffer, sizeof buffer);
      if (got <= 0) break;
      result.out.append(buffer, static_cast<size_t>(got));
    }
    end(child, result);
    return result;
  }

  static bool begin(const Plan& plan, launch::Child& child, launch::Failure& failure) {
    launch::Plan opened;
    const char* wrong = launch::openPlan(plan.bytes.data(), plan.bytes.size(), opened);
    EXPECT_EQ(wrong, nullptr) << wrong;
    if (wrong) return false;
    const auto fds = plan.numbers();
    return launch::run(opened, fds.data(), fds.size(), child, failure);
  }

  static void end(launch::Child& child, Result& result) {
    EXPECT_EQ(waitpid(child.pid, &result.status, 0), child.pid);
    ::close(child.pidfd);
    if (child.terminal >= 0) ::close(child.terminal);
    if (child.sync >= 0) ::close(child.sync);
  }

  // A plan in the box with default everything.
  Result runInBox(const std::vector<std::string>& argv) {
    PlanWriter writer;
    fill(writer, argv);
    return launchAndWait(writer);
  }

  std::string base_, root_;
  std::vector<launch::Mount> mounts_;
};

}  // namespace spec::testing
