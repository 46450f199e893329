#include "runtime/spec/plan_builder.h"

#include "platform/base/error.h"
#include "platform/base/scope_exit.h"
#include "platform/json/json.h"
#include "runtime/seccomp/seccomp.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/launch_fixture.h"
#include "runtime/spec/mount_options.h"

namespace spec::testing {
namespace {

using ::testing::HasSubstr;

std::string messageOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const base::Error& error) {
    return error.message();
  }
  return "no error";
}

// A default container on the fixture's root, in a cgroup of its own.
class BuilderTest : public LaunchTest {
 protected:
  void SetUp() override {
    LaunchTest::SetUp();
    host_ = sys::probeHost();
    driver_ = cgroup::makeDriver(host_);
    path_ = "h4spec" + std::to_string(getpid()) + "/box";
    spec_ = defaultSpec(true);
    spec_.process->args = {"true"};
    spec_.process->env = {"PATH=/bin"};
    spec_.root->path = root_;
    spec_.hostname = "box";
    seccomp::Conditions conditions;
    conditions.capabilities = spec_.process->capabilities->bounding;
    conditions.kernelMajor = host_.kernelMajor;
    conditions.kernelMinor = host_.kernelMinor;
    spec_.linux->seccomp = seccomp::fromProfile("", conditions);
  }
  void TearDown() override {
    driver_->remove(path_, std::chrono::seconds(2));
    driver_->prune(path_.substr(0, path_.find('/')));
    LaunchTest::TearDown();
  }

  Result runSpec(ContainerInputs inputs = {}) {
    Result result;
    const auto group = driver_->create(path_, *spec_.linux->resources);
    int pipe[2];
    EXPECT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    const sys::Fd read(pipe[0]);
    inputs.cgroup = &group;
    inputs.driver = driver_.get();
    inputs.cgroupPath = path_;
    inputs.host = &host_;
    inputs.stdio[1] = sys::Fd(pipe[1]);
    inputs.stdio[2] = inputs.stdio[1].dup();
    Plan plan = buildContainer(spec_, std::move(inputs));
    launch::Child child;
    result.started = begin(plan, child, result.failure);
    if (!result.started) return result;
    plan.fds.clear();
    char buffer[4096];
    for (;;) {
      const ssize_t got = ::read(read.get(), buffer, sizeof buffer);
      if (got <= 0) break;
      result.out.append(buffer, static_cast<size_t>(got));
    }
    end(child, result);
    return result;
  }

  sys::HostFacts host_;
  std::unique_ptr<cgroup::Driver> driver_;
  std::string path_;
  oci::Spec spec_;
};

TEST_F(BuilderTest, DefaultContainerIsConfined) {
  spec_.process->args = {
      "sh", "-c",
      "id -u; hostname; grep Seccomp: /proc/self/status; grep CapEff /proc/self/status; ls "
      "/sys/fs/cgroup | wc -l;"
      "touch /sys/x 2>/dev/null || echo sys-ro; touch /sys/fs/cgroup/x 2>/dev/null || echo cg-ro;"
      "mount -t tmpfs x /tmp 2>/dev/null || echo no-mount; stat -c %a /dev/shm; cat "
      "/proc/timer_list | wc -c;"
      "ls -A /sys/firmware | wc -l; cat /proc/self/cgroup | grep -vc ':/$'"};
  const Result result = runSpec();
  ASSERT_TRUE(result.started) << result.failure.text;
  const auto hierarchies = driver_->hierarchies();
  const auto entries = hierarchies[0].name.empty() ? 0 : hierarchies.size();
  if (entries != 0) {
    EXPECT_EQ(result.out, fmt::format("0\nbox\nSeccomp:\t2\nCapEff:\t00000000a80425fb\n{}\nsys-"
                                      "ro\ncg-ro\nno-mount\n1777\n0\n0\n0\n",
                                      entries));
  }
}

TEST_F(BuilderTest, Cve2022_0492_NoWayToTheKernelsHandlers) {
  spec_.process->args = {"sh", "-c",
                         "for f in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/release_agent "
                         "/proc/sys/kernel/core_pattern /proc/sysrq-trigger; do"
                         " (echo x > $f) 2>/dev/null && echo wrote $f; done;"
                         "unshare -U true 2>/dev/null && echo new user namespace; mount -t cgroup "
                         "-o cpu x /tmp 2>/dev/null && echo mounted; echo done"};
  ASSERT_EQ(symlink("busybox", (root_ + "/bin/unshare").c_str()), 0);
  EXPECT_EQ(runSpec().out, "done\n");
}

