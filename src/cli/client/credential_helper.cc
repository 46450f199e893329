#include "cli/client/credential_helper.h"

#include <unistd.h>

#include <cstdlib>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/sys/spawn.h"

namespace client {
namespace {

using base::Code;

constexpr const char* kTokenUser =
    "<token>";  // the user name under which helpers keep identity tokens
constexpr const char* kNotFound = "credentials not found in native keychain";

std::string findProgram(const std::string& program) {
  const char* path = std::getenv("PATH");
  for (const std::string& directory :
       base::split(path ? path : "/usr/local/bin:/usr/bin:/bin", ':')) {
    std::string candidate = fmt::format("{}/{}", directory.empty() ? "." : directory, program);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

}  // namespace

std::string CredentialHelper::run(const char* command, const std::string& input,
                                  bool& succeeded) const {
  const std::string program = fmt::format("docker-credential-{}", name_);
  const std::string path = findProgram(program);
  if (path.empty()) {
    base::fail(Code::kInternal,
               "error {} credentials - err: exec: {}: executable file not found in $PATH, out: ``",
               command == std::string_view("get")     ? "getting"
               : command == std::string_view("store") ? "storing"
                                                      : "erasing",
               base::quote(program));
  }
  const sys::Output output = sys::run({path, command}, input);
  succeeded = output.status.code == 0;
  return std::string(base::trim(output.out));
}

AuthConfig CredentialHelper::get(const std::string& server) const {
  bool succeeded = false;
  const std::string answer = run("get", server, succeeded);
  AuthConfig auth;
  if (!succeeded) {
    if (answer == kNotFound) return auth;
    base::fail(Code::kInternal, "error getting credentials - err: exit status 1, out: `{}`",
               answer);
  }
  const json::Value value = json::Value::parse(answer);
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
  bool succeeded = false;
  const std::string answer = run("store", value.write(), succeeded);
  if (!succeeded)
    base::fail(Code::kInternal, "error storing credentials - err: exit status 1, out: `{}`",
               answer);
}

void CredentialHelper::erase(const std::string& server) const {
  bool succeeded = false;
  const std::string answer = run("erase", server, succeeded);
  if (!succeeded && answer != kNotFound)
    base::fail(Code::kInternal, "error erasing credentials - err: exit status 1, out: `{}`",
               answer);
}

}  // namespace client
