// Credentials for registries as HTTP headers carry them: JSON in base64. Clients use either
// alphabet.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "api/dockerapi/system.h"

namespace dockerapi {

// X-Registry-Auth. Empty, "{}" or undecodable: anonymous, as Docker treats it on pull and push.
// `auth` ("user:password" in base64) fills username and password when those are empty.
AuthConfig decodeRegistryAuth(std::string_view header);
std::string encodeRegistryAuth(const AuthConfig& config);  // URL alphabet, padded

// X-Registry-Config of builds: registry -> credentials. Undecodable: none.
std::map<std::string, AuthConfig> decodeRegistryConfig(std::string_view header);
std::string encodeRegistryConfig(const std::map<std::string, AuthConfig>& configs);

// The key of Docker Hub in configuration files and X-Registry-Config.
inline constexpr std::string_view kIndexServer = "https://index.docker.io/v1/";

}  // namespace dockerapi
