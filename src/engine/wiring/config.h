// What the daemon is told: dockerd's flags and daemon.json's keys, one value.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "platform/base/log.h"
#include "platform/http/client.h"

namespace wiring {

struct Config {
  std::vector<std::string> arguments;  // what it was read from, for the next reading
  std::vector<std::string> hosts;      // unix:///path, tcp://127.0.0.1:port
  std::string dataRoot = "/var/lib/sampan";
  std::string execRoot = "/run/sampan";
  std::string pidfile = "/run/sampan.pid";
  std::string configFile = "/etc/sampan/daemon.json";
  bool configFileGiven = false;
  std::vector<std::string> insecureRegistries, registryMirrors;
  base::log::Level logLevel = base::log::Level::kInfo;
  bool debug = false;
  std::string bip;
  std::string group = "docker";
  bool groupGiven = false;
  std::vector<std::string> dns, dnsSearch, dnsOptions;
  std::vector<std::string> labels;
  http::ProxyConfig proxy;
  bool init = false;
  int maxConcurrentDownloads = 3, maxConcurrentUploads = 5;  // layers of one image
  int maxDownloadAttempts = 5;
  std::string storageDriver;  // empty: the best that works
  std::vector<std::pair<std::string, int>> addressPools;
  bool version = false, help = false, validate = false;
};

// Reads the command line, then daemon.json for what the command line leaves open. Error
// kInvalidArgument in dockerd's words: unknown flags and keys, a key that both set, values that
// cannot be. kNotImplemented: the flags and keys of TLS.
Config readConfig(const std::vector<std::string>& arguments);

std::string helpText();

}  // namespace wiring
