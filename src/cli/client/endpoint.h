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

// Error kInvalidArgument in docker's words: "invalid bind address format: …", "parse …: invalid
// port …".
Endpoint parseEndpoint(std::string_view text);

// The host a stored context names. `configDir` is where config.json lies. Error kNotFound with
// docker's sentence.
std::string contextHost(const std::string& configDir, const std::string& context);

// The socket used when nothing says another. Under the name docker that is docker's own, unless
// only ours exists.
std::string defaultHost(std::string_view program);

}  // namespace client
