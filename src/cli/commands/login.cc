// login, logout.
#include <unistd.h>

#include <map>

#include "cli/client/terminal.h"
#include "cli/commands/commands.h"
#include "cli/commands/list_format.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"

namespace commands {
namespace {

using base::Code;
using base::fail;

constexpr Flag kLoginFlags[] = {
    {"password", 'p', Kind::kString, "string", "Password or Personal Access Token (PAT)"},
    {"password-stdin", 0, Kind::kBool, "",
     "Take the Password or Personal Access Token (PAT) from stdin"},
    {"username", 'u', Kind::kString, "string", "Username"},
};

// "https://host/v1/" and "host" are the same place.
std::string hostOf(std::string_view server) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (server.starts_with(scheme)) server.remove_prefix(scheme.size());
  }
  return std::string(server.substr(0, server.find('/')));
}

constexpr const char* kHub = "docker.io";

// Under which name a login is kept; Docker Hub has a key of its own.
std::string loginKey(const Invocation& invocation) {
  if (invocation.args.empty() || invocation.args[0] == kHub ||
      invocation.args[0] == client::kHubServer)
    return client::kHubServer;
  return hostOf(invocation.args[0]);
}

std::string ask(Cli& cli, const std::string& question, bool secret) {
  cli.print(question);
  cli.flush();
  if (secret) {
    std::string answer = client::readPassword(STDIN_FILENO);
    cli.print("\n");
    return answer;
  }
  std::string line;
  char c = 0;
  while (::read(STDIN_FILENO, &c, 1) == 1 && c != '\n') line += c;
  return std::string(base::trim(line));
}

// Reads a secret from a pipe; one end of line is no part of it.
std::string readSecret() {
  constexpr size_t kLongest = 1 << 20;
  std::string secret = sys::readAll(STDIN_FILENO, kLongest, "/dev/stdin");
  if (secret.ends_with('\n')) secret.pop_back();
  if (secret.ends_with('\r')) secret.pop_back();
  return secret;
}

// True when the engine took the credentials; `auth` then holds what is to be kept.
void authenticate(Cli& cli, client::AuthConfig& auth, std::string& status) {
  json::Value body = json::Value::object();
  if (!auth.username.empty()) body.set("username", auth.username);
  if (!auth.password.empty()) body.set("password", auth.password);
  body.set("serveraddress", auth.serverAddress);
  if (!auth.identityToken.empty()) body.set("identitytoken", auth.identityToken);
  const json::Value answer = cli.engine().postJson("/auth", {}, body);
  const std::string token = textAt(answer, "IdentityToken");
  if (!token.empty()) {
    auth.password.clear();
    auth.identityToken = token;
  }
  status = textAt(answer, "Status");
}

void keep(Cli& cli, const client::AuthConfig& auth) {
  const bool readable =
      base::within("Error saving credentials", [&] { return cli.config().store(auth); });
  if (readable) {
    cli.warn(
        fmt::format("\nWARNING! Your credentials are stored unencrypted in '{}'.\nConfigure a "
                    "credential helper to remove this warning. See\n"
                    "https://docs.docker.com/go/credential-store/\n",
                    cli.config().path()));
  }
}

client::AuthConfig storedCredentials(Cli& cli, const std::string& server) {
  try {
    return cli.config().credentials(server);
  } catch (const base::Error&) {  // a helper that fails: the user is asked instead
    return {};
  }
}

// What was stored before is tried first when nothing was given. False: there is none, or it was
// refused.
bool loginWithStored(Cli& cli, const std::string& server) {
  client::AuthConfig auth = storedCredentials(cli, server);
  if (auth.username.empty() || auth.password.empty()) return false;
  auth.serverAddress = server;
  auth.identityToken.clear();
  cli.warn(
      fmt::format("Authenticating with existing credentials... [Username: {}]\n\n"
                  " Info -> To login with a different account, run 'docker logout' followed by "
                  "'docker login'\n\n",
                  auth.username));
  std::string status;
  try {
    authenticate(cli, auth, status);
  } catch (const Exit&) {
    throw;
  } catch (const base::Error& error) {
    cli.warn(error.code() == Code::kUnauthorized
                 ? std::string("Stored credentials invalid or expired")
                 : fmt::format("Login did not succeed, error: {}", error.message()));
    return false;
  }
  keep(cli, auth);
  if (!status.empty()) cli.print(status + "\n");
  return true;
}

int runLogin(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  client::AuthConfig auth;
  auth.username = flags.text("username");
  auth.password = flags.text("password");
  auth.serverAddress = loginKey(invocation);
  if (flags.changed("password") && flags.on("password-stdin"))
    fail(Code::kInvalidArgument,
         "conflicting options: cannot specify both --password and --password-stdin");
  if (flags.changed("username") && auth.username.empty())
    fail(Code::kInvalidArgument, "username is empty");
  if (flags.changed("password")) {
    cli.warn("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
    if (auth.password.empty()) fail(Code::kInvalidArgument, "password is empty");
  }
  if (flags.on("password-stdin")) {
    if (auth.username.empty())
      fail(Code::kInvalidArgument, "the --password-stdin option requires --username to be set");
    auth.password = readSecret();
  }
  if (auth.username.empty() && auth.password.empty() && loginWithStored(cli, auth.serverAddress))
    return 0;
  if (auth.username.empty() || auth.password.empty()) {
    if (!client::isTerminal(STDIN_FILENO))
      fail(Code::kInvalidArgument,
           "Error: Cannot perform an interactive login from a non TTY device");
    if (auth.username.empty()) auth.username = ask(cli, "Username: ", false);
    if (auth.username.empty()) fail(Code::kInvalidArgument, "Error: Non-null Username Required");
    auth.password = ask(cli, "Password: ", true);
    if (auth.password.empty()) fail(Code::kInvalidArgument, "Error: Password Required");
  }
  std::string status;
  auth.username = base::trim(auth.username);
  auth.password = base::trim(auth.password);
  authenticate(cli, auth, status);
  keep(cli, auth);
  if (!status.empty()) cli.print(status + "\n");
  return 0;
}

int runLogout(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const bool named = !invocation.args.empty();
  const std::string server = named ? invocation.args[0] : client::kHubServer;
  const std::string host = named ? hostOf(server) : server;
  cli.print(fmt::format("Removing login credentials for {}\n", host));
  // A registry may be on record under any of these.
  std::vector<std::string> keys{server};
  for (const char* scheme : {"", "http://", "https://"}) {
    if (named) keys.push_back(scheme + host);
  }
  if (host == kHub) keys.push_back(client::kHubServer);  // where login has put them
  std::map<std::string, std::string> failed;
  for (const std::string& key : keys) {
    try {
      cli.config().erase(key);
    } catch (const base::Error& error) {
      failed[key] = error.message();
    }
  }
  if (failed.size() < keys.size()) return 0;  // one has been removed
  cli.warn("WARNING: could not erase credentials:");
  for (const auto& [key, why] : failed) cli.warn(fmt::format("{}: {}", key, why));
  return 0;
}

}  // namespace

constinit const Command kLogin = {
    "[OPTIONS] [SERVER]",
    "Authenticate to a registry",
    "Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.",
    nullptr,
    kLoginFlags,
    nullptr,
    {0, 1},
    true,
    runLogin};
constinit const Command kLogout = {
    "[SERVER]",
    "Log out from a registry",
    "Log out from a registry.\nIf no server is specified, the default is defined by the daemon.",
    nullptr,
    {},
    nullptr,
    {0, 1},
    true,
    runLogout};

}  // namespace commands
