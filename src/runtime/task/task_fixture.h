// For tests of Tasks: a busybox root, an exec root on tmpfs, and a client that is attached.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "platform/base/strings.h"
#include "platform/base/time.h"
#include "platform/sys/file.h"
#include "platform/sys/mount.h"
#include "platform/sys/socket.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/spec/defaults.h"
#include "runtime/task/task.h"

namespace task::testing {

inline std::string programPath(const std::string& name) {
  const std::string self = sys::pathOf(sys::openAt(AT_FDCWD, "/proc/self/exe", O_PATH).get());
  const std::string folder = self.substr(0, self.rfind('/'));  // unit/ or bench/
  return folder.substr(0, folder.rfind('/')) + "/bin/" + name;
}

// The exits that came, for waiting on.
class Exits {
 public:
  void add(const Exit& exit) {
    const std::lock_guard lock(mutex_);
    all_.push_back(exit);
    changed_.notify_all();
  }
  // Fails the test after `patience`.
  Exit await(const std::string& id, const std::string& exec = {},
             std::chrono::milliseconds patience = std::chrono::seconds(10)) {
    std::unique_lock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + patience;
    for (;;) {
      for (const Exit& exit : all_) {
        if (exit.id == id && exit.exec == exec) return exit;
      }
      if (changed_.wait_until(lock, until) == std::cv_status::timeout) break;
    }
    ADD_FAILURE() << "no exit of " << id << " " << exec;
    return {};
  }
  size_t count(const std::string& id, const std::string& exec = {}) {
    const std::lock_guard lock(mutex_);
    size_t n = 0;
    for (const Exit& exit : all_) n += exit.id == id && exit.exec == exec;
    return n;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Exit> all_;
};

// The client's end of an attached socket.
class Terminal {
 public:
  explicit Terminal(sys::Fd socket) : socket_(std::move(socket)) {}
  int fd() const { return socket_.get(); }
  void write(std::string_view text) { sys::writeAll(socket_.get(), text, "client"); }
  void closeInput() { ::shutdown(socket_.get(), SHUT_WR); }
  void hangUp() { socket_.reset(); }

  // Reads what is there until `text` stands in it, or the end.
  std::string readUntil(const std::string& text, int patienceMs = 10000) {
    const auto until = base::monotonicNs() + patienceMs * 1'000'000LL;
    while (seen_.find(text) == std::string::npos && !ended_ && base::monotonicNs() < until)
      readSome(50);
    return seen_;
  }
  // Everything up to the end of the stream.
  std::string readAll(int patienceMs = 10000) {
    const auto until = base::monotonicNs() + patienceMs * 1'000'000LL;
    while (!ended_ && base::monotonicNs() < until) readSome(50);
    if (!ended_) ADD_FAILURE() << "the stream did not end; seen: " << seen_.substr(0, 200);
    return seen_;
  }
  bool ended() const { return ended_; }

 private:
  void readSome(int waitMs) {
    pollfd query{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&query, 1, waitMs) <= 0) return;
    char bytes[65536];
    const ssize_t n = ::read(socket_.get(), bytes, sizeof bytes);
    if (n > 0) seen_.append(bytes, static_cast<size_t>(n));
    if (n <= 0) ended_ = true;
  }

