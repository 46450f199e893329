#include "runtime/sandbox/sandbox.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <map>
#include <set>
#include <thread>

#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/log.h"
#include "platform/base/mutex.h"
#include "platform/base/scope_exit.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "platform/sys/mount.h"
#include "platform/sys/process.h"

namespace sandbox {

namespace {

constexpr char kDirectory[] = "netns";
constexpr size_t kNameBytes = 12;
constexpr long kNamespaceMagic = 0x6e736673;  // NSFS_MAGIC

const store::Schema kSchema{
    .name = "sandbox",
    .steps = {"CREATE TABLE sandboxes (id TEXT PRIMARY KEY, boot TEXT NOT NULL, users INTEGER NOT "
              "NULL) WITHOUT ROWID;",
              "ALTER TABLE sandboxes DROP COLUMN users;"},
};

// Runs `body` on a thread that ends with it, and rethrows. Namespaces of a thread that goes on to
// live would be those of whatever it does next.
void onOwnThread(const std::function<void()>& body) {
  std::exception_ptr thrown;
  std::thread([&] {
    try {
      body();
    } catch (...) {  // handed to the caller
      thrown = std::current_exception();
    }
  }).join();
  if (thrown) std::rethrow_exception(thrown);
}

void bringLoopbackUp() {
  const sys::Fd socket(sys::check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  sys::check(::ioctl(socket.get(), SIOCSIFFLAGS, &request), "set link up", "lo");
}

// A directory that is a mount with a peer group of its own: a pin appears once, not also in what
// the directory lies on, and its removal reaches the copies that other mount namespaces (services
// with private /tmp) hold.
void makeMountPoint(int directory) {
  const std::string path = sys::procPath(directory);
  const std::string real = sys::pathOf(directory);
  for (const sys::MountInfo& mount : sys::readMounts()) {
    if (mount.mountPoint == real) return;
  }
  sys::check(::mount(path.c_str(), real.c_str(), nullptr, MS_BIND, nullptr), "bind mount", real);
  sys::check(::mount(nullptr, real.c_str(), nullptr, MS_PRIVATE, nullptr), "make private", real);
  sys::check(::mount(nullptr, real.c_str(), nullptr, MS_SHARED, nullptr), "make shared", real);
}

}  // namespace

void inNamespace(int netns, const std::function<void()>& body) {
  onOwnThread([&] {
    sys::check(::setns(netns, CLONE_NEWNET), "setns", "network namespace");
    body();
  });
}

struct Sandboxes::Impl {
  Impl(store::Store& database, sys::Fd root) : store(database), execRoot(std::move(root)) {
    store.ensure(kSchema);
    const sys::Fd plain = sys::makeDirs(execRoot.get(), kDirectory, 0755);
    makeMountPoint(plain.get());
    directory =
        sys::openAt(execRoot.get(), kDirectory, O_PATH | O_DIRECTORY);  // on top of the mount
    path = sys::pathOf(directory.get());
    boot = sys::bootId();
    load();
    sweep();
  }

  // With nothing pinned the mount below the exec root goes as well; the next daemon makes it anew.
  ~Impl() {
    const base::Lock lock(mutex);
    if (!users.empty()) return;
    ::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
    ::unlinkat(execRoot.get(), kDirectory, AT_REMOVEDIR);
  }

  static std::string nameOf(const std::string& id) { return id.substr(0, kNameBytes); }
  Sandbox describe(const std::string& id) const { return {id, path + "/" + nameOf(id)}; }

  // Is a namespace there, and not only the file that it was mounted on?
  bool pinned(const std::string& name) const {
    const auto fd = sys::openAtIfExists(directory.get(), name, O_RDONLY | O_NOFOLLOW);
    struct statfs fs {};
    return fd && ::fstatfs(fd->get(), &fs) == 0 && fs.f_type == kNamespaceMagic;
  }

  void load() {
    std::set<std::string> stale;
    store.read([&](store::Reader& reader) {
      reader.query("SELECT id, boot FROM sandboxes", {}, [&](const store::Row& row) {
        const std::string id = row.text(0);
        if (row.text(1) == boot && pinned(nameOf(id))) {
          users[id];  // whose they are, retain() tells
        } else {
          stale.insert(id);
        }
      });
    });
    if (stale.empty()) return;
    store.write(store::Durability::kLazy, [&](store::Transaction& transaction) {
      for (const std::string& id : stale)
        transaction.run("DELETE FROM sandboxes WHERE id = ?", {id});
    });
  }

  void sweep() {
    std::set<std::string> known;
    for (const auto& [id, holders] : users) known.insert(nameOf(id));
    for (const std::string& name : sys::listDir(directory.get())) {
      if (known.contains(name)) continue;
      base::log::info("removing a network namespace that belongs to nothing", {{"name", name}});
      unpin(name);
    }
  }

  void pin(const std::string& name) const {
    const sys::Fd target =
        sys::openAt(directory.get(), name, O_RDONLY | O_CREAT | O_NOFOLLOW, 0444);
    base::ScopeExit undo([&] { unpin(name); });
    onOwnThread([&] {
      sys::check(::unshare(CLONE_NEWNET), "unshare", "network namespace");
      bringLoopbackUp();
      const std::string to = sys::procPath(target.get());
      sys::check(::mount("/proc/thread-self/ns/net", to.c_str(), nullptr, MS_BIND, nullptr),
                 "bind mount", name);
    });
    undo.dismiss();
  }

