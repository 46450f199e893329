#include "engine/wiring/reload.h"

#include "platform/base/error.h"
#include "platform/base/log.h"
#include "platform/json/value.h"

namespace wiring {
namespace {

std::string listText(const std::vector<std::string>& words) {
  json::Value::Array array;
  for (const std::string& word : words) array.emplace_back(word);
  return json::Value::array(std::move(array)).write();
}

// Docker's names of attributes.
std::map<std::string, std::string> attributesOf(const Config& config, const std::string& hostname) {
  return {{"name", hostname},
          {"debug", config.debug ? "true" : "false"},
          {"labels", listText(config.labels)},
          {"insecure-registries", listText(config.insecureRegistries)},
          {"registry-mirrors", listText(config.registryMirrors)},
          {"max-concurrent-downloads", std::to_string(config.maxConcurrentDownloads)},
          {"max-concurrent-uploads", std::to_string(config.maxConcurrentUploads)},
          {"max-download-attempts", std::to_string(config.maxDownloadAttempts)},
          {"live-restore", "true"}};
}

Config changed(const Config& now, const Config& read) {
  Config config = now;
  config.debug = read.debug;
  config.logLevel = read.logLevel;
  config.labels = read.labels;
  config.insecureRegistries = read.insecureRegistries;
  config.registryMirrors = read.registryMirrors;
  config.maxConcurrentDownloads = read.maxConcurrentDownloads;
  config.maxConcurrentUploads = read.maxConcurrentUploads;
  config.maxDownloadAttempts = read.maxDownloadAttempts;
  return config;
}

}  // namespace

image::Transfers transfersOf(const Config& config) {
  return {config.maxConcurrentDownloads, config.maxConcurrentUploads, config.maxDownloadAttempts};
}

void reload(LiveConfig& live, image::Images& images, events::Bus& events,
            const std::string& engineId, const std::string& hostname) noexcept {
  try {
    const auto now = live.get();
    base::log::info("Got signal to reload configuration, reloading from: " + now->configFile);
    const Config config = changed(*now, readConfig(now->arguments));
    images.reconfigure(config.registryMirrors, config.insecureRegistries, transfersOf(config));
    base::log::setLevel(config.debug ? base::log::Level::kDebug : config.logLevel);
    live.set(config);
    events::Event event;
    event.type = "daemon";
    event.action = "reload";
    event.actorId = engineId;
    event.attributes = attributesOf(config, hostname);
    json::Value shown = json::Value::object();
    for (const auto& [key, value] : event.attributes) shown.set(key, value);
    base::log::info("Reloaded configuration: " + shown.write());
    events.publish(std::move(event));
  } catch (const std::exception& error) {
    base::log::error(error.what());
  }
}

}  // namespace wiring
