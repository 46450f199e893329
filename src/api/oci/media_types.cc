#include "api/oci/image_spec.h"

namespace oci::media {

bool isManifest(std::string_view mediaType) {
  return mediaType == kManifest || mediaType == kDockerManifest;
}

bool isIndex(std::string_view mediaType) {
  return mediaType == kIndex || mediaType == kDockerManifestList;
}

bool isForeignLayer(std::string_view mediaType) {
  return mediaType.starts_with("application/vnd.docker.image.rootfs.foreign.") ||
         mediaType.starts_with("application/vnd.oci.image.layer.nondistributable.");
}

bool isLayer(std::string_view mediaType) {
  return mediaType.starts_with("application/vnd.oci.image.layer.") ||
         mediaType.starts_with("application/vnd.docker.image.rootfs.");
}

}  // namespace oci::media
