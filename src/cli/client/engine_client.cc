#include "cli/client/engine_client.h"

#include <cerrno>

#include "platform/base/strings.h"

namespace client {
namespace {

using base::Code;

constexpr const char* kOldestVersion = "1.24";  // spoken when the daemon does not say its own
constexpr const char* kHostHeader = "api.moby.localhost";
constexpr json::ReadOptions kAnswer{.decoder =
                                        true};  // Go's words for an answer that ends too soon

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

// "404 Not Found".
std::string statusText(const http::ClientResponse& response) {
  return response.reason.empty() ? fmt::format("{}", response.status)
                                 : fmt::format("{} {}", response.status, response.reason);
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
      if (response->status != 200 && response->status != 500)
        response = send("GET", "/_ping", {}, false);
      ping_->reached = response->status == 200;
      ping_->apiVersion = response->headers.get("Api-Version");
      ping_->osType = response->headers.get("Ostype");
      ping_->builderVersion = response->headers.get("Builder-Version");
      ping_->experimental = response->headers.get("Docker-Experimental") == "true";
      if (response->status >= 400 && ping_->apiVersion.empty()) failResponse(*response, "/_ping");
      response->readAll();
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

std::string EngineClient::urlOf(const std::string& target) const {
  const bool ipv6 = endpoint_.host.find(':') != std::string::npos;
  const std::string authority =
      endpoint_.socketPath.empty()
          ? fmt::format(fmt::runtime(ipv6 ? "[{}]:{}" : "{}:{}"), endpoint_.host, endpoint_.port)
          : http::percentEncode(endpoint_.socketPath);
  return fmt::format("{}://{}{}", endpoint_.tls ? "https" : "http", authority, target);
}

void EngineClient::failConnect(const base::Error& error, std::string_view method,
                               const std::string& target) {
  if (error.code() == Code::kCancelled) throw error;
  const int number = error.sysErrno();
  const bool unixSocket = !endpoint_.socketPath.empty();
  const std::string& why = error.message();
  const std::string asked = fmt::format("{} \"{}\"", titled(method), urlOf(target));
  if (unixSocket && (number == EACCES || number == EPERM)) {
    throw base::Error(Code::kForbidden,
                      fmt::format("permission denied while trying to connect to the Docker daemon "
                                  "socket at {}: {}: {}",
                                  endpoint_.text, asked, why),
                      number);
  }
  if (number == ECONNREFUSED || number == ETIMEDOUT || (unixSocket && why.starts_with("dial "))) {
    throw base::Error(
        Code::kUnavailable,
        fmt::format("Cannot connect to the Docker daemon at {}. Is the docker daemon running?",
                    endpoint_.text),
        number);
  }
  if (why.starts_with("malformed HTTP response") && !endpoint_.tls) {
    throw base::Error(
        error.code(),
        fmt::format("{}: net/http: HTTP/1.x transport connection broken: {}.\n"
                    "* Are you trying to connect to a TLS-enabled daemon without TLS?",
                    asked, why),
        number);
  }
  throw base::Error(error.code(), fmt::format("error during connect: {}: {}", asked, why), number);
}

void EngineClient::failResponse(http::ClientResponse& response, const std::string& target) {
  constexpr size_t kLongestError = 1 << 20;
  constexpr const char* kUnlike = "check if the server supports the requested API version";
  const std::string body = response.readAll(kLongestError);
  const int status = response.status;
  if (body.empty()) {
    throw ApiError(status, fmt::format("request returned {} for API route and version {}, {}",
                                       statusText(response), urlOf(target), kUnlike));
  }
  std::string message(base::trim(body));
  if (response.headers.get("Content-Type") == "application/json") {
    const json::Value value =
        base::within("Error reading JSON", [&] { return json::Value::parse(body); });
    const json::Value& told = value["message"];
    message = told.isString() ? std::string(base::trim(told.asString())) : std::string();
    if (message.empty())
      message = fmt::format("API returned a {} ({}) but provided no error-message", status,
                            response.reason);
  }
  throw ApiError(status, fmt::format("Error response from daemon: {}", message));
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
  return json::Value::parse(call("GET", path, query), kAnswer);
}

json::Value EngineClient::postJson(const std::string& path, const QueryString& query,
                                   const json::Value& body, const CallOptions& more) {
  CallOptions options = more;
  if (!body.isNull()) options.body = body.write();
  return json::Value::parse(call("POST", path, query, options), kAnswer);
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
