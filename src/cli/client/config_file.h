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
  // A missing file is an empty one. Error kInvalidArgument when it is no JSON object.
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
  // Stores in the helper or in the file. Returns true when the secret lies readable in the file.
  bool store(const AuthConfig& auth);
  void erase(const std::string& server);
  bool hasPlainEntry(const std::string& server) const;

 private:
  std::string helperFor(const std::string& server) const;
  AuthConfig plainCredentials(const std::string& server) const;
  void save() const;

  std::string directory_;
  json::Value root_ = json::Value::object();
};

// The value of X-Registry-Auth.
std::string encodeAuth(const AuthConfig& auth);

}  // namespace client
