#include "runtime/seccomp/syscalls.h"

#include <algorithm>

namespace seccomp {
namespace {

struct Member {
  std::string_view name;
  int code;
};

constexpr int kSocketcall = 102;
constexpr int kIpc = 117;

// linux/net.h
constexpr Member kSocketMembers[] = {
    {"socket", 1},    {"bind", 2},        {"connect", 3},     {"listen", 4},
    {"accept", 5},    {"getsockname", 6}, {"getpeername", 7}, {"socketpair", 8},
    {"send", 9},      {"recv", 10},       {"sendto", 11},     {"recvfrom", 12},
    {"shutdown", 13}, {"setsockopt", 14}, {"getsockopt", 15}, {"sendmsg", 16},
    {"recvmsg", 17},  {"accept4", 18},    {"recvmmsg", 19},   {"sendmmsg", 20}};
// linux/ipc.h
constexpr Member kIpcMembers[] = {{"semop", 1},   {"semget", 2},  {"semctl", 3},  {"semtimedop", 4},
                                  {"msgsnd", 11}, {"msgrcv", 12}, {"msgget", 13}, {"msgctl", 14},
                                  {"shmat", 21},  {"shmdt", 22},  {"shmget", 23}, {"shmctl", 24}};

}  // namespace

const std::vector<Syscall>& allSyscalls() {
  static const std::vector<Syscall> table = [] {
    std::vector<Syscall> all{
#include "runtime/seccomp/syscall_tables.inc"
    };
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return all;
  }();
  return table;
}

const Syscall* findSyscall(std::string_view name) {
  const auto& all = allSyscalls();
  const auto found = std::lower_bound(
      all.begin(), all.end(), name,
      [](const Syscall& entry, std::string_view wanted) { return entry.name < wanted; });
  return found != all.end() && found->name == name ? &*found : nullptr;
}

int multiplexed(std::string_view name, int& family) {
  for (const auto& member : kSocketMembers) {
    if (member.name == name) return family = kSocketcall, member.code;
  }
  for (const auto& member : kIpcMembers) {
    if (member.name == name) return family = kIpc, member.code;
  }
  return 0;
}

}  // namespace seccomp