  sys::Fd socket_;
  std::string seen_;
  bool ended_ = false;
};

// The payload of `stream` (1, 2) in framed bytes; fails the test where frames are broken.
inline std::string unframe(const std::string& bytes, int stream) {
  std::string out;
  size_t at = 0;
  while (at + 8 <= bytes.size()) {
    const auto* head = reinterpret_cast<const unsigned char*>(bytes.data() + at);
    const size_t size = size_t{head[4]} << 24 | head[5] << 16 | head[6] << 8 | head[7];
    EXPECT_TRUE(head[0] == 1 || head[0] == 2) << "at " << at;
    EXPECT_EQ(head[1] | head[2] | head[3], 0);
    if (head[0] == stream) out += bytes.substr(at + 8, size);
    at += 8 + size;
  }
  EXPECT_EQ(at, bytes.size()) << "half a frame";
  return out;
}

class TaskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_FAIL() << "these tests need root";
    char name[] = "/dev/shm/sampan-task-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    base_ = name;
    root_ = base_ + "/root";
    for (const char* dir : {"", "/bin", "/etc", "/proc", "/dev", "/sys", "/tmp", "/sbin"}) {
      ASSERT_EQ(mkdir((root_ + dir).c_str(), 0755), 0) << dir;
    }
    ASSERT_EQ(mkdir((base_ + "/exec").c_str(), 0700), 0);
    ASSERT_EQ(mkdir((base_ + "/logs").c_str(), 0700), 0);
    const std::string copy = "cp /bin/busybox " + root_ + "/bin/busybox && " + root_ +
                             "/bin/busybox --install -s " + root_ + "/bin 2>/dev/null; for t in " +
                             root_ + "/bin/*; do [ -L $t ] && ln -sf busybox $t; done; true";
    ASSERT_EQ(std::system(copy.c_str()), 0);
    ::symlink("busybox", (root_ + "/bin/sh").c_str());
    host_ = sys::probeHost();
    cgroups_ = cgroup::makeDriver(host_);
    tasks_ = makeTasks();
  }

  void TearDown() override {
    if (!tasks_) tasks_ = makeTasks();
    for (const std::string& id : ids_) {
      try {
        tasks_->killAll(id);
      } catch (const base::Error&) {
      }
    }
    for (const std::string& id : ids_) {
      try {
        cgroups_->killAll(parent_ + "/" + id);
        cgroups_->remove(parent_ + "/" + id, std::chrono::milliseconds(2000));
      } catch (const base::Error& error) {
        ADD_FAILURE() << error.what();
      }
    }
    tasks_.reset();
    try {
      cgroups_->prune(parent_);
      cgroups_->remove(parent_ + "-shims", std::chrono::milliseconds(2000));
    } catch (const base::Error&) {
      // Another test program may be using it.
    }
    sys::removeTree(AT_FDCWD, base_);
  }

  std::unique_ptr<Tasks> makeTasks() {
    Options options;
    options.host = host_;
    options.execRoot = sys::openAt(AT_FDCWD, base_ + "/exec", O_PATH | O_DIRECTORY);
    options.shimProgram = programPath("sampan-shim");
    options.initProgram = programPath("sampan-init");
    options.cgroups = cgroups_.get();
    options.shimCgroup = parent_ + "-shims";
    options.cgroupParent = parent_;
    auto tasks = std::make_unique<Tasks>(std::move(options));
    tasks->onExit([this](const Exit& exit) { exits_.add(exit); });
    return tasks;
  }

  StartRequest request(const std::string& id, const std::string& script) {
    ids_.push_back(id);
    StartRequest request;
    request.id = id;
    request.spec = spec::defaultSpec(false);
    request.spec.process->args = {"/bin/sh", "-c", script};
    const sys::Fd root = sys::openAt(AT_FDCWD, root_, O_PATH);
    request.rootfs = sys::cloneMount(root.get(), false);
    request.cgroupPath = parent_ + "/" + id;
    request.log.directory = sys::openAt(AT_FDCWD, base_ + "/logs", O_PATH | O_DIRECTORY);
    request.log.fileName = id + "-json.log";
    return request;
  }

  // An attacher for a request, and the client's end of it.
  static std::pair<Attacher, Terminal> makeAttacher(bool in = false, bool framed = true) {
    auto [theirs, ours] = sys::socketPair(SOCK_STREAM);
    Attacher attacher;
    attacher.socket = std::move(theirs);
    attacher.in = in;
    attacher.framed = framed;
    return {std::move(attacher), Terminal(std::move(ours))};
  }

  // The "log" texts of the file, unescaped as far as tests need it.
  std::string logText(const std::string& id, const std::string& suffix = "") {
    return sys::readFileIfExists(AT_FDCWD, base_ + "/logs/" + id + "-json.log" + suffix)
        .value_or("");
  }
  std::string logFile(const std::string& id) { return base_ + "/logs/" + id + "-json.log"; }

  std::string base_;
  const std::string parent_ = "sampan-task-test-" + std::to_string(::getpid());  // of the cgroups
  std::string root_;
  sys::HostFacts host_;
  std::unique_ptr<cgroup::Driver> cgroups_;
  Exits exits_;
  std::unique_ptr<Tasks> tasks_;
  std::vector<std::string> ids_;
};

}  // namespace task::testing
