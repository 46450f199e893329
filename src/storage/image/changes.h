// Dockerfile instructions as `import --change` and `commit --change` take them, applied to an image
// config.
#pragma once

#include <string>
#include <vector>

#include "api/oci/image_spec.h"

namespace image {

// CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR; HEALTHCHECK and
// the rest are refused. Error kInvalidArgument "… is not a valid change command" or naming what
// cannot be read.
void applyChange(oci::ImageConfig& config, const std::string& instruction);

}  // namespace image
