// BPF for seccomp: per architecture a binary search over ranges of system call numbers, with
// argument tests at the leaves.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "runtime/seccomp/syscalls.h"

namespace seccomp {

using Code = std::vector<sock_filter>;

enum class Compare {
  kNotEqual,
  kLess,
  kLessOrEqual,
  kEqual,
  kGreaterOrEqual,
  kGreater,
  kMaskedEqual
};

struct Condition {
  unsigned index = 0;  // argument 0…5
  Compare compare = Compare::kEqual;
  std::uint64_t value = 0;
  std::uint64_t second = 0;  // kMaskedEqual: (argument & value) == second
};

// All conditions hold: `result` (SECCOMP_RET_*).
struct Rule {
  std::vector<Condition> conditions;
  std::uint32_t result = 0;
};

// What becomes of one call: the first rule whose conditions hold, else `otherwise`.
struct Outcome {
  std::vector<Rule> rules;
  std::uint32_t otherwise = 0;
};

// The filter of one architecture.
struct Block {
  Arch arch = Arch::kX86_64;
  std::map<int, Outcome> calls;  // by number
  std::uint32_t otherwise = 0;   // numbers not in `calls`
  // Numbers above this one belong to newer kernels than the profile knows: `beyond`.
  int last = -1;
  std::uint32_t beyond = 0;
};

// Ends every path in a return; other architectures get `foreign`. Error kInvalidArgument when
// longer than the kernel takes (4096 instructions).
Code emit(const std::vector<Block>& blocks, std::uint32_t foreign);

}  // namespace seccomp
