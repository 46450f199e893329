// Reading and writing cgroup files. Included by the cgroup library only.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "platform/sys/fd.h"
#include "runtime/cgroup/cgroup.h"

namespace cgroup {

// "sampan/<id>" without leading, trailing and double slashes. Error kInvalidArgument for "..", ""
// and the like.
std::string checkedPath(const std::string& path);

// One limit. Error kInvalidArgument when the kernel calls the value wrong, kInternal for all else;
// both name file and value.
void writeLimit(int dir, const std::string& file, const std::string& value);
// False: there is no such file on this kernel.
bool writeLimitIfExists(int dir, const std::string& file, const std::string& value);

std::string readText(int dir, const std::string& file);      // "" when missing
std::uint64_t readNumber(int dir, const std::string& file);  // 0 when missing; "max" too
std::map<std::string, std::uint64_t> readTable(int dir,
                                               const std::string& file);  // "key value" lines

// Ids in cgroup.procs of `dir` and of everything below it.
std::vector<int> readProcesses(int dir);
// Opens `path` below `root`. nullopt: not there.
std::optional<sys::Fd> openGroup(int root, const std::string& path);
// Directories directly below.
std::vector<std::string> childGroups(int dir);
// Removes the group with all below it, children first. False: the kernel says that something is
// still in there.
bool removeGroup(int root, const std::string& path);

// Calls `done` with growing pauses until it is true or `patience` is over.
template <class Done>
bool waitUntil(std::chrono::milliseconds patience, Done&& done);
void pauseFor(std::chrono::microseconds duration);

template <class Done>
bool waitUntil(std::chrono::milliseconds patience, Done&& done) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (std::chrono::microseconds pause{200};;
       pause = std::min<std::chrono::microseconds>(pause * 2, std::chrono::milliseconds{20})) {
    if (done()) return true;
    if (std::chrono::steady_clock::now() >= end) return false;
    pauseFor(pause);
  }
}

// -- devices
// ---------------------------------------------------------------------------------------------------------

// What a list of rules comes to: a default, and exceptions from it. Later rules win.
struct DeviceState {
  struct Key {
    char type;                          // 'b' or 'c'
    std::optional<std::int64_t> major;  // nullopt: any
    std::optional<std::int64_t> minor;
    auto operator<=>(const Key&) const = default;
  };
  bool allowAll = true;
  std::map<Key, unsigned> exceptions;  // bits of kRead, kWrite, kMknod

  bool unrestricted() const { return allowAll && exceptions.empty(); }
};
inline constexpr unsigned kMknod = 1, kRead = 2, kWrite = 4;  // as BPF sees them

// Error kInvalidArgument names the rule that makes no sense.
DeviceState deviceState(const std::vector<oci::DeviceCgroup>& rules);

// struct bpf_insn[] of a CGROUP_DEVICE program.
std::string deviceProgram(const DeviceState& state);
// Makes it the only device program of the v2 group `dir`. Nothing is attached for an unrestricted
// state.
void attachDeviceProgram(int dir, const DeviceState& state);

}  // namespace cgroup
