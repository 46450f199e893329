#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>
#include <mutex>
#include <optional>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "runtime/seccomp/emitter.h"
#include "runtime/seccomp/seccomp.h"

namespace seccomp {
namespace {

using base::fail;
constexpr auto kInvalid = base::Code::kInvalidArgument;

#if defined(__aarch64__)
constexpr Arch kNative = Arch::kArm64;
#else
constexpr Arch kNative = Arch::kX86_64;
#endif

std::uint32_t actionResult(const std::string& action, const std::optional<unsigned>& errnoRet) {
  const std::uint32_t data = errnoRet.value_or(EPERM) & SECCOMP_RET_DATA;
  if (action == "SCMP_ACT_ALLOW") return SECCOMP_RET_ALLOW;
  if (action == "SCMP_ACT_ERRNO") return SECCOMP_RET_ERRNO | data;
  if (action == "SCMP_ACT_KILL" || action == "SCMP_ACT_KILL_THREAD") return SECCOMP_RET_KILL_THREAD;
  if (action == "SCMP_ACT_KILL_PROCESS") return SECCOMP_RET_KILL_PROCESS;
  if (action == "SCMP_ACT_TRAP") return SECCOMP_RET_TRAP;
  if (action == "SCMP_ACT_TRACE") return SECCOMP_RET_TRACE | data;
  if (action == "SCMP_ACT_LOG") return SECCOMP_RET_LOG;
  if (action == "SCMP_ACT_NOTIFY")
    fail(base::Code::kNotImplemented, "seccomp action SCMP_ACT_NOTIFY");
  fail(kInvalid, "invalid seccomp action {}", base::quote(action));
}

Condition conditionOf(const oci::SeccompArg& arg, const std::string& call) {
  static const std::pair<const char*, Compare> kOperators[] = {
      {"SCMP_CMP_NE", Compare::kNotEqual},          {"SCMP_CMP_LT", Compare::kLess},
      {"SCMP_CMP_LE", Compare::kLessOrEqual},       {"SCMP_CMP_EQ", Compare::kEqual},
      {"SCMP_CMP_GE", Compare::kGreaterOrEqual},    {"SCMP_CMP_GT", Compare::kGreater},
      {"SCMP_CMP_MASKED_EQ", Compare::kMaskedEqual}};
  if (arg.index > 5)
    fail(kInvalid, "seccomp rule for {}: a system call has no argument {}", call, arg.index);
  for (const auto& [word, compare] : kOperators) {
    if (arg.op == word) return {arg.index, compare, arg.value, arg.valueTwo};
  }
  fail(kInvalid, "seccomp rule for {}: invalid operator {}", call, base::quote(arg.op));
}

// nullopt: an architecture whose programs this build cannot filter; they are refused as foreign.
std::optional<Arch> archOf(const std::string& name) {
  static const char* kOthers[] = {"ARM",         "MIPS",        "MIPS64", "MIPS64N32", "MIPSEL",
                                  "MIPSEL64",    "MIPSEL64N32", "PPC",    "PPC64",     "PPC64LE",
                                  "S390",        "S390X",       "PARISC", "PARISC64",  "RISCV64",
                                  "LOONGARCH64", "M68K",        "SH",     "SHEB"};
  if (name == "SCMP_ARCH_X86_64") return Arch::kX86_64;
  if (name == "SCMP_ARCH_X86") return Arch::kX86;
  if (name == "SCMP_ARCH_X32") return Arch::kX32;
  if (name == "SCMP_ARCH_AARCH64") return Arch::kArm64;
  if (name == "SCMP_ARCH_NATIVE") return kNative;
  for (const char* other : kOthers) {
    if (name == std::string("SCMP_ARCH_") + other) return std::nullopt;
  }
  fail(kInvalid, "invalid seccomp architecture {}", base::quote(name));
}

std::uint32_t flagsOf(const std::vector<std::string>& names) {
  std::uint32_t flags = 0;
  for (const auto& name : names) {
    if (name == "SECCOMP_FILTER_FLAG_LOG") {
      flags |= SECCOMP_FILTER_FLAG_LOG;
    } else if (name == "SECCOMP_FILTER_FLAG_SPEC_ALLOW") {
      flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    } else if (name == "SECCOMP_FILTER_FLAG_TSYNC" ||
               name == "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV") {
      continue;  // one thread loads it; nobody is notified
    } else {
      fail(kInvalid, "seccomp flags {} are not known", base::quote(name));
    }
  }
  return flags;
}

// A rule whose conditions name an argument twice means "or", and every one of them is a rule of its
// own.
std::vector<std::vector<Condition>> alternatives(const oci::SeccompSyscall& call) {
  std::vector<Condition> all;
  unsigned seen = 0;
  bool repeated = false;
  for (const auto& arg : call.args) {
    all.push_back(conditionOf(arg, base::join(call.names, ",")));
    repeated |= (seen >> arg.index & 1) != 0;
    seen |= 1u << arg.index;
  }
  if (!repeated) return {all};
  std::vector<std::vector<Condition>> result;
  for (const auto& one : all) result.push_back({one});
  return result;
}

class Builder {
 public:
  Builder(const oci::Seccomp& rules, Arch arch) : rules_(rules) {
    block_.arch = arch;
    block_.otherwise = actionResult(rules.defaultAction, rules.defaultErrnoRet);
  }

