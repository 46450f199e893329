#include "api/oci/image_spec.h"

namespace oci {

constexpr auto jsonFields(const Descriptor*) {
  return json::fields(
      json::goName("v1.Descriptor"), json::field("mediaType", &Descriptor::mediaType),
      json::field("digest", &Descriptor::digest), json::field("size", &Descriptor::size),
      json::field("urls", &Descriptor::urls, json::kOmitEmpty),
      json::field("annotations", &Descriptor::annotations, json::kOmitEmpty),
      json::field("data", &Descriptor::data, json::kOmitEmpty),
      json::field("platform", &Descriptor::platform, json::kOmitEmpty),
      json::field("artifactType", &Descriptor::artifactType, json::kOmitEmpty));
}

constexpr auto jsonFields(const Manifest*) {
  return json::fields(
      json::goName("v1.Manifest"), json::field("schemaVersion", &Manifest::schemaVersion),
      json::field("mediaType", &Manifest::mediaType, json::kOmitEmpty),
      json::field("artifactType", &Manifest::artifactType, json::kOmitEmpty),
      json::field("config", &Manifest::config), json::field("layers", &Manifest::layers),
      json::field("subject", &Manifest::subject, json::kOmitEmpty),
      json::field("annotations", &Manifest::annotations, json::kOmitEmpty));
}

constexpr auto jsonFields(const Index*) {
  return json::fields(json::goName("v1.Index"), json::field("schemaVersion", &Index::schemaVersion),
                      json::field("mediaType", &Index::mediaType, json::kOmitEmpty),
                      json::field("artifactType", &Index::artifactType, json::kOmitEmpty),
                      json::field("manifests", &Index::manifests),
                      json::field("subject", &Index::subject, json::kOmitEmpty),
                      json::field("annotations", &Index::annotations, json::kOmitEmpty));
}

constexpr auto jsonFields(const HealthConfig*) {
  return json::fields(
      json::goName("container.HealthConfig"),
      json::field("Test", &HealthConfig::test, json::kOmitEmpty),
      json::field("Interval", &HealthConfig::interval, json::kOmitEmpty | json::kDuration),
      json::field("Timeout", &HealthConfig::timeout, json::kOmitEmpty | json::kDuration),
      json::field("StartPeriod", &HealthConfig::startPeriod, json::kOmitEmpty | json::kDuration),
      json::field("StartInterval", &HealthConfig::startInterval,
                  json::kOmitEmpty | json::kDuration),
      json::field("Retries", &HealthConfig::retries, json::kOmitEmpty));
}

constexpr auto jsonFields(const ImageConfig*) {
  return json::fields(
      json::goName("v1.ImageConfig"), json::field("User", &ImageConfig::user, json::kOmitEmpty),
      json::field("ExposedPorts", &ImageConfig::exposedPorts, json::kOmitEmpty),
      json::field("Env", &ImageConfig::env, json::kOmitEmpty),
      json::field("Entrypoint", &ImageConfig::entrypoint, json::kOmitEmpty),
      json::field("Cmd", &ImageConfig::cmd, json::kOmitEmpty),
      json::field("Volumes", &ImageConfig::volumes, json::kOmitEmpty),
      json::field("WorkingDir", &ImageConfig::workingDir, json::kOmitEmpty),
      json::field("Labels", &ImageConfig::labels, json::kOmitEmpty),
      json::field("StopSignal", &ImageConfig::stopSignal, json::kOmitEmpty),
      json::field("ArgsEscaped", &ImageConfig::argsEscaped, json::kOmitEmpty),
      json::field("Healthcheck", &ImageConfig::healthcheck, json::kOmitEmpty),
      json::field("OnBuild", &ImageConfig::onBuild, json::kOmitEmpty),
      json::field("Shell", &ImageConfig::shell, json::kOmitEmpty), json::rest(&ImageConfig::rest));
}

constexpr auto jsonFields(const RootFs*) {
  return json::fields(json::goName("v1.RootFS"), json::field("type", &RootFs::type),
                      json::field("diff_ids", &RootFs::diffIds));
}

constexpr auto jsonFields(const History*) {
  return json::fields(json::goName("v1.History"),
                      json::field("created", &History::created, json::kOmitEmpty),
                      json::field("created_by", &History::createdBy, json::kOmitEmpty),
                      json::field("author", &History::author, json::kOmitEmpty),
                      json::field("comment", &History::comment, json::kOmitEmpty),
                      json::field("empty_layer", &History::emptyLayer, json::kOmitEmpty));
}

constexpr auto jsonFields(const Image*) {
  return json::fields(
      json::goName("v1.Image"), json::field("architecture", &Image::architecture),
      json::field("author", &Image::author, json::kOmitEmpty),
      json::field("comment", &Image::comment, json::kOmitEmpty),
      json::field("config", &Image::config),
      json::field("created", &Image::created, json::kOmitEmpty),
      json::field("docker_version", &Image::dockerVersion, json::kOmitEmpty),
      json::field("history", &Image::history, json::kOmitEmpty), json::field("os", &Image::os),
      json::field("os.features", &Image::osFeatures, json::kOmitEmpty),
      json::field("os.version", &Image::osVersion, json::kOmitEmpty),
      json::field("rootfs", &Image::rootfs),
      json::field("variant", &Image::variant, json::kOmitEmpty), json::rest(&Image::rest));
}

}  // namespace oci

JSON_TYPE(oci::Descriptor);
JSON_TYPE(oci::Manifest);
JSON_TYPE(oci::Index);
JSON_TYPE(oci::HealthConfig);
JSON_TYPE(oci::ImageConfig);
JSON_TYPE(oci::RootFs);
JSON_TYPE(oci::History);
JSON_TYPE(oci::Image);
