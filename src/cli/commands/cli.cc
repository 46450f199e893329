#include "cli/commands/cli.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "cli/commands/command.h"
#include "cli/commands/option_values.h"
#include "platform/base/printable.h"
#include "platform/base/strings.h"
#include "platform/sys/check.h"

namespace commands {
namespace {

using base::Code;
using base::fail;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// False with errno when the descriptor takes no more.
bool writeAll(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t n = sys::retry([&] { return ::write(fd, text.data(), text.size()); });
    if (n < 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

void checkLogLevel(const std::string& level) {
  for (const char* known :
       {"debug", "info", "warn", "warning", "error", "fatal", "panic", "trace"}) {
    if (base::equalsIgnoreCase(level, known)) return;
  }
  fail(Code::kInvalidArgument, "Unable to parse logging level: {}", level);
}

constexpr size_t kFlushAbove = 64 * 1024;
constexpr const char* kUnresolved = "unable to resolve docker endpoint";
constexpr const char* kDefaultContext = "default";

}  // namespace

FlagTable globalFlags() {
  // The defaults below the configuration directory are shown with this user's directory, as docker
  // shows them.
  static const std::string directory = client::ConfigFile::defaultDirectory();
  static const std::array<std::string, 4> texts = {
      fmt::format("Location of client config files (default \"{}\")", directory),
      fmt::format("Trust certs signed only by this CA (default \"{}/ca.pem\")", directory),
      fmt::format("Path to TLS certificate file (default \"{}/cert.pem\")", directory),
      fmt::format("Path to TLS key file (default \"{}/key.pem\")", directory),
  };
  static const std::array<Flag, 11> flags = {{
      {"config", 0, Kind::kString, "string", texts[0].c_str()},
      {"context", 'c', Kind::kString, "string",
       "Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var and "
       "default context set with \"docker context "
       "use\")"},
      {"debug", 'D', Kind::kBool, "", "Enable debug mode"},
      {"host", 'H', Kind::kList, "list", "Daemon socket to connect to"},
      {"log-level", 'l', Kind::kString, "string",
       "Set the logging level (\"debug\", \"info\", \"warn\", \"error\", \"fatal\") (default "
       "\"info\")",
       "info"},
      {"tls", 0, Kind::kBool, "", "Use TLS; implied by --tlsverify"},
      {"tlscacert", 0, Kind::kString, "string", texts[1].c_str()},
      {"tlscert", 0, Kind::kString, "string", texts[2].c_str()},
      {"tlskey", 0, Kind::kString, "string", texts[3].c_str()},
      {"tlsverify", 0, Kind::kBool, "", "Use TLS and verify the remote"},
      {"version", 'v', Kind::kBool, "", "Print version information and quit"},
  }};
  return flags;
}

void Cli::configure(const Flags& flags) {
  checkLogLevel(flags.text("log-level"));
  config_directory_ =
      flags.changed("config") ? flags.text("config") : client::ConfigFile::defaultDirectory();
  hosts_ = flags.list("host");
  context_flag_ = flags.text("context");
  if (!hosts_.empty() && !context_flag_.empty()) {
    fail(Code::kInvalidArgument, "conflicting options: cannot specify both --host and --context");
  }
  debug_ = flags.on("debug");
  tls_verify_ = flags.changed("tlsverify") ? flags.on("tlsverify")
                                           : !environment("DOCKER_TLS_VERIFY").empty();
  tls_ = flags.on("tls") || tls_verify_ || flags.changed("tlsverify") ||
         !environment("DOCKER_TLS").empty();
  std::string certificates = environment("DOCKER_CERT_PATH");
  if (certificates.empty()) certificates = config_directory_;
  const auto file = [&](const char* flag, const char* name) {
    if (flags.changed(flag)) return flags.text(flag);
    std::string path = fmt::format("{}/{}", certificates, name);
    return ::access(path.c_str(), R_OK) == 0 ? path : std::string();
  };
  if (tls_) {
    ca_file_ = flags.changed("tlscacert") ? flags.text("tlscacert")
                                          : fmt::format("{}/ca.pem", certificates);
    cert_file_ = file("tlscert", "cert.pem");
    key_file_ = file("tlskey", "key.pem");
  }
  config();
}

void Cli::print(std::string_view text) {
  out_ += text;
  if (out_.size() > kFlushAbove) flush();
}

void Cli::flush() {
  const std::string text = std::exchange(out_, {});
  if (!writeAll(1, text)) base::failErrno(errno, "write", "/dev/stdout");
}

void Cli::flushQuietly() noexcept {
  writeAll(1, out_);
  out_.clear();
}

void Cli::warn(std::string_view line) {
  flushQuietly();
  // What a registry or a container made of the text must not move the cursor.
  const bool shown = ::isatty(2) == 1;
  writeAll(2, fmt::format("{}\n", shown ? base::printable(line) : std::string(line)));
}

void Cli::writeError(std::string_view text) {
  flushQuietly();
  writeAll(2, text);
}

client::ConfigFile& Cli::config() {
  if (!config_) {
    std::string problem;
    config_ = client::ConfigFile::load(config_directory_, problem);
    if (!problem.empty()) warn(fmt::format("WARNING: Error {}", problem));
  }
  return *config_;
}

const std::string& Cli::contextName() {
  if (!context_name_.empty()) return context_name_;
  if (!context_flag_.empty()) {
    context_name_ = context_flag_;
  } else if (!hosts_.empty() || !environment("DOCKER_HOST").empty()) {
    context_name_ = kDefaultContext;
  } else {
    context_name_ = environment("DOCKER_CONTEXT");
    if (context_name_.empty()) context_name_ = config().text("currentContext");
    if (context_name_.empty()) context_name_ = kDefaultContext;
  }
  return context_name_;
}

client::Endpoint Cli::contextEndpoint(const std::string& context) {
  const client::ContextTarget target =
      base::within(kUnresolved, [&] { return client::contextTarget(config_directory_, context); });
  client::Endpoint endpoint = client::parseEndpoint(target.host);
  if (endpoint.socketPath.empty() && target.tls()) {
    endpoint.tls = true;
    endpoint.verify = !target.skipVerify;
    endpoint.caFile = target.caFile;
    endpoint.certFile = target.certFile;
    endpoint.keyFile = target.keyFile;
  }
  return endpoint;
}

client::Endpoint Cli::resolveEndpoint() {
  const std::string context = contextName();
  if (context != kDefaultContext) return contextEndpoint(context);
  if (hosts_.size() > 1) fail(Code::kInvalidArgument, "{}: Specify only one -H", kUnresolved);
  std::string host = hosts_.empty() ? environment("DOCKER_HOST") : hosts_[0];
  if (base::trim(host).empty()) host = tls_ ? std::string("tcp://") : client::defaultHost(program_);
  client::Endpoint endpoint = client::parseEndpoint(host, tls_);
  if (tls_ && ::access(ca_file_.c_str(), R_OK) != 0)
    fail(Code::kInvalidArgument, "{}: open {}: {}", kUnresolved, ca_file_, base::errnoText(errno));
  if (endpoint.socketPath.empty() && tls_) {
    endpoint.tls = true;
    endpoint.verify = tls_verify_;
    endpoint.caFile = ca_file_;
    endpoint.certFile = cert_file_;
    endpoint.keyFile = key_file_;
  }
  return endpoint;
}

Headers Cli::customHeaders() {
  constexpr const char* kVariable = "DOCKER_CUSTOM_HEADERS";
  const std::string value = environment(kVariable);
  if (value.empty()) return config().httpHeaders();
  Headers headers;
  for (const std::string& pair : splitRecord(value)) {
    const auto [name, text] = base::cut(pair, '=');
    const std::string_view key = base::trim(name);
    const char* wrong = key.empty() ? "value contains a key=value pair with an empty key"
                        : !text     ? "missing \"=\" in key=value pair"
                                    : nullptr;
    if (wrong)
      fail(Code::kInvalidArgument,
           "failed to set custom headers from {} environment variable: {}: '{}'", kVariable, wrong,
           pair);
    headers.emplace_back(key, *text);
  }
  return headers;
}

client::EngineClient& Cli::engine() {
  if (!engine_) {
    try {
      std::string version = environment("DOCKER_API_VERSION");
      if (version.starts_with('v')) version.erase(0, 1);
      engine_ = std::make_unique<client::EngineClient>(resolveEndpoint(), customHeaders(),
                                                       std::move(version));
    } catch (const base::Error& error) {
      throw Exit(1, fmt::format("Failed to initialize: {}", error.message()));
    }
  }
  return *engine_;
}

std::string Cli::registryKey(std::string_view image) {
  const auto [first, rest] = base::cut(image, '/');
  const bool domain =
      rest && (first == "localhost" || first.find_first_of(".:") != std::string_view::npos ||
               base::lower(first) != first);
  if (!domain || first == "docker.io" || first == "index.docker.io") return client::kHubServer;
  return std::string(first);
}

std::string Cli::registryAuth(std::string_view image) {
  const client::AuthConfig auth = config().credentials(registryKey(image));
  return auth.empty() ? std::string() : client::encodeAuth(auth);
}

}  // namespace commands
