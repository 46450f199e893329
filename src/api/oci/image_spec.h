// OCI image-spec 1.1: descriptors, manifests, indexes and image configs, with what Docker adds to
// them (schema 2, manifest lists, HEALTHCHECK, SHELL). Keys that are not named here survive a read
// and a write where the struct has `rest`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/oci/platform.h"
#include "platform/base/digest.h"
#include "platform/base/time.h"
#include "platform/json/list.h"

namespace oci {

namespace media {
inline constexpr std::string_view kManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kConfig = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kLayer = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view kLayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd";
inline constexpr std::string_view kEmpty = "application/vnd.oci.empty.v1+json";
inline constexpr std::string_view kDockerManifest =
    "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerManifestList =
    "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view kDockerLayer = "application/vnd.docker.image.rootfs.diff.tar";
inline constexpr std::string_view kDockerLayerGzip =
    "application/vnd.docker.image.rootfs.diff.tar.gzip";
inline constexpr std::string_view kDockerForeignLayerGzip =
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
inline constexpr std::string_view kDockerManifestV1 =
    "application/vnd.docker.distribution.manifest.v1+json";
inline constexpr std::string_view kDockerManifestV1Signed =
    "application/vnd.docker.distribution.manifest.v1+prettyjws";

bool isManifest(std::string_view mediaType);  // of one image, OCI or Docker
bool isIndex(std::string_view mediaType);     // OCI index or Docker manifest list
bool isLayer(std::string_view mediaType);
// Layers that a registry need not hold ("foreign", "nondistributable"): fetched from their urls.
bool isForeignLayer(std::string_view mediaType);
}  // namespace media

struct Descriptor {
  std::string mediaType;
  base::Digest digest;
  std::int64_t size = 0;
  std::vector<std::string> urls;
  std::map<std::string, std::string> annotations;
  std::string data;  // base64
  std::optional<Platform> platform;
  std::string artifactType;
};

struct Manifest {
  int schemaVersion = 2;
  std::string mediaType;
  std::string artifactType;
  Descriptor config;
  std::vector<Descriptor> layers;  // base first
  std::optional<Descriptor> subject;
  std::map<std::string, std::string> annotations;
};

// Also Docker's manifest list.
struct Index {
  int schemaVersion = 2;
  std::string mediaType;
  std::string artifactType;
  std::vector<Descriptor> manifests;
  std::optional<Descriptor> subject;
  std::map<std::string, std::string> annotations;
};

struct HealthConfig {
  json::List<std::string>
      test;                   // empty: inherit; {"NONE"}; {"CMD", args...}; {"CMD-SHELL", command}
  std::int64_t interval = 0;  // nanoseconds, as the next three; 0: inherit
  std::int64_t timeout = 0;
  std::int64_t startPeriod = 0;
  std::int64_t startInterval = 0;
  int retries = 0;
};

// How a container of the image runs unless told otherwise.
struct ImageConfig {
  std::string user;
  json::Set exposedPorts;  // "80/tcp"
  json::List<std::string> env;
  json::List<std::string> entrypoint;
  json::List<std::string> cmd;
  json::Set volumes;
  std::string workingDir;
  json::Map<std::string> labels;
  std::string stopSignal;
  bool argsEscaped = false;
  std::optional<HealthConfig> healthcheck;
  json::List<std::string> onBuild;
  json::List<std::string> shell;
  json::Extra rest;  // what old images hold of a container: Hostname, Image, AttachStdin...
};

struct RootFs {
  std::string type = "layers";
  std::vector<base::Digest> diffIds;  // base first
};

struct History {
  std::optional<base::Time> created;
  std::string createdBy;
  std::string author;
  std::string comment;
  bool emptyLayer = false;
};

// The image config: its digest is the image's id.
struct Image {
  std::string architecture;
  std::string author;
  std::string comment;
  ImageConfig config;
  std::optional<base::Time> created;
  std::string dockerVersion;
  std::vector<History> history;
  std::string os;
  std::vector<std::string> osFeatures;
  std::string osVersion;
  RootFs rootfs;
  std::string variant;
  json::Extra rest;
};

}  // namespace oci

JSON_TYPE_EXTERN(oci::Descriptor);
JSON_TYPE_EXTERN(oci::Manifest);
JSON_TYPE_EXTERN(oci::Index);
JSON_TYPE_EXTERN(oci::HealthConfig);
JSON_TYPE_EXTERN(oci::ImageConfig);
JSON_TYPE_EXTERN(oci::RootFs);
JSON_TYPE_EXTERN(oci::History);
JSON_TYPE_EXTERN(oci::Image);
