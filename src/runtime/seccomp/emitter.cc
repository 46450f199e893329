#include "runtime/seccomp/emitter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>

#include "platform/base/error.h"

namespace seccomp {
namespace {

constexpr std::uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;

sock_filter statement(std::uint16_t code, std::uint32_t value) {
  return BPF_STMT(code, value);
}
sock_filter jump(std::uint16_t test, std::uint32_t value, std::size_t ifTrue, std::size_t ifFalse) {
  return BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | test | BPF_K), value,
                  static_cast<std::uint8_t>(ifTrue), static_cast<std::uint8_t>(ifFalse));
}
sock_filter result(std::uint32_t value) {
  return statement(BPF_RET | BPF_K, value);
}

void append(Code& code, const Code& more) {
  code.insert(code.end(), more.begin(), more.end());
}

// Goes on behind these instructions when the condition holds; otherwise jumps `miss` further than
// their end. 64-bit arguments are compared in halves, of which a 32-bit architecture has only the
// lower.
class ConditionCode {
 public:
  ConditionCode(const Condition& condition, bool wide) : condition_(condition), wide_(wide) {}

  // `after`: instructions between the end of this condition and the place to go when it fails.
  Code make(std::size_t after) const {
    const bool masked = condition_.compare == Compare::kMaskedEqual;
    const std::uint64_t expected = masked ? condition_.second : condition_.value;
    const auto low = static_cast<std::uint32_t>(expected),
               high = static_cast<std::uint32_t>(expected >> 32);
    Code lower{statement(kLoad, offset(false))};
    if (masked)
      lower.push_back(
          statement(BPF_ALU | BPF_AND | BPF_K, static_cast<std::uint32_t>(condition_.value)));
    lower.push_back(lowTest(low, after));
    if (!wide_) return lower;
    Code upper{statement(kLoad, offset(true))};
    if (masked)
      upper.push_back(
          statement(BPF_ALU | BPF_AND | BPF_K, static_cast<std::uint32_t>(condition_.value >> 32)));
    append(upper, highTest(high, lower.size(), after));
    append(upper, lower);
    return upper;
  }

 private:
  std::uint32_t offset(bool upper) const {
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 8 * condition_.index +
                                      (upper ? 4 : 0));
  }

  sock_filter lowTest(std::uint32_t low, std::size_t after) const {
    switch (condition_.compare) {
      case Compare::kNotEqual:
        return jump(BPF_JEQ, low, after, 0);
      case Compare::kLess:
        return jump(BPF_JGE, low, after, 0);
      case Compare::kLessOrEqual:
        return jump(BPF_JGT, low, after, 0);
      case Compare::kEqual:
      case Compare::kMaskedEqual:
        return jump(BPF_JEQ, low, 0, after);
      case Compare::kGreaterOrEqual:
        return jump(BPF_JGE, low, 0, after);
      case Compare::kGreater:
        return jump(BPF_JGT, low, 0, after);
    }
    return result(0);
  }

  // Decides by the upper half alone where it can: `lower` instructions follow for the case that it
  // is equal.
  Code highTest(std::uint32_t high, std::size_t lower, std::size_t after) const {
    const std::size_t holds = lower, fails = lower + after;
    switch (condition_.compare) {
      case Compare::kNotEqual:
        return {jump(BPF_JEQ, high, 0, holds)};
      case Compare::kEqual:
      case Compare::kMaskedEqual:
        return {jump(BPF_JEQ, high, 0, fails)};
      case Compare::kLess:
      case Compare::kLessOrEqual:
        return {jump(BPF_JGT, high, fails + 1, 0), jump(BPF_JEQ, high, 0, holds)};
      case Compare::kGreaterOrEqual:
      case Compare::kGreater:
        return {jump(BPF_JGT, high, holds + 1, 0), jump(BPF_JEQ, high, 0, fails)};
    }
    return {};
  }

  const Condition& condition_;
  bool wide_;
};

Code outcomeCode(const Outcome& outcome, bool wide) {
  Code code;
  for (const auto& rule : outcome.rules) {
    // Backwards: each condition must know how far it is to the next rule.
    Code body{result(rule.result)};
    for (auto condition = rule.conditions.rbegin(); condition != rule.conditions.rend();
         ++condition) {
      Code whole = ConditionCode(*condition, wide).make(body.size());
      append(whole, body);
      body = std::move(whole);
    }
    append(code, body);
  }
  code.push_back(result(outcome.otherwise));
  return code;
}