  Block build() {
    for (const auto& call : rules_.syscalls) addCall(call);
    // A call that no rule knows because it is newer must not look forbidden: C libraries fall back
    // on ENOSYS only.
    const bool allows =
        rules_.defaultAction == "SCMP_ACT_ALLOW" || rules_.defaultAction == "SCMP_ACT_LOG";
    block_.beyond = SECCOMP_RET_ERRNO | ENOSYS;
    if (allows || last_ < 0) block_.beyond = block_.otherwise;
    block_.last = last_;
    return std::move(block_);
  }

 private:
  void addCall(const oci::SeccompSyscall& call) {
    const std::uint32_t result = actionResult(call.action, call.errnoRet);
    const auto conditions = alternatives(call);
    for (const auto& name : call.names) {
      const Syscall* known = findSyscall(name);
      if (!known) continue;
      if (const int number = known->number(block_.arch); number >= 0) {
        last_ = std::max(last_, number);
        if (result != block_.otherwise) {
          for (const auto& one : conditions) add(number, one, result);
        }
      }
      int family = 0;
      const int code = block_.arch == Arch::kX86 ? multiplexed(name, family) : 0;
      // Arguments of a member lie in memory there, where a filter cannot look.
      if (code != 0 && call.args.empty() && result != block_.otherwise) {
        add(family, {{0, Compare::kEqual, static_cast<std::uint64_t>(code), 0}}, result);
      }
    }
  }

  // A rule without conditions decides the call, whatever others say; of several the first counts.
  void add(int number, const std::vector<Condition>& conditions, std::uint32_t result) {
    auto [at, fresh] = block_.calls.try_emplace(number);
    Outcome& outcome = at->second;
    if (fresh) outcome.otherwise = block_.otherwise;
    if (decided_.contains(number)) return;
    if (conditions.empty()) {
      decided_.insert({number, true});
      outcome = {{}, result};
    } else {
      outcome.rules.push_back({conditions, result});
    }
  }

  const oci::Seccomp& rules_;
  Block block_;
  std::map<int, bool> decided_;
  int last_ = -1;
};

Filter compileAnew(const oci::Seccomp& rules) {
  std::vector<Arch> arches{kNative};
  for (const auto& name : rules.architectures) {
    const auto arch = archOf(name);
    if (arch && std::find(arches.begin(), arches.end(), *arch) == arches.end())
      arches.push_back(*arch);
  }
  std::vector<Block> blocks;
  for (const Arch arch : arches) blocks.push_back(Builder(rules, arch).build());
  const auto code = emit(blocks, SECCOMP_RET_KILL_THREAD);
  Filter filter;
  filter.program.assign(reinterpret_cast<const char*>(code.data()),
                        code.size() * sizeof(sock_filter));
  filter.flags = flagsOf(rules.flags);
  return filter;
}

// Everything that compileAnew reads, unambiguously.
std::string keyOf(const oci::Seccomp& rules) {
  std::string key = rules.defaultAction + fmt::format("/{}/", rules.defaultErrnoRet.value_or(~0u));
  for (const auto& arch : rules.architectures) key += arch + ",";
  key += ";";
  for (const auto& flag : rules.flags) key += flag + ",";
  for (const auto& call : rules.syscalls) {
    key += fmt::format("\n{} {}:", call.action, call.errnoRet.value_or(~0u));
    for (const auto& name : call.names) key += name + ",";
    for (const auto& arg : call.args)
      key += fmt::format("[{} {} {} {}]", arg.index, arg.value, arg.valueTwo, arg.op);
  }
  return key;
}

class Cache {
 public:
  std::optional<Filter> find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
      if (at->first != key) continue;
      entries_.splice(entries_.begin(), entries_, at);
      return entries_.front().second;
    }
    return std::nullopt;
  }
  void add(const std::string& key, const Filter& filter) {
    const std::lock_guard lock(mutex_);
    entries_.emplace_front(key, filter);
    if (entries_.size() > kEntries) entries_.pop_back();
  }

 private:
  static constexpr size_t kEntries = 8;
  std::mutex mutex_;
  std::list<std::pair<std::string, Filter>> entries_;
};

}  // namespace

Filter compile(const oci::Seccomp& rules) {
  static Cache cache;
  const std::string key = keyOf(rules);
  if (auto known = cache.find(key)) return *known;
  Filter filter = compileAnew(rules);
  cache.add(key, filter);
  return filter;
}

}  // namespace seccomp
