#include "engine/container/merge.h"

#include <algorithm>

#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace container {
namespace {

std::string_view nameOf(std::string_view variable) {
  return base::cut(variable, '=').first;
}

}  // namespace

std::vector<std::string> mergeEnvironment(const std::vector<std::string>& base,
                                          const std::vector<std::string>& more) {
  std::vector<std::string> merged = base;
  for (const std::string& variable : more) {
    const auto same = std::find_if(merged.begin(), merged.end(), [&](const std::string& m) {
      return nameOf(m) == nameOf(variable);
    });
    const bool removes = variable.find('=') == std::string::npos;
    if (removes) {
      if (same != merged.end()) merged.erase(same);
    } else if (same != merged.end()) {
      *same = variable;
    } else {
      merged.push_back(variable);
    }
  }
  return merged;
}

void mergeImage(dockerapi::Config& config, const ImageDefaults& image) {
  if (config.user.empty()) config.user = image.user;
  if (config.workingDir.empty()) config.workingDir = image.workingDir;
  if (config.stopSignal.empty()) config.stopSignal = image.stopSignal;
  if (config.shell.empty() && !image.shell.empty())
    static_cast<json::List<std::string>&>(config.shell) = image.shell;
  for (const std::string& port : image.exposedPorts) config.exposedPorts.insert(port);
  for (const std::string& volume : image.volumes) config.volumes.insert(volume);
  for (const auto& [key, value] : image.labels) config.labels.emplace(key, value);
  // The request's variables come first, as Docker orders them, then those of the image that it does
  // not name.
  std::vector<std::string> env(config.env.begin(), config.env.end());
  for (const std::string& variable : image.env) {
    const bool named = std::any_of(config.env.begin(), config.env.end(), [&](const std::string& m) {
      return nameOf(m) == nameOf(variable);
    });
    if (!named) env.push_back(variable);
  }
  if (!env.empty()) config.env = env;
  if (config.entrypoint.empty()) {
    if (config.cmd.empty() && !image.cmd.empty())
      static_cast<json::List<std::string>&>(config.cmd) = image.cmd;
    if (config.entrypoint.isNil() && !image.entrypoint.empty()) {
      static_cast<json::List<std::string>&>(config.entrypoint) = image.entrypoint;
    }
  }
  // `--entrypoint ""` takes the image's away.
  if (config.entrypoint.size() == 1 && config.entrypoint.front().empty())
    config.entrypoint = dockerapi::StrSlice();
  if (config.entrypoint.empty() && config.cmd.empty())
    base::fail(base::Code::kInvalidArgument, "no command specified");
}

std::vector<std::string> commandLine(const dockerapi::Config& config) {
  std::vector<std::string> argv(config.entrypoint.begin(), config.entrypoint.end());
  argv.insert(argv.end(), config.cmd.begin(), config.cmd.end());
  return argv;
}

}  // namespace container
