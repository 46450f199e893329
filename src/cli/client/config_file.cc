#include "cli/client/config_file.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>

#include "cli/client/credential_helper.h"
#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/json/json.h"
#include "platform/sys/file.h"

namespace client {

// What docker expects where: for the check only, what is kept is the text as it was.
struct AuthShape {
  std::string auth, username, password, email, serverAddress, identityToken, registryToken;
};
constexpr auto jsonFields(const AuthShape*) {
  return json::fields(
      json::goName("types.AuthConfig"), json::field("username", &AuthShape::username),
      json::field("password", &AuthShape::password), json::field("auth", &AuthShape::auth),
      json::field("email", &AuthShape::email),
      json::field("serveraddress", &AuthShape::serverAddress),
      json::field("identitytoken", &AuthShape::identityToken),
      json::field("registrytoken", &AuthShape::registryToken));
}

struct ProxyShape {
  std::string http, https, none, ftp, all;
};
constexpr auto jsonFields(const ProxyShape*) {
  return json::fields(
      json::goName("configfile.ProxyConfig"), json::field("httpProxy", &ProxyShape::http),
      json::field("httpsProxy", &ProxyShape::https), json::field("noProxy", &ProxyShape::none),
      json::field("ftpProxy", &ProxyShape::ftp), json::field("allProxy", &ProxyShape::all));
}

struct ConfigShape {
  using Texts = std::map<std::string, std::string>;
  std::map<std::string, AuthShape> auths;
  Texts headers, helpers;
  std::string psFormat, imagesFormat, networksFormat, volumesFormat, statsFormat, detachKeys,
      credsStore, currentContext;
  std::vector<std::string> pruneFilters;
  std::map<std::string, ProxyShape> proxies;
};
constexpr auto jsonFields(const ConfigShape*) {
  using C = ConfigShape;
  return json::fields(
      json::goName("configfile.ConfigFile"), json::field("auths", &C::auths),
      json::field("HttpHeaders", &C::headers), json::field("psFormat", &C::psFormat),
      json::field("imagesFormat", &C::imagesFormat),
      json::field("networksFormat", &C::networksFormat),
      json::field("volumesFormat", &C::volumesFormat), json::field("statsFormat", &C::statsFormat),
      json::field("detachKeys", &C::detachKeys), json::field("credsStore", &C::credsStore),
      json::field("credHelpers", &C::helpers), json::field("pruneFilters", &C::pruneFilters),
      json::field("proxies", &C::proxies), json::field("currentContext", &C::currentContext));
}

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

// Go's decoder of the standard alphabet wants the padding, and names the byte at which it stops.
void checkAuth(const std::string& text) {
  if (text.empty()) return;
  constexpr const char* kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  constexpr size_t kQuantum = 4;
  const size_t odd = std::min(text.find_first_not_of(kAlphabet), text.size());
  const bool padded = text.size() % kQuantum == 0 && text.size() - odd < kQuantum - 1;
  const auto decoded = padded ? base::base64Decode(text) : std::nullopt;
  if (!decoded) {
    const size_t at = odd < text.size() ? odd : text.size() / kQuantum * kQuantum;
    base::fail(Code::kInvalidArgument, "illegal base64 data at input byte {}", at);
  }
  const auto [user, password] = base::cut(*decoded, ':');
  if (user.empty() || !password)
    base::fail(Code::kInvalidArgument, "Invalid auth configuration file");
}

// The helper that docker takes for a configuration without any credentials, where it is installed.
std::string defaultHelper() {
  const char* name = CredentialHelper::findProgram("pass").empty() ? "secretservice" : "pass";
  return CredentialHelper(name).installed() ? name : "";
}

}  // namespace

std::string ConfigFile::defaultDirectory() {
  const std::string directory = environment("DOCKER_CONFIG");
  return directory.empty() ? homeDirectory() + "/.docker" : directory;
}

ConfigFile ConfigFile::load(const std::string& directory) {
  std::string problem;
  ConfigFile file = load(directory, problem);
  if (!problem.empty()) throw base::Error(Code::kInvalidArgument, problem);
  return file;
}

ConfigFile ConfigFile::load(const std::string& directory, std::string& problem) {
  ConfigFile file;
  file.directory_ = directory;
  const std::string path = file.path();
  std::optional<std::string> text;
  try {
    text = sys::readFileIfExists(AT_FDCWD, path);
    struct stat status {};
    if (!text && ::stat(path.c_str(), &status) != 0 && errno != ENOENT)
      base::failErrno(errno, "open", path);
  } catch (const base::Error& error) {
    const std::string why = base::errnoText(error.sysErrno());
    problem = error.sysErrno() == EISDIR
                  ? fmt::format("parsing config file ({}): read {}: {}", path, path, why)
                  : fmt::format("loading config file: open {}: {}", path, why);
    file.unreadable_ = true;
  }
  if (!text || base::trim(*text).empty()) return file;
  try {
    file.parse(*text);
  } catch (const base::Error& error) {
    problem = fmt::format("parsing config file ({}): {}", path, error.message());
  }
  return file;
}

// What stands behind the first value is not looked at, as docker does not.
void ConfigFile::parse(const std::string& text) {
  const json::ReadOptions options{.decoder = true};
  unreadable_ = true;
  json::Reader reader(text, options);
  json::Value root;
  jsonRead(reader, root);
  const std::string_view first = std::string_view(text).substr(0, reader.offset());
  if (root.isNull()) root = json::Value::object();
  if (root.isObject()) {
    const json::Value* auths = root.find("auths");
    unreadable_ = auths && !auths->isObject() && !auths->isNull();
    root_ = std::move(root);
  }
  const auto shape = json::parse<ConfigShape>(first, options);
  for (const auto& [server, entry] : shape.auths) checkAuth(entry.auth);
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
  const std::string store = text("credsStore");
  if (!store.empty() || helpers.size() > 0 || root_["auths"].size() > 0) return store;
  return defaultHelper();
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
  const json::Value* before = auths.find(auth.serverAddress);
  if (before && *before == entry) return false;  // nothing new is written down
  auths.set(auth.serverAddress, std::move(entry));
  std::sort(auths.asObject().begin(), auths.asObject().end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  if (!root_.find("auths"))  // where docker writes it
    root_.asObject().insert(root_.asObject().begin(), {"auths", json::Value::object()});
  root_.set("auths", std::move(auths));
  save();
  return helper.empty() && !auth.password.empty();
}

void ConfigFile::erase(const std::string& server) {
  const std::string helper = helperFor(server);
  if (!helper.empty()) CredentialHelper(helper).erase(server);
  const json::Value& auths = root_["auths"];
  if (!auths.isObject() || !auths.find(server)) return;
  root_.find("auths")->erase(server);
  save();
}

void ConfigFile::save() const {
  if (unreadable_)
    base::fail(Code::kConflict,
               "{} could not be read and would be overwritten: mend it or move it away", path());
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
