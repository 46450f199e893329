// Who the program is. Names are looked up in the container's own /etc/passwd and /etc/group by a
// reader with fixed memory: a file of any size or shape costs time bounded by kMaxFileBytes and
// nothing else (CVE-2026-47262).
#include <linux/capability.h>

#include "runtime/launch/child.h"

namespace launch {
namespace {

constexpr std::size_t kMaxFileBytes = 64u << 20;
constexpr std::uint64_t kMaxId =
    0x7fffffff;  // CVE-2024-40635: beyond it, ids wrap to root somewhere
constexpr std::size_t kMaxField = 4096;

// A decimal number without sign or blanks. False: not one. Numbers too large saturate.
bool parseNumber(const char* text, std::uint64_t& number) noexcept {
  if (*text == 0) return false;
  number = 0;
  for (; *text; ++text) {
    if (*text < '0' || *text > '9') return false;
    if (number <= kMaxId) number = number * 10 + static_cast<std::uint64_t>(*text - '0');
  }
  return true;
}

// Something like a number: such a text is never looked up as a name, or a line of the image's
// passwd could make "99999999999" root.
bool looksNumeric(const char* text) noexcept {
  if (*text == '-' || *text == '+') ++text;
  std::uint64_t number = 0;
  return parseNumber(text, number);
}

// Lines of fields separated by ':', one field at a time.
class Table {
 public:
  explicit Table(long fd) noexcept : fd_(fd) {}
  ~Table() { kernel::close(fd_); }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // False at the end of the file (or of what is read of it).
  bool nextLine() noexcept {
    if (started_) {
      while (peek() >= 0 && !atLineEnd()) take();
      if (peek() == '\n') take();
    }
    started_ = true;
    return peek() >= 0;
  }
  // The next field of this line, up to `separator` or ':'; empty past the end. False: too long,
  // cut.
  bool field(char* out, char separator = ':') noexcept {
    std::size_t used = 0;
    bool fits = true;
    while (peek() >= 0 && !atLineEnd()) {
      const int c = take();
      if (c == separator || c == ':') break;
      if (used + 1 < kMaxField) {
        out[used++] = static_cast<char>(c);
      } else {
        fits = false;
      }
    }
    out[used] = 0;
    return fits;
  }
  bool atLineEnd() noexcept { return peek() == '\n' || peek() < 0; }
  bool overflowed() const noexcept { return total_ > kMaxFileBytes; }

 private:
  int peek() noexcept {
    if (at_ == have_) {
      if (fd_ < 0 || done_ || total_ > kMaxFileBytes) return -1;
      const long got = kernel::read(fd_, buffer_, sizeof buffer_);
      if (got <= 0) {
        done_ = true;
        return -1;
      }
      at_ = 0;
      have_ = static_cast<std::size_t>(got);
      total_ += have_;
    }
    return static_cast<unsigned char>(buffer_[at_]);
  }
  int take() noexcept {
    const int c = peek();
    if (c >= 0) ++at_;
    return c;
  }

