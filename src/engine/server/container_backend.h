// What the container and exec resources ask of the engine. References are what users type: id, name
// or id prefix.
//
// Called on lane threads, many at once. Errors carry Docker's words; the code becomes the status:
// kNotModified is "already so" (start of a running container).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/dockerapi/container.h"
#include "api/dockerapi/container_config.h"
#include "api/dockerapi/filters.h"
#include "api/dockerapi/image.h"
#include "api/dockerapi/stats.h"
#include "api/dockerapi/versions.h"
#include "engine/server/streams.h"

namespace server {

struct ContainerListRequest {
  bool all = false;
  int limit = 0;      // 0: none; the newest otherwise, whatever their state
  bool size = false;  // fill sizeRw and sizeRootFs
  std::string since, before;
  dockerapi::Filters filters;
};

struct ContainerCreateRequest {
  std::string name;  // "": to be made up
  std::string platform;
  dockerapi::CreateRequest body;  // brought to the newest API's meaning; hostConfig is there
  bool readOnlyNonRecursive =
      false;  // clients before 1.44: read-only mounts are not recursively so
  dockerapi::ApiVersion version;
};

struct ContainerRemoveRequest {
  bool force = false;
  bool volumes = false;
  bool link = false;
};

struct ContainerStopRequest {
  std::string signal;          // "": the container's own
  std::optional<int> timeout;  // seconds, negative: for ever; absent: the container's own
};

enum class WaitCondition { kNotRunning, kNextExit, kRemoved };

struct AttachRequest {
  bool stream = false;
  bool logs = false;
  bool useStdin = false, useStdout = false, useStderr = false;
  std::optional<std::string>
      detachKeys;  // absent: the default; Error kInvalidArgument when malformed
};

struct LogsRequest {
  bool useStdout = false, useStderr = false;
  bool follow = false;
  bool details = false;              // the sink prints them; absent they need not be read
  base::Time since, until;           // zero: none
  std::optional<std::int64_t> tail;  // absent: all
};

struct StatsRequest {
  bool stream = true;
  bool oneShot = false;  // no second sample to compare with
};

struct ArchivePutRequest {
  std::string path;
  bool noOverwriteDirNonDir = false;
  bool copyUidGid = false;
};

struct CommitRequest {
  std::string container, repository, tag, comment, author;
  bool pause = true;
  std::vector<std::string> changes;
  std::optional<dockerapi::Config> config;
};

class ContainerBackend {
 public:
  virtual ~ContainerBackend() = default;
  // The full id; "" when there is no such container. Does not block.
  virtual std::string idOf(const std::string& reference) const {
    (void)reference;
    return {};
  }

  virtual std::vector<dockerapi::ContainerSummary> list(const ContainerListRequest& request) = 0;
  virtual dockerapi::CreateResponse create(const ContainerCreateRequest& request) = 0;
  virtual dockerapi::ContainerInspect inspect(const std::string& reference, bool size) = 0;

  virtual void start(const std::string& reference) = 0;  // kNotModified: it runs
  virtual void stop(const std::string& reference, const ContainerStopRequest& request,
                    Done done) = 0;
  virtual void restart(const std::string& reference, const ContainerStopRequest& request,
                       Done done) = 0;
  // With KILL, done when it has gone; other signals are only sent. "" is KILL.
  virtual void kill(const std::string& reference, const std::string& signal, Done done) = 0;
  virtual void remove(const std::string& reference, const ContainerRemoveRequest& request,
                      Done done) = 0;
  virtual void pause(const std::string& reference) = 0;
  virtual void unpause(const std::string& reference) = 0;
  virtual void rename(const std::string& reference, const std::string& name) = 0;
  virtual dockerapi::UpdateResponse update(const std::string& reference,
                                           const dockerapi::UpdateRequest& request) = 0;
  virtual void resize(const std::string& reference, unsigned height, unsigned width) = 0;
  virtual dockerapi::TopResponse top(const std::string& reference,
                                     const std::string& psArguments) = 0;
  virtual std::vector<dockerapi::FilesystemChange> changes(const std::string& reference) = 0;
  virtual dockerapi::ContainersPruneReport prune(const dockerapi::Filters& filters) = 0;
  virtual dockerapi::IdResponse commit(const CommitRequest& request) = 0;

  // `done` runs once, from any thread (it may be this one, before wait returns), and does not
  // block. The waiting has begun when this returns: a client that hears so may start the container.
  // What is returned takes the wait back when the client goes away; it may come late and is then
  // nothing.
  using WaitDone = std::function<void(const dockerapi::WaitResponse&)>;
  virtual std::function<void()> wait(const std::string& reference, WaitCondition condition,
                                     WaitDone done) = 0;

  // Hands the connection over and returns; the stream then lives apart from this call.
  virtual void attach(const std::string& reference, const AttachRequest& request,
                      const Hijack& hijack) = 0;
  // Returns at the end of the log, or when `stop` fires.
  virtual void logs(const std::string& reference, const LogsRequest& request, LogSink& sink,
                    const base::StopToken& stop) = 0;
  // Calls `each` about once a second (once in all without `stream`) until `stop`.
  virtual void stats(const std::string& reference, const StatsRequest& request,
                     const std::function<void(const dockerapi::ContainerStats&)>& each,
                     const base::StopToken& stop) = 0;

  // The root file system as tar.
  virtual void exportTo(const std::string& reference, const ByteSink& tar,
                        const base::StopToken& stop) = 0;
  virtual dockerapi::PathStat statPath(const std::string& reference, const std::string& path) = 0;
  // `begin` is told what the path is before the first byte of the tar.
  virtual void archiveGet(const std::string& reference, const std::string& path,
                          const std::function<void(const dockerapi::PathStat&)>& begin,
                          const ByteSink& tar, const base::StopToken& stop) = 0;
  virtual void archivePut(const std::string& reference, const ArchivePutRequest& request,
                          const ByteSource& tar, const base::StopToken& stop) = 0;
};

class ExecBackend {
 public:
  virtual ~ExecBackend() = default;
  // Its container's full id; "" when there is no such exec. Does not block.
  virtual std::string containerOf(const std::string& id) const {
    (void)id;
    return {};
  }
  virtual dockerapi::IdResponse createExec(const std::string& container,
                                           const dockerapi::ExecCreateRequest& request) = 0;
  // Returns when the process runs (or failed to), having hijacked once all that can be refused was
  // checked; detached it is given no connection.
  virtual void startExec(const std::string& id, const dockerapi::ExecStartRequest& request,
                         const Hijack* hijack) = 0;
  virtual void resizeExec(const std::string& id, unsigned height, unsigned width) = 0;
  virtual dockerapi::ExecInspect inspectExec(const std::string& id) = 0;
};

}  // namespace server
