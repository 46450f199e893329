#include "engine/container/mounts.h"

#include <algorithm>
#include <array>

#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace container {
namespace {

using base::Code;

constexpr std::array<std::string_view, 6> kPropagations{"private", "rprivate", "slave",
                                                        "rslave",  "shared",   "rshared"};

bool isPropagation(std::string_view word) {
  return std::find(kPropagations.begin(), kPropagations.end(), word) != kPropagations.end();
}

void applyMode(MountRecord& mount, const std::string& mode, const std::string& specification) {
  for (const std::string& word : base::split(mode, ',')) {
    if (word == "ro") {
      mount.readWrite = false;
    } else if (isPropagation(word)) {
      if (mount.type != "bind")
        base::fail(Code::kInvalidArgument, "invalid volume specification: '{}'", specification);
      mount.propagation = word;
    } else if (word == "nocopy") {
      mount.noCopy = true;
    } else if (word != "rw" && word != "z" && word != "Z" && word != "consistent" &&
               word != "cached" && word != "delegated" && word != "copy") {
      base::fail(Code::kInvalidArgument, "invalid mode: {}", mode);
    }
  }
}

// The kernel would read the path up to there only.
void refuseZero(const std::string& text) {
  if (text.find('\0') != std::string::npos)
    base::fail(Code::kInvalidArgument, "invalid mount config: {} has a zero byte",
               base::quote(text));
}

std::string checkedDestination(const std::string& path, const std::string& type,
                               const std::string& context) {
  if (!path.starts_with('/')) {
    base::fail(Code::kInvalidArgument,
               "{}invalid mount config for type \"{}\": invalid mount path: '{}' mount path must "
               "be absolute",
               context, type, path);
  }
  const std::string clean = cleanPath(path);
  if (clean == "/") {
    base::fail(
        Code::kInvalidArgument,
        "{}invalid mount config for type \"{}\": invalid specification: destination can't be '/'",
        context, type);
  }
  return clean;
}

std::string checkedDriver(const std::string& driver) {
  return driver.empty() ? "local" : driver;
}

MountRecord bindMount(const dockerapi::Mount& mount) {
  MountRecord record;
  record.type = "bind";
  if (mount.source.empty())
    base::fail(Code::kInvalidArgument,
               "invalid mount config for type \"bind\": field Source must not be empty");
  if (!mount.source.starts_with('/')) {
    base::fail(Code::kInvalidArgument,
               "invalid mount config for type \"bind\": invalid mount path: '{}' mount path must "
               "be absolute",
               mount.source);
  }
  if (mount.volumeOptions || mount.tmpfsOptions) {
    base::fail(Code::kInvalidArgument,
               "invalid mount config for type \"bind\": field {} must not be specified",
               mount.volumeOptions ? "VolumeOptions" : "TmpfsOptions");
  }
  record.source = cleanPath(mount.source);
  record.propagation = "rprivate";
  if (!mount.bindOptions) return record;
  if (!mount.bindOptions->propagation.empty()) record.propagation = mount.bindOptions->propagation;
  if (!isPropagation(record.propagation)) {
    base::fail(Code::kInvalidArgument,
               "invalid mount config for type \"bind\": invalid propagation mode: {}",
               record.propagation);
  }
  record.recursive = !mount.bindOptions->nonRecursive;
  record.createSource = mount.bindOptions->createMountpoint;
  record.readOnlyNonRecursive = mount.bindOptions->readOnlyNonRecursive;
  record.readOnlyForceRecursive = mount.bindOptions->readOnlyForceRecursive;
  return record;
}

MountRecord volumeMount(const dockerapi::Mount& mount, const std::string& volumeDriver) {
  MountRecord record;
  record.type = "volume";
  record.name = mount.source;
  record.anonymous = mount.source.empty();
  record.driver = checkedDriver(volumeDriver);
  if (mount.bindOptions || mount.tmpfsOptions) {
    base::fail(Code::kInvalidArgument,
               "invalid mount config for type \"volume\": field {} must not be specified",
               mount.bindOptions ? "BindOptions" : "TmpfsOptions");
  }
  if (record.anonymous && mount.readOnly) {
    base::fail(Code::kInvalidArgument,
               "invalid mount config for type \"volume\": must not set ReadOnly mode when using "
               "anonymous volumes");
  }
  if (!mount.volumeOptions) return record;
  record.noCopy = mount.volumeOptions->noCopy;
  record.subpath = mount.volumeOptions->subpath;
  if (mount.volumeOptions->driverConfig)
    record.driver = checkedDriver(mount.volumeOptions->driverConfig->name);
  if (record.subpath.starts_with('/') || cleanPath(record.subpath).starts_with("..")) {
    base::fail(Code::kInvalidArgument,
               "invalid mount config for type \"volume\": subpath must be a relative path within "
               "the volume");
  }
  return record;
}

MountRecord tmpfsMount(const dockerapi::Mount& mount) {
  MountRecord record;
  record.type = "tmpfs";
  if (!mount.source.empty())
    base::fail(Code::kInvalidArgument,
               "invalid mount config for type \"tmpfs\": field Source must not be specified");
  std::vector<std::string> options;
  if (mount.tmpfsOptions) {
    if (mount.tmpfsOptions->sizeBytes > 0)
      options.push_back("size=" + std::to_string(mount.tmpfsOptions->sizeBytes));
    if (mount.tmpfsOptions->mode != 0)
      options.push_back(fmt::format("mode={:o}", mount.tmpfsOptions->mode & 07777));
    for (const auto& pair : mount.tmpfsOptions->options) {
      if (!pair.empty()) options.push_back(base::join(pair, "="));
    }
  }
  record.tmpfsOptions = base::join(options, ",");
  return record;
}

MountRecord tmpfsFromOption(const std::string& destination, const std::string& options) {
  MountRecord record;
  refuseZero(destination);
  record.type = "tmpfs";
  record.destination = checkedDestination(destination, "tmpfs", "");
  record.tmpfsOptions = options;
  for (const std::string& word : base::split(options, ',')) {
    if (word == "ro") record.readWrite = false;
  }
  return record;
}

void addUnique(std::vector<MountRecord>& list, MountRecord record) {
  for (const MountRecord& other : list) {
    if (other.destination == record.destination)
      base::fail(Code::kInvalidArgument, "Duplicate mount point: {}", record.destination);
  }
  list.push_back(std::move(record));
}

bool has(const std::vector<MountRecord>& list, const std::string& destination) {
  return std::any_of(list.begin(), list.end(),
                     [&](const MountRecord& m) { return m.destination == destination; });
}

}  // namespace

