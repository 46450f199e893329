// Running tasks: an OCI spec, a detached rootfs, a cgroup and stdio become a process under a shim
// of its own, which outlives the daemon. Knows no names, records, restart policies or events:
// engine/container decides, this does.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/oci/runtime_spec.h"
#include "platform/base/error.h"
#include "platform/base/stop_token.h"
#include "platform/base/time.h"
#include "platform/sys/fd.h"
#include "platform/sys/host.h"
#include "runtime/cgroup/cgroup.h"

namespace task {

// What a client that attaches wants; the socket was taken over from HTTP, head sent
// (http::Released).
struct Attacher {
  sys::Fd socket;
  std::string unread;  // bytes of stdin that came behind the request
  bool in = false, out = true, err = true;
  bool framed = true;      // 8-byte stream headers; false with a terminal
  std::string detachKeys;  // raw bytes of the sequence; empty: none
  // Called once on the daemon's watcher thread, unless start(), exec() or attach() threw, when this
  // client left by its keys (true) or for good (false).
  std::function<void(bool byKeys)> onDetach;
};

struct Stdio {
  bool terminal = false;
  bool openStdin = false;
  bool stdinOnce = false;  // the pipe closes when the first attacher's stdin ends
  std::uint16_t rows = 0, columns = 0;
};

// The json-file log that the shim writes.
struct LogPlan {
  bool enabled = true;  // false: driver none
  sys::Fd directory;    // of the files; "<id>-json.log", ".1", …
  std::string fileName;
  std::int64_t maxSize = 100 << 20;  // bytes; 0: never rotate
  int maxFiles = 3;
  std::string attributes;        // JSON object text for "attrs", or empty; at most 64 KiB
  std::uint64_t generation = 0;  // number of the first file in the log's sequence; 0: 1
};

// A directory or file on the host, opened by the engine, that is mounted at
// `spec.mounts[i].destination`.
struct MountSource {
  std::string destination;  // of the spec's mount that this is the source of
  sys::Fd source;           // O_PATH, or a detached mount
};

struct StartRequest {
  std::string id;  // 64 hex
  oci::Spec spec;
  sys::Fd rootfs;  // detached mount (snapshot::Snapshotter::open)
  sys::Fd netns;   // empty: the host's
  std::vector<MountSource> mounts;
  std::string cgroupPath;  // relative to every hierarchy's root: "sampan/<id>"
  Stdio stdio;
  LogPlan log;
  std::vector<Attacher> attachers;
  bool init = false;  // sampan-init as PID 1
  std::string user;   // "user[:group]", resolved inside the container; empty: spec.process.user
  std::vector<std::string> groups;  // --group-add, by name or number
};

struct Running {
  int pid = 0;
  base::Time startedAt;
};

// Failed before or at execve. `exitCode` as `docker run` reports it: 126 not executable, 127 not
// found, 128 else.
class StartError : public base::Error {
 public:
  StartError(base::Code code, std::string message, int sysErrno, int exitCodeOfRun)
      : Error(code, std::move(message), sysErrno), exitCode(exitCodeOfRun) {}
  int exitCode;
};

struct Exit {
  std::string id;
  std::string exec;  // empty: the task itself
  int code = 0;      // 128 + signal; 255 when unknown
  bool oomKilled = false;
  bool known = true;  // false: the shim died with the status; `code` is 255
  std::string error;  // why, when not known
  base::Time at;
  base::Time startedAt;  // of the task; zero when only the daemon knew
};

struct ExecRequest {
  std::string id;    // of the task
  std::string exec;  // id of this exec, 64 hex
  oci::Process process;
  std::string user;  // as in StartRequest
  std::vector<std::string> groups;
  const oci::Seccomp* seccomp =
      nullptr;  // of the container's spec; null: unconfined. Valid during exec()
  Stdio stdio;
  std::vector<Attacher> attachers;
};

// Where the log of a running task stands; published by its shim without a message.
struct LogPosition {
  std::uint64_t generation = 0;  // counts files, by rotation or truncation
  std::uint64_t offset = 0;      // bytes of the current file that are complete records
  std::uint64_t inode = 0;       // of the current file
  std::uint64_t dropped = 0;     // records lost to a full disk
};

struct Recovered {
  std::string id;
  std::optional<Running> running;  // or
  std::optional<Exit> exit;        // ended while no daemon was there
  std::vector<std::string> execs;  // still running
};

struct Options {
  sys::HostFacts host;
  sys::Fd execRoot;         // tmpfs directory; sockets and exit records below "task/<id>"
  std::string shimProgram;  // path; read once into a sealed memfd
  std::string initProgram;
  cgroup::Driver* cgroups = nullptr;
  // Cgroup of all shims, so that whoever stops or limits the daemon's own does not reach them. Not
  // below the containers' parent, which is swept. Empty: they stay with the daemon.
  std::string shimCgroup;
  // Parent of the tasks' cgroups. Both are made by the first start, and removed when there has been
  // no task for half a second.
  std::string cgroupParent;
};

// A shim that comes up on another CPU while its caller makes the rest of a start ready. Dropped
// unused, it is ended, and nothing of it stays; must not outlive its Tasks.
class Preparation {
 public:
  struct State;
  explicit Preparation(std::unique_ptr<State> state);
  Preparation(Preparation&&) noexcept;
  ~Preparation();

