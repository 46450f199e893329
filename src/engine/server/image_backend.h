// What the image, registry and build resources ask of the engine. Called on lane threads, many at
// once.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/dockerapi/filters.h"
#include "api/dockerapi/image.h"
#include "api/dockerapi/system.h"
#include "engine/server/streams.h"

namespace server {

// Empty fields: not said.
struct Platform {
  std::string os, architecture, variant;
};

struct ImageListRequest {
  bool all = false;
  bool sharedSize = false;
  bool manifests = false;
  bool digests = false;
  bool countContainers = false;  // since 1.51
  dockerapi::Filters filters;
};

struct ImagePullRequest {
  std::string reference;  // "name", "name:tag" or "name@digest": fromImage and tag put together
  bool allTags = false;   // before 1.?? a missing tag means all
  std::optional<Platform> platform;
  dockerapi::AuthConfig auth;  // empty: anonymous
};

struct ImagePushRequest {
  std::string name;
  std::string tag;  // "": all tags
  std::optional<Platform> platform;
  dockerapi::AuthConfig auth;
};

struct ImageImportRequest {
  std::string source;  // "-": the body; otherwise a URL
  std::string repository, tag, message;
  std::vector<std::string> changes;
  std::optional<Platform> platform;
};

class ImageBackend {
 public:
  virtual ~ImageBackend() = default;

  virtual std::vector<dockerapi::ImageSummary> listImages(const ImageListRequest& request) = 0;
  virtual dockerapi::ImageInspect inspectImage(const std::string& name,
                                               const std::optional<Platform>& platform,
                                               bool manifests) = 0;
  virtual std::vector<dockerapi::ImageHistoryItem> imageHistory(
      const std::string& name, const std::optional<Platform>& platform) = 0;
  virtual void tagImage(const std::string& name, const std::string& repository,
                        const std::string& tag) = 0;
  virtual std::vector<dockerapi::ImageDeleted> removeImage(
      const std::string& name, bool force, bool noPrune,
      const std::vector<Platform>& platforms) = 0;
  virtual dockerapi::ImagesPruneReport pruneImages(const dockerapi::Filters& filters) = 0;
  virtual std::vector<dockerapi::SearchResult> searchImages(const std::string& term, int limit,
                                                            const dockerapi::Filters& filters,
                                                            const dockerapi::AuthConfig& auth) = 0;
  virtual dockerapi::DistributionInspect inspectDistribution(const std::string& name,
                                                             const dockerapi::AuthConfig& auth) = 0;

  virtual void pullImage(const ImagePullRequest& request, const ProgressSink& progress,
                         const base::StopToken& stop) = 0;
  virtual void pushImage(const ImagePushRequest& request, const ProgressSink& progress,
                         const base::StopToken& stop) = 0;
  virtual void importImage(const ImageImportRequest& request, const ByteSource& tar,
                           const ProgressSink& progress, const base::StopToken& stop) = 0;
  virtual void loadImages(const ByteSource& tar, bool quiet,
                          const std::optional<Platform>& platform, const ProgressSink& progress,
                          const base::StopToken& stop) = 0;
  virtual void saveImages(const std::vector<std::string>& names,
                          const std::optional<Platform>& platform, const ByteSink& tar,
                          const base::StopToken& stop) = 0;

  virtual dockerapi::BuildPruneReport pruneBuildCache(bool all,
                                                      const dockerapi::Filters& filters) = 0;
};

}  // namespace server
