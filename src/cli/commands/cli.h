// What every command is given: where to print, the user's configuration, and the engine's client,
// made on first use.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/client/config_file.h"
#include "cli/client/engine_client.h"
#include "cli/commands/flags.h"

namespace commands {

using Headers = std::vector<std::pair<std::string, std::string>>;

class Cli {
 public:
  explicit Cli(std::string_view program) : program_(program) {}

  std::string_view program() const noexcept { return program_; }

  // Takes the options before the command: host, context, TLS, configuration directory, and reads
  // config.json, since a broken one is told before anything else. Error kInvalidArgument "Unable to
  // parse logging level: x".
  void configure(const Flags& flags);

  // Standard output, buffered until flush(). Error kInternal when it cannot be written.
  void print(std::string_view text);
  void flush();
  void flushQuietly() noexcept;
  // A line on standard error; what was printed before comes out first.
  void warn(std::string_view line);
  // The same without the line's end.
  void writeError(std::string_view text);

  // Warns, and goes on with what could be read, when something is wrong with config.json.
  client::ConfigFile& config();
  client::EngineClient& engine();
  const std::string& contextName();

  bool debug() const noexcept { return debug_; }

  // Where the credentials of an image's registry are looked up: "https://index.docker.io/v1/" or
  // the host.
  static std::string registryKey(std::string_view image);
  // X-Registry-Auth for an image, "" when nothing is stored.
  std::string registryAuth(std::string_view image);

 private:
  client::Endpoint resolveEndpoint();
  client::Endpoint contextEndpoint(const std::string& context);
  // What goes with every request: DOCKER_CUSTOM_HEADERS, else config.json's.
  Headers customHeaders();

  std::string program_;
  std::string out_;
  std::string config_directory_, context_flag_;
  std::vector<std::string> hosts_;  // as given; an empty one is the default one
  std::string ca_file_, cert_file_, key_file_;
  bool tls_ = false, tls_verify_ = false;
  bool debug_ = false;
  std::string context_name_;
  std::optional<client::ConfigFile> config_;
  std::unique_ptr<client::EngineClient> engine_;
};

// The options that stand before the command.
FlagTable globalFlags();

}  // namespace commands