 private:
  friend class Tasks;
  std::unique_ptr<State> state_;
};

// Thread-safe; operations on one task are serialised by the caller (the container's queue), exits
// come at any time.
class Tasks {
 public:
  explicit Tasks(Options options);
  ~Tasks();

  // Runs on one watcher thread; must not block, and may come before start() or exec() has returned.
  // Called exactly once a task and once an exec, also for those that recover() reported running;
  // what ended before the callback was given is told then. The exit record on tmpfs stays until
  // forget().
  void onExit(std::function<void(const Exit&)> callback);

  // Finds the shims of an earlier daemon: connects again, reads exit records. Before any start.
  std::vector<Recovered> recover();

  // Does not wait for the shim. Error kConflict: the task exists already.
  Preparation prepare(const std::string& id, const std::string& cgroupPath);
  // Returns once the program runs (execve done). StartError otherwise, and nothing stays behind.
  // The preparation is for the request's id and cgroup.
  Running start(StartRequest request, Preparation preparation);
  Running start(StartRequest request);
  // False: already gone.
  bool signal(const std::string& id, int signal);
  // Ends a start whose process has been cloned and does not run its program yet: start() fails.
  // Nothing else; needs no turn.
  void endLaunch(const std::string& id);
  void killAll(const std::string& id);  // every process of the cgroup
  // Lets execs that are being launched come to their program first, for a second at most.
  void pause(const std::string& id);
  void resume(const std::string& id);
  void resize(const std::string& id, const std::string& exec, std::uint16_t rows,
              std::uint16_t columns);
  void attach(const std::string& id, Attacher attacher);
  // "user[:group]" as an exec would look it up now. Error kInvalidArgument in Docker's words; may
  // block as long as the container's file system does.
  void checkUser(const std::string& id, const std::string& user) const;
  // Returns as start(); the exit comes by onExit with `exec` set. `begun` is called once the shim
  // was told all of it: what is left is the launch, which a hostile container can stop for
  // shimwire::kLaunchSeconds, and which needs no turn of the caller's any more.
  Running exec(ExecRequest request, const std::function<void()>& begun = {});
  bool signalExec(const std::string& id, const std::string& exec, int signal);
  void closeStdin(const std::string& id);
  // nullopt: no such task, or not started.
  std::optional<LogPosition> logPosition(const std::string& id) const;
  // Descriptors (at most 4 under one of 8 keys) that the shim holds for a later daemon; an empty
  // list removes them.
  void keep(const std::string& id, std::uint32_t key, const std::vector<int>& fds);
  std::vector<sys::Fd> kept(const std::string& id, std::uint32_t key) const;
  std::vector<int> processes(const std::string& id) const;  // host pids of the cgroup
  // The engine has the exit on record: removes the exit record, the shim's leftovers and the
  // cgroup.
  void forget(const std::string& id);

  struct Impl;  // tasks_impl.h

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace task