// Numbers from `first` up to the next range share this code.
struct Range {
  std::uint32_t first;
  Code code;
};

bool same(const Code& a, const Code& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const sock_filter& x, const sock_filter& y) {
                      return x.code == y.code && x.jt == y.jt && x.jf == y.jf && x.k == y.k;
                    });
}

std::vector<Range> rangesOf(const Block& block) {
  // x32 has 32-bit arguments in 64-bit registers; the upper halves mean nothing.
  const bool wide = block.arch != Arch::kX86 && block.arch != Arch::kX32;
  const std::uint32_t base = block.arch == Arch::kX32 ? kX32Bit : 0;
  std::vector<Range> ranges;
  const auto add = [&](std::uint32_t first, Code code) {
    if (!ranges.empty() && ranges.back().first == first) ranges.pop_back();
    if (ranges.empty() || !same(ranges.back().code, code))
      ranges.push_back({first, std::move(code)});
  };
  add(base, {result(block.otherwise)});
  for (const auto& [number, outcome] : block.calls) {
    const std::uint32_t at = base + static_cast<std::uint32_t>(number);
    add(at, outcomeCode(outcome, wide));
    add(at + 1, {result(block.otherwise)});
  }
  if (block.last >= 0)
    add(base + static_cast<std::uint32_t>(block.last) + 1, {result(block.beyond)});
  // The kernel's own "no such call": -1, as a tracer sets it.
  add(0xffffffff, {result(block.otherwise)});
  return ranges;
}

// Halves the ranges until one is left. Conditional jumps reach 255 instructions; further ones take
// a detour.
Code searchTree(const std::vector<Range>& ranges, std::size_t from, std::size_t to) {
  if (to - from == 1) return ranges[from].code;
  const std::size_t middle = (from + to) / 2;
  const Code left = searchTree(ranges, from, middle);
  const Code right = searchTree(ranges, middle, to);
  Code code;
  if (left.size() <= 255) {
    code.push_back(jump(BPF_JGE, ranges[middle].first, left.size(), 0));
  } else {
    code.push_back(jump(BPF_JGE, ranges[middle].first, 0, 1));
    code.push_back(statement(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(left.size())));
  }
  append(code, left);
  append(code, right);
  return code;
}

std::uint32_t auditArch(Arch arch) {
  switch (arch) {
    case Arch::kX86_64:
    case Arch::kX32:
      return AUDIT_ARCH_X86_64;
    case Arch::kX86:
      return AUDIT_ARCH_I386;
    case Arch::kArm64:
      return AUDIT_ARCH_AARCH64;
  }
  return 0;
}

// x86-64 and x32 have one name and differ in a bit of the number. Without x32 its numbers are
// foreign.
std::vector<Range> joined(const std::vector<Block>& blocks, const Block& block,
                          std::uint32_t foreign) {
  std::vector<Range> ranges = rangesOf(block);
  if (block.arch != Arch::kX86_64) return ranges;
  const auto x32 = std::find_if(blocks.begin(), blocks.end(),
                                [](const Block& other) { return other.arch == Arch::kX32; });
  const Range end = ranges.back();
  if (end.first == 0xffffffff) ranges.pop_back();
  if (x32 == blocks.end()) {
    ranges.push_back({kX32Bit, {result(foreign)}});
  } else {
    for (auto& range : rangesOf(*x32)) ranges.push_back(std::move(range));
    if (ranges.back().first == 0xffffffff) ranges.pop_back();
  }
  ranges.push_back({0xffffffff, {result(block.otherwise)}});
  return ranges;
}

}  // namespace

Code emit(const std::vector<Block>& blocks, std::uint32_t foreign) {
  Code code{statement(kLoad, offsetof(seccomp_data, arch))};
  for (const auto& block : blocks) {
    if (block.arch == Arch::kX32) continue;
    const std::vector<Range> ranges = joined(blocks, block, foreign);
    Code body{statement(kLoad, offsetof(seccomp_data, nr))};
    append(body, searchTree(ranges, 0, ranges.size()));
    code.push_back(jump(BPF_JEQ, auditArch(block.arch), 1, 0));
    code.push_back(statement(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(body.size())));
    append(code, body);
  }
  code.push_back(result(foreign));
  if (code.size() > BPF_MAXINSNS) {
    base::fail(base::Code::kInvalidArgument,
               "the seccomp profile needs {} instructions, the kernel takes {}", code.size(),
               BPF_MAXINSNS);
  }
  return code;
}

}  // namespace seccomp
