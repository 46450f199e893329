// The engine's API as a command sees it: version negotiated once, paths and queries built, errors
// in docker's words. One thread. Connections are reused.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/client/endpoint.h"
#include "cli/client/raw_stream.h"
#include "platform/base/error.h"
#include "platform/http/client.h"
#include "platform/json/json.h"

namespace client {

// The newest API version this client speaks.
constexpr const char* kApiVersion = "1.51";

// The engine answered with an error: "Error response from daemon: …".
class ApiError : public base::Error {
 public:
  ApiError(int status, std::string message);
  int status() const noexcept { return status_; }
  bool notFound() const noexcept { return status_ == 404; }

 private:
  int status_;
};

// A query string in the order given; empty values are kept.
class QueryString {
 public:
  QueryString& add(std::string_view key, std::string_view value);
  QueryString& addIf(bool condition, std::string_view key, std::string_view value = "1");
  const std::string& str() const noexcept { return text_; }  // "" or "a=b&c=d"

 private:
  std::string text_;
};

struct CallOptions {
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  // with a content type of JSON when it is not empty
  std::string contentType = "application/json";
  std::function<size_t(std::span<char>)> bodySource;  // instead of body
};

struct PingInfo {
  bool reached = false;
  std::string apiVersion, osType, builderVersion;
  bool experimental = false;
};

class EngineClient {
 public:
  // `fixedVersion`: DOCKER_API_VERSION, "" to negotiate.
  EngineClient(Endpoint endpoint, std::vector<std::pair<std::string, std::string>> headers,
               std::string fixedVersion);
  ~EngineClient();

  const Endpoint& endpoint() const noexcept { return endpoint_; }
  // Negotiates when that has not happened. A daemon that cannot be reached leaves our own version.
  const std::string& version();
  bool atLeast(std::string_view apiVersion);
  // What negotiation learned. With `must`, an unreachable daemon is an Error.
  const PingInfo& ping(bool must = false);

  // The whole answer. Error ApiError for 4xx and 5xx, base::Error kUnavailable in docker's sentence
  // when there is nobody.
  std::string call(std::string_view method, const std::string& path, const QueryString& query = {},
                   const CallOptions& options = {});
  json::Value getJson(const std::string& path, const QueryString& query = {});
  json::Value postJson(const std::string& path, const QueryString& query, const json::Value& body,
                       const CallOptions& more = {});
  // The head has come, the body is to be read.
  std::unique_ptr<http::ClientResponse> open(std::string_view method, const std::string& path,
                                             const QueryString& query = {},
                                             const CallOptions& options = {});
  // POST with Upgrade: tcp; both directions of the raw connection.
  std::unique_ptr<RawStream> hijack(const std::string& path, const QueryString& query = {},
                                    const CallOptions& options = {});

 private:
  std::unique_ptr<http::ClientResponse> send(std::string_view method, const std::string& target,
                                             const CallOptions& options, bool upgrade);
  std::string target(const std::string& path, const QueryString& query);
  // As errors show it: a socket's path is the host.
  std::string urlOf(const std::string& target) const;
  [[noreturn]] void failResponse(http::ClientResponse& response, const std::string& target);
  [[noreturn]] void failConnect(const base::Error& error, std::string_view method,
                                const std::string& target);

  Endpoint endpoint_;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::string version_;
  std::optional<PingInfo> ping_;
  std::optional<base::Error> ping_error_;
  std::unique_ptr<http::Client> http_;
};

// 1.9 < 1.41.
int compareVersions(std::string_view a, std::string_view b);

// `text` as one path segment.
std::string segment(std::string_view text);

// The API's filters value: {"status":{"running":true}}, keys and values sorted.
std::string encodeFilters(const std::map<std::string, std::map<std::string, bool>>& filters);

}  // namespace client
