#include "cli/client/endpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/crypto/hash.h"
#include "platform/json/json.h"
#include "platform/sys/file.h"

namespace client {
namespace {

using base::Code;
using base::fail;

constexpr const char* kOurSocket = "/run/sampan.sock";
constexpr const char* kDockerSocket = "/var/run/docker.sock";
constexpr int kPlainPort = 2375;

Endpoint parseTcp(std::string_view text, std::string_view address) {
  Endpoint endpoint;
  const size_t slash = address.find('/');
  if (slash != std::string_view::npos) {
    endpoint.basePath = address.substr(slash);
    while (!endpoint.basePath.empty() && endpoint.basePath.back() == '/')
      endpoint.basePath.pop_back();
    address = address.substr(0, slash);
  }
  std::string_view host = address, port;
  const size_t bracket = address.rfind(']');
  const size_t colon = address.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    host = address.substr(0, colon);
    port = address.substr(colon + 1);
  }
  const auto number = base::parseInt(port);
  if (!port.empty() && (!number || *number < 0)) {
    fail(Code::kInvalidArgument, "parse {}: invalid port {} after host", base::quote(text),
         base::quote(fmt::format(":{}", port)));
  }
  if (number && *number > 65535)
    fail(Code::kInvalidArgument, "invalid bind address format: {}", text);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  endpoint.host = host.empty() ? "127.0.0.1" : std::string(host);
  endpoint.port = number ? static_cast<int>(*number) : kPlainPort;
  return endpoint;
}

}  // namespace

Endpoint parseEndpoint(std::string_view text) {
  text = base::trim(text);
  Endpoint endpoint;
  const size_t mark = text.find("://");
  const std::string_view scheme =
      mark == std::string_view::npos ? std::string_view("tcp") : text.substr(0, mark);
  const std::string_view address = mark == std::string_view::npos ? text : text.substr(mark + 3);
  if (scheme == "unix") {
    if (address.find("://") != std::string_view::npos)
      fail(Code::kInvalidArgument, "invalid proto, expected unix: {}", address);
    endpoint.socketPath = address.empty() ? kDockerSocket : std::string(address);
    endpoint.text = fmt::format("unix://{}", endpoint.socketPath);
    return endpoint;
  }
  if (scheme == "ssh")
    fail(Code::kNotImplemented, "connecting by ssh is not implemented: {}", text);
  if (scheme != "tcp") fail(Code::kInvalidArgument, "invalid bind address format: {}", text);
  endpoint = parseTcp(text, address);
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  endpoint.text =
      fmt::format("tcp://{}:{}{}", ipv6 ? fmt::format("[{}]", endpoint.host) : endpoint.host,
                  endpoint.port, endpoint.basePath);
  return endpoint;
}

std::string contextHost(const std::string& configDir, const std::string& context) {
  const std::string path =
      fmt::format("{}/contexts/meta/{}/meta.json", configDir, crypto::digestOf(context).hex());
  const auto text = sys::readFileIfExists(AT_FDCWD, path);
  if (!text)
    fail(Code::kNotFound, "context {}: context not found: open {}: no such file or directory",
         base::quote(context), path);
  const json::Value meta = json::Value::parse(*text);
  const json::Value& host = meta["Endpoints"]["docker"]["Host"];
  if (!host.isString())
    fail(Code::kNotFound, "context {}: no docker endpoint", base::quote(context));
  return host.asString();
}

std::string defaultHost(std::string_view program) {
  const bool ours = program != "docker" ||
                    (::access(kDockerSocket, F_OK) != 0 && ::access(kOurSocket, F_OK) == 0);
  return fmt::format("unix://{}", ours ? kOurSocket : kDockerSocket);
}

}  // namespace client
