#include "runtime/launch/accounts.h"

#include "runtime/launch/child.h"

namespace launch {
namespace {

constexpr std::size_t kMaxFileBytes = 64u << 20;

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
      if (used + 1 < kMaxAccountField) {
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
long openTable(long root, const char* path) noexcept {
  const long fd = openInside(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return -1;
  struct stat info {};
  if (kernel::statFd(fd, info) == 0 && S_ISREG(info.st_mode)) return fd;
  kernel::close(fd);
  return -1;
}

template <class... Pieces>
bool refuse(Failure& failure, Pieces... pieces) noexcept {
  failure.step = Step::kUser;
  Line line(failure.text, sizeof failure.text);
  (line.add(pieces), ...);
  return false;
}

bool tooBig(Failure& failure, const char* path) noexcept {
  failure.error = EFBIG;
  return refuse(failure, path, " of the container: ", errorText(EFBIG));
}

bool outOfRange(Failure& failure) noexcept {
  return refuse(failure, "uids and gids must be in range 0-2147483647");
}

// The first line with this name (when not null) or number; `account.listed` says whether there is.
bool findUser(long root, const char* name, std::uint64_t uid, Account& account,
              Failure& failure) noexcept {
  Table table(openTable(root, "/etc/passwd"));
  char number[kMaxAccountField];
  account.listed = false;
  while (table.nextLine()) {
    std::uint64_t ownUid = 0;
    std::uint64_t gid = 0;
    bool sound = table.field(account.name);
    if (account.name[0] == 0 || account.name[0] == '#') continue;
    sound &= table.field(number);  // password
    sound &= table.field(number) && parseNumber(number, ownUid) && ownUid <= kMaxId;
    sound &= table.field(number) && parseNumber(number, gid) && gid <= kMaxId;
    if (!sound) continue;
    table.field(number);  // comment
    table.field(account.home);
    if (name ? !equal(account.name, name) : ownUid != uid) continue;
    account.uid = static_cast<std::uint32_t>(ownUid);
    account.gid = static_cast<std::uint32_t>(gid);
    return account.listed = true;
  }
  return table.overflowed() ? tooBig(failure, "/etc/passwd") : true;
}

// `found`: whether there is a group of that name.
bool findGroup(long root, const char* name, std::uint64_t& gid, bool& found,
               Failure& failure) noexcept {
  Table table(openTable(root, "/etc/group"));
  char field[kMaxAccountField];
  found = false;
  while (table.nextLine()) {
    if (!table.field(field) || !equal(field, name)) continue;
    table.field(field);  // password
    if (table.field(field) && parseNumber(field, gid) && gid <= kMaxId) return found = true;
  }
  return table.overflowed() ? tooBig(failure, "/etc/group") : true;
}

}  // namespace

bool resolveGroup(long root, const char* group, std::uint32_t& gid, Failure& failure) noexcept {
  std::uint64_t number = 0;
  if (looksNumeric(group)) {
    if (!parseNumber(group, number) || number > kMaxId) return outOfRange(failure);
  } else {
    bool found = false;
    if (!findGroup(root, group, number, found, failure)) return false;
    if (!found)
      return refuse(failure, "unable to find group ", group, ": no matching entries in group file");
  }
  gid = static_cast<std::uint32_t>(number);
  return true;
}

bool lookUpAccount(long root, std::uint32_t uid, Account& account, Failure& failure) noexcept {
  return findUser(root, nullptr, uid, account, failure);
}

bool resolveAccount(long root, const char* spec, Account& account, Failure& failure) noexcept {
  char user[kMaxAccountField];
  std::size_t size = 0;
  while (spec[size] && spec[size] != ':') ++size;
  if (size >= sizeof user) {
    failure.error = EINVAL;
    return refuse(failure, "user name too long");
  }
  for (std::size_t i = 0; i < size; ++i) user[i] = spec[i];
  user[size] = 0;
  const char* group = spec[size] == ':' ? spec + size + 1 : "";

  std::uint64_t uid = 0;
  const bool numeric = looksNumeric(user);
  if (numeric && (!parseNumber(user, uid) || uid > kMaxId)) return outOfRange(failure);
  const bool byName = *user && !numeric;
  if (!findUser(root, byName ? user : nullptr, uid, account, failure)) return false;
  if (!account.listed) {
    if (byName)
      return refuse(failure, "unable to find user ", static_cast<const char*>(user),
                    ": no matching entries in passwd file");
    account.uid = static_cast<std::uint32_t>(uid);
    account.gid = 0;
  }
  account.groupAsked = *group != 0;
  return !account.groupAsked || resolveGroup(root, group, account.gid, failure);
}

bool eachMembership(long root, const char* member, bool (*each)(void* self, std::uint32_t gid),
                    void* self, Failure& failure) noexcept {
  Table table(openTable(root, "/etc/group"));
  char field[kMaxAccountField];
  while (table.nextLine()) {
    std::uint64_t gid = 0;
    table.field(field);
    if (field[0] == 0 || field[0] == '#') continue;
    table.field(field);  // password
    if (!table.field(field) || !parseNumber(field, gid) || gid > kMaxId) continue;
    while (!table.atLineEnd()) {
      if (table.field(field, ',') && equal(field, member)) {
        if (!each(self, static_cast<std::uint32_t>(gid))) return true;
        break;
      }
    }
  }
  return table.overflowed() ? tooBig(failure, "/etc/group") : true;
}

}  // namespace launch
