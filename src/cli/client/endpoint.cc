#include "cli/client/endpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/crypto/hash.h"
#include "platform/http/message.h"
#include "platform/json/json.h"
#include "platform/sys/file.h"

namespace client {
namespace {

using base::Code;
using base::fail;

constexpr const char* kOurSocket = "/run/sampan.sock";
constexpr const char* kDockerSocket = "/var/run/docker.sock";

// Go's url.Parse on what stands between the scheme and the path, and net.SplitHostPort behind it:
// which forms are refused, and in which words.
struct Authority {
  std::string host, port;
};

[[noreturn]] void failParse(std::string_view address, const std::string& why) {
  fail(Code::kInvalidArgument, "parse {}: {}", base::quote(fmt::format("tcp://{}", address)), why);
}

bool isHex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// `plain`: a host, in which nothing but other bytes than ASCII may be escaped.
void checkEscapes(std::string_view address, std::string_view part, bool plain) {
  for (size_t at = part.find('%'); at != std::string_view::npos; at = part.find('%', at + 1)) {
    const bool whole = at + 2 < part.size() && isHex(part[at + 1]) && isHex(part[at + 2]);
    if (!whole || (plain && part[at + 1] < '8'))
      failParse(address, fmt::format("invalid URL escape {}", base::quote(part.substr(at, 3))));
  }
}

void checkPort(std::string_view address, std::string_view port) {
  const bool number =
      port.empty() || (port[0] == ':' && port.find_first_not_of("0123456789", 1) == port.npos);
  if (!number) failParse(address, fmt::format("invalid port {} after host", base::quote(port)));
}

Authority splitAuthority(std::string_view address, std::string_view text) {
  if (const size_t at = text.rfind('@'); at != std::string_view::npos) text.remove_prefix(at + 1);
  size_t colon = text.rfind(':');
  if (text.starts_with('[')) {
    const size_t bracket = text.rfind(']');
    if (bracket == std::string_view::npos) failParse(address, "missing ']' in host");
    checkPort(address, text.substr(bracket + 1));
    if (bracket + 1 == text.size())
      fail(Code::kInvalidArgument, "invalid bind address format: {}", address);
    return {std::string(text.substr(1, bracket - 1)), std::string(text.substr(bracket + 2))};
  }
  if (colon != std::string_view::npos) checkPort(address, text.substr(colon));
  checkEscapes(address, text, true);
  for (const char c : text) {
    if (c == ' ' || c == '\\' || c == '^' || c == '`' || c == '{' || c == '|' || c == '}')
      failParse(address, fmt::format("invalid character {} in host name",
                                     base::quote(std::string_view(&c, 1))));
  }
  // Several colons without brackets: all of it is taken for an IPv6 address.
  if (colon != text.find(':')) colon = std::string_view::npos;
  if (colon == std::string_view::npos) return {std::string(text), ""};
  return {std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

Endpoint parseTcp(std::string_view address, bool tls) {
  constexpr const char *kPlainPort = "2375", *kTlsPort = "2376";
  if (address.find("://") != std::string_view::npos)
    fail(Code::kInvalidArgument, "invalid proto, expected tcp: {}", address);
  const std::string_view plain = address.substr(0, address.find_first_of("?#"));
  const size_t slash = std::min(plain.find('/'), plain.size());
  Authority authority = splitAuthority(address, plain.substr(0, slash));
  checkEscapes(address, plain.substr(slash), false);
  Endpoint endpoint;
  endpoint.host = authority.host.empty() ? "localhost" : authority.host;
  const std::string port =
      authority.port.empty() ? (tls && address.empty() ? kTlsPort : kPlainPort) : authority.port;
  endpoint.port = static_cast<int>(base::parseInt(port).value_or(INT_MAX));
  endpoint.basePath = http::percentDecode(plain.substr(slash));
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  endpoint.text =
      fmt::format("tcp://{}:{}{}", ipv6 ? fmt::format("[{}]", endpoint.host) : endpoint.host, port,
                  endpoint.basePath);
  while (endpoint.basePath.ends_with('/')) endpoint.basePath.pop_back();
  return endpoint;
}

Endpoint parseUnix(std::string_view address) {
  if (address.find("://") != std::string_view::npos)
    fail(Code::kInvalidArgument, "invalid proto, expected unix: {}", address);
  Endpoint endpoint;
  endpoint.socketPath = address.empty() ? kDockerSocket : std::string(address);
  endpoint.text = fmt::format("unix://{}", endpoint.socketPath);
  return endpoint;
}

// What docker refuses in an address for ssh; the rest is for a client that can connect so.
[[noreturn]] void failSsh(std::string_view text, std::string_view address) {
  const std::string_view authority = address.substr(0, address.find_first_of("/?#"));
  const size_t at = authority.rfind('@');
  const std::string_view user =
      at == std::string_view::npos ? std::string_view() : authority.substr(0, at);
  const char* why = nullptr;
  if (user.find(':') != std::string_view::npos) {
    why = "plain-text password is not supported";
  } else if (authority.substr(at == std::string_view::npos ? 0 : at + 1).empty()) {
    why = "hostname is empty";
  }
  if (why)
    fail(Code::kInvalidArgument, "ssh host connection is not valid: invalid SSH URL: {}", why);
  fail(Code::kNotImplemented,
       "connecting by ssh is not implemented: {}: forward the socket with `ssh -L "
       "/tmp/engine.sock:/run/sampan.sock HOST` and use -H unix:///tmp/engine.sock",
       text);
}

}  // namespace

Endpoint parseEndpoint(std::string_view text, bool tls) {
  text = base::trim(text);
  const size_t mark = text.find("://");
  const bool schemeless = mark == std::string_view::npos;
  const std::string_view scheme = schemeless ? std::string_view("tcp") : text.substr(0, mark);
  const std::string_view address = schemeless ? text : text.substr(mark + 3);
  const auto unresolved = [](auto parse) {
    return base::within("unable to resolve docker endpoint", parse);
  };
  if (scheme == "tcp") return unresolved([&] { return parseTcp(address, tls); });
  if (scheme == "unix") return unresolved([&] { return parseUnix(address); });
  if (scheme == "ssh") failSsh(text, address);
  if (scheme == "npipe") fail(Code::kInvalidArgument, "protocol not available");
  if (scheme == "fd") fail(Code::kInvalidArgument, "unable to parse docker host `{}`", text);
  unresolved(
      [&]() -> Endpoint { fail(Code::kInvalidArgument, "invalid bind address format: {}", text); });
  return {};
}

std::string contextFile(const std::string& configDir, const std::string& context) {
  return fmt::format("{}/contexts/meta/{}/meta.json", configDir, crypto::digestOf(context).hex());
}

ContextTarget contextTarget(const std::string& configDir, const std::string& context) {
  const std::string path = contextFile(configDir, context);
  const auto text = sys::readFileIfExists(AT_FDCWD, path);
  if (!text)
    fail(Code::kNotFound, "context {}: context not found: open {}: no such file or directory",
         base::quote(context), path);
  const json::Value meta = base::within(fmt::format("context {}", base::quote(context)),
                                        [&] { return json::Value::parse(*text); });
  const json::Value& docker = meta["Endpoints"]["docker"];
  if (!docker["Host"].isString())
    fail(Code::kNotFound, "context {}: no docker endpoint in {}", base::quote(context), path);
  ContextTarget target;
  target.host = docker["Host"].asString();
  target.skipVerify = docker["SkipTLSVerify"].isBool() && docker["SkipTLSVerify"].asBool();
  const std::string folder =
      fmt::format("{}/contexts/tls/{}/docker", configDir, crypto::digestOf(context).hex());
  for (const auto& [file, name] :
       {std::pair{&target.caFile, "ca.pem"}, std::pair{&target.certFile, "cert.pem"},
        std::pair{&target.keyFile, "key.pem"}}) {
    const std::string candidate = fmt::format("{}/{}", folder, name);
    if (::access(candidate.c_str(), F_OK) == 0) *file = candidate;
  }
  return target;
}

std::string defaultHost(std::string_view program) {
  const bool ours = program != "docker" ||
                    (::access(kDockerSocket, F_OK) != 0 && ::access(kOurSocket, F_OK) == 0);
  return fmt::format("unix://{}", ours ? kOurSocket : kDockerSocket);
}

}  // namespace client
