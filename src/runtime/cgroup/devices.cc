// Which devices a container may use: rules come down to a default and exceptions, for v1's files as
// for v2's program.
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "runtime/cgroup/files.h"

namespace cgroup {
namespace {

unsigned accessBits(const std::string& access) {
  unsigned bits = 0;
  for (const char c : access) {
    if (c == 'r') {
      bits |= kRead;
    } else if (c == 'w') {
      bits |= kWrite;
    } else if (c == 'm') {
      bits |= kMknod;
    } else {
      base::fail(base::Code::kInvalidArgument, "invalid device access {}", base::quote(access));
    }
  }
  return bits;
}

std::optional<std::int64_t> numberOrAny(const std::optional<std::int64_t>& number) {
  return number && *number >= 0 ? number : std::nullopt;  // -1: any, as older callers say it
}

}  // namespace

DeviceState deviceState(const std::vector<oci::DeviceCgroup>& rules) {
  DeviceState state;
  for (const auto& rule : rules) {
    if (rule.type.empty() || rule.type == "a") {
      state = {rule.allow, {}};
      continue;
    }
    if (rule.type != "b" && rule.type != "c") {
      base::fail(base::Code::kInvalidArgument, "invalid device type {}", base::quote(rule.type));
    }
    const DeviceState::Key key{rule.type[0], numberOrAny(rule.major), numberOrAny(rule.minor)};
    const unsigned bits = accessBits(rule.access);
    if (rule.allow != state.allowAll) {
      state.exceptions[key] |= bits;
    } else if (const auto found = state.exceptions.find(key); found != state.exceptions.end()) {
      found->second &= ~bits;
      if (found->second == 0) state.exceptions.erase(found);
    }
  }
  return state;
}

namespace {

bpf_insn instruction(unsigned code, unsigned destination, unsigned source, int offset,
                     int immediate) {
  bpf_insn result{};
  result.code = static_cast<__u8>(code);
  result.dst_reg = destination & 15;
  result.src_reg = source & 15;
  result.off = static_cast<__s16>(offset);
  result.imm = immediate;
  return result;
}

// Registers of the program: r2 type, r3 access, r4 major, r5 minor; r1 holds the context on entry.
void appendException(std::vector<bpf_insn>& code, const DeviceState::Key& key, unsigned bits,
                     bool deny) {
  std::vector<bpf_insn>
      tests;  // jump offsets are filled in below: every failed test leaves the block
  const auto unless = [&](unsigned reg, std::int64_t value) {
    tests.push_back(instruction(BPF_JMP | BPF_JNE | BPF_K, reg, 0, 0, static_cast<int>(value)));
  };
  unless(2, key.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
  if (key.major) unless(4, *key.major);
  if (key.minor) unless(5, *key.minor);
  tests.push_back(instruction(BPF_ALU | BPF_MOV | BPF_X, 1, 3, 0, 0));
  if (deny) {
    // Any of the forbidden kinds asked for.
    tests.push_back(instruction(BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, static_cast<int>(bits)));
    tests.push_back(instruction(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0, 0));
  } else {
    // Nothing else than the allowed kinds asked for.
    tests.push_back(instruction(BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, static_cast<int>(~bits & 7)));
    tests.push_back(instruction(BPF_JMP | BPF_JNE | BPF_K, 1, 0, 0, 0));
  }
  tests.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, deny ? 0 : 1));
  tests.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  for (size_t i = 0; i < tests.size(); ++i) {
    const unsigned kind = tests[i].code;
    if (kind == (BPF_JMP | BPF_JNE | BPF_K) || kind == (BPF_JMP | BPF_JEQ | BPF_K)) {
      tests[i].off = static_cast<__s16>(tests.size() - i - 1);
    }
  }
  code.insert(code.end(), tests.begin(), tests.end());
}

}  // namespace

std::string deviceProgram(const DeviceState& state) {
  std::vector<bpf_insn> code{
      instruction(BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(bpf_cgroup_dev_ctx, access_type), 0),
      instruction(BPF_ALU | BPF_MOV | BPF_X, 3, 2, 0, 0),
      instruction(BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, 0xffff),
      instruction(BPF_ALU | BPF_RSH | BPF_K, 3, 0, 0, 16),
      instruction(BPF_LDX | BPF_MEM | BPF_W, 4, 1, offsetof(bpf_cgroup_dev_ctx, major), 0),
      instruction(BPF_LDX | BPF_MEM | BPF_W, 5, 1, offsetof(bpf_cgroup_dev_ctx, minor), 0),
  };
  for (const auto& [key, bits] : state.exceptions) appendException(code, key, bits, state.allowAll);
  code.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, state.allowAll ? 1 : 0));
  code.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  return {reinterpret_cast<const char*>(code.data()), code.size() * sizeof(bpf_insn)};
}

namespace {

long bpf(int command, bpf_attr& attr) {
  return ::syscall(SYS_bpf, command, &attr, sizeof attr);
}

std::vector<sys::Fd> attachedPrograms(int dir) {
  __u32 ids[64];
  bpf_attr attr{};
  attr.query.target_fd = static_cast<__u32>(dir);
  attr.query.attach_type = BPF_CGROUP_DEVICE;
  attr.query.prog_ids = reinterpret_cast<__u64>(ids);
  attr.query.prog_cnt = 64;
  if (bpf(BPF_PROG_QUERY, attr) < 0) base::failErrno(errno, "bpf", "list device programs");
  std::vector<sys::Fd> programs;
  for (__u32 i = 0; i < attr.query.prog_cnt; ++i) {
    bpf_attr get{};
    get.prog_id = ids[i];
    const long fd = bpf(BPF_PROG_GET_FD_BY_ID, get);
    if (fd >= 0) programs.emplace_back(static_cast<int>(fd));
  }
  return programs;
}

sys::Fd load(const std::string& program) {
  static const char license[] = "Apache-2.0";
  bpf_attr attr{};
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = reinterpret_cast<__u64>(program.data());
  attr.insn_cnt = static_cast<__u32>(program.size() / sizeof(bpf_insn));
  attr.license = reinterpret_cast<__u64>(license);
  std::memcpy(attr.prog_name, "sampan_devices", 14);
  const long fd = bpf(BPF_PROG_LOAD, attr);
  if (fd < 0) base::failErrno(errno, "bpf", "load the device rules");
  return sys::Fd(static_cast<int>(fd));
}

}  // namespace

void attachDeviceProgram(int dir, const DeviceState& state) {
  const auto before = attachedPrograms(dir);
  if (!state.unrestricted()) {
    const sys::Fd program = load(deviceProgram(state));
    bpf_attr attr{};
    attr.target_fd = static_cast<__u32>(dir);
    attr.attach_bpf_fd = static_cast<__u32>(program.get());
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI;
    if (bpf(BPF_PROG_ATTACH, attr) < 0) base::failErrno(errno, "bpf", "attach the device rules");
  }
  // The new one stands before the old ones go: there is no moment without rules.
  for (const auto& program : before) {
    bpf_attr attr{};
    attr.target_fd = static_cast<__u32>(dir);
    attr.attach_bpf_fd = static_cast<__u32>(program.get());
    attr.attach_type = BPF_CGROUP_DEVICE;
    if (bpf(BPF_PROG_DETACH, attr) < 0 && errno != ENOENT)
      base::failErrno(errno, "bpf", "detach old device rules");
  }
}

}  // namespace cgroup
