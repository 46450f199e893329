#include "engine/container/merge.h"

#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "engine/container/mounts.h"
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
  std::vector<std::optional<std::string>> merged(base.begin(), base.end());  // nullopt: removed
  std::unordered_map<std::string_view, size_t> places;
  for (size_t i = 0; i < base.size(); ++i) places.emplace(nameOf(base[i]), i);
  for (const std::string& variable : more) {
    const auto [place, fresh] = places.try_emplace(nameOf(variable), merged.size());
    if (fresh) merged.emplace_back();
    merged[place->second] = variable;
    if (variable.find('=') == std::string::npos) {
      merged[place->second].reset();
      places.erase(place);
    }
  }
  std::vector<std::string> result;
  for (auto& variable : merged) {
    if (variable) result.push_back(std::move(*variable));
  }
  return result;
}

void mergeImage(dockerapi::Config& config, const ImageDefaults& image) {
  if (config.user.empty()) config.user = image.user;
  // A relative one is of an image, and below the root there.
  if (config.workingDir.empty() && !image.workingDir.empty())
    config.workingDir =
        image.workingDir.starts_with('/') ? image.workingDir : cleanPath("/" + image.workingDir);
  if (config.stopSignal.empty()) config.stopSignal = image.stopSignal;
  if (config.shell.empty() && !image.shell.empty())
    static_cast<json::List<std::string>&>(config.shell) = image.shell;
  for (const std::string& port : image.exposedPorts) config.exposedPorts.insert(port);
  for (const std::string& volume : image.volumes) config.volumes.insert(volume);
  for (const auto& [key, value] : image.labels) config.labels.emplace(key, value);
  // The request's variables come first, as Docker orders them, then those of the image that it does
  // not name.
  std::vector<std::string> env(config.env.begin(), config.env.end());
  std::unordered_set<std::string_view> named;
  for (const std::string& variable : config.env) named.insert(nameOf(variable));
  for (const std::string& variable : image.env) {
    if (!named.contains(nameOf(variable))) env.push_back(variable);
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
