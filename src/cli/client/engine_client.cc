#include "cli/client/engine_client.h"

#include <cerrno>

#include "platform/base/strings.h"

namespace client {
namespace {

using base::Code;

constexpr const char* kOldestVersion = "1.24";  // spoken when the daemon does not say its own
constexpr const char* kHostHeader = "api.moby.localhost";

Code codeOf(int status) {
  switch (status) {
    case 400:
      return Code::kInvalidArgument;
    case 401:
      return Code::kUnauthorized;
    case 403:
      return Code::kForbidden;
    case 404:
      return Code::kNotFound;
    case 409:
      return Code::kConflict;
    case 501:
      return Code::kNotImplemented;
    case 503:
      return Code::kUnavailable;
    default:
      return Code::kInternal;
  }
}

std::string titled(std::string_view method) {
  std::string text = base::lower(method);
  if (!text.empty()) text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string_view reasonOf(const http::ClientResponse& response) {
  return response.reason.empty() ? std::string_view("an error") : std::string_view(response.reason);
}

}  // namespace

ApiError::ApiError(int status, std::string message)
    : base::Error(codeOf(status), std::move(message)), status_(status) {}

QueryString& QueryString::add(std::string_view key, std::string_view value) {
  if (!text_.empty()) text_ += '&';
  text_ += fmt::format("{}={}", http::percentEncode(key), http::percentEncode(value));
  return *this;
}

QueryString& QueryString::addIf(bool condition, std::string_view key, std::string_view value) {
  if (condition) add(key, value);
  return *this;
}

EngineClient::EngineClient(Endpoint endpoint,
                           std::vector<std::pair<std::string, std::string>> headers,
                           std::string fixedVersion)
    : endpoint_(std::move(endpoint)),
      headers_(std::move(headers)),
      version_(std::move(fixedVersion)) {
  http::ClientOptions options;
  options.idleTimeout = std::chrono::milliseconds(0);
  options.unixPath = endpoint_.socketPath;
  options.userAgent = fmt::format("Docker-Client/{} (linux)", SAMPAN_VERSION);
  if (endpoint_.tls) {
    options.tls.verify = endpoint_.verify;
    options.tls.caFile = endpoint_.caFile;
    options.tls.certFile = endpoint_.certFile;
    options.tls.keyFile = endpoint_.keyFile;
  }
  if (endpoint_.socketPath.empty()) options.proxy = http::ProxyConfig::fromEnvironment();
  http_ = std::make_unique<http::Client>(std::move(options));
}

EngineClient::~EngineClient() = default;

const std::string& EngineClient::version() {
  if (version_.empty()) ping();
  return version_;
}

bool EngineClient::atLeast(std::string_view apiVersion) {
  return compareVersions(version(), apiVersion) >= 0;
}

const PingInfo& EngineClient::ping(bool must) {
  if (!ping_) {
    ping_.emplace();
    try {
      auto response = send("HEAD", "/_ping", {}, false);
      if (response->status != 200) response = send("GET", "/_ping", {}, false);
      response->readAll();
      ping_->reached = true;
      ping_->apiVersion = response->headers.get("Api-Version");
      ping_->osType = response->headers.get("Ostype");
      ping_->builderVersion = response->headers.get("Builder-Version");
      ping_->experimental = response->headers.get("Docker-Experimental") == "true";
    } catch (const base::Error& error) {
      ping_error_ = error;
    }
    if (version_.empty()) {
      version_ = kApiVersion;
      const std::string& theirs =
          ping_->reached && ping_->apiVersion.empty() ? kOldestVersion : ping_->apiVersion;
      if (!theirs.empty() && compareVersions(theirs, version_) < 0) version_ = theirs;
    }
  }
  if (must && ping_error_) throw *ping_error_;
  return *ping_;
}

std::string EngineClient::target(const std::string& path, const QueryString& query) {
  std::string text = fmt::format("{}/v{}{}", endpoint_.basePath, version(), path);
  if (!query.str().empty()) text += fmt::format("?{}", query.str());
  return text;
}

std::unique_ptr<http::ClientResponse> EngineClient::send(std::string_view method,
                                                         const std::string& target,
                                                         const CallOptions& options, bool upgrade) {
  http::ClientRequest request;
  request.method = method;
  request.url.scheme = endpoint_.tls ? "https" : "http";
  request.url.host = endpoint_.socketPath.empty() ? endpoint_.host : kHostHeader;
  request.url.port = endpoint_.socketPath.empty() ? endpoint_.port : 80;
  request.url.target = target;
  for (const auto& [name, value] : headers_) request.headers.set(name, value);
  for (const auto& [name, value] : options.headers) request.headers.set(name, value);
  request.body = options.body;
  request.bodySource = options.bodySource;
  if (!options.body.empty() || options.bodySource)
    request.headers.set("Content-Type", options.contentType);
  if (upgrade) {
    request.headers.set("Connection", "Upgrade");
    request.headers.set("Upgrade", "tcp");
  }
  try {
    return http_->send(std::move(request));
  } catch (const base::Error& error) {
    failConnect(error, method, target);
  }
}

void EngineClient::failConnect(const base::Error& error, std::string_view method,
                               const std::string& target) {
  const std::string& where = endpoint_.text;
  switch (error.sysErrno()) {
    case ENOENT:
    case ECONNREFUSED:
    case ENOTSOCK:
    case ETIMEDOUT:
      throw base::Error(
          Code::kUnavailable,
          fmt::format("Cannot connect to the Docker daemon at {}. Is the docker daemon running?",
                      where),
          error.sysErrno());
    default:
      break;
  }
  const std::string authority = endpoint_.socketPath.empty()
                                    ? fmt::format("{}:{}", endpoint_.host, endpoint_.port)
                                    : http::percentEncode(endpoint_.socketPath);
  const std::string url =
      fmt::format("{}://{}{}", endpoint_.tls ? "https" : "http", authority, target);
  if (error.sysErrno() == EACCES || error.sysErrno() == EPERM) {
    throw base::Error(Code::kForbidden,
                      fmt::format("permission denied while trying to connect to the Docker daemon "
                                  "socket at {}: {} \"{}\": dial unix {}: "
                                  "connect: permission denied",
                                  where, titled(method), url, endpoint_.socketPath),
                      error.sysErrno());
  }
  if (error.code() == Code::kCancelled) throw error;
  throw base::Error(
      error.code(),
      fmt::format("error during connect: {} \"{}\": {}", titled(method), url, error.message()),
      error.sysErrno());
}

void EngineClient::failResponse(http::ClientResponse& response, const std::string& target) {
  constexpr size_t kLongestError = 1 << 20;
  const std::string body = response.readAll(kLongestError);
  std::string message;
  if (response.headers.get("Content-Type") == "application/json") {
    const json::Value value = json::Value::parse(body);
    if (value["message"].isString()) message = std::string(base::trim(value["message"].asString()));
  } else {
    message = std::string(base::trim(body));
  }
  if (message.empty()) {
    throw ApiError(
        response.status,
        fmt::format(
            "request returned {} for API route and version {}, check if the server supports the "
            "requested API version",
            reasonOf(response), target));
  }
  throw ApiError(response.status, fmt::format("Error response from daemon: {}", message));
}

std::unique_ptr<http::ClientResponse> EngineClient::open(std::string_view method,
                                                         const std::string& path,
                                                         const QueryString& query,
                                                         const CallOptions& options) {
  const std::string where = target(path, query);
  auto response = send(method, where, options, false);
  if (response->status >= 400) failResponse(*response, where);
  return response;
}

std::string EngineClient::call(std::string_view method, const std::string& path,
                               const QueryString& query, const CallOptions& options) {
  constexpr size_t kLongestAnswer = 256u << 20;
  return open(method, path, query, options)->readAll(kLongestAnswer);
}

json::Value EngineClient::getJson(const std::string& path, const QueryString& query) {
  return json::Value::parse(call("GET", path, query));
}

json::Value EngineClient::postJson(const std::string& path, const QueryString& query,
                                   const json::Value& body, const CallOptions& more) {
  CallOptions options = more;
  if (!body.isNull()) options.body = body.write();
  const std::string answer = call("POST", path, query, options);
  return base::trim(answer).empty() ? json::Value() : json::Value::parse(answer);
}

std::unique_ptr<RawStream> EngineClient::hijack(const std::string& path, const QueryString& query,
                                                const CallOptions& options) {
  const std::string where = target(path, query);
  auto response = send("POST", where, options, true);
  if (response->status != 101)
    base::fail(Code::kInternal, "unable to upgrade to tcp, received {}", response->status);
  return std::make_unique<RawStream>(std::move(response), endpoint_.tls);
}

int compareVersions(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    const auto [headA, tailA] = base::cut(a, '.');
    const auto [headB, tailB] = base::cut(b, '.');
    const auto x = base::parseInt(headA).value_or(0), y = base::parseInt(headB).value_or(0);
    if (x != y) return x < y ? -1 : 1;
    a = tailA.value_or("");
    b = tailB.value_or("");
  }
  return 0;
}

std::string segment(std::string_view text) {
  return http::percentEncodePath(text);
}

std::string encodeFilters(const std::map<std::string, std::map<std::string, bool>>& filters) {
  json::Value root = json::Value::object();
  for (const auto& [key, values] : filters) {
    json::Value set = json::Value::object();
    for (const auto& [value, on] : values) set.set(value, on);
    root.set(key, std::move(set));
  }
  return root.write();
}

}  // namespace client
