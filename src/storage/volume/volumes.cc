#include "storage/volume/volumes.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <set>

#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"
#include "platform/base/mutex.h"
#include "platform/base/scope_exit.h"
#include "platform/base/strings.h"
#include "platform/json/json.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "platform/sys/mount.h"
#include "platform/sys/process.h"
#include "storage/files/pack.h"
#include "storage/volume/fill.h"
#include "storage/volume/options.h"

namespace volume {
namespace {

using base::Code;
using store::Durability;
using store::Transaction;

constexpr const char* kAnonymousLabel = "com.docker.volume.anonymous";
constexpr const char* kData = "_data";

const store::Schema kSchema{
    "volume",
    {"CREATE TABLE volume (name TEXT PRIMARY KEY, created INTEGER NOT NULL, labels TEXT NOT NULL,"
     " options TEXT NOT NULL) WITHOUT ROWID;"
     "CREATE TABLE volume_user (volume TEXT NOT NULL, container TEXT NOT NULL, copied INTEGER NOT "
     "NULL DEFAULT 0,"
     " PRIMARY KEY(volume, container)) WITHOUT ROWID;"
     "CREATE INDEX volume_user_container ON volume_user(container);"
     "CREATE TABLE volume_mount (volume TEXT NOT NULL, container TEXT NOT NULL, uses INTEGER NOT "
     "NULL,"
     " boot TEXT NOT NULL, PRIMARY KEY(volume, container)) WITHOUT ROWID;"
     "CREATE INDEX volume_mount_container ON volume_mount(container)",
     "ALTER TABLE volume ADD COLUMN unfinished INTEGER NOT NULL DEFAULT 0"}};

constexpr std::string_view kSelect = "SELECT name,created,labels,options FROM volume";

// Names that somebody works on; everyone else waits for the same name only.
class NameLocks {
 public:
  class Held {
   public:
    Held(NameLocks& locks, std::string name) : locks_(locks), name_(std::move(name)) {}
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() {
      const base::Lock lock(locks_.mutex_);
      locks_.held_.erase(name_);
      locks_.changed_.notifyAll();
    }

   private:
    NameLocks& locks_;
    const std::string name_;
  };

  [[nodiscard]] Held hold(const std::string& name) {
    const base::Lock lock(mutex_);
    while (!held_.insert(name).second) changed_.wait(mutex_);
    return {*this, name};
  }

 private:
  base::Mutex mutex_;
  base::Condition changed_;
  std::set<std::string> held_ GUARDED_BY(mutex_);
};

std::uint64_t mountIdOf(int dir, const char* path) {
  struct statx result {};
  sys::check(::statx(dir, path, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &result),
             "statx", path);
  return result.stx_mnt_id;
}

}  // namespace

struct Volumes::Impl {
  Impl(const std::string& dataRoot, store::Store& store, events::Bus& events)
      : path(dataRoot + "/volumes"), store(store), events(events), boot(sys::bootId()) {
    root = sys::makeDirs(AT_FDCWD, path, 0701);
    for (const char* name : {".new", ".removed", ".copy", ".copied"})
      sys::makeDirs(root.get(), name, 0700);
  }

  const std::string path;
  store::Store& store;
  events::Bus& events;
  const std::string boot;
  sys::Fd root;  // <dataRoot>/volumes
  mutable NameLocks locks;

  std::string mountpoint(const std::string& name) const { return path + "/" + name + "/" + kData; }

  Volume volumeOf(const store::Row& row) const {
    Volume volume;
    volume.name = row.text(0);
    volume.created.ns = row.integer(1);
    volume.labels = json::parse<json::Map<std::string>>(row.text(2));
    volume.options = json::parse<json::Map<std::string>>(row.text(3));
    volume.mountpoint = mountpoint(volume.name);
    volume.anonymous = volume.labels.contains(kAnonymousLabel);
    volume.mounts = planMount(volume.options).needed;
    return volume;
  }

  static std::vector<std::string> usersOf(store::Reader& reader, const std::string& name) {
    std::vector<std::string> users;
    reader.query("SELECT container FROM volume_user WHERE volume=?", {name},
                 [&](const store::Row& row) { users.push_back(row.text(0)); });
    return users;
  }

