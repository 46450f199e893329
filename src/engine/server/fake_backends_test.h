// Backends that note what they were asked and answer what a test told them to.
#pragma once

#include <gmock/gmock.h>

#include "engine/server/server.h"

namespace server::test {

using dockerapi::Filters;

class FakeSystem : public SystemBackend {
 public:
  MOCK_METHOD(dockerapi::Info, info, (), (override));
  MOCK_METHOD(dockerapi::Version, version, (), (override));
  MOCK_METHOD(std::string, swarmState, (), (override));
  MOCK_METHOD(dockerapi::DiskUsage, diskUsage, (const DiskUsageRequest&), (override));
  MOCK_METHOD(dockerapi::AuthenticateResponse, login,
              (const dockerapi::AuthConfig&, const base::StopToken&), (override));
  MOCK_METHOD(void, events,
              (const EventsRequest&, const std::function<void()>&,
               const std::function<void(const dockerapi::EventMessage&)>&, const base::StopToken&),
              (override));
};

class FakeContainers : public ContainerBackend {
 public:
  MOCK_METHOD(std::vector<dockerapi::ContainerSummary>, list, (const ContainerListRequest&),
              (override));
  MOCK_METHOD(dockerapi::CreateResponse, create, (const ContainerCreateRequest&), (override));
  MOCK_METHOD(dockerapi::ContainerInspect, inspect, (const std::string&, bool), (override));
  MOCK_METHOD(void, start, (const std::string&), (override));
  MOCK_METHOD(void, stop, (const std::string&, const ContainerStopRequest&, Done), (override));
  MOCK_METHOD(void, restart, (const std::string&, const ContainerStopRequest&, Done), (override));
  MOCK_METHOD(void, kill, (const std::string&, const std::string&, Done), (override));
  MOCK_METHOD(void, remove, (const std::string&, const ContainerRemoveRequest&, Done), (override));
  MOCK_METHOD(void, pause, (const std::string&), (override));
  MOCK_METHOD(void, unpause, (const std::string&), (override));
  MOCK_METHOD(void, rename, (const std::string&, const std::string&), (override));
  MOCK_METHOD(dockerapi::UpdateResponse, update,
              (const std::string&, const dockerapi::UpdateRequest&), (override));
  MOCK_METHOD(void, resize, (const std::string&, unsigned, unsigned), (override));
  MOCK_METHOD(dockerapi::TopResponse, top, (const std::string&, const std::string&), (override));
  MOCK_METHOD(std::vector<dockerapi::FilesystemChange>, changes, (const std::string&), (override));
  MOCK_METHOD(dockerapi::ContainersPruneReport, prune, (const Filters&), (override));
  MOCK_METHOD(dockerapi::IdResponse, commit, (const CommitRequest&), (override));
  MOCK_METHOD(std::function<void()>, wait, (const std::string&, WaitCondition, WaitDone),
              (override));
  MOCK_METHOD(void, attach, (const std::string&, const AttachRequest&, const Hijack&), (override));
  MOCK_METHOD(void, logs,
              (const std::string&, const LogsRequest&, LogSink&, const base::StopToken&),
              (override));
  MOCK_METHOD(void, stats,
              (const std::string&, const StatsRequest&,
               const std::function<void(const dockerapi::ContainerStats&)>&,
               const base::StopToken&),
              (override));
  MOCK_METHOD(void, exportTo, (const std::string&, const ByteSink&, const base::StopToken&),
              (override));
  MOCK_METHOD(dockerapi::PathStat, statPath, (const std::string&, const std::string&), (override));
  MOCK_METHOD(void, archiveGet,
              (const std::string&, const std::string&,
               const std::function<void(const dockerapi::PathStat&)>&, const ByteSink&,
               const base::StopToken&),
              (override));
  MOCK_METHOD(void, archivePut,
              (const std::string&, const ArchivePutRequest&, const ByteSource&,
               const base::StopToken&),
              (override));
};

class FakeExecs : public ExecBackend {
 public:
  MOCK_METHOD(dockerapi::IdResponse, createExec,
              (const std::string&, const dockerapi::ExecCreateRequest&), (override));
  MOCK_METHOD(void, startExec,
              (const std::string&, const dockerapi::ExecStartRequest&, const Hijack*), (override));
  MOCK_METHOD(void, resizeExec, (const std::string&, unsigned, unsigned), (override));
  MOCK_METHOD(dockerapi::ExecInspect, inspectExec, (const std::string&), (override));
};

class FakeImages : public ImageBackend {
 public:
  MOCK_METHOD(std::vector<dockerapi::ImageSummary>, listImages, (const ImageListRequest&),
              (override));
  MOCK_METHOD(dockerapi::ImageInspect, inspectImage,
              (const std::string&, const std::optional<Platform>&, bool), (override));
  MOCK_METHOD(std::vector<dockerapi::ImageHistoryItem>, imageHistory,
              (const std::string&, const std::optional<Platform>&), (override));
  MOCK_METHOD(void, tagImage, (const std::string&, const std::string&, const std::string&),
              (override));
  MOCK_METHOD(std::vector<dockerapi::ImageDeleted>, removeImage,
              (const std::string&, bool, bool, const std::vector<Platform>&), (override));
  MOCK_METHOD(dockerapi::ImagesPruneReport, pruneImages, (const Filters&), (override));
  MOCK_METHOD(std::vector<dockerapi::SearchResult>, searchImages,
              (const std::string&, int, const Filters&, const dockerapi::AuthConfig&), (override));
  MOCK_METHOD(dockerapi::DistributionInspect, inspectDistribution,
              (const std::string&, const dockerapi::AuthConfig&), (override));
  MOCK_METHOD(void, pullImage,
              (const ImagePullRequest&, const ProgressSink&, const base::StopToken&), (override));
  MOCK_METHOD(void, pushImage,
              (const ImagePushRequest&, const ProgressSink&, const base::StopToken&), (override));
  MOCK_METHOD(void, importImage,
              (const ImageImportRequest&, const ByteSource&, const ProgressSink&,
               const base::StopToken&),
              (override));
  MOCK_METHOD(void, loadImages,
              (const ByteSource&, bool, const std::optional<Platform>&, const ProgressSink&,
               const base::StopToken&),
              (override));
  MOCK_METHOD(void, saveImages,
              (const std::vector<std::string>&, const std::optional<Platform>&, const ByteSink&,
               const base::StopToken&),
              (override));
  MOCK_METHOD(dockerapi::BuildPruneReport, pruneBuildCache, (bool, const Filters&), (override));
};

class FakeNetworks : public NetworkBackend {
 public:
  MOCK_METHOD(std::vector<dockerapi::NetworkInspect>, listNetworks, (const Filters&), (override));
  MOCK_METHOD(dockerapi::NetworkInspect, inspectNetwork,
              (const std::string&, bool, const std::string&), (override));
  MOCK_METHOD(dockerapi::NetworkCreateResponse, createNetwork,
              (const dockerapi::NetworkCreateRequest&), (override));
  MOCK_METHOD(void, removeNetwork, (const std::string&), (override));
  MOCK_METHOD(void, connectNetwork, (const std::string&, const dockerapi::NetworkConnectRequest&),
              (override));
  MOCK_METHOD(void, disconnectNetwork,
              (const std::string&, const dockerapi::NetworkDisconnectRequest&), (override));
  MOCK_METHOD(dockerapi::NetworksPruneReport, pruneNetworks, (const Filters&), (override));
};

class FakeVolumes : public VolumeBackend {
 public:
  MOCK_METHOD(dockerapi::VolumeList, listVolumes, (const Filters&), (override));
  MOCK_METHOD(dockerapi::Volume, inspectVolume, (const std::string&), (override));
  MOCK_METHOD(dockerapi::Volume, createVolume, (const dockerapi::VolumeCreateRequest&), (override));
  MOCK_METHOD(void, removeVolume, (const std::string&, bool), (override));
  MOCK_METHOD(dockerapi::VolumesPruneReport, pruneVolumes, (bool, const Filters&), (override));
};

}  // namespace server::test
