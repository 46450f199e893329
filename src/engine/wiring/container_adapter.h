// What the API server asks of containers and execs, answered by engine/container. Translates;
// decides nothing.
#pragma once

#include "engine/container/core.h"
#include "engine/container/execs.h"
#include "engine/container/lifecycle.h"
#include "engine/container/streams.h"
#include "engine/server/container_backend.h"

namespace wiring {

class ContainerAdapter : public server::ContainerBackend, public server::ExecBackend {
 public:
  ContainerAdapter(container::Core& core, container::Lifecycle& lifecycle, container::Execs& execs,
                   container::Streams& streams)
      : core_(core), lifecycle_(lifecycle), execs_(execs), streams_(streams) {}

  std::string idOf(const std::string& reference) const override;
  std::string containerOf(const std::string& id) const override;
  std::vector<dockerapi::ContainerSummary> list(
      const server::ContainerListRequest& request) override;
  dockerapi::CreateResponse create(const server::ContainerCreateRequest& request) override;
  dockerapi::ContainerInspect inspect(const std::string& reference, bool size) override;
  void start(const std::string& reference) override;
  void stop(const std::string& reference, const server::ContainerStopRequest& request,
            server::Done done) override;
  void restart(const std::string& reference, const server::ContainerStopRequest& request,
               server::Done done) override;
  void kill(const std::string& reference, const std::string& signal, server::Done done) override;
  void remove(const std::string& reference, const server::ContainerRemoveRequest& request,
              server::Done done) override;
  void pause(const std::string& reference) override;
  void unpause(const std::string& reference) override;
  void rename(const std::string& reference, const std::string& name) override;
  dockerapi::UpdateResponse update(const std::string& reference,
                                   const dockerapi::UpdateRequest& request) override;
  void resize(const std::string& reference, unsigned height, unsigned width) override;
  dockerapi::TopResponse top(const std::string& reference, const std::string& psArguments) override;
  std::vector<dockerapi::FilesystemChange> changes(const std::string& reference) override;
  dockerapi::ContainersPruneReport prune(const dockerapi::Filters& filters) override;
  dockerapi::IdResponse commit(const server::CommitRequest& request) override;
  std::function<void()> wait(const std::string& reference, server::WaitCondition condition,
                             WaitDone done) override;
  void attach(const std::string& reference, const server::AttachRequest& request,
              const server::Hijack& hijack) override;
  void logs(const std::string& reference, const server::LogsRequest& request, server::LogSink& sink,
            const base::StopToken& stop) override;
  void stats(const std::string& reference, const server::StatsRequest& request,
             const std::function<void(const dockerapi::ContainerStats&)>& each,
             const base::StopToken& stop) override;
  void exportTo(const std::string& reference, const server::ByteSink& tar,
                const base::StopToken& stop) override;
  dockerapi::PathStat statPath(const std::string& reference, const std::string& path) override;
  void archiveGet(const std::string& reference, const std::string& path,
                  const std::function<void(const dockerapi::PathStat&)>& begin,
                  const server::ByteSink& tar, const base::StopToken& stop) override;
  void archivePut(const std::string& reference, const server::ArchivePutRequest& request,
                  const server::ByteSource& tar, const base::StopToken& stop) override;

  dockerapi::IdResponse createExec(const std::string& container,
                                   const dockerapi::ExecCreateRequest& request) override;
  void startExec(const std::string& id, const dockerapi::ExecStartRequest& request,
                 const server::Hijack* hijack) override;
  void resizeExec(const std::string& id, unsigned height, unsigned width) override;
  dockerapi::ExecInspect inspectExec(const std::string& id) override;

 private:
  container::Core& core_;
  container::Lifecycle& lifecycle_;
  container::Execs& execs_;
  container::Streams& streams_;
};

}  // namespace wiring
