#include "runtime/spec/mount_options.h"

#include <linux/mount.h>

#include <map>
#include <string_view>

#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace spec {
namespace {

struct Attribute {
  std::uint64_t set, clear;
};

// By the word without a leading "r" for recursive. An access time mode replaces the one before.
const std::map<std::string_view, Attribute>& attributes() {
  static const std::map<std::string_view, Attribute> table{
      {"ro", {MOUNT_ATTR_RDONLY, 0}},
      {"rw", {0, MOUNT_ATTR_RDONLY}},
      {"nosuid", {MOUNT_ATTR_NOSUID, 0}},
      {"suid", {0, MOUNT_ATTR_NOSUID}},
      {"nodev", {MOUNT_ATTR_NODEV, 0}},
      {"dev", {0, MOUNT_ATTR_NODEV}},
      {"noexec", {MOUNT_ATTR_NOEXEC, 0}},
      {"exec", {0, MOUNT_ATTR_NOEXEC}},
      {"nodiratime", {MOUNT_ATTR_NODIRATIME, 0}},
      {"diratime", {0, MOUNT_ATTR_NODIRATIME}},
      {"nosymfollow", {MOUNT_ATTR_NOSYMFOLLOW, 0}},
      {"symfollow", {0, MOUNT_ATTR_NOSYMFOLLOW}},
      {"noatime", {MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME}},
      {"atime", {0, MOUNT_ATTR__ATIME}},
      {"relatime", {0, MOUNT_ATTR__ATIME}},
      {"norelatime", {MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME}},
      {"strictatime", {MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME}},
      {"nostrictatime", {0, MOUNT_ATTR__ATIME}},
  };
  return table;
}

const std::map<std::string_view, std::uint32_t>& propagations() {
  constexpr std::uint32_t kShared = 1 << 20, kSlave = 1 << 19, kPrivate = 1 << 18,
                          kUnbindable = 1 << 17;
  constexpr std::uint32_t kRecursive = 16384;
  static const std::map<std::string_view, std::uint32_t> table{
      {"shared", kShared},         {"rshared", kShared | kRecursive},
      {"slave", kSlave},           {"rslave", kSlave | kRecursive},
      {"private", kPrivate},       {"rprivate", kPrivate | kRecursive},
      {"unbindable", kUnbindable}, {"runbindable", kUnbindable | kRecursive},
  };
  return table;
}

// A later word wins over an earlier one.
void apply(const Attribute& attribute, std::uint64_t& set, std::uint64_t& clear) {
  set = (set & ~attribute.clear) | attribute.set;
  clear = (clear & ~attribute.set) | attribute.clear;
}

bool applyAttribute(const std::string& word, MountOptions& result) {
  if (const auto found = attributes().find(word); found != attributes().end()) {
    apply(found->second, result.set, result.clear);
    return true;
  }
  if (word.starts_with('r')) {
    const auto found = attributes().find(std::string_view(word).substr(1));
    if (found != attributes().end()) {
      apply(found->second, result.treeSet, result.treeClear);
      return true;
    }
  }
  return false;
}

}  // namespace

MountOptions parseMountOptions(const std::vector<std::string>& options) {
  MountOptions result;
  for (const auto& word : options) {
    if (word == "bind" || word == "rbind") {
      result.bind = true;
      result.recursive |= word == "rbind";
    } else if (word == "remount") {
      result.remount = true;
    } else if (word == "tmpcopyup") {
      result.copyUp = true;
    } else if (word == "idmap" || word == "ridmap") {
      result.idmap = true;
    } else if (word.empty() || word == "defaults" || word == "silent" || word == "loud" ||
               word == "async" || word == "nomand" || word == "nolazytime" ||
               word == "noiversion") {
      continue;  // what the kernel does anyway
    } else if (const auto kind = propagations().find(word); kind != propagations().end()) {
      result.propagation = kind->second;
    } else if (!applyAttribute(word, result)) {
      const auto [key, value] = base::cut(word, '=');
      result.data.emplace_back(std::string(key),
                               value ? std::optional<std::string>(*value) : std::nullopt);
    }
  }
  return result;
}

std::uint32_t parsePropagation(const std::string& word) {
  if (word.empty()) return 0;
  const auto found = propagations().find(word);
  if (found == propagations().end()) {
    base::fail(base::Code::kInvalidArgument, "rootfsPropagation={} is not supported", word);
  }
  return found->second;
}

std::string cleanPath(const std::string& path) {
  std::vector<std::string> kept;
  for (auto& piece : base::split(path, '/')) {
    if (piece.empty() || piece == ".") continue;
    if (piece != "..") {
      kept.push_back(std::move(piece));
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  return "/" + base::join(kept, "/");
}

}  // namespace spec
