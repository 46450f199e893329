// The user's ~/.docker/config.json: read leniently, written back with everything it held.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/json/json.h"

namespace client {

struct AuthConfig {
  std::string username, password, serverAddress, identityToken, registryToken;
  bool empty() const noexcept {
    return username.empty() && password.empty() && identityToken.empty() && registryToken.empty();
  }
};

// The key under which Docker Hub's credentials are kept.
constexpr const char* kHubServer = "https://index.docker.io/v1/";

class ConfigFile {
 public:
  // --config, DOCKER_CONFIG, else ~/.docker.
  static std::string defaultDirectory();
  // A missing file is an empty one. Whatever is wrong with one that is there becomes `problem`, in
  // docker's words ("parsing config file (…): unexpected EOF"), and the rest of it counts.
  static ConfigFile load(const std::string& directory, std::string& problem);
  // The same with the problem as an Error.
  static ConfigFile load(const std::string& directory);

  const std::string& directory() const noexcept { return directory_; }
  std::string path() const { return directory_ + "/config.json"; }
  // "" when absent or no string: psFormat, imagesFormat, detachKeys, currentContext, credsStore.
  std::string text(std::string_view key) const;
  std::vector<std::pair<std::string, std::string>> httpHeaders() const;
  const json::Value& root() const noexcept { return root_; }

  // Credentials for a registry (its host, or kHubServer): from its helper, else from "auths". Empty
  // when there are none.
  AuthConfig credentials(const std::string& server) const;
  // Stores in the helper or in the file. Returns true when a secret was written where it can be
  // read. Error kConflict when the file could not be read: docker would overwrite all that it
  // holds.
  bool store(const AuthConfig& auth);
  void erase(const std::string& server);

 private:
  std::string helperFor(const std::string& server) const;
  AuthConfig plainCredentials(const std::string& server) const;
  void parse(const std::string& text);
  void save() const;

  std::string directory_;
  bool unreadable_ = false;  // what the file holds is not in root_
  json::Value root_ = json::Value::object();
};

// The value of X-Registry-Auth.
std::string encodeAuth(const AuthConfig& auth);

}  // namespace client
