// Where the engine is: -H, DOCKER_HOST, a context, or the default socket.
#pragma once

#include <string>
#include <string_view>

namespace client {

struct Endpoint {
  std::string text;        // as shown to the user: "unix:///run/sampan.sock"
  std::string socketPath;  // unix
  std::string host;        // tcp
  int port = 0;
  std::string basePath;  // tcp: what stands behind the port
  bool tls = false;
  bool verify = true;
  std::string caFile, certFile, keyFile;
};

// "unix:///run/x.sock", "tcp://host:port/base", "host:port"; "" is docker's default TCP address.
// With `tls` that has the port for TLS. Errors in docker's words, as they stand behind "Failed to
// initialize: ": "unable to resolve docker endpoint: invalid bind address format: …".
Endpoint parseEndpoint(std::string_view text, bool tls = false);

// What a stored context names.
struct ContextTarget {
  std::string host;
  bool skipVerify = false;
  std::string caFile, certFile, keyFile;  // "" where the context has none
  bool tls() const noexcept {
    return skipVerify || !caFile.empty() || !certFile.empty() || !keyFile.empty();
  }
};

// `configDir` is where config.json lies. Error kNotFound with docker's sentence.
ContextTarget contextTarget(const std::string& configDir, const std::string& context);
// Where a context of that name is stored.
std::string contextFile(const std::string& configDir, const std::string& context);

// The socket used when nothing says another. Under the name docker that is docker's own, unless
// only ours exists.
std::string defaultHost(std::string_view program);

}  // namespace client
