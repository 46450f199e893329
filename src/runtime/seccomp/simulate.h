// For tests: runs a seccomp filter as the kernel would.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstring>
#include <span>

namespace seccomp::testing {

// The result, or ~0 for a program that the kernel would refuse or that never returns.
inline std::uint32_t simulate(std::span<const sock_filter> program, const seccomp_data& data) {
  std::uint32_t accumulator = 0, index = 0, memory[16] = {};
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& step = program[at];
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (step.k % 4 != 0 || step.k > sizeof data - 4) return ~0u;
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + step.k, 4);
        break;
      case BPF_LD | BPF_MEM:
        accumulator = memory[step.k & 15];
        break;
      case BPF_ST:
        memory[step.k & 15] = accumulator;
        break;
      case BPF_STX:
        memory[step.k & 15] = index;
        break;
      case BPF_LDX | BPF_MEM:
        index = memory[step.k & 15];
        break;
      case BPF_MISC | BPF_TAX:
        index = accumulator;
        break;
      case BPF_MISC | BPF_TXA:
        accumulator = index;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= step.k;
        break;
      case BPF_JMP | BPF_JA:
        at += step.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += accumulator == step.k ? step.jt : step.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        at += accumulator >= step.k ? step.jt : step.jf;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        at += accumulator > step.k ? step.jt : step.jf;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        at += (accumulator & step.k) != 0 ? step.jt : step.jf;
        break;
      case BPF_RET | BPF_K:
        return step.k;
      case BPF_RET | BPF_A:
        return accumulator;
      default:
        return ~0u;
    }
  }
  return ~0u;
}

}  // namespace seccomp::testing
