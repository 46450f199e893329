#include "engine/wiring/daemon.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <set>
#include <vector>

#include "engine/container/shutdown.h"
#include "engine/server/server.h"
#include "engine/wiring/container_adapter.h"
#include "engine/wiring/data_root.h"
#include "engine/wiring/image_adapter.h"
#include "engine/wiring/listeners.h"
#include "engine/wiring/network_adapter.h"
#include "engine/wiring/reload.h"
#include "engine/wiring/system_adapter.h"
#include "engine/wiring/volume_adapter.h"
#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/log.h"
#include "platform/base/scope_exit.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"
#include "platform/sys/mount.h"
#include "platform/sys/process.h"
#include "platform/sys/spawn.h"

namespace wiring {
namespace {

using base::Code;

constexpr int kWorkers = 16;
constexpr int kStarters = 64;
constexpr int kIdleSeconds = 10;
constexpr std::chrono::seconds kShutdownPatience{10};
// Of a stop, for requests under way and for what happens by itself. Together well below what
// service managers wait before they kill.
constexpr std::chrono::seconds kRequestPatience{10};
constexpr std::chrono::seconds kWorkPatience{5};

sys::Fd lockRoot(const std::string& path, mode_t mode) {
  sys::makeDirs(AT_FDCWD, path, mode);
  const sys::Fd directory = sys::openAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  auto lock = sys::tryLock(directory.get(), "lock");
  if (!lock) base::fail(Code::kConflict, "{} is in use by another daemon", path);
  return std::move(*lock);
}

snapshot::Options snapshotOptions(const Config& config) {
  snapshot::Options options;
  options.dataRoot = config.dataRoot;
  if (config.storageDriver == "vfs") options.kind = snapshot::Kind::kCopy;
  return options;
}

registry::Config registryConfig(const Config& config) {
  registry::Config result;
  result.mirrors = config.registryMirrors;
  result.insecure = config.insecureRegistries;
  result.proxy = config.proxy;
  result.userAgent = "sampan/" SAMPAN_VERSION;
  return result;
}

std::string cgroupParentOf(const std::string& instance) {
  return "sampan-" + instance;
}

container::Settings engineSettings(const Config& config, const std::string& instance) {
  container::Settings settings;
  settings.dataRoot = config.dataRoot;
  settings.execRoot = config.execRoot;
  settings.instance = instance;
  settings.cgroupParent = cgroupParentOf(instance);
  settings.dns = config.dns;
  settings.dnsSearch = config.dnsSearch;
  settings.dnsOptions = config.dnsOptions;
  settings.initByDefault = config.init;
  return settings;
}

networks::Options networkOptions(const Config& config, const std::string& instance) {
  networks::Options options;
  options.instance = instance;
  options.defaultBridgeCidr = config.bip;
  options.addressPools = config.addressPools;
  options.dns = config.dns;
  return options;
}

task::Options taskOptions(const Config& config, const std::string& programs,
                          const sys::HostFacts& host, cgroup::Driver& cgroups,
                          const std::string& cgroupParent) {
  task::Options options;
  options.host = host;
  options.execRoot = sys::openAt(AT_FDCWD, config.execRoot, O_RDONLY | O_DIRECTORY);
  options.shimProgram = programs + "/sampan-shim";
  options.initProgram = programs + "/sampan-init";
  options.cgroups = &cgroups;
  options.cgroupParent = cgroupParent;
  options.shimCgroup = cgroupParent + "-shims";
  return options;
}

std::set<std::string> liveOnes(const std::vector<task::Recovered>& recovered) {
  std::set<std::string> ids;
  for (const task::Recovered& one : recovered) {
    if (one.running) ids.insert(one.id);
  }
  return ids;
}

sys::Fd containersDirectory(const std::string& dataRoot) {
  const sys::Fd root = sys::openAt(AT_FDCWD, dataRoot, O_RDONLY | O_DIRECTORY);
  sys::makeDirs(root.get(), "containers", 0710);
  return sys::openAt(root.get(), "containers", O_RDONLY | O_DIRECTORY);
}

// Shims are in no unit of the service manager, which would send them and their containers a signal
// at its very end only, and wait in vain for whom it does not mean anything.
bool hostGoesDown() {
  if (!sys::statAtIfExists(AT_FDCWD, "/run/systemd/system", 0)) return false;
  try {
    return base::trim(sys::run({"systemctl", "is-system-running"}).out) == "stopping";
  } catch (const base::Error& error) {
    base::log::warn("the state of the service manager is not known", {{"error", error.message()}});
    return false;
  }
}

}  // namespace

// In the order of construction; destroyed in the reverse one.
struct Daemon::Impl {
  const Config config;  // of the start
  LiveConfig live_config;
  sys::Fd dataLock, execLock;
  const Identity identity;
  const std::string& id = identity.id;
  std::string instance;
  sys::HostFacts host;
  store::Store store;
  events::Bus events;
  std::unique_ptr<snapshot::Snapshotter> snapshots;
  content::Store content;
  container::Core* corePointer =
      nullptr;  // for usedBy, which images need before there are containers
  image::Images images;
  volume::Volumes volumes;
  sandbox::Sandboxes sandboxes;
  std::unique_ptr<cgroup::Driver> cgroups;
  task::Tasks tasks;
  std::vector<task::Recovered> recovered;
  std::set<std::string> live;
  networks::Networks networks;
  container::Core core;
  container::Attachers attachers;
  container::Execs execs;
  container::Lifecycle lifecycle;
  container::Streams streams;
  ContainerAdapter containerAdapter;
  ImageAdapter imageAdapter;
  NetworkAdapter networkAdapter;
  VolumeAdapter volumeAdapter;
  SystemAdapter systemAdapter;
  server::Api api;
  http::Server http;