  void unpin(const std::string& name) const {
    const std::string at = sys::procPath(directory.get()) + "/" + name;
    // Once is enough but for a crash between two daemons of the same root.
    while (::umount2(at.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
    }
    sys::removeFile(directory.get(), name);
  }

  void putRow(const std::string& id) {
    store.write(store::Durability::kLazy, [&](store::Transaction& transaction) {
      transaction.run("INSERT OR REPLACE INTO sandboxes (id, boot) VALUES (?, ?)", {id, boot});
    });
  }
  void removeRow(const std::string& id) {
    store.write(store::Durability::kLazy, [&](store::Transaction& transaction) {
      transaction.run("DELETE FROM sandboxes WHERE id = ?", {id});
    });
  }

  // The caller is busy with `id`.
  void removeSandbox(const std::string& id) {
    removeRow(id);
    {
      const base::Lock lock(mutex);
      users.erase(id);
    }
    base::faultPoint("sandbox.released");
    unpin(nameOf(id));
  }

  store::Store& store;
  const sys::Fd execRoot;
  sys::Fd directory;
  std::string path;
  std::string boot;
  // Held over pins and writes of one sandbox; creates of different ones are made apart from it.
  mutable base::Mutex mutex;
  base::Condition settled;
  std::map<std::string, std::set<std::string>> users GUARDED_BY(mutex);
  std::set<std::string> busy GUARDED_BY(mutex);

  // One operation at a time on one id; different ids do not wait for each other's unshare.
  class Busy {
   public:
    Busy(Impl& impl, const std::string& id) : impl_(impl), id_(id) {
      const base::Lock lock(impl_.mutex);
      while (impl_.busy.contains(id_)) impl_.settled.wait(impl_.mutex);
      impl_.busy.insert(id_);
    }
    ~Busy() {
      const base::Lock lock(impl_.mutex);
      impl_.busy.erase(id_);
      impl_.settled.notifyAll();
    }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    Impl& impl_;
    std::string id_;
  };

  bool knows(const std::string& id) const {
    const base::Lock lock(mutex);
    return users.contains(id);
  }
};

Sandboxes::Sandboxes(store::Store& store, sys::Fd execRoot)
    : impl_(std::make_unique<Impl>(store, std::move(execRoot))) {}
Sandboxes::~Sandboxes() = default;

Sandbox Sandboxes::create(const std::string& id) {
  const Impl::Busy busy(*impl_, id);
  const auto hold = [&] {
    const base::Lock lock(impl_->mutex);
    impl_->users[id].insert(id);
  };
  if (impl_->knows(id)) {
    hold();
    return impl_->describe(id);
  }
  const std::string name = Impl::nameOf(id);
  if (name.empty() || name.find('/') != std::string::npos || name[0] == '.') {
    base::fail(base::Code::kInvalidArgument, "not an id: {}", id);
  }
  if (impl_->pinned(name)) base::fail(base::Code::kConflict, "sandbox {} exists already", name);
  impl_->pin(name);
  base::ScopeExit undo([&] { impl_->unpin(name); });
  base::faultPoint("sandbox.pinned");
  impl_->putRow(id);
  undo.dismiss();
  hold();
  return impl_->describe(id);
}

void Sandboxes::addReference(const std::string& id, const std::string& user) {
  const Impl::Busy busy(*impl_, id);
  const base::Lock lock(impl_->mutex);
  const auto found = impl_->users.find(id);
  if (found == impl_->users.end()) base::fail(base::Code::kNotFound, "no such sandbox: {}", id);
  found->second.insert(user);
}

void Sandboxes::release(const std::string& id, const std::string& user) {
  const Impl::Busy busy(*impl_, id);
  {
    const base::Lock lock(impl_->mutex);
    const auto found = impl_->users.find(id);
    if (found == impl_->users.end() || found->second.erase(user) == 0 || !found->second.empty())
      return;
  }
  impl_->removeSandbox(id);
}

void Sandboxes::retain(const std::map<std::string, std::set<std::string>>& users) {
  for (const Sandbox& sandbox : list()) {
    const Impl::Busy busy(*impl_, sandbox.id);
    const auto used = users.find(sandbox.id);
    if (used == users.end() || used->second.empty()) {
      impl_->removeSandbox(sandbox.id);
      continue;
    }
    const base::Lock lock(impl_->mutex);
    impl_->users[sandbox.id] = used->second;
  }
}

sys::Fd Sandboxes::netns(const std::string& id) const {
  if (!impl_->knows(id)) base::fail(base::Code::kNotFound, "no such sandbox: {}", id);
  return sys::openAt(impl_->directory.get(), Impl::nameOf(id), O_RDONLY | O_NOFOLLOW);
}

std::vector<Sandbox> Sandboxes::list() const {
  const base::Lock lock(impl_->mutex);
  std::vector<Sandbox> all;
  for (const auto& [id, holders] : impl_->users) all.push_back(impl_->describe(id));
  return all;
}

namespace {

void inMountsOf(int pid, const std::function<void()>& body) {
  const sys::Fd space = sys::openAt(AT_FDCWD, fmt::format("/proc/{}/ns/mnt", pid), O_RDONLY);
  onOwnThread([&] {
    // Root and working directory are shared among threads, and the kernel refuses to change them
    // for all.
    sys::check(::unshare(CLONE_FS), "unshare", "file system attributes");
    sys::check(::setns(space.get(), CLONE_NEWNS), "setns", "mount namespace");
    body();
  });
}

}  // namespace

sys::Fd cloneMountOf(int pid, const std::string& path) {
  sys::Fd clone;
  inMountsOf(pid, [&] {
    const sys::Fd there = sys::openAt(AT_FDCWD, path, O_PATH | O_DIRECTORY);
    clone = sys::cloneMount(there.get(), false);
  });
  return clone;
}

sys::Fd rootOf(int pid) {
  sys::Fd root;
  inMountsOf(pid, [&] { root = sys::openAt(AT_FDCWD, "/", O_PATH | O_DIRECTORY); });
  return root;
}

}  // namespace sandbox