TEST_F(BuilderTest, Cve2017_16539_MaskedPathsAreMissingOrEmpty) {
  std::string script;
  for (const auto& path : defaultMaskedPaths()) {
    script += "if [ -d " + path + " ]; then ls -A " + path + "; elif [ -e " + path +
              " ]; then cat " + path + " 2>&1; fi;";
  }
  spec_.process->args = {"sh", "-c",
                         script +
                             "for p in /proc/bus /proc/fs /proc/irq /proc/sys; do touch $p/x "
                             "2>/dev/null && echo writable $p; done; echo done"};
  EXPECT_EQ(runSpec().out, "done\n");
}

TEST_F(BuilderTest, StartingCostsLittle) {
  using Clock = std::chrono::steady_clock;
  spec_.process->args = {"true"};
  auto build = Clock::duration::max(), start = build, group = build, whole = build;
  for (int round = 0; round < 30; ++round) {
    const auto begun = Clock::now();
    const auto joined = driver_->create(path_, *spec_.linux->resources);
    const auto grouped = Clock::now();
    ContainerInputs inputs;
    inputs.cgroup = &joined;
    inputs.driver = driver_.get();
    inputs.host = &host_;
    inputs.netns = sys::openAt(AT_FDCWD, "/proc/self/ns/net", O_RDONLY);
    inputs.rootfs = cloneOf(root_, true);
    Plan plan = buildContainer(spec_, std::move(inputs));
    const auto built = Clock::now();
    launch::Child child;
    Result result;
    ASSERT_TRUE(begin(plan, child, result.failure)) << result.failure.text;
    const auto running = Clock::now();
    end(child, result);
    driver_->remove(path_, std::chrono::seconds(2));
    whole = std::min(whole, Clock::now() - begun);
    group = std::min(group, grouped - begun);
    build = std::min(build, built - grouped);
    start = std::min(start, running - built);
  }
  const auto us = [](Clock::duration time) {
    return static_cast<long>(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
  };
  std::printf(
      "cgroups %ld us, plan %ld us, clone to exec %ld us, all with exit and removal %ld us\n",
      us(group), us(build), us(start), us(whole));
  EXPECT_LT(start, std::chrono::milliseconds(50));
}

TEST_F(BuilderTest, RunsAsUserByNameWithNoNewPrivileges) {
  spec_.process->noNewPrivileges = true;
  spec_.process->args = {"sh", "-c",
                         "id -u; id -G; grep -E 'NoNewPrivs|Seccomp:|CapEff|CapPrm|CapAmb' "
                         "/proc/self/status; echo x > /dev/stdout"};
  ContainerInputs inputs;
  inputs.user = "alice";
  inputs.groups = {"77"};
  const Result result = runSpec(std::move(inputs));
  EXPECT_EQ(result.out,
            "1000\n1000 10 44 "
            "77\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n"
            "NoNewPrivs:\t1\nSeccomp:\t2\nx\n")
      << result.failure.text;
}

TEST_F(BuilderTest, PrivilegedMayMountAndSeesItsCgroupWritable) {
  makePrivileged(spec_);
  spec_.process->args = {"sh", "-c",
                         "mount -t tmpfs x /tmp && touch /tmp/x && echo mounted; grep Seccomp: "
                         "/proc/self/status; touch /sys/x 2>&1 | grep -c Read-only"};
  const Result result = runSpec();
  EXPECT_EQ(result.out, "mounted\nSeccomp:\t0\n0\n") << result.failure.text;
}

TEST_F(BuilderTest, BindsBySpecAndByDescriptor) {
  mkdir((base_ + "/a").c_str(), 0755);
  mkdir((base_ + "/b").c_str(), 0755);
  ASSERT_EQ(std::system(("echo A > " + base_ + "/a/f; echo B > " + base_ + "/b/f; mkdir " + base_ +
                         "/a/sub && mount -t tmpfs none " + base_ + "/a/sub && echo S > " + base_ +
                         "/a/sub/f")
                            .c_str()),
            0);
  const base::ScopeExit unmount([&] { std::system(("umount " + base_ + "/a/sub").c_str()); });
  oci::Mount first, second;
  first.destination = "/first/";
  first.type = "bind";
  first.source = base_ + "/a";
  first.options = {"rbind", "ro", "rprivate"};
  second.destination = "/second";
  second.type = "bind";
  second.source = "/not/used";
  second.options = {"rbind", "rro"};
  spec_.mounts.push_back(first);
  spec_.mounts.push_back(second);
  spec_.process->args = {"sh", "-c",
                         "cat /first/f /first/sub/f /second/f; touch /first/x 2>&1; touch "
                         "/first/sub/x && echo sub-writable; touch /second/x 2>&1"};
  ContainerInputs inputs;
  inputs.mounts.push_back({"/second", sys::openAt(AT_FDCWD, base_ + "/b", O_PATH)});
  const Result result = runSpec(std::move(inputs));
  EXPECT_EQ(result.out,
            "A\nS\nB\ntouch: /first/x: Read-only file system\nsub-writable\ntouch: /second/x: "
            "Read-only file system\n")
      << result.failure.text;
}

TEST_F(BuilderTest, MissingBindSourceIsNamed) {
  oci::Mount mount;
  mount.destination = "/x";
  mount.type = "bind";
  mount.source = "/no/such/source";
  mount.options = {"rbind"};
  spec_.mounts.push_back(mount);
  const auto build = [&] {
    ContainerInputs inputs;
    inputs.driver = driver_.get();
    buildContainer(spec_, std::move(inputs));
  };
  EXPECT_THAT(messageOf(build),
              HasSubstr("error mounting \"/no/such/source\" to rootfs at \"/x\": open"));
}

TEST_F(BuilderTest, ExecEntersTheRunningContainer) {
  spec_.process->args = {"sleep", "100"};
  const auto group = driver_->create(path_, *spec_.linux->resources);
  ContainerInputs inputs;
  inputs.cgroup = &group;
  inputs.driver = driver_.get();
  inputs.host = &host_;
  launch::Child box;
  Result first;
  Plan plan = buildContainer(spec_, std::move(inputs));
  ASSERT_TRUE(begin(plan, box, first.failure)) << first.failure.text;

  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const sys::Fd read(pipe[0]);
  oci::Process process = *spec_.process;
  process.args = {
      "sh", "-c",
      "hostname; cat /proc/self/cgroup | grep -vc ':/$'; grep Seccomp: /proc/self/status; readlink "
      "/proc/self/ns/net > /tmp/n; readlink /proc/1/ns/net | cmp - /tmp/n && echo same"};
  ExecInputs exec;
  exec.target = sys::Fd(fcntl(box.pidfd, F_DUPFD_CLOEXEC, 3));
  exec.targetPid = box.pid;
  exec.cgroup = &group;
  exec.seccomp = &*spec_.linux->seccomp;
  exec.stdio[1] = sys::Fd(pipe[1]);
  ASSERT_EQ(symlink("busybox", (root_ + "/bin/cmp").c_str()), 0);
  Plan execPlan = buildExec(process, std::move(exec));
  launch::Child child;
  Result result;
  ASSERT_TRUE(begin(execPlan, child, result.failure)) << result.failure.text;
  execPlan.fds.clear();
  result.out = sys::readAll(read.get());
  end(child, result);
  EXPECT_EQ(result.out, "box\n0\nSeccomp:\t2\nsame\n");
  driver_->killAll(path_);
  end(box, first);
  EXPECT_EQ(first.code(), 137);
}

// -- pure parts
// ------------------------------------------------------------------------------------------------------

TEST(MountOptions, AreSortedIntoAttributesAndData) {
  const auto options = parseMountOptions({"rbind", "nosuid", "noexec", "exec", "strictatime", "rro",
                                          "rslave", "size=64m", "mode=755", "newinstance"});
  EXPECT_TRUE(options.bind && options.recursive);
  EXPECT_EQ(options.set, static_cast<std::uint64_t>(MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME));
  EXPECT_EQ(options.treeSet, static_cast<std::uint64_t>(MOUNT_ATTR_RDONLY));
  EXPECT_EQ(options.propagation, (1u << 19) | 16384);
  ASSERT_EQ(options.data.size(), 3u);
  EXPECT_EQ(options.data[0].second, "64m");
  EXPECT_FALSE(options.data[2].second.has_value());
  EXPECT_EQ(parseMountOptions({"ro", "rw"}).set, 0u);
  EXPECT_EQ(parseMountOptions({"noatime", "relatime"}).set, 0u);
}

TEST(MountOptions, PathsAreCleanedInsideTheRoot) {
  EXPECT_EQ(cleanPath("/a//b/./c/"), "/a/b/c");
  EXPECT_EQ(cleanPath("/../../etc"), "/etc");
  EXPECT_EQ(cleanPath("a/.."), "/");
}

TEST(Validate, NamesWhatIsWrong) {
  const auto with = [](const std::function<void(oci::Spec&)>& change) {
    oci::Spec spec = defaultSpec(false);
    spec.process->args = {"true"};
    change(spec);
    return messageOf([&] { validate(spec); });
  };
  EXPECT_EQ(with([](auto&) {}), "no error");
  EXPECT_EQ(with([](auto& spec) { spec.process->args.clear(); }), "args must not be empty");
  EXPECT_EQ(with([](auto& spec) { spec.process->cwd = "x"; }), "Cwd must be an absolute path");
  EXPECT_EQ(with([](auto& spec) { spec.ociVersion = "2.0"; }),
            "ociVersion \"2.0\" is not supported");
  EXPECT_EQ(with([](auto& spec) { spec.process->user.uid = 2147483648u; }),
            "uids and gids must be in range 0-2147483647");
  EXPECT_EQ(with([](auto& spec) { spec.linux->sysctl["kernel.panic"] = "1"; }),
            "sysctl \"kernel.panic\" is not in a separate kernel namespace");
  EXPECT_EQ(with([](auto& spec) { spec.linux->sysctl["net/../kernel/panic"] = "1"; }),
            "invalid sysctl \"net/../kernel/panic\"");
  EXPECT_EQ(with([](auto& spec) {
              spec.linux->namespaces.push_back({"uts", ""});
            }),
            "malformed spec file: duplicated namespace \"uts\"");
  EXPECT_EQ(with([](auto& spec) {
              spec.linux->namespaces.push_back({"planet", ""});
            }),
            "namespace \"planet\" does not exist");
  EXPECT_EQ(with([](auto& spec) { spec.process->capabilities->effective = {"CAP_FLY"}; }),
            "unknown capability \"CAP_FLY\"");
  EXPECT_EQ(with([](auto& spec) {
              spec.process->rlimits.push_back({"RLIMIT_FUN", 1, 1});
            }),
            "invalid rlimit type \"RLIMIT_FUN\"");
  EXPECT_EQ(with([](auto& spec) { spec.process->ioPriority.emplace(); }), "process.ioPriority");
  EXPECT_EQ(with([](auto& spec) {
              spec.mounts.push_back({"/", "tmpfs", "", {}, {}, {}});
            }),
            "mount destination \"/\" is the root of the container");
  EXPECT_EQ(with([](auto& spec) {
              spec.linux->namespaces.push_back({"user", ""});
            }),
            "User namespaces enabled, but no uid mappings found.");
}

TEST(Capabilities, AddAndDropFollowDocker) {
  EXPECT_EQ(adjustCapabilities({}, {}, false), defaultCapabilities());
  EXPECT_THAT(adjustCapabilities({"net_admin"}, {"CHOWN"}, false),
              ::testing::Contains("CAP_NET_ADMIN"));
  EXPECT_THAT(adjustCapabilities({}, {"CHOWN"}, false),
              ::testing::Not(::testing::Contains("CAP_CHOWN")));
  EXPECT_EQ(adjustCapabilities({"NET_RAW"}, {"ALL"}, false),
            std::vector<std::string>{"CAP_NET_RAW"});
  EXPECT_THAT(adjustCapabilities({"ALL"}, {"SYS_ADMIN"}, false),
              ::testing::Not(::testing::Contains("CAP_SYS_ADMIN")));
  EXPECT_EQ(adjustCapabilities({}, {}, true), availableCapabilities());
  EXPECT_EQ(messageOf([] { adjustCapabilities({"FLY"}, {}, false); }),
            "invalid CapAdd: unknown capability: \"CAP_FLY\"");
}

TEST(PlanWriter, RefusesNulInside) {
  PlanWriter writer;
  EXPECT_THROW(writer.text(std::string_view("a\0b", 3)), base::Error);
}

TEST(OpenPlan, RefusesDamage) {
  PlanWriter writer;
  writer.root.argv = writer.texts({"a", "b"});
  writer.root.env = writer.texts({"C=d"});
  const Plan plan = writer.finish();
  launch::Plan opened;
  ASSERT_EQ(launch::openPlan(plan.bytes.data(), plan.bytes.size(), opened), nullptr);
  EXPECT_STREQ(opened.text(opened.at(opened.root().argv, 1)), "b");
  // Every single byte of the head and root, set to 0xff: never a crash, and never a text outside of
  // the plan.
  int refused = 0;
  for (size_t i = 0; i < sizeof(launch::PlanRoot); ++i) {
    std::string damaged = plan.bytes;
    damaged[i] = '\xff';
    refused += launch::openPlan(damaged.data(), damaged.size(), opened) != nullptr;
  }
  EXPECT_GT(refused, 150);
  std::string longer = plan.bytes;
  auto* root = reinterpret_cast<launch::PlanRoot*>(longer.data());
  root->rootSize = static_cast<std::uint32_t>(longer.size());
  EXPECT_STREQ(launch::openPlan(longer.data(), longer.size(), opened),
               "the plan asks for something this version does not know");
}

}  // namespace
}  // namespace spec::testing
