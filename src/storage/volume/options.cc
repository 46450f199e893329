#include "storage/volume/options.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string_view>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/base/units.h"
#include "platform/sys/file.h"

namespace volume {
namespace {

using base::Code;

// One word of "o": what it sets at the mount, and in the old numbers that messages show.
struct Word {
  std::string_view name;
  unsigned long flag;
  bool clear;
  std::uint64_t attribute = 0;
  bool super = false;  // a flag of the file system itself, said by its name
};

constexpr std::array kWords = std::to_array<Word>({
    {"defaults", 0, false},
    {"ro", MS_RDONLY, false, MOUNT_ATTR_RDONLY, true},
    {"rw", MS_RDONLY, true, MOUNT_ATTR_RDONLY},
    {"nosuid", MS_NOSUID, false, MOUNT_ATTR_NOSUID},
    {"suid", MS_NOSUID, true, MOUNT_ATTR_NOSUID},
    {"nodev", MS_NODEV, false, MOUNT_ATTR_NODEV},
    {"dev", MS_NODEV, true, MOUNT_ATTR_NODEV},
    {"noexec", MS_NOEXEC, false, MOUNT_ATTR_NOEXEC},
    {"exec", MS_NOEXEC, true, MOUNT_ATTR_NOEXEC},
    {"sync", MS_SYNCHRONOUS, false, 0, true},
    {"async", MS_SYNCHRONOUS, true},
    {"dirsync", MS_DIRSYNC, false, 0, true},
    {"mand", MS_MANDLOCK, false, 0, true},
    {"nomand", MS_MANDLOCK, true},
    {"noatime", MS_NOATIME, false, MOUNT_ATTR_NOATIME},
    {"atime", MS_NOATIME, true, MOUNT_ATTR_NOATIME},
    {"nodiratime", MS_NODIRATIME, false, MOUNT_ATTR_NODIRATIME},
    {"diratime", MS_NODIRATIME, true, MOUNT_ATTR_NODIRATIME},
    {"relatime", MS_RELATIME, false},
    {"norelatime", MS_RELATIME, true},
    {"strictatime", MS_STRICTATIME, false, MOUNT_ATTR_STRICTATIME},
    {"nostrictatime", MS_STRICTATIME, true, MOUNT_ATTR_STRICTATIME},
    {"bind", MS_BIND, false},
    {"rbind", MS_BIND | MS_REC, false},
});

constexpr std::array kPropagations = std::to_array<Word>({
    {"private", MS_PRIVATE, false},
    {"rprivate", MS_PRIVATE | MS_REC, false},
    {"shared", MS_SHARED, false},
    {"rshared", MS_SHARED | MS_REC, false},
    {"slave", MS_SLAVE, false},
    {"rslave", MS_SLAVE | MS_REC, false},
    {"unbindable", MS_UNBINDABLE, false},
    {"runbindable", MS_UNBINDABLE | MS_REC, false},
});

template <size_t N>
const Word* find(const std::array<Word, N>& words, std::string_view name) {
  const auto found =
      std::find_if(words.begin(), words.end(), [&](const Word& word) { return word.name == name; });
  return found == words.end() ? nullptr : found;
}

void apply(MountPlan& plan, const Word& word) {
  if (word.clear) {
    plan.flags &= ~word.flag;
    plan.attributes &= ~word.attribute;
    plan.cleared |= word.attribute;
    std::erase_if(plan.super, [&](const auto& option) {
      return word.flag == MS_RDONLY && option.first == "ro";
    });
    return;
  }
  plan.flags |= word.flag;
  plan.attributes |= word.attribute;
  plan.cleared &= ~word.attribute;
  if (word.super) plan.super.emplace_back(word.name, std::nullopt);
}

std::string value(const Options& options, const std::string& key) {
  const auto found = options.find(key);
  return found == options.end() ? "" : found->second;
}

bool isNumericAddress(const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

std::string resolve(const std::string& host) {
  if (isNumericAddress(host)) return host;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (failure != 0) {
    base::fail(Code::kInternal, "error resolving passed in network volume address: lookup {}: {}",
               host, ::gai_strerror(failure));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  char text[NI_MAXHOST];
  ::getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  return text;
}

// The kernel takes numbers only: mount.nfs and mount.cifs would have looked the names up.
void resolveHosts(MountPlan& plan) {
  if (plan.type != "nfs" && plan.type != "nfs4" && plan.type != "cifs") return;
  for (auto& [key, text] : plan.super) {
    if (key == "addr" && text) text = resolve(*text);
  }
  if (plan.type == "cifs" && plan.device.starts_with("//")) {
    const auto end = std::min(plan.device.find('/', 2), plan.device.size());
    plan.device.replace(2, end - 2, resolve(plan.device.substr(2, end - 2)));
  }
}

std::string redacted(const std::string& data) {
  std::string shown;
  for (const std::string& word : base::split(data, ',')) {
    shown += (shown.empty() ? "" : ",") + (word.starts_with("password=") ? "password=****" : word);
  }
  return shown;
}

// The last parenthesis of makeMount's error; the rest could tell a password.
std::string kernelSays(const std::string& message) {
  const auto begin = message.rfind(" (");
  return begin == std::string::npos || message.find("password") != std::string::npos
             ? ""
             : message.substr(begin);
}

sys::Fd makeBind(const MountPlan& plan) {
  const sys::Fd source = sys::openAt(AT_FDCWD, plan.device, O_PATH);
  sys::Fd mount = sys::cloneMount(source.get(), plan.recursive);
  constexpr std::uint64_t kTimes = MOUNT_ATTR_NOATIME | MOUNT_ATTR_STRICTATIME;
  // The access time modes are one field: to set one is to clear the field first.
  const std::uint64_t cleared = plan.attributes & kTimes
                                    ? (plan.cleared & ~kTimes) | MOUNT_ATTR__ATIME
                                    : plan.cleared & ~kTimes;
  if (plan.attributes != 0 || cleared != 0) {
    sys::setMountAttributes(mount.get(), plan.attributes, cleared, plan.recursive);
  }
  return mount;
}

}  // namespace

void validateName(const std::string& name) {
  if (name.size() == 1) {
    base::fail(Code::kInvalidArgument,
               "volume name is too short, names should be at least two alphanumeric characters");
  }
  const auto alnum = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  const bool good =
      !name.empty() && alnum(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
        return alnum(c) || c == '_' || c == '.' || c == '-';
      });
  if (!good) {
    base::fail(Code::kInvalidArgument,
               "{} includes invalid characters for a local volume name, only "
               "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. "
               "If you intended to pass a host directory, use absolute path",
               base::quote(name));
  }
  if (name.size() > 255)
    base::fail(Code::kInvalidArgument, "volume name is too long: file name too long");
}

void validateOptions(const Options& options) {
  for (const auto& [key, text] : options) {
    if (key != "type" && key != "device" && key != "o" && key != "size") {
      base::fail(Code::kInvalidArgument, "invalid option: {}", base::quote(key));
    }
  }
  if (options.contains("size")) {
    if (base::parseRamBytes(value(options, "size")) > 0) {
      base::fail(Code::kInvalidArgument, "quota size requested but no quota support");
    }
  }
  const auto require = [&](const char* key, const char* other) {
    if (!options.contains(key) || options.contains(other)) return;
    base::fail(Code::kInvalidArgument, "missing required option: {}", base::quote(other));
  };
  require("type", "device");
  require("device", "type");
  require("o", "device");
}

MountPlan planMount(const Options& options) {
  MountPlan plan;
  plan.type = value(options, "type");
  plan.device = value(options, "device");
  plan.needed = !plan.type.empty() || !plan.device.empty();
  for (const std::string& text : base::split(value(options, "o"), ',')) {
    if (text.empty()) continue;
    if (const Word* word = find(kPropagations, text)) {
      plan.propagation = word->flag;
    } else if (const Word* flag = find(kWords, text)) {
      apply(plan, *flag);
    } else {
      const auto [key, argument] = base::cut(text, '=');
      plan.super.emplace_back(key, argument ? std::optional<std::string>(*argument) : std::nullopt);
      plan.data += (plan.data.empty() ? "" : ",") + text;
    }
  }
  plan.bind = (plan.flags & MS_BIND) != 0;
  plan.recursive = (plan.flags & MS_REC) != 0;
  return plan;
}

sys::Fd makeVolumeMount(const MountPlan& wanted, const std::string& target) {
  MountPlan plan = wanted;
  resolveHosts(plan);
  try {
    sys::Fd mount;
    if (plan.bind) {
      mount = makeBind(plan);
    } else {
      std::vector<sys::MountOption> super{{"source", plan.device.empty() ? "none" : plan.device}};
      super.insert(super.end(), plan.super.begin(), plan.super.end());
      mount = sys::makeMount(plan.type, super, static_cast<unsigned>(plan.attributes));
    }
    if (plan.propagation != 0) {
      sys::setMountAttributes(mount.get(), 0, 0, (plan.propagation & MS_REC) != 0,
                              plan.propagation & ~MS_REC);
    }
    return mount;
  } catch (const base::Error& error) {
    if (error.sysErrno() == 0) throw;
    std::string what = fmt::format("mount {}:{}", plan.device, target);
    if (plan.flags != 0) what += fmt::format(", flags: {:#x}", plan.flags);
    if (!plan.data.empty()) what += ", data: " + redacted(plan.data);
    // Docker's text first; behind it what the kernel had to say.
    throw base::Error(
        Code::kInternal,
        fmt::format("error while mounting volume '{}': failed to mount local volume: {}: {}{}",
                    target, what, base::errnoText(error.sysErrno()), kernelSays(error.message())),
        error.sysErrno());
  }
}

}  // namespace volume