  Impl(Config given, const std::string& programs)
      : config(std::move(given)),
        live_config(config),
        dataLock(lockRoot(config.dataRoot, 0710)),
        execLock(lockRoot(config.execRoot, 0711)),
        identity(engineIdentity(config.dataRoot)),
        instance(id.substr(0, 6)),
        host(sys::probeHost()),
        store(config.dataRoot),
        events(knownStore(store, config.dataRoot, identity)),
        snapshots(snapshot::makeSnapshotter(snapshotOptions(config), store)),
        content(config.dataRoot, store),
        images(image::Options{registryConfig(config), transfersOf(config),
                              [this](const base::Digest& image) { return usersOf(image); }},
               store, events, content, *snapshots),
        volumes(config.dataRoot, store, events),
        sandboxes(store, sys::openAt(AT_FDCWD, config.execRoot, O_RDONLY | O_DIRECTORY)),
        cgroups(cgroup::makeDriver(host)),
        tasks(taskOptions(config, programs, host, *cgroups, cgroupParentOf(instance))),
        recovered(tasks.recover()),
        live(liveOnes(recovered)),
        networks(networkOptions(config, instance), store, events, sandboxes,
                 [this](const std::string& c) { return live.contains(c); }),
        core{engineSettings(config, instance),
             host,
             sys::bootId(),
             containersDirectory(config.dataRoot),
             store,
             events,
             images,
             *snapshots,
             volumes,
             networks,
             sandboxes,
             tasks,
             *cgroups,
             container::Records(store),
             {},
             {},
             container::Workers(kWorkers),
             container::Workers(kStarters)},
        execs(core),
        lifecycle(core, attachers),
        streams(core, attachers, execs),
        containerAdapter(core, lifecycle, execs, streams),
        imageAdapter(core),
        networkAdapter(core),
        volumeAdapter(volumes),
        systemAdapter(core, live_config, id),
        api({SAMPAN_VERSION, false}, {systemAdapter, containerAdapter, containerAdapter,
                                      imageAdapter, networkAdapter, volumeAdapter}),
        http(http::ServerOptions{}) {
    corePointer = &core;
  }

  std::vector<image::User> usersOf(const base::Digest& image) const {
    std::vector<image::User> users;
    if (!corePointer) return users;
    for (const container::View& view : corePointer->records.all()) {
      if (view->imageId == image.str()) users.push_back({view->id, view->running()});
    }
    return users;
  }

