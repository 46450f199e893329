#include "cli/client/credential_helper.h"

#include <unistd.h>

#include <cstdlib>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"
#include "platform/sys/spawn.h"

namespace client {
namespace {

using base::Code;

constexpr const char* kTokenUser =
    "<token>";  // the user name under which helpers keep identity tokens
constexpr const char* kNotFound = "credentials not found in native keychain";

const char* doing(std::string_view command) {
  return command == "get" ? "getting" : command == "store" ? "storing" : "erasing";
}

}  // namespace

std::string CredentialHelper::findProgram(const std::string& program) {
  const char* path = std::getenv("PATH");
  for (const std::string& directory :
       base::split(path ? path : "/usr/local/bin:/usr/bin:/bin", ':')) {
    std::string candidate = fmt::format("{}/{}", directory.empty() ? "." : directory, program);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

bool CredentialHelper::installed() const {
  return !findProgram(fmt::format("docker-credential-{}", name_)).empty();
}

std::string CredentialHelper::run(const char* command, const std::string& input,
                                  int& status) const {
  const std::string program = fmt::format("docker-credential-{}", name_);
  const std::string path = findProgram(program);
  if (path.empty()) {
    base::fail(Code::kInternal,
               "error {} credentials - err: exec: {}: executable file not found in $PATH, out: ``",
               doing(command), base::quote(program));
  }
  const sys::Output output = sys::run({path, command}, input);
  if (!output.err.empty()) sys::writeAll(STDERR_FILENO, output.err, "/dev/stderr");
  status = output.status.code;
  return std::string(base::trim(output.out));
}

void CredentialHelper::fail(const char* command, int status, const std::string& answer) {
  base::fail(Code::kInternal, "error {} credentials - err: exit status {}, out: `{}`",
             doing(command), status, answer);
}

AuthConfig CredentialHelper::get(const std::string& server) const {
  int status = 0;
  const std::string answer = run("get", server, status);
  AuthConfig auth;
  if (status != 0) {
    if (answer == kNotFound) return auth;
    fail("get", status, answer);
  }
  const json::Value value = json::Value::parse(answer, {.decoder = true});
  const std::string user = value["Username"].isString() ? value["Username"].asString() : "";
  const std::string secret = value["Secret"].isString() ? value["Secret"].asString() : "";
  if (user == kTokenUser) {
    auth.identityToken = secret;
  } else {
    auth.username = user;
    auth.password = secret;
  }
  return auth;
}

void CredentialHelper::store(const AuthConfig& auth) const {
  const bool token = !auth.identityToken.empty();
  json::Value value = json::Value::object();
  value.set("ServerURL", auth.serverAddress);
  value.set("Username", token ? std::string(kTokenUser) : auth.username);
  value.set("Secret", token ? auth.identityToken : auth.password);
  int status = 0;
  const std::string answer = run("store", value.write({.escapeHtml = true}), status);
  if (status != 0) fail("store", status, answer);
}

void CredentialHelper::erase(const std::string& server) const {
  int status = 0;
  const std::string answer = run("erase", server, status);
  if (status != 0) fail("erase", status, answer);
}

}  // namespace client
