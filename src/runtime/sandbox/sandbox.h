// Namespaces that outlive one process: the network namespace (later also user, ipc, uts, pid) of a
// container, of containers that join it (container:ID), or of a pod. Pinned by bind mounts below
// the exec root so that they survive the daemon, and found again by name after its death. Who uses
// one is not written down: the tasks that run say so when the daemon comes back.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "platform/sys/fd.h"
#include "state/store/store.h"

namespace sandbox {

struct Sandbox {
  std::string id;  // the container's id that made it
  std::string
      netns;  // path of the pin: <exec-root>/netns/<short id>, what the API shows as SandboxKey
};

// Thread-safe.
class Sandboxes {
 public:
  // Sweeps pins without a row and rows of an earlier boot. `execRoot` is a directory on tmpfs
  // (/run/sampan).
  Sandboxes(store::Store& store, sys::Fd execRoot);
  ~Sandboxes();

  // A new network namespace, pinned, with lo up; its first user is `id` itself. Idempotent for the
  // same id. About 0.4 ms.
  Sandbox create(const std::string& id);
  // One more or one less user, by its container's id; the last release unpins. Both idempotent;
  // unknown ids are fine for release.
  void addReference(const std::string& id, const std::string& user);
  void release(const std::string& id, const std::string& user);
  // At recovery, before anything is started: who uses which one. Those of an earlier daemon that
  // nobody uses go; until then all of them stay.
  void retain(const std::map<std::string, std::set<std::string>>& users);

  // The namespace itself. Error kNotFound.
  sys::Fd netns(const std::string& id) const;

  std::vector<Sandbox> list() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Runs `body` with the calling code inside `netns` on a short-lived thread (never a pooled one) and
// rethrows what it throws. For netlink sockets, which stay bound to the namespace they were opened
// in.
void inNamespace(int netns, const std::function<void()>& body);

// A detached copy of what is mounted at `path` as the mount namespace of process `pid` sees it:
// open_tree clones nothing of a namespace that the caller is not in. Error kNotFound: no such
// process or path.
sys::Fd cloneMountOf(int pid, const std::string& path);

// The root of the mount namespace of process `pid`, O_PATH, wherever that process has moved its own
// to. Error kNotFound: no such process.
sys::Fd rootOf(int pid);

}  // namespace sandbox