  long fd_;
  bool started_ = false, done_ = false;
  std::size_t at_ = 0, have_ = 0, total_ = 0;
  char buffer_[4096];
};

// Regular files only: a fifo would hang us, a device would do worse.
long openTable(const ChildState& state, const char* path) noexcept {
  const long fd = openInside(state.rootFd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return -1;
  struct stat info {};
  if (kernel::statFd(fd, info) == 0 && S_ISREG(info.st_mode)) return fd;
  kernel::close(fd);
  return -1;
}

struct PasswdEntry {
  char name[kMaxField];
  std::uint64_t uid = 0, gid = 0;
  char home[kMaxField];
};

// The first entry with this name (when not null) or number.
bool findUser(ChildState& state, const char* name, std::uint64_t uid, PasswdEntry& entry) noexcept {
  Table table(openTable(state, "/etc/passwd"));
  char number[kMaxField];
  while (table.nextLine()) {
    bool sound = table.field(entry.name);
    if (entry.name[0] == 0 || entry.name[0] == '#') continue;
    sound &= table.field(number);  // password
    sound &= table.field(number) && parseNumber(number, entry.uid) && entry.uid <= kMaxId;
    sound &= table.field(number) && parseNumber(number, entry.gid) && entry.gid <= kMaxId;
    if (!sound) continue;
    table.field(number);  // comment
    table.field(entry.home);
    if (name ? equal(entry.name, name) : entry.uid == uid) return true;
  }
  if (table.overflowed()) state.fail(EFBIG, "/etc/passwd of the container");
  return false;
}

void addGid(ChildState& state, Identity& identity, std::uint64_t gid) noexcept {
  for (std::uint32_t i = 0; i < identity.gidCount; ++i) {
    if (identity.gids[i] == gid) return;
  }
  if (identity.gidCount == kMaxGids) state.fail(EINVAL, "too many groups");
  identity.gids[identity.gidCount++] = static_cast<std::uint32_t>(gid);
}

// The group's number by name; false: none.
bool findGroup(ChildState& state, const char* name, std::uint64_t& gid) noexcept {
  Table table(openTable(state, "/etc/group"));
  char field[kMaxField];
  while (table.nextLine()) {
    if (!table.field(field) || !equal(field, name)) continue;
    table.field(field);  // password
    if (table.field(field) && parseNumber(field, gid) && gid <= kMaxId) return true;
  }
  if (table.overflowed()) state.fail(EFBIG, "/etc/group of the container");
  return false;
}

// Every group that lists `member`.
void addMemberships(ChildState& state, const char* member, Identity& identity) noexcept {
  Table table(openTable(state, "/etc/group"));
  char field[kMaxField];
  while (table.nextLine()) {
    std::uint64_t gid = 0;
    table.field(field);
    if (field[0] == 0 || field[0] == '#') continue;
    table.field(field);  // password
    if (!table.field(field) || !parseNumber(field, gid) || gid > kMaxId) continue;
    while (!table.atLineEnd()) {
      if (table.field(field, ',') && equal(field, member)) {
        addGid(state, identity, gid);
        break;
      }
    }
  }
  if (table.overflowed()) state.fail(EFBIG, "/etc/group of the container");
}

[[noreturn]] void outOfRange(ChildState& state) noexcept {
  state.fail(0, "uids and gids must be in range 0-2147483647");
}

std::uint64_t groupNumber(ChildState& state, const char* group) noexcept {
  std::uint64_t gid = 0;
  if (looksNumeric(group)) {
    if (!parseNumber(group, gid) || gid > kMaxId) outOfRange(state);
    return gid;
  }
  if (!findGroup(state, group, gid)) {
    state.fail(0, "unable to find group ", group, ": no matching entries in group file");
  }
  return gid;
}

void resolveText(ChildState& state, Identity& identity, PasswdEntry& entry) noexcept {
  static char user[kMaxField];  // this process is ours alone
  const char* spec = state.text(state.root.user);
  std::size_t size = 0;
  while (spec[size] && spec[size] != ':') ++size;
  if (size >= sizeof user) state.fail(EINVAL, "user name too long");
  for (std::size_t i = 0; i < size; ++i) user[i] = spec[i];
  user[size] = 0;
  const char* group = spec[size] == ':' ? spec + size + 1 : "";

  std::uint64_t uid = 0;
  const bool numeric = looksNumeric(user);
  if (numeric && (!parseNumber(user, uid) || uid > kMaxId)) outOfRange(state);
  const bool byName = *user && !numeric;
  const bool found = findUser(state, byName ? user : nullptr, uid, entry);
  if (!found && byName)
    state.fail(0, "unable to find user ", user, ": no matching entries in passwd file");
  identity.uid = static_cast<std::uint32_t>(found ? entry.uid : uid);
  identity.gid = found ? static_cast<std::uint32_t>(entry.gid) : 0;
  if (*group) identity.gid = static_cast<std::uint32_t>(groupNumber(state, group));
  // The primary group is one of the supplementary, as login makes it: a file that refuses the group
  // refuses us (CVE-2022-36109).
  addGid(state, identity, identity.gid);
  if (found && !*group) addMemberships(state, entry.name, identity);
  if (found) {
    identity.hasHome = true;
    Line(identity.home, sizeof identity.home).add(entry.home);
  }
}

}  // namespace

void resolveUser(ChildState& state, Identity& identity) noexcept {
  state.enter(Step::kUser);
  identity.gids = static_cast<std::uint32_t*>(kernel::mapMemory(kMaxGids * sizeof(std::uint32_t)));
  if (!identity.gids) state.fail(ENOMEM, "memory for groups");
  static PasswdEntry entry;
  if (state.plan.has(kFlagResolveUser)) {
    resolveText(state, identity, entry);
    for (std::uint32_t i = 0; i < state.root.groups.count; ++i) {
      addGid(state, identity, groupNumber(state, state.text(state.plan.at(state.root.groups, i))));
    }
  } else {
    identity.uid = state.root.uid;
    identity.gid = state.root.gid;
    bool homeKnown = false;
    for (std::uint32_t i = 0; i < state.root.env.count && !homeKnown; ++i) {
      const Text variable = state.plan.at(state.root.env, i);
      homeKnown = variable.size > 5 && startsWith(state.text(variable), "HOME=");
    }
    if (!homeKnown && findUser(state, nullptr, identity.uid, entry)) {
      identity.hasHome = true;
      Line(identity.home, sizeof identity.home).add(entry.home);
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
