// Image configuration and create request become one: pure.
#pragma once

#include <string>
#include <vector>

#include "api/dockerapi/container_config.h"

namespace container {

// What of an image's config a container inherits.
struct ImageDefaults {
  std::string user, workingDir, stopSignal;
  std::vector<std::string> env, cmd, entrypoint, shell;
  std::vector<std::string> volumes, exposedPorts;
  std::vector<std::pair<std::string, std::string>> labels;
  bool healthcheck = false;  // declares one: not built yet, gives a warning
};

// Fills what `config` leaves open. Error kInvalidArgument "no command specified".
void mergeImage(dockerapi::Config& config, const ImageDefaults& image);

// argv: entrypoint, then command.
std::vector<std::string> commandLine(const dockerapi::Config& config);

// `base` with `more` on top: same names are replaced in place, "NAME" alone removes.
std::vector<std::string> mergeEnvironment(const std::vector<std::string>& base,
                                          const std::vector<std::string>& more);

}  // namespace container
