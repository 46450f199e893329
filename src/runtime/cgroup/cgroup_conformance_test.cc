// What every driver promises, run by each on the hosts it is for: this host's own, and v2 on a tree
// mounted aside (its controllers are those that v1 left). SAMPAN_CGROUP_V2=1 says that the host is
// v2 and everything must be there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/files.h"

namespace cgroup::testing {
namespace {

using namespace std::chrono_literals;

struct Place {
  std::unique_ptr<Driver> driver;
  bool complete = true;  // all controllers are there
  std::string unmount;
};

Place hostPlace() {
  return {makeDriver(sys::probeHost()), true, ""};
}

Place asidePlace() {
  char name[] = "/tmp/sampan-cgroup2-XXXXXX";
  EXPECT_NE(mkdtemp(name), nullptr);
  EXPECT_EQ(mount("none", name, "cgroup2", 0, nullptr), 0);
  return {makeV2Driver(name), sys::probeHost().cgroups == sys::CgroupVersion::kV2, name};
}

class Conformance : public ::testing::TestWithParam<Place (*)()> {
 protected:
  void SetUp() override {
    place_ = GetParam()();
    if (getenv("SAMPAN_CGROUP_V2")) {
      ASSERT_EQ(place_.driver->version(), sys::CgroupVersion::kV2);
    }
    parent_ = "h4cg" + std::to_string(getpid());
    path_ = parent_ + "/box";
  }
  void TearDown() override {
    for (const pid_t pid : started_) {
      ::kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
    driver().killAll(path_);
    driver().remove(path_, 2s);
    EXPECT_TRUE(driver().prune(parent_));
    if (!place_.unmount.empty()) {
      umount2(place_.unmount.c_str(), MNT_DETACH);
      rmdir(place_.unmount.c_str());
    }
  }
  Driver& driver() { return *place_.driver; }

  // A process in the group that runs `body` once it is in it.
  template <class Body>
  pid_t startIn(const Group& group, Body&& body) {
    const pid_t pid = fork();
    if (pid == 0) {
      const auto join = [](int dir) {
        const int fd = openat(dir, "cgroup.procs", O_WRONLY);
        if (fd < 0 || write(fd, "0", 1) != 1) _exit(99);
        close(fd);
      };
      for (const auto& entry : group.joins) join(entry.directory.get());
      if (group.into.valid()) join(group.into.get());
      _exit(body());
    }
    started_.push_back(pid);
    return pid;
  }
  pid_t startSleeper(const Group& group) {
    const pid_t pid = startIn(group, [] {
      for (;;) pause();
      return 0;
    });
    const bool in = waitUntil(
        2s, [&] { return ::testing::Value(driver().processes(path_), ::testing::Contains(pid)); });
    EXPECT_TRUE(in);
    return pid;
  }
  int exitCodeOf(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    std::erase(started_, pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  // The kernel's answer; the file that this version calls it by.
  std::string readBack(const std::string& controller, const std::string& v1File,
                       const std::string& v2File) {
    for (const auto& hierarchy : driver().hierarchies()) {
      const bool v2 = hierarchy.type == "cgroup2";
      const bool right = v2 || ::testing::Value(hierarchy.options, ::testing::Contains(controller));
      if (!right) continue;
      const auto text = sys::readFileIfExists(
          AT_FDCWD, hierarchy.mountPoint + "/" + path_ + "/" + (v2 ? v2File : v1File));
      if (text) return std::string(base::trim(*text));
    }
    return "missing";
  }
  bool v2() { return driver().version() == sys::CgroupVersion::kV2; }
  std::string either(const char* v1Value, const char* v2Value) { return v2() ? v2Value : v1Value; }

  Place place_;
  std::string parent_, path_;
  std::vector<pid_t> started_;
};

#define NEEDS_CONTROLLERS() \
  if (!place_.complete)     \
  return  // the tree aside has none; the virtual machine runs this on a real one

TEST_P(Conformance, MembershipKillAndRemove) {
  const Group group = driver().create(path_, {});
  const pid_t one = startSleeper(group), two = startSleeper(group);
  EXPECT_THAT(driver().processes(path_), ::testing::UnorderedElementsAre(one, two));
  EXPECT_THROW(driver().remove(path_, 0ms), base::Error);
  driver().killAll(path_);
  EXPECT_EQ(exitCodeOf(one), 137);
  EXPECT_EQ(exitCodeOf(two), 137);
  driver().remove(path_, 2s);
  EXPECT_TRUE(driver().processes(path_).empty());
  EXPECT_TRUE(driver().children(parent_).empty());
  driver().remove(path_, 0ms);  // missing is fine
  driver().killAll(path_);
  EXPECT_THROW(driver().open(path_), base::Error);
}

TEST_P(Conformance, CreateTwiceIsOneGroupAndOpenFindsIt) {
  driver().create(path_, {});
  driver().create(path_, {});
  EXPECT_THAT(driver().children(parent_), ::testing::ElementsAre("box"));
  const Group group = driver().open(path_);
  startSleeper(group);
}

TEST_P(Conformance, RemoveTakesWhatTheContainerMadeBelow) {
  const Group group = driver().create(path_, {});
  for (const auto& hierarchy : driver().hierarchies()) {
    const std::string base = hierarchy.mountPoint + "/" + path_;
    mkdir((base + "/a").c_str(), 0755);
    mkdir((base + "/a/b").c_str(), 0755);
  }
  driver().remove(path_, 2s);
  EXPECT_TRUE(driver().children(parent_).empty());
}

TEST_P(Conformance, FreezesAndThaws) {
  const Group group = driver().create(path_, {});
  startSleeper(group);
  EXPECT_FALSE(driver().frozen(path_));
  driver().freeze(path_);
  EXPECT_TRUE(driver().frozen(path_));
  driver().thaw(path_);
  EXPECT_FALSE(driver().frozen(path_));
}

TEST_P(Conformance, KillReachesAFrozenGroup) {
  const Group group = driver().create(path_, {});
  const pid_t pid = startSleeper(group);
  driver().freeze(path_);
  driver().killAll(path_);
  EXPECT_EQ(exitCodeOf(pid), 137);
  driver().remove(path_, 2s);
}

TEST_P(Conformance, SweepKeepsWhatIsKnown) {
  const Group group = driver().create(path_, {});
  driver().create(parent_ + "/left", {});
  const pid_t pid = startSleeper(group);
  driver().create(parent_ + "/kept", {});
  sweep(driver(), parent_, {"kept"});
  EXPECT_EQ(exitCodeOf(pid), 137);
  EXPECT_THAT(driver().children(parent_), ::testing::ElementsAre("kept"));
  sweep(driver(), parent_, {});
}

TEST_P(Conformance, BadPathsAreRefused) {
  EXPECT_THROW(driver().create("../x", {}), base::Error);
  EXPECT_THROW(driver().create("", {}), base::Error);
  EXPECT_THROW(driver().create("/", {}), base::Error);
}

TEST_P(Conformance, DeviceRulesHold) {
  if (!place_.complete && place_.unmount.empty()) return;
  oci::Resources resources;
  const auto rule = [](bool allow, const char* type, std::optional<std::int64_t> major,
                       std::optional<std::int64_t> minor, const char* access) {
    oci::DeviceCgroup result;
    result.allow = allow;
    result.type = type;
    result.major = major;
    result.minor = minor;
    result.access = access;
    return result;
  };
  resources.devices = {rule(false, "a", {}, {}, "rwm"), rule(true, "c", 1, 3, "rwm"),
                       rule(true, "c", 1, 5, "r"), rule(true, "c", {}, {}, "m")};
  const Group group = driver().create(path_, resources);
  const auto tryDevices = [] {
    int result = 0;
    if (open("/dev/null", O_RDWR | O_CLOEXEC) >= 0) result |= 1;
    if (open("/dev/zero", O_RDONLY | O_CLOEXEC) >= 0) result |= 2;
    if (open("/dev/zero", O_RDWR | O_CLOEXEC) >= 0) result |= 4;
    if (open("/dev/full", O_RDONLY | O_CLOEXEC) >= 0) result |= 8;
    const std::string node = "/tmp/h4node" + std::to_string(getpid());
    if (mknod(node.c_str(), S_IFCHR | 0600, makedev(1, 7)) == 0) result |= 16;
    unlink(node.c_str());
    if (mknod(node.c_str(), S_IFBLK | 0600, makedev(7, 200)) == 0) result |= 32;
    unlink(node.c_str());
    return result;
  };
  EXPECT_EQ(exitCodeOf(startIn(group, tryDevices)), 1 | 2 | 16);
  resources.devices = {rule(true, "a", {}, {}, "rwm"), rule(false, "c", 1, 7, "r")};
  driver().update(path_, resources);
  EXPECT_EQ(exitCodeOf(startIn(group, tryDevices)), 1 | 2 | 4 | 16 | 32);
}

TEST_P(Conformance, LimitsAreReadBackFromTheKernel) {
  NEEDS_CONTROLLERS();
  oci::Resources resources;
  resources.memory.emplace();
  resources.memory->limit = 64 << 20;
  resources.memory->swap = 96 << 20;
  resources.memory->reservation = 32 << 20;
  resources.cpu.emplace();
  resources.cpu->shares = 512;
  resources.cpu->period = 50000;
  resources.cpu->quota = 25000;
  resources.cpu->cpus = "0";
  resources.cpu->mems = "0";
  resources.pids.emplace();
  resources.pids->limit = 42;
  driver().create(path_, resources);
  EXPECT_EQ(readBack("memory", "memory.limit_in_bytes", "memory.max"), "67108864");
  const auto swap = readBack("memory", "memory.memsw.limit_in_bytes", "memory.swap.max");
  EXPECT_THAT(swap, ::testing::AnyOf(either("100663296", "33554432"), "missing"));
  EXPECT_EQ(readBack("memory", "memory.soft_limit_in_bytes", "memory.low"), "33554432");
  EXPECT_EQ(readBack("cpu", "cpu.shares", "cpu.weight"), either("512", "20"));
  EXPECT_EQ(readBack("cpu", "cpu.cfs_quota_us", "cpu.max"), either("25000", "25000 50000"));
  EXPECT_EQ(readBack("cpu", "cpu.cfs_period_us", "cpu.max"), either("50000", "25000 50000"));
  EXPECT_EQ(readBack("cpuset", "cpuset.cpus", "cpuset.cpus"), "0");
  EXPECT_EQ(readBack("cpuset", "cpuset.mems", "cpuset.mems"), "0");
  EXPECT_EQ(readBack("pids", "pids.max", "pids.max"), "42");

  oci::Resources change;
  change.memory.emplace();
  change.memory->limit = 256 << 20;
  change.memory->swap = 512 << 20;
  change.cpu.emplace();
  change.cpu->quota = 10000;
  change.cpu->period = 100000;
  driver().update(path_, change);
  EXPECT_EQ(readBack("memory", "memory.limit_in_bytes", "memory.max"), "268435456");
  EXPECT_EQ(readBack("cpu", "cpu.cfs_quota_us", "cpu.max"), either("10000", "10000 100000"));
  EXPECT_EQ(readBack("pids", "pids.max", "pids.max"), "42");
  change = {};
  change.memory.emplace();
  change.memory->limit = -1;
  change.memory->swap = -1;
  change.pids.emplace();
  change.pids->limit = -1;
  driver().update(path_, change);
  EXPECT_EQ(driver().stats(path_).memoryLimit, 0u);
  EXPECT_EQ(readBack("pids", "pids.max", "pids.max"), "max");
}

TEST_P(Conformance, BlockIoLimits) {
  NEEDS_CONTROLLERS();
  struct stat info {};
  if (stat("/dev/vda", &info) != 0 && stat("/dev/sda", &info) != 0) return;
  oci::Resources resources;
  resources.blockIO.emplace();
  const auto device = oci::ThrottleDevice{major(info.st_rdev), minor(info.st_rdev), 1 << 20};
  resources.blockIO->throttleReadBpsDevice = {device};
  resources.blockIO->throttleWriteIopsDevice = {{device.major, device.minor, 100}};
  driver().create(path_, resources);
  const std::string name = fmt::format("{}:{}", device.major, device.minor);
  EXPECT_THAT(readBack("blkio", "blkio.throttle.read_bps_device", "io.max"),
              ::testing::StartsWith(name + either(" 1048576", " rbps=1048576")));
  EXPECT_THAT(readBack("blkio", "blkio.throttle.write_iops_device", "io.max"),
              ::testing::EndsWith(either("100", "wiops=100")));
}

TEST_P(Conformance, TheKernelEnforcesPidsAndMemory) {
  NEEDS_CONTROLLERS();
  oci::Resources resources;
  resources.pids.emplace();
  resources.pids->limit = 3;
  resources.memory.emplace();
  resources.memory->limit = 32 << 20;
  resources.memory->swap = 32 << 20;
  const Group group = driver().create(path_, resources);
  const auto forks = [] {
    int made = 0;
    for (int i = 0; i < 10; ++i) {
      const pid_t pid = fork();
      if (pid == 0) {
        pause();
        _exit(0);
      }
      made += pid > 0;
    }
    return made;
  };
  EXPECT_EQ(exitCodeOf(startIn(group, forks)), 2);
  driver().killAll(path_);
  EXPECT_EQ(driver().oomKills(path_), 0u);
  const auto eat = [] {
    for (size_t i = 0;; ++i) {
      auto* page = static_cast<volatile char*>(malloc(1 << 20));
      for (size_t at = 0; at < (1 << 20); at += 4096) page[at] = 1;
      if (i > 200) return 0;
    }
  };
  waitUntil(2s, [&] { return driver().processes(path_).empty(); });
  EXPECT_EQ(exitCodeOf(startIn(group, eat)), 137);
  EXPECT_EQ(driver().oomKills(path_), 1u);
  ASSERT_TRUE(group.oomEvents.valid());
  EXPECT_THAT(sys::readAll(group.oomEvents.get()), ::testing::HasSubstr("oom_kill 1"));
}

TEST_P(Conformance, StatsCount) {
  NEEDS_CONTROLLERS();
  oci::Resources resources;
  resources.memory.emplace();
  resources.memory->limit = 64 << 20;
  resources.pids.emplace();
  resources.pids->limit = 9;
  const Group group = driver().create(path_, resources);
  const pid_t pid = startIn(group, [] {
    auto* memory = static_cast<volatile char*>(malloc(8 << 20));
    for (size_t at = 0; at < (8 << 20); at += 4096) memory[at] = 1;
    for (volatile long i = 0; i < 200'000'000; i = i + 1) {
    }
    pause();
    return 0;
  });
  waitUntil(10s, [&] {
    const Stats now = driver().stats(path_);
    return now.cpuTotal > 20'000'000 && now.memoryUsage > 4u << 20;
  });
  const Stats stats = driver().stats(path_);
  EXPECT_GT(stats.cpuTotal, 20'000'000u);
  EXPECT_GT(stats.memoryUsage, 4u << 20);
  EXPECT_EQ(stats.memoryLimit, 64u << 20);
  EXPECT_EQ(stats.pids, 1u);
  EXPECT_EQ(stats.pidsLimit, 9u);
  EXPECT_FALSE(stats.memory.empty());
  ::kill(pid, SIGKILL);
}

TEST_P(Conformance, WrongLimitsNameFileAndValueAndLeaveNothing) {
  NEEDS_CONTROLLERS();
  oci::Resources resources;
  resources.cpu.emplace();
  resources.cpu->cpus = "900-901";
  try {
    driver().create(path_, resources);
    ADD_FAILURE() << "accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kInvalidArgument);
    EXPECT_THAT(error.message(), ::testing::HasSubstr("unable to set cpuset.cpus to 900-901"));
  }
  EXPECT_TRUE(driver().children(parent_).empty());
  resources = {};
  resources.memory.emplace();
  resources.memory->limit = 64 << 20;
  resources.memory->swap = 32 << 20;
  EXPECT_THROW(driver().create(path_, resources), base::Error);
  driver().create(path_, {});
}

TEST_P(Conformance, HugePages) {
  oci::Resources resources;
  resources.hugepageLimits.push_back({"2MB", 4 << 20});
  try {
    driver().create(path_, resources);
  } catch (const base::Error& error) {
    EXPECT_THAT(error.message(), ::testing::HasSubstr("hugetlb"));
    return;  // named, on hosts whose kernel or tree has none
  }
  EXPECT_EQ(readBack("hugetlb", "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max"), "4194304");
}

INSTANTIATE_TEST_SUITE_P(Host, Conformance, ::testing::Values(&hostPlace));
INSTANTIATE_TEST_SUITE_P(V2Aside, Conformance, ::testing::Values(&asidePlace));

// -- pure
// ------------------------------------------------------------------------------------------------------------

TEST(Convert, SharesSwapAndWeights) {
  EXPECT_EQ(weightOfShares(0), 0u);
  EXPECT_EQ(weightOfShares(2), 1u);
  EXPECT_EQ(weightOfShares(1024), 39u);
  EXPECT_EQ(weightOfShares(512), 20u);
  EXPECT_EQ(weightOfShares(262144), 10000u);
  EXPECT_EQ(swapMax(100, 0), std::nullopt);
  EXPECT_EQ(swapMax(100, -1), "max");
  EXPECT_EQ(swapMax(100, 150), "50");
  EXPECT_THROW(swapMax(100, 50), base::Error);
  EXPECT_THROW(swapMax(0, 50), base::Error);
  EXPECT_EQ(ioWeightOfBlkio(10), 1u);
  EXPECT_EQ(ioWeightOfBlkio(1000), 10000u);
}

TEST(Devices, LaterRulesWin) {
  const auto rule = [](bool allow, const char* type, std::int64_t major, std::int64_t minor,
                       const char* access) {
    oci::DeviceCgroup result;
    result.allow = allow;
    result.type = type;
    result.major = major;
    result.minor = minor;
    result.access = access;
    return result;
  };
  auto state = deviceState({rule(false, "a", -1, -1, "rwm"), rule(true, "c", 1, 3, "r"),
                            rule(true, "c", 1, 3, "wm"), rule(false, "c", 1, 3, "m"),
                            rule(true, "b", -1, -1, "m")});
  EXPECT_FALSE(state.allowAll);
  ASSERT_EQ(state.exceptions.size(), 2u);
  EXPECT_EQ((state.exceptions[{'c', 1, 3}]), kRead | kWrite);
  EXPECT_EQ((state.exceptions[{'b', std::nullopt, std::nullopt}]), kMknod);
  EXPECT_TRUE(deviceState({rule(true, "a", -1, -1, "rwm")}).unrestricted());
  EXPECT_THROW(deviceState({rule(true, "x", 1, 1, "r")}), base::Error);
  EXPECT_THROW(deviceState({rule(true, "c", 1, 1, "rq")}), base::Error);
}

}  // namespace
}  // namespace cgroup::testing
