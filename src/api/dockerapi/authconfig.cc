#include "api/dockerapi/authconfig.h"

#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace dockerapi {

namespace {

template <class T>
T decode(std::string_view header) {
  const auto text = base::base64Decode(header);
  if (!text || text->empty()) return {};
  try {
    return json::parse<T>(*text);
  } catch (const base::Error&) {
    return {};
  }
}

void splitAuth(AuthConfig& config) {
  if (!config.username.empty() || !config.password.empty() || config.auth.empty()) return;
  const auto text = base::base64Decode(config.auth);
  if (!text) return;
  const auto [user, password] = base::cut(*text, ':');
  if (!password) return;
  config.username = user;
  config.password = *password;
}

}  // namespace

AuthConfig decodeRegistryAuth(std::string_view header) {
  auto config = decode<AuthConfig>(header);
  splitAuth(config);
  return config;
}

std::string encodeRegistryAuth(const AuthConfig& config) {
  return base::base64UrlEncode(json::write(config));
}

std::map<std::string, AuthConfig> decodeRegistryConfig(std::string_view header) {
  auto configs = decode<std::map<std::string, AuthConfig>>(header);
  for (auto& [registry, config] : configs) splitAuth(config);
  return configs;
}

std::string encodeRegistryConfig(const std::map<std::string, AuthConfig>& configs) {
  return base::base64UrlEncode(json::write(configs));
}

}  // namespace dockerapi
