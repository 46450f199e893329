// Numbers of the system calls, by name and architecture.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace seccomp {

enum class Arch { kX86_64, kX86, kX32, kArm64 };
inline constexpr std::uint32_t kX32Bit = 0x40000000;

struct Syscall {
  std::string_view name;
  std::int16_t numbers[4];  // by Arch; x32 without kX32Bit; -1: none

  int number(Arch arch) const { return numbers[static_cast<int>(arch)]; }
};

// Ordered by name.
const std::vector<Syscall>& allSyscalls();
// nullptr: unknown to every architecture here.
const Syscall* findSyscall(std::string_view name);

// On 32-bit x86 the calls of a family also go through one number with the member in the first
// argument: socketcall(1, …) is socket. 0: no member of a family. `family` becomes the number of
// that call.
int multiplexed(std::string_view name, int& family);

}  // namespace seccomp