std::string cleanPath(std::string_view path) {
  const bool absolute = path.starts_with('/');
  std::vector<std::string> parts;
  for (const std::string& part : base::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (part != ".." || !absolute) {
      parts.push_back(part);
    }
  }
  const std::string joined = base::join(parts, "/");
  if (absolute) return "/" + joined;
  return joined.empty() ? "." : joined;
}

MountRecord parseBind(const std::string& specification, const std::string& volumeDriver) {
  refuseZero(specification);
  const auto parts = base::split(specification, ':');
  const bool wellFormed =
      parts.size() >= 2 && parts.size() <= 3 && !parts[0].empty() && !parts[1].empty();
  if (!wellFormed)
    base::fail(Code::kInvalidArgument, "invalid volume specification: '{}'", specification);
  MountRecord record;
  const std::string context = fmt::format("invalid volume specification: '{}': ", specification);
  if (parts[0].starts_with('/')) {
    record.type = "bind";
    record.source = cleanPath(parts[0]);
    record.propagation = "rprivate";
    record.createSource = true;
  } else {
    record.type = "volume";
    record.name = parts[0];
    record.driver = checkedDriver(volumeDriver);
  }
  record.destination = checkedDestination(parts[1], record.type, context);
  if (parts.size() == 3) {
    record.mode = parts[2];
    applyMode(record, parts[2], specification);
  }
  return record;
}

MountRecord fromMount(const dockerapi::Mount& mount, const std::string& volumeDriver) {
  refuseZero(mount.source);
  refuseZero(mount.target);
  MountRecord record;
  if (mount.type == "bind") {
    record = bindMount(mount);
  } else if (mount.type == "volume" || mount.type.empty()) {
    record = volumeMount(mount, volumeDriver);
  } else if (mount.type == "tmpfs") {
    record = tmpfsMount(mount);
  } else if (mount.type == "image" || mount.type == "npipe" || mount.type == "cluster") {
    base::fail(Code::kNotImplemented,
               "mounts of type \"{}\" are not implemented (HostConfig.Mounts)", mount.type);
  } else {
    base::fail(Code::kInvalidArgument, "invalid mount config for type \"{}\": mount type unknown",
               mount.type);
  }
  if (mount.target.empty()) {
    base::fail(Code::kInvalidArgument,
               "invalid mount config for type \"{}\": field Target must not be empty", record.type);
  }
  record.destination = checkedDestination(mount.target, record.type, "");
  record.readWrite = !mount.readOnly;
  record.fromMounts = true;
  return record;
}

std::vector<MountRecord> collectMounts(const dockerapi::Config& config,
                                       const dockerapi::HostConfig& hostConfig,
                                       const std::vector<MountRecord>& inherited) {
  std::vector<MountRecord> asked;
  for (const std::string& bind : hostConfig.binds)
    addUnique(asked, parseBind(bind, hostConfig.volumeDriver));
  for (const dockerapi::Mount& mount : hostConfig.mounts)
    addUnique(asked, fromMount(mount, hostConfig.volumeDriver));
  for (const auto& [destination, options] : hostConfig.tmpfs)
    addUnique(asked, tmpfsFromOption(destination, options));
  for (const MountRecord& mount : inherited) {
    if (!has(asked, mount.destination)) asked.push_back(mount);
  }
  for (const std::string& volume : config.volumes) {
    MountRecord record;
    record.type = "volume";
    record.destination = checkedDestination(volume, "volume", "");
    record.driver = checkedDriver(hostConfig.volumeDriver);
    record.anonymous = true;
    if (!has(asked, record.destination)) asked.push_back(std::move(record));
  }
  // Parents before children, so that mounting in order never hides one.
  std::stable_sort(asked.begin(), asked.end(), [](const MountRecord& a, const MountRecord& b) {
    return std::count(a.destination.begin(), a.destination.end(), '/') <
           std::count(b.destination.begin(), b.destination.end(), '/');
  });
  return asked;
}

}  // namespace container