  std::optional<Volume> find(store::Reader& reader, const std::string& name) const {
    std::optional<Volume> volume;
    reader.query("SELECT name,created,labels,options FROM volume WHERE name=?", {name},
                 [&](const store::Row& row) { volume = volumeOf(row); });
    if (volume) volume->users = usersOf(reader, name);
    return volume;
  }

  std::optional<Volume> find(const std::string& name) const {
    std::optional<Volume> volume;
    store.read([&](store::Reader& reader) { volume = find(reader, name); });
    return volume;
  }

  Volume require(const std::string& name) const {
    auto volume = find(name);
    if (!volume) base::fail(Code::kNotFound, "get {}: no such volume", name);
    return std::move(*volume);
  }

  void tell(Transaction& t, const std::string& action, const std::string& name,
            std::map<std::string, std::string> attributes) {
    events::Event event;
    event.type = "volume";
    event.action = action;
    event.actorId = name;
    event.attributes = std::move(attributes);
    events.append(t, std::move(event));
  }

  static void insert(Transaction& t, const Volume& volume) {
    t.run(
        "INSERT INTO volume(name,created,labels,options) VALUES(?,?,?,?)",
        {volume.name, volume.created.ns, json::write(volume.labels), json::write(volume.options)});
  }

  void makeDirectory(int parent, const std::string& name) const {
    const sys::Fd made = sys::makeDirs(parent, name, 0701);
    sys::makeDirs(made.get(), kData, 0755);
  }

