#include "engine/wiring/system_adapter.h"

#include <fcntl.h>
#include <poll.h>

#include <condition_variable>
#include <mutex>

#include "api/dockerapi/versions.h"
#include "engine/container/inspect.h"
#include "engine/wiring/image_adapter.h"
#include "engine/wiring/listeners.h"
#include "engine/wiring/volume_adapter.h"
#include "platform/base/build_info.h"
#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"
#include "state/events/bounds.h"

namespace wiring {
namespace {

bool controller(const sys::HostFacts& host, const std::string& name) {
  return std::find(host.cgroupControllers.begin(), host.cgroupControllers.end(), name) !=
         host.cgroupControllers.end();
}

dockerapi::EventMessage messageOf(const events::Event& event) {
  dockerapi::EventMessage message;
  message.type = event.type;
  message.action = event.action;
  message.actor.id = event.actorId;
  message.actor.attributes = event.attributes;
  message.scope = event.scope;
  message.time = event.time.unixSeconds();
  message.timeNano = event.time.ns;
  return message;
}

void fillCgroups(dockerapi::Info& info, const sys::HostFacts& host) {
  info.memoryLimit = info.swapLimit = controller(host, "memory");
  info.cpuCfsPeriod = info.cpuCfsQuota = info.cpuShares = controller(host, "cpu");
  info.cpuSet = controller(host, "cpuset");
  info.pidsLimit = controller(host, "pids");
  info.oomKillDisable = host.cgroups != sys::CgroupVersion::kV2;
  info.cgroupDriver = "cgroupfs";
  info.cgroupVersion = host.cgroups == sys::CgroupVersion::kV2 ? "2" : "1";
}

// Whoever may ask for the daemon's settings is not told its passwords.
std::string withoutCredentials(const std::string& url) {
  const auto scheme = url.find("://");
  const size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  const auto at = url.substr(0, url.find('/', begin)).rfind('@');
  if (at == std::string::npos || at < begin) return url;
  return url.substr(0, begin) + "xxxxx:xxxxx" + url.substr(at);
}

void fillRegistries(dockerapi::Info& info, const Config& config) {
  dockerapi::RegistryServiceConfig registries;
  dockerapi::IndexInfo hub;
  hub.mirrors = config.registryMirrors;
  hub.name = "docker.io";
  hub.official = true;
  hub.secure = true;
  registries.indexConfigs["docker.io"] = hub;
  registries.insecureRegistryCIDRs = {"::1/128", "127.0.0.0/8"};
  for (const std::string& entry : config.insecureRegistries) {
    if (entry.find('/') != std::string::npos) {
      if (entry != "127.0.0.0/8") registries.insecureRegistryCIDRs.push_back(entry);
      continue;
    }
    dockerapi::IndexInfo insecure;
    insecure.name = entry;
    registries.indexConfigs[entry] = insecure;
  }
  if (!config.registryMirrors.empty()) registries.mirrors = config.registryMirrors;
  info.registryConfig = std::move(registries);
}

// Tells a client's thread that there is something new on disk: the bus must never wait, and a
// client that does not read must not fill the memory.
class Bell {
 public:
  void ring(std::int64_t seq) {
    const std::lock_guard lock(mutex_);
    rung_ = std::max(rung_, seq);
    changed_.notify_all();
  }
  // False: nothing after `seen` until `until`, or stopped.
  bool wait(std::int64_t seen, const base::StopToken& stop, base::Time until) {
    std::unique_lock lock(mutex_);
    while (rung_ <= seen && !stop.stopped()) {
      if (until.zero()) {
        changed_.wait(lock);
      } else {
        const std::int64_t left = until.ns - base::Time::now().ns;
        if (left <= 0) return false;
        changed_.wait_for(lock, std::chrono::nanoseconds(left));
      }
    }
    return !stop.stopped();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t rung_ = 0;
};

}  // namespace

dockerapi::Info SystemAdapter::info() {
  dockerapi::Info info;
  const sys::HostFacts& host = core_.host;
  const auto config = config_.get();
  info.id = id_;
  for (const container::View& view : core_.records.all()) {
    ++info.containers;
    if (view->state.status == container::Status::kPaused)
      ++info.containersPaused;
    else if (view->running())
      ++info.containersRunning;
    else
      ++info.containersStopped;
  }
  info.images = static_cast<int>(core_.images.list().size());
  info.driver = core_.snapshots.driver();
  for (const auto& [name, value] : core_.snapshots.status())
    info.driverStatus.push_back({name, value});
  info.plugins.volume = {"local"};
  info.plugins.network = {"bridge", "host", "null"};
  info.plugins.log = {"json-file", "none"};
  fillCgroups(info, host);
  info.ipv4Forwarding =
      base::trim(sys::readFileIfExists(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward").value_or("0")) ==
      "1";
  info.debug = config->debug;
  info.nFd = static_cast<int>(sys::listDir(AT_FDCWD, "/proc/self/fd").size());
  info.nGoroutines = static_cast<int>(sys::listDir(AT_FDCWD, "/proc/self/task").size());
  info.systemTime = base::formatRfc3339Nano(base::Time::now());
  info.loggingDriver = core_.settings.defaultLogDriver;
  info.kernelVersion = host.kernel;
  info.operatingSystem = host.operatingSystem;
  info.osVersion = host.osVersion;
  info.osType = "linux";
  info.architecture = host.architecture;
  info.indexServerAddress = "https://index.docker.io/v1/";
  fillRegistries(info, *config);
  info.ncpu = host.cpus;
  info.memTotal = host.memory;
  info.dockerRootDir = config->dataRoot;
  info.httpProxy = withoutCredentials(config->proxy.httpProxy);
  info.httpsProxy = withoutCredentials(config->proxy.httpsProxy);
  info.noProxy = config->proxy.noProxy;
  info.name = host.hostname;
  info.labels = config->labels;
  info.serverVersion = SAMPAN_VERSION;
  info.runtimes["runc"].path = "sampan-shim";
  info.defaultRuntime = "runc";
  info.swarm.localNodeState = "inactive";
  info.liveRestoreEnabled = true;
  info.initBinary = "sampan-init";
  info.containerdCommit.id = info.runcCommit.id = info.initCommit.id = SAMPAN_VERSION;
  if (host.seccomp) info.securityOptions.emplace_back("name=seccomp,profile=builtin");
  if (host.cgroups == sys::CgroupVersion::kV2) info.securityOptions.emplace_back("name=cgroupns");
  info.firewallBackend = dockerapi::FirewallInfo{"nftables", {}};
  for (const std::string& warning : core_.networks.hostPolicyWarnings())
    info.warnings.push_back("WARNING: " + warning);
  for (const std::string& where : config->hosts) {
    if (auto warning = openDoorWarning(where)) info.warnings.push_back(std::move(*warning));
  }
  return info;
}

dockerapi::Version SystemAdapter::version() {
  dockerapi::Version version;
  version.platform.name = "Sampan";
  version.version = SAMPAN_VERSION;
  version.gitCommit = base::buildCommit();
  version.goVersion = base::buildCompiler();
  version.buildTime = base::buildTime();
  version.os = "linux";
  version.arch = oci::Platform::host().architecture;
  version.kernelVersion = core_.host.kernel;
  return version;
}

dockerapi::DiskUsage SystemAdapter::diskUsage(const server::DiskUsageRequest& request) {
  dockerapi::DiskUsage usage;
  ImageAdapter images(core_);
  if (request.images) {
    server::ImageListRequest all;
    all.sharedSize = true;
    all.countContainers = true;
    usage.images = images.listImages(all);
    for (const auto& layer : core_.snapshots.layers())
      usage.layersSize += static_cast<std::int64_t>(layer.bytes);
  }
  if (request.containers) {
    container::ListQuery query;
    query.all = query.size = true;
    usage.containers = container::list(core_, query);
  }
  if (request.volumes) {
    VolumeAdapter volumes(core_.volumes);
    usage.volumes = volumes.listWithUsage();
  }
  if (request.buildCache) usage.buildCache = std::vector<dockerapi::BuildCacheRecord>{};
  return usage;
}

dockerapi::AuthenticateResponse SystemAdapter::login(const dockerapi::AuthConfig& credentials,
                                                     const base::StopToken& stop) {
  dockerapi::AuthenticateResponse response;
  try {
    response.identityToken =
        core_.images.login(credentialsOf(credentials), credentials.serverAddress, stop);
  } catch (const base::Error& error) {
    // Docker has no status of its own for a registry that cannot be reached.
    if (error.code() != base::Code::kUnavailable) throw;
    throw base::Error(base::Code::kInternal, error.message(), error.sysErrno());
  }
  response.status = "Login Succeeded";
  return response;
}

void SystemAdapter::events(const server::EventsRequest& request, const std::function<void()>& ready,
                           const std::function<void(const dockerapi::EventMessage&)>& each,
                           const base::StopToken& stop) {
  auto bell = std::make_shared<Bell>();
  const std::int64_t from = core_.events.lastSeq();
  const auto subscription = core_.events.subscribe(from, [bell](const events::Event& event) {
    bell->ring(event.seq);
    return true;
  });
  const auto waker = stop.onStop([bell] { bell->ring(0); });
  ready();
  if (!request.since.zero() || !request.until.zero()) {
    events::Span past{.upTo = from, .since = request.since};
    if (!request.until.zero()) past.until = request.until;
    events::replay(core_.store, past, [&](const events::Event& event) {
      each(messageOf(event));
      return !stop.stopped();
    });
  }
  if (!request.until.zero() && request.until <= base::Time::now()) return;
  std::int64_t last = from;
  bool over = false;
  while (!over && bell->wait(last, stop, request.until)) {
    events::replay(core_.store, {.after = last}, [&](const events::Event& event) {
      last = event.seq;
      over = stop.stopped() || (!request.until.zero() && event.time > request.until);
      if (!over) each(messageOf(event));
      return !over;
    });
  }
}

}  // namespace wiring
