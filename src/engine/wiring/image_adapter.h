// What the API server asks of images, answered by storage/image. Translates; decides nothing.
#pragma once

#include "engine/container/core.h"
#include "engine/server/image_backend.h"

namespace wiring {

registry::Credentials credentialsOf(const dockerapi::AuthConfig& auth);

class ImageAdapter : public server::ImageBackend {
 public:
  explicit ImageAdapter(container::Core& core) : core_(core) {}

  std::vector<dockerapi::ImageSummary> listImages(const server::ImageListRequest& request) override;
  dockerapi::ImageInspect inspectImage(const std::string& name,
                                       const std::optional<server::Platform>& platform,
                                       bool manifests) override;
  std::vector<dockerapi::ImageHistoryItem> imageHistory(
      const std::string& name, const std::optional<server::Platform>& platform) override;
  void tagImage(const std::string& name, const std::string& repository,
                const std::string& tag) override;
  std::vector<dockerapi::ImageDeleted> removeImage(
      const std::string& name, bool force, bool noPrune,
      const std::vector<server::Platform>& platforms) override;
  dockerapi::ImagesPruneReport pruneImages(const dockerapi::Filters& filters) override;
  std::vector<dockerapi::SearchResult> searchImages(const std::string& term, int limit,
                                                    const dockerapi::Filters& filters,
                                                    const dockerapi::AuthConfig& auth) override;
  dockerapi::DistributionInspect inspectDistribution(const std::string& name,
                                                     const dockerapi::AuthConfig& auth) override;
  void pullImage(const server::ImagePullRequest& request, const server::ProgressSink& progress,
                 const base::StopToken& stop) override;
  void pushImage(const server::ImagePushRequest& request, const server::ProgressSink& progress,
                 const base::StopToken& stop) override;
  void importImage(const server::ImageImportRequest& request, const server::ByteSource& tar,
                   const server::ProgressSink& progress, const base::StopToken& stop) override;
  void loadImages(const server::ByteSource& tar, bool quiet,
                  const std::optional<server::Platform>& platform,
                  const server::ProgressSink& progress, const base::StopToken& stop) override;
  void saveImages(const std::vector<std::string>& names,
                  const std::optional<server::Platform>& platform, const server::ByteSink& tar,
                  const base::StopToken& stop) override;
  dockerapi::BuildPruneReport pruneBuildCache(bool all, const dockerapi::Filters& filters) override;

 private:
  json::Raw manifestsOf(const image::Image& image) const;
  container::Core& core_;
};

}  // namespace wiring