  // Where a mount of the options would be; also the plain directory.
  sys::Fd openData(const std::string& name, int flags) const {
    const sys::Fd directory = sys::openAt(root.get(), name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    return sys::openAt(directory.get(), kData, flags | O_DIRECTORY | O_NOFOLLOW);
  }

  bool isMounted(const std::string& name) const {
    const sys::Fd directory = sys::openAt(root.get(), name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    return mountIdOf(directory.get(), kData) != mountIdOf(directory.get(), "");
  }

  void attach(const Volume& volume) const {
    const sys::Fd target = openData(volume.name, O_PATH);
    const sys::Fd mount = makeVolumeMount(planMount(volume.options), volume.mountpoint);
    sys::attachMount(mount.get(), target.get());
  }

  void detach(const std::string& name) const {
    const sys::Fd directory = sys::openAt(root.get(), name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    while (sys::detachMount(sys::procPath(directory.get()) + "/" + kData)) {
    }
  }

  bool anyMount(store::Reader& reader, const std::string& name) const {
    return reader.integer("SELECT count(*) FROM volume_mount WHERE volume=?", {name}).value_or(0) >
           0;
  }

  bool anyMount(const std::string& name) const {
    bool any = false;
    store.read([&](store::Reader& reader) { any = anyMount(reader, name); });
    return any;
  }

  Staging stagingOf(const std::string& name) const {
    return {root.get(), ".copy/" + name, ".copied/" + name};
  }

  void sweep();
  void sweepMounts();
  void sweepDirectories(const std::set<std::string>& known);
  void adopt(const std::string& name);
};

// Uses of another boot, or of containers that are gone, hold nothing.
void Volumes::Impl::sweepMounts() {
  store.write(Durability::kLazy, [&](Transaction& t) {
    t.run("DELETE FROM volume_mount WHERE boot<>?", {boot});
    t.run(
        "DELETE FROM volume_mount WHERE NOT EXISTS (SELECT 1 FROM volume_user u"
        " WHERE u.volume=volume_mount.volume AND u.container=volume_mount.container)");
  });
}

void Volumes::Impl::sweepDirectories(const std::set<std::string>& known) {
  for (const std::string& name : sys::listDir(root.get(), ".removed")) {
    // Without its row the removal was said to be done; with it, it never happened.
    if (known.contains(name) && ::renameat2(root.get(), (".removed/" + name).c_str(), root.get(),
                                            name.c_str(), RENAME_NOREPLACE) == 0) {
      continue;
    }
    sys::removeTree(root.get(), ".removed/" + name);
  }
  for (const std::string& name : sys::listDir(root.get(), ".new")) {
    if (known.contains(name) && ::renameat2(root.get(), (".new/" + name).c_str(), root.get(),
                                            name.c_str(), RENAME_NOREPLACE) == 0) {
      continue;
    }
    sys::removeTree(root.get(), ".new/" + name);
  }
}

// A directory of Docker's shape that no row tells of.
void Volumes::Impl::adopt(const std::string& name) {
  const auto data = sys::statAtIfExists(root.get(), name + "/" + kData);
  if (!data || !S_ISDIR(data->st_mode)) return;
  try {
    validateName(name);
  } catch (const base::Error&) {
    return;
  }
  Volume volume;
  volume.name = name;
  volume.created = base::Time::fromUnix(sys::statAt(root.get(), name).st_mtim.tv_sec);
  store.write(Durability::kDurable, [&](Transaction& t) { insert(t, volume); });
  base::log::info("volume taken in", {{"volume", name}, {"path", mountpoint(name)}});
}

void Volumes::Impl::sweep() {
  sweepMounts();
  std::vector<Volume> volumes;
  std::set<std::string> known;
  store.read([&](store::Reader& reader) {
    reader.query(kSelect, {}, [&](const store::Row& row) { volumes.push_back(volumeOf(row)); });
  });
  for (const Volume& volume : volumes) known.insert(volume.name);
  sweepDirectories(known);
  for (const Volume& volume : volumes) {
    if (!sys::statAtIfExists(root.get(), volume.name + "/" + kData)) {
      base::log::warn("the directory of a volume is missing, an empty one takes its place",
                      {{"volume", volume.name}});
      makeDirectory(root.get(), volume.name);
    }
    if (volume.mounts && !anyMount(volume.name) && isMounted(volume.name)) detach(volume.name);
  }
  for (const std::string& name : sys::listDir(root.get(), ".copied")) {
    if (known.contains(name)) finishFill(openData(name, O_RDONLY).get(), stagingOf(name));
    sys::removeTree(root.get(), ".copied/" + name);
  }
  for (const std::string& name : sys::listDir(root.get(), ".copy"))
    sys::removeTree(root.get(), ".copy/" + name);
  for (const std::string& name : sys::listDir(root.get())) {
    if (!name.starts_with('.') && !known.contains(name)) adopt(name);
  }
}

// What a container's creation made, or its removal was to take along, before a death in between.
void Volumes::sweepUnfinished() {
  std::vector<std::string> names;
  impl_->store.read([&](store::Reader& reader) {
    reader.query("SELECT name FROM volume WHERE unfinished<>0", {},
                 [&](const store::Row& row) { names.push_back(row.text(0)); });
  });
  for (const std::string& name : names) {
    try {
      remove(name, true);
    } catch (const base::Error& error) {
      base::log::warn("a volume that was to go stays",
                      {{"volume", name}, {"error", error.message()}});
    }
  }
}

Volumes::Volumes(const std::string& dataRoot, store::Store& store, events::Bus& events)
    : impl_(std::make_unique<Impl>(dataRoot, store, events)) {
  store.ensure(kSchema);
  impl_->sweep();
  sweepUnfinished();
}

Volumes::~Volumes() = default;

Volume Volumes::create(const Spec& spec) {
  Volume volume;
  volume.name = spec.name.empty() ? base::randomId() : spec.name;
  volume.labels = spec.labels;
  volume.options = spec.options;
  if (spec.name.empty()) volume.labels[kAnonymousLabel] = "";
  const std::string& name = volume.name;
  return base::within("create " + name, [&] {
    if (!spec.driver.empty() && spec.driver != "local") {
      base::fail(Code::kNotFound, "error looking up volume plugin {0}: plugin {1} not found",
                 spec.driver, base::quote(spec.driver));
    }
    validateName(name);
    const auto held = impl_->locks.hold(name);
    if (auto existing = impl_->find(name)) return std::move(*existing);
    validateOptions(spec.options);
    volume.created = base::Time::now();
    volume.mountpoint = impl_->mountpoint(name);
    volume.anonymous = volume.labels.contains(kAnonymousLabel);
    volume.mounts = planMount(volume.options).needed;
    // Row before name: a directory without a row would be taken for somebody's data.
    const std::string fresh = ".new/" + name;
    sys::removeTree(impl_->root.get(), fresh);
    base::ScopeExit undo{[&] { sys::removeTree(impl_->root.get(), fresh); }};
    impl_->makeDirectory(impl_->root.get(), fresh);
    base::faultPoint("volume.create.made");
    impl_->store.write(Durability::kDurable, [&](Transaction& t) {
      Impl::insert(t, volume);
      if (spec.unfinished) t.run("UPDATE volume SET unfinished=1 WHERE name=?", {name});
      impl_->tell(t, "create", name, {{"driver", volume.driver}});
    });
    base::faultPoint("volume.create.recorded");
    if (::renameat2(impl_->root.get(), fresh.c_str(), impl_->root.get(), name.c_str(),
                    RENAME_NOREPLACE) < 0) {
      if (errno != EEXIST) base::failErrno(errno, "rename", name);
      impl_->makeDirectory(impl_->root.get(), name);  // put there by hand since we started
      sys::removeTree(impl_->root.get(), fresh);
    }
    return volume;
  });
}

Volume Volumes::get(const std::string& name) const {
  return impl_->require(name);
}

bool Volumes::exists(const std::string& name) const {
  return impl_->find(name).has_value();
}

std::vector<Volume> Volumes::list() const {
  std::vector<Volume> volumes;
  impl_->store.read([&](store::Reader& reader) {
    reader.query("SELECT name,created,labels,options FROM volume ORDER BY name", {},
                 [&](const store::Row& row) { volumes.push_back(impl_->volumeOf(row)); });
    for (Volume& volume : volumes) volume.users = Impl::usersOf(reader, volume.name);
  });
  return volumes;
}

void Volumes::remove(const std::string& name, bool force) {
  const auto held = impl_->locks.hold(name);
  const auto volume = impl_->find(name);
  if (!volume && force) return;
  if (!volume) base::fail(Code::kNotFound, "get {}: no such volume", name);
  const auto refuseUsed = [&](const std::vector<std::string>& users) {
    if (!users.empty())
      base::fail(Code::kConflict, "remove {}: volume is in use - [{}]", name,
                 base::join(users, ", "));
  };
  refuseUsed(volume->users);
  if (volume->mounts) impl_->detach(name);
  // Name before row, for the same reason as in create(); undone when the row may not go.
  const int root = impl_->root.get();
  const std::string gone = ".removed/" + name;
  sys::removeTree(root, gone);
  sys::check(::renameat2(root, name.c_str(), root, gone.c_str(), RENAME_NOREPLACE), "rename", name);
  base::ScopeExit undo{
      [&] { ::renameat2(root, gone.c_str(), root, name.c_str(), RENAME_NOREPLACE); }};
  base::faultPoint("volume.remove.renamed");
  impl_->store.write(Durability::kDurable, [&](Transaction& t) {
    refuseUsed(Impl::usersOf(t, name));  // acquired since we looked
    t.run("DELETE FROM volume WHERE name=?", {name});
    t.run("DELETE FROM volume_mount WHERE volume=?", {name});
    impl_->tell(t, "destroy", name, {{"driver", volume->driver}});
  });
  undo.dismiss();
  base::faultPoint("volume.remove.recorded");
  try {
    sys::removeTree(root, gone);
  } catch (const base::Error& error) {  // swept at the next start
    base::log::warn("data of a removed volume is left",
                    {{"volume", name}, {"error", error.message()}});
  }
}

Pruned Volumes::prune(const std::function<bool(const Volume&)>& matches) {
  Pruned pruned;
  for (const Volume& volume : list()) {
    if (!volume.users.empty() || volume.mounts || !matches(volume)) continue;
    try {
      const std::uint64_t size = bytes(volume.name);
      remove(volume.name, false);
      pruned.bytes += size;
      pruned.names.push_back(volume.name);
    } catch (const base::Error& error) {
      // Taken into use, or removed, while we were on our way.
      if (error.code() != Code::kConflict && error.code() != Code::kNotFound) {
        base::log::warn("volume could not be pruned",
                        {{"volume", volume.name}, {"error", error.message()}});
      }
    }
  }
  impl_->store.write(Durability::kLazy, [&](Transaction& t) {
    impl_->tell(t, "prune", "", {{"reclaimed", std::to_string(pruned.bytes)}});
  });
  return pruned;
}

std::uint64_t Volumes::bytes(const std::string& name) const {
  impl_->require(name);
  return files::usage(impl_->openData(name, O_RDONLY).get()).bytes;
}

void Volumes::acquire(Transaction& transaction, const std::string& name,
                      const std::string& containerId) {
  if (!transaction.integer("SELECT 1 FROM volume WHERE name=?", {name})) {
    base::fail(Code::kNotFound, "get {}: no such volume", name);
  }
  transaction.run("INSERT OR IGNORE INTO volume_user(volume,container) VALUES(?,?)",
                  {name, containerId});
  transaction.run("UPDATE volume SET unfinished=0 WHERE name=? AND unfinished<>0", {name});
}

void Volumes::condemn(Transaction& transaction, const std::string& name) {
  transaction.run(
      "UPDATE volume SET unfinished=1 WHERE name=?1"
      " AND NOT EXISTS (SELECT 1 FROM volume_user WHERE volume=?1)",
      {name});
}

void Volumes::release(Transaction& transaction, const std::string& containerId) {
  transaction.run("DELETE FROM volume_user WHERE container=?", {containerId});
  transaction.run("DELETE FROM volume_mount WHERE container=?", {containerId});
}

sys::Fd Volumes::openMount(const std::string& name, const std::string& containerId,
                           const Use& use) {
  const auto held = impl_->locks.hold(name);
  const Volume volume = impl_->require(name);
  bool attached = false;
  if (volume.mounts && !impl_->isMounted(name)) {
    impl_->attach(volume);
    attached = true;
  }
  base::ScopeExit undo{[&] {
    if (attached) impl_->detach(name);
  }};
  base::faultPoint("volume.mount.attached");
  sys::Fd data = impl_->openData(name, O_PATH);
  impl_->store.write(Durability::kLazy, [&](Transaction& t) {
    t.run(
        "INSERT INTO volume_mount(volume,container,uses,boot) VALUES(?1,?2,1,?3)"
        " ON CONFLICT(volume,container) DO UPDATE SET uses=CASE WHEN boot=?3 THEN uses+1 ELSE 1 "
        "END, boot=?3",
        {name, containerId, impl_->boot});
    impl_->tell(t, "mount", name,
                {{"container", containerId},
                 {"destination", use.destination},
                 {"driver", volume.driver},
                 {"propagation", use.propagation},
                 {"read/write", use.readWrite ? "true" : "false"}});
  });
  undo.dismiss();
  return data;
}

void Volumes::closeMount(const std::string& name, const std::string& containerId) {
  const auto held = impl_->locks.hold(name);
  const auto volume = impl_->find(name);
  if (!volume) return;
  bool last = false;
  impl_->store.write(Durability::kLazy, [&](Transaction& t) {
    const int open = t.run("UPDATE volume_mount SET uses=uses-1 WHERE volume=? AND container=?",
                           {name, containerId});
    t.run("DELETE FROM volume_mount WHERE volume=? AND container=? AND uses<=0",
          {name, containerId});
    if (open > 0)
      impl_->tell(t, "unmount", name, {{"container", containerId}, {"driver", volume->driver}});
    last = !impl_->anyMount(t, name);
  });
  base::faultPoint("volume.unmount.recorded");
  if (last && volume->mounts) impl_->detach(name);
}

void Volumes::copyUp(const std::string& name, int imageDirectory, const std::string& containerId) {
  const auto held = impl_->locks.hold(name);
  const Volume volume = impl_->require(name);
  if (!containerId.empty()) {
    std::int64_t copied = 0;
    impl_->store.read([&](store::Reader& reader) {
      copied = reader
                   .integer("SELECT copied FROM volume_user WHERE volume=? AND container=?",
                            {name, containerId})
                   .value_or(0);
    });
    if (copied != 0) return;
  }
  const sys::Fd data = impl_->openData(name, O_RDONLY);
  // A file system of its own is filled from inside: a rename cannot cross into it.
  const bool inside = volume.mounts && impl_->isMounted(name);
  base::within("copy to volume " + name, [&] {
    fill(data.get(), imageDirectory, inside ? stagingInside(data.get()) : impl_->stagingOf(name));
  });
  if (containerId.empty()) return;
  impl_->store.write(Durability::kLazy, [&](Transaction& t) {
    t.run("UPDATE volume_user SET copied=1 WHERE volume=? AND container=?", {name, containerId});
  });
}

}  // namespace volume
