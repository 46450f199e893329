// Who a user is, by a container's own /etc/passwd and /etc/group. They are an image's: read through
// descriptors, confined to the root, regular files only, by a reader with fixed memory: a file of
// any size or shape costs time bounded by a maximum and nothing else (CVE-2026-47262).
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/launch/launch.h"

namespace launch {

inline constexpr std::uint64_t kMaxId =
    0x7fffffff;  // CVE-2024-40635: beyond it, ids wrap to root somewhere
inline constexpr std::size_t kMaxAccountField = 4096;

struct Account {
  std::uint32_t uid = 0, gid = 0;
  bool listed = false;      // it has a line in passwd: `name` and `home` are its
  bool groupAsked = false;  // the group was part of what was asked for
  char name[kMaxAccountField];
  char home[kMaxAccountField];
};

// All take the root as a descriptor, and on false have said why, as docker would, in
// `failure.text`.

// "", "user", "user:group", each by name or number; a number need not be listed.
bool resolveAccount(long root, const char* spec, Account& account, Failure& failure) noexcept;
bool resolveGroup(long root, const char* group, std::uint32_t& gid, Failure& failure) noexcept;
// The line of this number, if there is one.
bool lookUpAccount(long root, std::uint32_t uid, Account& account, Failure& failure) noexcept;
// Calls `each` for every group that lists `member`; its false ends.
bool eachMembership(long root, const char* member, bool (*each)(void* self, std::uint32_t gid),
                    void* self, Failure& failure) noexcept;

}  // namespace launch
