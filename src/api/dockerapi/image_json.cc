#include "api/dockerapi/image.h"

namespace dockerapi {

// Order, names and null rules are those of Docker Engine 28.5.
constexpr auto jsonFields(const ImageSummary*) {
  return json::fields(
      json::goName("image.Summary"), json::field("Containers", &ImageSummary::containers),
      json::field("Created", &ImageSummary::created), json::field("Id", &ImageSummary::id),
      json::field("Labels", &ImageSummary::labels),
      json::field("ParentId", &ImageSummary::parentId),
      json::field("Descriptor", &ImageSummary::descriptor, json::kOmitEmpty),
      json::field("Manifests", &ImageSummary::manifests, json::kOmitEmpty),
      json::field("RepoDigests", &ImageSummary::repoDigests),
      json::field("RepoTags", &ImageSummary::repoTags),
      json::field("SharedSize", &ImageSummary::sharedSize),
      json::field("Size", &ImageSummary::size),
      json::field("VirtualSize", &ImageSummary::virtualSize, json::kOmitEmpty));
}

constexpr auto jsonFields(const RootFs*) {
  return json::fields(json::goName("image.RootFS"), json::field("Type", &RootFs::type),
                      json::field("Layers", &RootFs::layers, json::kOmitEmpty));
}

constexpr auto jsonFields(const ImageMetadata*) {
  return json::fields(json::goName("image.Metadata"),
                      json::field("LastTagTime", &ImageMetadata::lastTagTime));
}

constexpr auto jsonFields(const ImageConfig*) {
  return json::fields(
      json::goName("dockerspec.DockerOCIImageConfig"),
      json::field("ArgsEscaped", &ImageConfig::argsEscaped, json::kOmitEmpty),
      json::field("AttachStderr", &ImageConfig::attachStderr, json::kOmitEmpty),
      json::field("AttachStdin", &ImageConfig::attachStdin, json::kOmitEmpty),
      json::field("AttachStdout", &ImageConfig::attachStdout, json::kOmitEmpty),
      json::field("Cmd", &ImageConfig::cmd),
      json::field("Domainname", &ImageConfig::domainname, json::kOmitEmpty),
      json::field("Entrypoint", &ImageConfig::entrypoint), json::field("Env", &ImageConfig::env),
      json::field("ExposedPorts", &ImageConfig::exposedPorts, json::kOmitEmpty),
      json::field("Healthcheck", &ImageConfig::healthcheck, json::kOmitEmpty),
      json::field("Hostname", &ImageConfig::hostname, json::kOmitEmpty),
      json::field("Image", &ImageConfig::image, json::kOmitEmpty),
      json::field("Labels", &ImageConfig::labels), json::field("OnBuild", &ImageConfig::onBuild),
      json::field("OpenStdin", &ImageConfig::openStdin, json::kOmitEmpty),
      json::field("Shell", &ImageConfig::shell, json::kOmitEmpty),
      json::field("StdinOnce", &ImageConfig::stdinOnce, json::kOmitEmpty),
      json::field("StopSignal", &ImageConfig::stopSignal, json::kOmitEmpty),
      json::field("Tty", &ImageConfig::tty, json::kOmitEmpty),
      json::field("User", &ImageConfig::user), json::field("Volumes", &ImageConfig::volumes),
      json::field("WorkingDir", &ImageConfig::workingDir));
}

constexpr auto jsonFields(const ImageInspect*) {
  return json::fields(
      json::goName("image.InspectResponse"), json::field("Id", &ImageInspect::id),
      json::field("RepoTags", &ImageInspect::repoTags),
      json::field("RepoDigests", &ImageInspect::repoDigests),
      json::field("Parent", &ImageInspect::parent), json::field("Comment", &ImageInspect::comment),
      json::field("Created", &ImageInspect::created, json::kOmitEmpty),
      json::field("Container", &ImageInspect::container, json::kOmitEmpty),
      json::field("ContainerConfig", &ImageInspect::containerConfig, json::kOmitEmpty),
      json::field("DockerVersion", &ImageInspect::dockerVersion),
      json::field("Author", &ImageInspect::author),
      json::field("Architecture", &ImageInspect::architecture),
      json::field("Variant", &ImageInspect::variant, json::kOmitEmpty),
      json::field("Os", &ImageInspect::os),
      json::field("OsVersion", &ImageInspect::osVersion, json::kOmitEmpty),
      json::field("Size", &ImageInspect::size),
      json::field("VirtualSize", &ImageInspect::virtualSize, json::kOmitEmpty),
      json::field("GraphDriver", &ImageInspect::graphDriver),
      json::field("RootFS", &ImageInspect::rootFs),
      json::field("Metadata", &ImageInspect::metadata),
      json::field("Descriptor", &ImageInspect::descriptor, json::kOmitEmpty),
      json::field("Manifests", &ImageInspect::manifests, json::kOmitEmpty),
      json::field("Config", &ImageInspect::config));
}

constexpr auto jsonFields(const ImageHistoryItem*) {
  return json::fields(
      json::goName("image.HistoryResponseItem"), json::field("Comment", &ImageHistoryItem::comment),
      json::field("Created", &ImageHistoryItem::created),
      json::field("CreatedBy", &ImageHistoryItem::createdBy),
      json::field("Id", &ImageHistoryItem::id), json::field("Size", &ImageHistoryItem::size),
      json::field("Tags", &ImageHistoryItem::tags, json::kNullIfEmpty));
}

constexpr auto jsonFields(const ImageDeleted*) {
  return json::fields(json::goName("image.DeleteResponse"),
                      json::field("Deleted", &ImageDeleted::deleted, json::kOmitEmpty),
                      json::field("Untagged", &ImageDeleted::untagged, json::kOmitEmpty));
}

constexpr auto jsonFields(const ImagesPruneReport*) {
  return json::fields(
      json::goName("image.PruneReport"),
      json::field("ImagesDeleted", &ImagesPruneReport::imagesDeleted, json::kNullIfEmpty),
      json::field("SpaceReclaimed", &ImagesPruneReport::spaceReclaimed));
}

constexpr auto jsonFields(const SearchResult*) {
  return json::fields(json::goName("registry.SearchResult"),
                      json::field("star_count", &SearchResult::starCount),
                      json::field("is_official", &SearchResult::isOfficial),
                      json::field("name", &SearchResult::name),
                      json::field("is_automated", &SearchResult::isAutomated),
                      json::field("description", &SearchResult::description));
}

constexpr auto jsonFields(const DistributionInspect*) {
  return json::fields(json::goName("registry.DistributionInspect"),
                      json::field("Descriptor", &DistributionInspect::descriptor),
                      json::field("Platforms", &DistributionInspect::platforms));
}

}  // namespace dockerapi

JSON_TYPE(dockerapi::ImageSummary);
JSON_TYPE(dockerapi::RootFs);
JSON_TYPE(dockerapi::ImageMetadata);
JSON_TYPE(dockerapi::ImageConfig);
JSON_TYPE(dockerapi::ImageInspect);
JSON_TYPE(dockerapi::ImageHistoryItem);
JSON_TYPE(dockerapi::ImageDeleted);
JSON_TYPE(dockerapi::ImagesPruneReport);
JSON_TYPE(dockerapi::SearchResult);
JSON_TYPE(dockerapi::DistributionInspect);
