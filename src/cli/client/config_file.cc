#include "cli/client/config_file.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "cli/client/credential_helper.h"
#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"

namespace client {
namespace {

using base::Code;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string homeDirectory() {
  std::string home = environment("HOME");
  if (!home.empty()) return home;
  const passwd* entry = ::getpwuid(::getuid());
  return entry && entry->pw_dir ? entry->pw_dir : "/";
}

// "https://host:5000/v2/" and "host:5000" name the same registry.
std::string_view hostOf(std::string_view server) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (server.starts_with(scheme)) server.remove_prefix(scheme.size());
  }
  return server.substr(0, server.find('/'));
}

std::string textOf(const json::Value& object, std::string_view key) {
  const json::Value* value = object.find(key);
  return value && value->isString() ? value->asString() : std::string();
}

AuthConfig decodeEntry(const std::string& server, const json::Value& entry) {
  AuthConfig auth;
  auth.serverAddress = server;
  auth.identityToken = textOf(entry, "identitytoken");
  auth.registryToken = textOf(entry, "registrytoken");
  auth.username = textOf(entry, "username");
  auth.password = textOf(entry, "password");
  const auto decoded = base::base64Decode(textOf(entry, "auth"));
  if (decoded && !decoded->empty()) {
    const auto [user, password] = base::cut(*decoded, ':');
    auth.username = user;
    auth.password = password.value_or("");
    while (!auth.password.empty() && auth.password.back() == '\0') auth.password.pop_back();
  }
  return auth;
}

}  // namespace

std::string ConfigFile::defaultDirectory() {
  const std::string directory = environment("DOCKER_CONFIG");
  return directory.empty() ? homeDirectory() + "/.docker" : directory;
}

ConfigFile ConfigFile::load(const std::string& directory) {
  ConfigFile file;
  file.directory_ = directory;
  const auto text = sys::readFileIfExists(AT_FDCWD, file.path());
  if (!text || base::trim(*text).empty()) return file;
  json::Value root = json::Value::parse(*text);
  if (!root.isObject())
    base::fail(Code::kInvalidArgument,
               "json: cannot unmarshal into Go value of type configfile.ConfigFile");
  file.root_ = std::move(root);
  return file;
}

std::string ConfigFile::text(std::string_view key) const {
  return textOf(root_, key);
}

std::vector<std::pair<std::string, std::string>> ConfigFile::httpHeaders() const {
  std::vector<std::pair<std::string, std::string>> headers;
  const json::Value& table = root_["HttpHeaders"];
  if (!table.isObject()) return headers;
  for (const auto& member : table.asObject()) {
    if (member.value.isString() && !base::equalsIgnoreCase(member.name, "user-agent"))
      headers.emplace_back(member.name, member.value.asString());
  }
  return headers;
}

std::string ConfigFile::helperFor(const std::string& server) const {
  const json::Value& helpers = root_["credHelpers"];
  if (helpers.isObject() && helpers.find(server)) return textOf(helpers, server);
  return text("credsStore");
}

AuthConfig ConfigFile::plainCredentials(const std::string& server) const {
  AuthConfig none;
  none.serverAddress = server;
  const json::Value& auths = root_["auths"];
  if (!auths.isObject()) return none;
  if (const json::Value* exact = auths.find(server)) return decodeEntry(server, *exact);
  for (const auto& member : auths.asObject()) {
    if (hostOf(member.name) == hostOf(server)) return decodeEntry(member.name, member.value);
  }
  return none;
}

AuthConfig ConfigFile::credentials(const std::string& server) const {
  const std::string helper = helperFor(server);
  if (helper.empty()) return plainCredentials(server);
  AuthConfig auth = CredentialHelper(helper).get(server);
  if (auth.empty()) return auth;
  auth.serverAddress = server;
  return auth;
}

bool ConfigFile::hasPlainEntry(const std::string& server) const {
  const json::Value& auths = root_["auths"];
  return auths.isObject() && auths.find(server);
}

bool ConfigFile::store(const AuthConfig& auth) {
  const std::string helper = helperFor(auth.serverAddress);
  json::Value entry = json::Value::object();
  if (!helper.empty()) {
    CredentialHelper(helper).store(auth);
  } else if (!auth.identityToken.empty()) {
    entry.set("auth", base::base64Encode(fmt::format("{}:", auth.username)));
    entry.set("identitytoken", auth.identityToken);
  } else {
    entry.set("auth", base::base64Encode(fmt::format("{}:{}", auth.username, auth.password)));
  }
  json::Value auths = root_["auths"].isObject() ? root_["auths"] : json::Value::object();
  auths.set(auth.serverAddress, std::move(entry));
  root_.set("auths", std::move(auths));
  save();
  return helper.empty();
}

void ConfigFile::erase(const std::string& server) {
  const std::string helper = helperFor(server);
  if (!helper.empty()) CredentialHelper(helper).erase(server);
  if (!hasPlainEntry(server)) return;
  root_.find("auths")->erase(server);
  save();
}

void ConfigFile::save() const {
  sys::makeDirs(AT_FDCWD, directory_, 0700);
  // A link is followed, so that a config.json kept elsewhere stays one file; an existing mode is
  // kept.
  std::string target = path();
  if (char* real = ::realpath(target.c_str(), nullptr)) {
    target = real;
    std::free(real);
  }
  const auto before = sys::statAtIfExists(AT_FDCWD, target, 0);
  const mode_t mode = before ? before->st_mode & 0777 : 0600;
  sys::writeDurable(AT_FDCWD, target, json::indent(root_.write(), "", "\t"), mode);
}

std::string encodeAuth(const AuthConfig& auth) {
  json::Value value = json::Value::object();
  const auto set = [&](const char* key, const std::string& text) {
    if (!text.empty()) value.set(key, text);
  };
  set("username", auth.username);
  set("password", auth.password);
  set("serveraddress", auth.serverAddress);
  set("identitytoken", auth.identityToken);
  set("registrytoken", auth.registryToken);
  return base::base64UrlEncode(value.write());
}

}  // namespace client
