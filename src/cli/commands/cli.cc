#include "cli/commands/cli.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "cli/commands/command.h"
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
      {"host", 'H', Kind::kString, "string", "Daemon socket to connect to"},
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
  host_ = flags.text("host");
  host_given_ = flags.changed("host");
  context_flag_ = flags.text("context");
  if (!host_.empty() && !context_flag_.empty()) {
    fail(Code::kInvalidArgument, "conflicting options: cannot specify both --host and --context");
  }
  debug_ = flags.on("debug");
  tls_verify_ = flags.changed("tlsverify") ? flags.on("tlsverify")
                                           : !environment("DOCKER_TLS_VERIFY").empty();
  tls_ = flags.on("tls") || tls_verify_ || !environment("DOCKER_TLS").empty();
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
  writeAll(2, fmt::format("{}\n", line));
}

void Cli::writeError(std::string_view text) {
  flushQuietly();
  writeAll(2, text);
}

client::ConfigFile& Cli::config() {
  if (!config_) {
    try {
      config_ = client::ConfigFile::load(config_directory_);
    } catch (const base::Error& error) {
      warn(fmt::format("WARNING: Error loading config file: {}/config.json: {}", config_directory_,
                       error.message()));
      config_.emplace();
    }
  }
  return *config_;
}

const std::string& Cli::contextName() {
  if (!context_name_.empty()) return context_name_;
  if (!context_flag_.empty()) {
    context_name_ = context_flag_;
  } else if (host_given_ || !environment("DOCKER_HOST").empty()) {
    context_name_ = "default";
  } else {
    context_name_ = environment("DOCKER_CONTEXT");
    if (context_name_.empty()) context_name_ = config().text("currentContext");
    if (context_name_.empty()) context_name_ = "default";
  }
  return context_name_;
}

client::Endpoint Cli::resolveEndpoint() {
  std::string host = host_;
  const std::string context = contextName();
  if (context != "default") {
    host = client::contextHost(config().directory(), context);
  } else if (!host_given_) {
    host = environment("DOCKER_HOST");
  }
  if (host.empty()) host = client::defaultHost(program_);
  client::Endpoint endpoint = client::parseEndpoint(host);
  if (tls_ && ::access(ca_file_.c_str(), R_OK) != 0)
    fail(Code::kInvalidArgument, "open {}: {}", ca_file_, base::errnoText(errno));
  if (endpoint.socketPath.empty() && tls_) {
    endpoint.tls = true;
    endpoint.verify = tls_verify_;
    endpoint.caFile = ca_file_;
    endpoint.certFile = cert_file_;
    endpoint.keyFile = key_file_;
  }
  return endpoint;
}

client::EngineClient& Cli::engine() {
  if (!engine_) {
    client::Endpoint endpoint;
    try {
      endpoint = resolveEndpoint();
    } catch (const base::Error& error) {
      throw Exit(1, fmt::format("Failed to initialize: unable to resolve docker endpoint: {}",
                                error.message()));
    }
    engine_ = std::make_unique<client::EngineClient>(std::move(endpoint), config().httpHeaders(),
                                                     environment("DOCKER_API_VERSION"));
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