  void takeUp();
  void listen(std::vector<sys::Fd> doors);
  // False: requests are left that end nowhere, on threads that use what is here.
  bool stop();
  void trim();
};

void Daemon::Impl::takeUp() {
  for (const task::Recovered& one : recovered) execs.restore(one.id, one.execs);
  tasks.onExit([this](const task::Exit& exit) {
    if (!exit.exec.empty()) return execs.onExit(exit);
    lifecycle.onExit(exit);
  });
  lifecycle.restore(std::move(recovered));
  for (const std::string& warning : networks.hostPolicyWarnings())
    base::log::warn("WARNING: " + warning);
}

void Daemon::Impl::listen(std::vector<sys::Fd> doors) {
  for (sys::Fd& door : doors) http.listen(std::move(door));
  for (const std::string& where : config.hosts) base::log::info("API listen on " + where);
  http.start(api.handler(), api.laneOf(), api.onError());
  notifyReady();
  base::log::info("Daemon has completed initialization",
                  {{"version", SAMPAN_VERSION}, {"storage-driver", snapshots->driver()}});
}

bool Daemon::Impl::stop() {
  bool ended = http.stop(kRequestPatience);
  ended = core.starters.stop(std::chrono::steady_clock::now() + kWorkPatience) && ended;
  ended = core.workers.stop(std::chrono::steady_clock::now() + kWorkPatience) && ended;
  if (!ended)
    base::log::warn("requests that do not end are left behind",
                    {{"waited", fmt::format("{} s", kRequestPatience.count())}});
  if (hostGoesDown()) {
    tasks.onExit([](const task::Exit&) {});
    container::endAll(core, kShutdownPatience);
  }
  // What such a request is about may be half made: the next start finds out.
  bool running = !ended;
  for (const container::View& view : core.records.all()) running = running || view->running();
  snapshots->settle();
  if (!running) {
    networks.tearDown();
    sys::detachMount(config.execRoot + "/netns");
    for (const char* suffix : {"", "-shims"}) {
      try {
        cgroups->remove(core.settings.cgroupParent + suffix, std::chrono::milliseconds(500));
      } catch (const base::Error& error) {
        base::log::warn("a cgroup stays", {{"error", error.message()}});
      }
    }
  }
  for (const std::string& where : config.hosts) {
    if (where.starts_with("unix://")) sys::removeFile(AT_FDCWD, where.substr(7));
  }
  sys::removeFile(AT_FDCWD, config.pidfile);
  return ended;
}

// What a burst of work left in the heap and the page cache of the database goes back to the host.
void Daemon::Impl::trim() {
  store.trim();
  malloc_trim(0);
}

Daemon::Daemon(Config config, const std::string& programs) {
  writePidfile(config.pidfile);
  std::vector<std::string> made{config.pidfile};
  base::ScopeExit undo{[&made] {
    for (const std::string& path : made) sys::removeFile(AT_FDCWD, path);
  }};
  // Before anything of the host is touched: what cannot be listened on ends the start with nothing
  // left behind. Whoever connects now waits until all is taken up.
  std::vector<sys::Fd> doors;
  for (const std::string& where : config.hosts) {
    doors.push_back(openListener(where, config));
    if (where.starts_with("unix://")) made.push_back(where.substr(7));
  }
  impl_ = std::make_unique<Impl>(std::move(config), programs);
  impl_->takeUp();
  impl_->listen(std::move(doors));
  undo.dismiss();
}

Daemon::~Daemon() = default;

void Daemon::run() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  std::int64_t seen = -1;
  std::int64_t trimmed = -1;
  for (;;) {
    const timespec patience{kIdleSeconds, 0};
    const int signal = sigtimedwait(&signals, nullptr, &patience);
    if (signal == SIGHUP) {
      reload(impl_->live_config, impl_->images, impl_->events, impl_->id, impl_->host.hostname);
      continue;
    }
    if (signal > 0) {
      base::log::info("Processing signal '" +
                      std::string(signal == SIGTERM ? "terminated" : "interrupt") + "'");
      break;
    }
    // Ten seconds without an event since the last look, and something since the last trim.
    const std::int64_t now = impl_->events.lastSeq();
    if (now == seen && now != trimmed) {
      impl_->trim();
      trimmed = now;
    }
    seen = now;
  }
  // No destructor may take away what a thread still uses; the next start is used to worse.
  if (!impl_->stop()) std::_Exit(0);
}

}  // namespace wiring
