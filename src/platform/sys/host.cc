#include "platform/sys/host.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"
#include "platform/sys/mount.h"

namespace sys {
namespace {

constexpr unsigned kMfdExec = 0x10;  // Linux 6.3, later than our oldest kernel's headers

void probeKernel(HostFacts& facts) {
  utsname name{};
  ::uname(&name);
  facts.kernel = name.release;
  facts.architecture = name.machine;
  facts.hostname = name.nodename;
  std::sscanf(name.release, "%d.%d", &facts.kernelMajor, &facts.kernelMinor);
}

// os-release(5): shell-like assignments, values perhaps in quotes.
std::string osReleaseValue(const std::string& text, std::string_view key) {
  for (const std::string& line : base::split(text, '\n')) {
    const auto [name, value] = base::cut(line, '=');
    if (name != key || !value) continue;
    std::string_view plain = base::trim(*value);
    if (plain.size() >= 2 && (plain.front() == '"' || plain.front() == '\'') &&
        plain.back() == plain.front()) {
      plain = plain.substr(1, plain.size() - 2);
    }
    std::string result;
    for (size_t i = 0; i < plain.size(); ++i) {
      if (plain[i] == '\\' && i + 1 < plain.size()) ++i;
      result += plain[i];
    }
    return result;
  }
  return {};
}

void probeSystem(HostFacts& facts) {
  auto release = readFileIfExists(AT_FDCWD, "/etc/os-release");
  if (!release) release = readFileIfExists(AT_FDCWD, "/usr/lib/os-release");
  facts.operatingSystem = osReleaseValue(release.value_or(""), "PRETTY_NAME");
  if (facts.operatingSystem.empty()) facts.operatingSystem = "Linux";
  facts.osVersion = osReleaseValue(release.value_or(""), "VERSION_ID");
  cpu_set_t set;
  CPU_ZERO(&set);
  facts.cpus = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : ::get_nprocs();
  struct sysinfo info {};
  ::sysinfo(&info);
  facts.memory = static_cast<long long>(info.totalram) * info.mem_unit;
  facts.systemd = statAtIfExists(AT_FDCWD, "/run/systemd/system").has_value();
}

bool isCgroup2(const char* path) {
  struct statfs system {};
  return ::statfs(path, &system) == 0 && system.f_type == CGROUP2_SUPER_MAGIC;
}

void addWords(std::vector<std::string>& list, std::string_view text, char separator) {
  for (std::string& word : base::split(base::trim(text), separator)) {
    if (!word.empty() && std::find(list.begin(), list.end(), word) == list.end())
      list.push_back(std::move(word));
  }
}

void probeCgroups(HostFacts& facts) {
  if (isCgroup2("/sys/fs/cgroup")) {
    facts.cgroups = CgroupVersion::kV2;
    addWords(facts.cgroupControllers,
             readFileIfExists(AT_FDCWD, "/sys/fs/cgroup/cgroup.controllers").value_or(""), ' ');
    return;
  }
  // Controllers of v1 are those mounted; a mount's super options name them among others.
  std::vector<std::string> known;
  for (const std::string& line :
       base::split(readFileIfExists(AT_FDCWD, "/proc/cgroups").value_or(""), '\n')) {
    if (!line.empty() && line[0] != '#') known.emplace_back(base::cut(line, '\t').first);
  }
  facts.cgroups = CgroupVersion::kV1;
  for (const MountInfo& mount : readMounts()) {
    if (mount.type == "cgroup2") {
      facts.cgroups = CgroupVersion::kHybrid;
      addWords(facts.cgroupControllers,
               readFileIfExists(AT_FDCWD, mount.mountPoint + "/cgroup.controllers").value_or(""),
               ' ');
    } else if (mount.type == "cgroup") {
      for (const std::string& word : base::split(mount.superOptions, ',')) {
        if (std::find(known.begin(), known.end(), word) != known.end())
          addWords(facts.cgroupControllers, word, ' ');
      }
    }
  }
}

void probeSecurity(HostFacts& facts) {
  const std::uint32_t action = SECCOMP_RET_ERRNO;
  facts.seccomp = ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
  facts.apparmor =
      base::trim(
          readFileIfExists(AT_FDCWD, "/sys/module/apparmor/parameters/enabled").value_or("")) ==
      "Y";
  facts.selinux = statAtIfExists(AT_FDCWD, "/sys/fs/selinux/enforce").has_value();
  facts.ipv6 = statAtIfExists(AT_FDCWD, "/proc/net/if_inet6").has_value();
}

// A kernel that knows the attribute complains of the descriptor, another of the attribute.
bool knowsIdmap() {
  mount_attr attributes{
      .attr_set = MOUNT_ATTR_IDMAP, .attr_clr = 0, .propagation = 0, .userns_fd = 0x7fffffff};
  return ::mount_setattr(AT_FDCWD, "/", 0, &attributes, sizeof attributes) < 0 && errno == EBADF;
}

}  // namespace

HostFacts probeHost() {
  HostFacts facts;
  probeKernel(facts);
  probeSystem(facts);
  probeCgroups(facts);
  probeSecurity(facts);
  facts.memfdExec = Fd(::memfd_create("probe", MFD_CLOEXEC | kMfdExec)).valid();
  facts.idmappedMounts = knowsIdmap();
  return facts;
}

}  // namespace sys
