#include "platform/sys/mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "platform/base/strings.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"

namespace sys {
namespace {

// What the kernel has to say about the last refusal: "e overlay: ..." lines, one a read. Reading
// consumes them.
std::string contextLog(int context) {
  std::string log;
  std::array<char, 1024> line;
  for (;;) {
    const auto n = ::read(context, line.data(), line.size());
    if (n <= 0) return log;
    std::string_view text = base::trim(std::string_view(line.data(), static_cast<size_t>(n)));
    if (text.size() > 2 && text[1] == ' ') text.remove_prefix(2);
    log += (log.empty() ? "" : "; ") + std::string(text);
  }
}

[[noreturn]] void refused(int context, const std::string& type, const std::string& what) {
  const int error = errno;
  const std::string log = contextLog(context);
  throw base::Error(base::Code::kInternal,
                    fmt::format("mount {}: {}: {}{}{}{}", type, what, base::errnoText(error),
                                log.empty() ? "" : " (", log, log.empty() ? "" : ")"),
                    error);
}

void configure(int context, const std::string& type, const MountOption& option) {
  const auto& [key, value] = option;
  const int done = value ? ::fsconfig(context, FSCONFIG_SET_STRING, key.c_str(), value->c_str(), 0)
                         : ::fsconfig(context, FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0);
  if (done < 0)
    refused(context, type, value ? fmt::format("option {}={:.200}", key, *value) : "option " + key);
}

std::string unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '3') {
      plain += static_cast<char>((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 |
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

}  // namespace

Fd makeMount(const std::string& type, const std::vector<MountOption>& options,
             unsigned attributes) {
  const Fd context(check(::fsopen(type.c_str(), FSOPEN_CLOEXEC), "fsopen", type));
  for (const MountOption& option : options) configure(context.get(), type, option);
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
    refused(context.get(), type, "create");
  Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, attributes));
  if (!mount.valid()) refused(context.get(), type, "fsmount");
  return mount;
}

Fd cloneMount(int fd, bool recursive) {
  const unsigned flags =
      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  return Fd(check(::open_tree(fd, "", flags), "open_tree"));
}

void setMountAttributes(int mount, std::uint64_t set, std::uint64_t clear, bool recursive,
                        std::uint64_t propagation) {
  mount_attr attributes{
      .attr_set = set, .attr_clr = clear, .propagation = propagation, .userns_fd = 0};
  const unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  check(::mount_setattr(mount, "", flags, &attributes, sizeof attributes), "mount_setattr");
}

void idmapMount(int mount, int userns, bool recursive) {
  mount_attr attributes{.attr_set = MOUNT_ATTR_IDMAP,
                        .attr_clr = 0,
                        .propagation = 0,
                        .userns_fd = static_cast<std::uint64_t>(userns)};
  const unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  check(::mount_setattr(mount, "", flags, &attributes, sizeof attributes), "mount_setattr",
        "idmap");
}

void attachMount(int mount, int target) {
  check(::move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH),
        "move_mount");
}

bool detachMount(const std::string& path) {
  if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) return true;
  if (errno == EINVAL || errno == ENOENT || errno == ENOTDIR) return false;
  base::failErrno(errno, "umount", path);
}

std::vector<MountInfo> readMounts() {
  std::vector<MountInfo> mounts;
  for (const std::string& line : base::split(readFile(AT_FDCWD, "/proc/self/mountinfo"), '\n')) {
    if (line.empty()) continue;
    const auto fields = base::split(line, ' ');
    size_t dash = 6;
    while (dash < fields.size() && fields[dash] != "-") ++dash;
    if (dash + 3 >= fields.size())
      base::fail(base::Code::kInternal, "mountinfo: line not understood: {}", line);
    MountInfo mount;
    mount.id = static_cast<int>(base::parseInt(fields[0]).value_or(0));
    mount.parent = static_cast<int>(base::parseInt(fields[1]).value_or(0));
    mount.device = fields[2];
    mount.root = unescape(fields[3]);
    mount.mountPoint = unescape(fields[4]);
    mount.options = fields[5];
    mount.propagation =
        base::join({fields.begin() + 6, fields.begin() + static_cast<long>(dash)}, " ");
    mount.type = fields[dash + 1];
    mount.source = unescape(fields[dash + 2]);
    mount.superOptions = unescape(fields[dash + 3]);
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

}  // namespace sys
