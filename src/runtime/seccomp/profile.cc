#include <algorithm>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/json/json.h"
#include "runtime/seccomp/seccomp.h"

namespace seccomp {

struct ProfileFilter {
  std::vector<std::string> caps;
  std::vector<std::string> arches;
  std::string minKernel;
};

struct ProfileArch {
  std::string architecture;
  std::vector<std::string> subArchitectures;
};

struct ProfileCall {
  std::string name;
  std::vector<std::string> names;
  std::string action;
  std::optional<unsigned> errnoRet;
  std::vector<oci::SeccompArg> args;
  ProfileFilter includes, excludes;
};

struct Profile {
  std::string defaultAction;
  std::optional<unsigned> defaultErrnoRet;
  std::vector<std::string> architectures;
  std::vector<ProfileArch> archMap;
  std::vector<std::string> flags;
  std::string listenerPath;
  std::string listenerMetadata;
  std::vector<ProfileCall> syscalls;
};

constexpr auto jsonFields(const ProfileFilter*) {
  return json::fields(json::field("caps", &ProfileFilter::caps),
                      json::field("arches", &ProfileFilter::arches),
                      json::field("minKernel", &ProfileFilter::minKernel));
}
constexpr auto jsonFields(const ProfileArch*) {
  return json::fields(json::field("architecture", &ProfileArch::architecture),
                      json::field("subArchitectures", &ProfileArch::subArchitectures));
}
constexpr auto jsonFields(const ProfileCall*) {
  return json::fields(
      json::field("name", &ProfileCall::name), json::field("names", &ProfileCall::names),
      json::field("action", &ProfileCall::action), json::field("errnoRet", &ProfileCall::errnoRet),
      json::field("args", &ProfileCall::args), json::field("includes", &ProfileCall::includes),
      json::field("excludes", &ProfileCall::excludes));
}
constexpr auto jsonFields(const Profile*) {
  return json::fields(json::field("defaultAction", &Profile::defaultAction),
                      json::field("defaultErrnoRet", &Profile::defaultErrnoRet),
                      json::field("architectures", &Profile::architectures),
                      json::field("archMap", &Profile::archMap),
                      json::field("flags", &Profile::flags),
                      json::field("listenerPath", &Profile::listenerPath),
                      json::field("listenerMetadata", &Profile::listenerMetadata),
                      json::field("syscalls", &Profile::syscalls));
}

namespace {

using base::fail;
constexpr auto kInvalid = base::Code::kInvalidArgument;

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// "4.8": at least that kernel.
bool kernelIsAtLeast(const std::string& version, const Conditions& conditions) {
  const auto pieces = base::split(version, '.');
  const auto major = pieces.size() == 2 ? base::parseUint(pieces[0]) : std::nullopt;
  const auto minor = pieces.size() == 2 ? base::parseUint(pieces[1]) : std::nullopt;
  if (!major || !minor)
    fail(kInvalid, "invalid kernel version {} in the seccomp profile", base::quote(version));
  const auto have = std::pair(static_cast<std::uint64_t>(conditions.kernelMajor),
                              static_cast<std::uint64_t>(conditions.kernelMinor));
  return have >= std::pair(*major, *minor);
}

bool applies(const ProfileCall& call, const Conditions& conditions) {
  const auto& no = call.excludes;
  if (contains(no.arches, conditions.architecture)) return false;
  for (const auto& cap : no.caps) {
    if (contains(conditions.capabilities, cap)) return false;
  }
  if (!no.minKernel.empty() && kernelIsAtLeast(no.minKernel, conditions)) return false;
  const auto& yes = call.includes;
  if (!yes.arches.empty() && !contains(yes.arches, conditions.architecture)) return false;
  for (const auto& cap : yes.caps) {
    if (!contains(conditions.capabilities, cap)) return false;
  }
  return yes.minKernel.empty() || kernelIsAtLeast(yes.minKernel, conditions);
}

std::string seccompArch(const std::string& goName) {
  if (goName == "amd64") return "SCMP_ARCH_X86_64";
  if (goName == "arm64") return "SCMP_ARCH_AARCH64";
  fail(base::Code::kNotImplemented, "seccomp on {}", goName);
}

const Profile& builtIn() {
  static const Profile profile = json::parse<Profile>(defaultProfile());
  return profile;
}

oci::Seccomp select(const Profile& profile, const Conditions& conditions) {
  if (!profile.architectures.empty() && !profile.archMap.empty()) {
    fail(kInvalid,
         "both 'architectures' and 'archMap' are specified in the seccomp profile, use either "
         "'architectures' or 'archMap'");
  }
  oci::Seccomp result;
  result.defaultAction = profile.defaultAction;
  result.defaultErrnoRet = profile.defaultErrnoRet;
  result.architectures = profile.architectures;
  result.flags = profile.flags;
  result.listenerPath = profile.listenerPath;
  result.listenerMetadata = profile.listenerMetadata;
  for (const auto& entry : profile.archMap) {
    if (entry.architecture != seccompArch(conditions.architecture)) continue;
    result.architectures.push_back(entry.architecture);
    for (const auto& sub : entry.subArchitectures) result.architectures.push_back(sub);
  }
  for (const auto& call : profile.syscalls) {
    if (!call.name.empty() && !call.names.empty()) {
      fail(kInvalid,
           "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or "
           "'names'");
    }
    if (!applies(call, conditions)) continue;
    oci::SeccompSyscall rule;
    rule.names = call.name.empty() ? call.names : std::vector<std::string>{call.name};
    rule.action = call.action;
    rule.errnoRet = call.errnoRet;
    rule.args = call.args;
    result.syscalls.push_back(std::move(rule));
  }
  return result;
}

}  // namespace

oci::Seccomp fromProfile(std::string_view text, const Conditions& conditions) {
  if (text.empty()) return select(builtIn(), conditions);
  Profile profile;
  try {
    profile = json::parse<Profile>(text);
  } catch (const base::Error& error) {
    throw error.within("Decoding seccomp profile failed");
  }
  if (profile.defaultAction.empty()) fail(kInvalid, "the seccomp profile has no defaultAction");
  return select(profile, conditions);
}

}  // namespace seccomp
