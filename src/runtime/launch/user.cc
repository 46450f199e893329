// Who the program is (accounts.h), and becoming that.
#include <linux/capability.h>

#include "runtime/launch/accounts.h"
#include "runtime/launch/child.h"

namespace launch {
namespace {

Failure g_failure;  // this process is ours alone

[[noreturn]] void failAsSaid(ChildState& state) noexcept {
  state.fail(0, static_cast<const char*>(g_failure.text));
}

void addGid(ChildState& state, Identity& identity, std::uint32_t gid) noexcept {
  for (std::uint32_t i = 0; i < identity.gidCount; ++i) {
    if (identity.gids[i] == gid) return;
  }
  if (identity.gidCount == kMaxGids) state.fail(EINVAL, "too many groups");
  identity.gids[identity.gidCount++] = gid;
}

void addMemberships(ChildState& state, const char* member, Identity& identity) noexcept {
  struct Here {
    ChildState& state;
    Identity& identity;
  } here{state, identity};
  const auto add = [](void* self, std::uint32_t gid) noexcept {
    auto& to = *static_cast<Here*>(self);
    addGid(to.state, to.identity, gid);
    return true;
  };
  if (!eachMembership(state.rootFd, member, add, &here, g_failure)) failAsSaid(state);
}

void takeHome(Identity& identity, const Account& account) noexcept {
  identity.hasHome = true;
  Line(identity.home, sizeof identity.home).add(account.home);
}

void resolveText(ChildState& state, Identity& identity, Account& account) noexcept {
  if (!resolveAccount(state.rootFd, state.text(state.root.user), account, g_failure))
    failAsSaid(state);
  identity.uid = account.uid;
  identity.gid = account.gid;
  // The primary group is one of the supplementary, as login makes it: a file that refuses the group
  // refuses us (CVE-2022-36109).
  addGid(state, identity, identity.gid);
  if (!account.listed) return;
  if (!account.groupAsked) addMemberships(state, account.name, identity);
  takeHome(identity, account);
}

}  // namespace

void resolveUser(ChildState& state, Identity& identity) noexcept {
  state.enter(Step::kUser);
  identity.gids = static_cast<std::uint32_t*>(kernel::mapMemory(kMaxGids * sizeof(std::uint32_t)));
  if (!identity.gids) state.fail(ENOMEM, "memory for groups");
  static Account account;
  if (state.plan.has(kFlagResolveUser)) {
    resolveText(state, identity, account);
    for (std::uint32_t i = 0; i < state.root.groups.count; ++i) {
      const char* group = state.text(state.plan.at(state.root.groups, i));
      std::uint32_t gid = 0;
      if (!resolveGroup(state.rootFd, group, gid, g_failure)) failAsSaid(state);
      addGid(state, identity, gid);
    }
  } else {
    identity.uid = state.root.uid;
    identity.gid = state.root.gid;
    bool homeKnown = false;
    for (std::uint32_t i = 0; i < state.root.env.count && !homeKnown; ++i) {
      const Text variable = state.plan.at(state.root.env, i);
      homeKnown = variable.size > 5 && startsWith(state.text(variable), "HOME=");
    }
    if (!homeKnown) {
      if (!lookUpAccount(state.rootFd, identity.uid, account, g_failure)) failAsSaid(state);
      if (account.listed) takeHome(identity, account);
    }
  }
  for (std::uint32_t i = 0; i < state.root.gids.count; ++i) {
    addGid(state, identity, state.plan.at(state.root.gids, i));
  }
  // The streams belong to the program: /dev/stdout can be opened again by whoever it runs as.
  for (int i = 0; i < 3; ++i) {
    struct stat info {};
    if (kernel::statFd(i, info) < 0 || info.st_uid == identity.uid ||
        (S_ISCHR(info.st_mode) && info.st_rdev == kernel::kNullDevice))
      continue;
    sysraw::call(__NR_fchown, i, identity.uid,
                 info.st_gid);  // refused for what is not ours: then it stays
  }
}

void becomeUser(ChildState& state, const Identity& identity) noexcept {
  const CapabilitySets& sets = state.root.capabilities;
  const bool limited = state.plan.has(kFlagSetCapabilities);
  if (limited) {
    state.enter(Step::kCapabilities);
    for (int cap = 0; cap < 64; ++cap) {
      if ((state.available >> cap & 1) == 0 || (sets.bounding >> cap & 1) != 0) continue;
      state.check(kernel::prctl(24 /* PR_CAPBSET_DROP */, static_cast<unsigned long>(cap)),
                  "drop capability ", static_cast<long>(cap), " from the bounding set");
    }
    state.check(kernel::prctl(8 /* PR_SET_KEEPCAPS */, 1), "keep capabilities");
  }
  state.enter(Step::kUser);
  if (!state.plan.has(kFlagDenySetgroups)) {
    state.check(sysraw::call(__NR_setgroups, identity.gidCount, identity.gids), "setgroups");
  }
  state.check(sysraw::call(__NR_setresgid, identity.gid, identity.gid, identity.gid), "setgid to ",
              static_cast<long>(identity.gid));
  state.check(sysraw::call(__NR_setresuid, identity.uid, identity.uid, identity.uid), "setuid to ",
              static_cast<long>(identity.uid));
  if (!limited) return;
  state.enter(Step::kCapabilities);
  kernel::prctl(8 /* PR_SET_KEEPCAPS */, 0);
  // A host that lacks a capability cannot give it; the rest is still what was asked for.
  const std::uint64_t permitted = sets.permitted & state.available;
  const std::uint64_t effective = sets.effective & permitted;
  const std::uint64_t inheritable = sets.inheritable & state.available;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  for (int half = 0; half < 2; ++half) {
    data[half].effective = static_cast<std::uint32_t>(effective >> (32 * half));
    data[half].permitted = static_cast<std::uint32_t>(permitted >> (32 * half));
    data[half].inheritable = static_cast<std::uint32_t>(inheritable >> (32 * half));
  }
  state.check(sysraw::call(__NR_capset, &header, data), "set capabilities");
  const std::uint64_t ambient = sets.ambient & permitted & inheritable;
  for (int cap = 0; cap < 64; ++cap) {
    if ((ambient >> cap & 1) == 0) continue;
    state.check(
        kernel::prctl(47 /* PR_CAP_AMBIENT */, 2 /* raise */, static_cast<unsigned long>(cap)),
        "raise ambient capability ", static_cast<long>(cap));
  }
}

}  // namespace launch
