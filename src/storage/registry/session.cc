#include "storage/registry/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "platform/base/log.h"
#include "platform/base/printable.h"
#include "platform/base/strings.h"
#include "platform/json/json.h"
#include "platform/json/value.h"
#include "platform/sys/file.h"
#include "storage/registry/address.h"

namespace registry {
namespace {

constexpr int kMaxRedirects = 10;
constexpr size_t kMaxTokenBody = 1 << 20;
constexpr size_t kMaxErrorBody = 64 * 1024;

bool redirects(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

base::Code codeOfStatus(int status) {
  switch (status) {
    case 400:
      return base::Code::kInvalidArgument;
    case 401:
      return base::Code::kUnauthorized;
    case 403:
      return base::Code::kForbidden;
    case 404:
      return base::Code::kNotFound;
    case 429:
      return base::Code::kUnavailable;
    default:
      return status >= 500 ? base::Code::kUnavailable : base::Code::kInternal;
  }
}

// A registry must not lead this process to what is not a registry: a socket of this host, say.
void requireWeb(const http::Url& url, std::string_view what) {
  if (url.scheme == "http" || url.scheme == "https") return;
  base::fail(base::Code::kUnavailable, "{}: unsupported protocol scheme {}", what,
             base::quote(url.scheme));
}

// "MANIFEST_UNKNOWN" -> "manifest unknown", as Docker prints it.
std::string wordText(const std::string& word) {
  std::string text = base::lower(word);
  for (char& c : text) c = c == '_' ? ' ' : c;
  return text;
}

// Retry-After: seconds, or the moment (RFC 9110 10.2.3). 0: not said.
int retryAfterOf(const std::string& header) {
  constexpr std::int64_t kLongest = 3600;
  std::int64_t seconds = base::parseInt(header).value_or(0);
  std::tm moment{};
  if (::strptime(header.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &moment) != nullptr)
    seconds = ::timegm(&moment) - ::time(nullptr);
  return static_cast<int>(std::clamp<std::int64_t>(seconds, 0, kLongest));
}

}  // namespace

std::string hostOf(const http::Url& url) {
  const bool usual =
      (url.scheme == "https" && url.port == 443) || (url.scheme == "http" && url.port == 80);
  const std::string name =
      url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  return usual ? name : fmt::format("{}:{}", name, url.port);
}

void throwRegistryError(http::ClientResponse& answer, const std::string& what) {
  std::string body;
  try {
    body = answer.readAll(kMaxErrorBody);
  } catch (const base::Error&) {
    body.clear();  // the status line says enough
  }
  std::string word;
  std::string text;
  try {
    const json::Value parsed = json::Value::parse(body);
    const json::Value& errors = parsed["errors"];
    if (errors.isArray() && !errors.asArray().empty()) {
      const json::Value& first = errors.asArray().front();
      if (first["code"].isString()) word = first["code"].asString();
      if (first["message"].isString()) text = first["message"].asString();
    } else if (parsed["message"].isString()) {
      text = parsed["message"].asString();
    } else if (parsed["details"].isString()) {
      text = parsed["details"].asString();  // token services
      if (answer.status == 401) word = "UNAUTHORIZED";
    }
  } catch (const base::Error&) {
    // not JSON: a proxy's page; its status is what counts
  }
  std::string message;
  if (!word.empty()) {
    message = wordText(word) + (text.empty() ? "" : ": " + text);
  } else if (!text.empty()) {
    message = text;
  } else {
    message = fmt::format("received unexpected HTTP status: {} {} ({})", answer.status,
                          answer.reason, what);
  }
  // RFC 6750: the token is good and may not do this; Docker has its own sentence for it.
  for (const Challenge& challenge : parseChallenges(answer.headers.get("WWW-Authenticate"))) {
    if (challenge.scheme != "bearer" || challenge.error != "insufficient_scope") continue;
    word = "DENIED";
    message = "denied: requested access to the resource is denied";
  }
  // What comes from outside is shown on terminals.
  throw RegistryError(codeOfStatus(answer.status), base::printable(message), answer.status, word,
                      retryAfterOf(answer.headers.get("Retry-After")));
}

// ---- clients

namespace {

std::string trustOf(const http::TlsOptions& tls) {
  std::string text = tls.verify ? "verify" : "";
  std::vector<std::string> files = tls.caFiles;
  if (!tls.certFile.empty()) files.insert(files.end(), {tls.certFile, tls.keyFile});
  for (const std::string& file : files) {
    const auto status = sys::statAtIfExists(AT_FDCWD, file);
    text += fmt::format(" {}={}.{}", file, status ? status->st_mtim.tv_sec : 0,
                        status ? status->st_mtim.tv_nsec : 0);
  }
  return text;
}

}  // namespace

Clients::Clients(Config config) : config_(std::move(config)) {}

http::TlsOptions Clients::tlsFor(const std::string& host, const std::string& registry) const {
  http::TlsOptions tls;
  tls.verify = !matchesInsecure(host, config_.insecure);
  // Host names come from image references and redirects: nothing that could leave the directory.
  const bool safe = host.find('/') == std::string::npos && !host.starts_with('.');
  const std::string directory = config_.certsDirectory + "/" + host;
  if (!safe || !sys::statAtIfExists(AT_FDCWD, directory, 0)) {
    if (host == registry) return tls;
    http::TlsOptions inherited = tlsFor(registry, registry);
    inherited.verify = inherited.verify && tls.verify;
    return inherited;
  }
  for (const std::string& name : sys::listDir(AT_FDCWD, directory)) {
    if (name.ends_with(".crt")) tls.caFiles.push_back(directory + "/" + name);
    const bool certificate = name.ends_with(".cert");
    if (!certificate && !name.ends_with(".key")) continue;
    const std::string base = name.substr(0, name.rfind('.'));
    const std::string other = base + (certificate ? ".key" : ".cert");
    if (!sys::statAtIfExists(AT_FDCWD, directory + "/" + other, 0)) {
      base::fail(base::Code::kInvalidArgument,
                 "missing {} {} for {} {}. CA certificates must use the extension .crt",
                 certificate ? "key" : "client certificate", other,
                 certificate ? "client certificate" : "key", name);
    }
    tls.certFile = directory + "/" + base + ".cert";
    tls.keyFile = directory + "/" + base + ".key";
  }
  return tls;
}

std::shared_ptr<http::Client> Clients::forHost(const http::Url& url, const std::string& registry) {
  const std::string host = hostOf(url);
  http::ClientOptions options;
  if (url.scheme == "https") options.tls = tlsFor(host, registry);
  std::string trust = trustOf(options.tls);
  base::Lock lock(mutex_);
  Known& known = clients_[url.scheme + "://" + host + " " + registry];
  if (!known.client || known.trust != trust) {
    options.proxy = config_.proxy;
    options.userAgent = config_.userAgent;
    options.resolve = config_.resolve;
    known = {std::move(trust), std::make_shared<http::Client>(std::move(options))};
  }
  return known.client;
}

std::optional<std::string> Clients::schemeOf(const std::string& host) const {
  base::Lock lock(mutex_);
  const auto found = schemes_.find(host);
  return found == schemes_.end() ? std::nullopt : std::optional(found->second);
}

void Clients::learnScheme(const std::string& host, const std::string& scheme) {
  base::Lock lock(mutex_);
  schemes_[host] = scheme;
}

void Clients::forgetScheme(const std::string& host) {
  base::Lock lock(mutex_);
  schemes_.erase(host);
}

// ---- session

Session::Session(std::shared_ptr<Clients> clients, std::string host, std::string scheme,
                 std::string prefix, std::string scope, Credentials credentials)
    : clients_(std::move(clients)),
      host_(std::move(host)),
      prefix_(std::move(prefix)),
      credentials_(std::move(credentials)),
      scheme_(std::move(scheme)) {
  if (!scope.empty()) scopes_.push_back(std::move(scope));
  if (!credentials_.registryToken.empty()) authorization_ = "Bearer " + credentials_.registryToken;
}

std::string Session::base() const {
  base::Lock lock(mutex_);
  return (scheme_.empty() ? "https" : scheme_) + "://" + host_ + prefix_;
}

http::Url Session::urlOf(const std::string& target) const {
  return http::Url::parse(target.starts_with("/") ? base() + target : target);
}

std::string Session::absolute(const std::string& target, const std::string& location) const {
  const http::Url from = urlOf(target);
  const http::Url url = from.resolve(location);
  requireWeb(url, "refusing to go on from " + from.origin());
  return url.str();
}

std::string Session::identityToken() const {
  base::Lock lock(mutex_);
  return identity_token_;
}

std::string Session::authorization() const {
  base::Lock lock(mutex_);
  return authorization_;
}

void Session::widen(const std::string& scope) {
  base::Lock lock(mutex_);
  if (std::find(scopes_.begin(), scopes_.end(), scope) != scopes_.end()) return;
  scopes_.push_back(scope);
  // A token says what it is good for; the next answer of 401 brings one that is good for this, too.
  if (authorization_.starts_with("Bearer ") && credentials_.registryToken.empty())
    authorization_.clear();
}

void Session::narrow(const std::string& scope) {
  base::Lock lock(mutex_);
  std::erase(scopes_, scope);
}

std::unique_ptr<http::ClientResponse> Session::dispatch(const Call& call, const http::Url& url,
                                                        bool authorize,
                                                        const base::StopToken& stop) {
  http::ClientRequest request;
  request.method = call.method;
  request.url = url;
  request.headers = call.headers;
  request.body = call.body;
  request.bodySource = call.source;
  request.bodyLength = call.sourceLength;
  if (const std::string value = authorize ? authorization() : ""; !value.empty())
    request.headers.set("Authorization", value);
  try {
    return clients_->forHost(url, host_)->send(std::move(request), stop);
  } catch (const base::Error& error) {
    if (error.code() == base::Code::kCancelled) throw;
    const std::string verb = call.method.substr(0, 1) + base::lower(call.method.substr(1));
    throw error.within(fmt::format("{} \"{}\"", verb, url.str()));  // as Go's clients say it
  }
}

// The credentials stay with the host they were given for: a redirect to another one goes without.
std::unique_ptr<http::ClientResponse> Session::followed(
    const Call& call, http::Url url, std::unique_ptr<http::ClientResponse> answer,
    const base::StopToken& stop) {
  const std::string origin = url.origin();
  Call next = call;
  for (int hop = 0; redirects(answer->status) && !call.source; ++hop) {
    const std::string location = answer->headers.get("Location");
    if (location.empty()) return answer;
    if (hop == kMaxRedirects)
      base::fail(base::Code::kUnavailable, "stopped after {} redirects at {}", kMaxRedirects,
                 url.origin());
    http::Url target = url.resolve(location);
    requireWeb(target, "refusing a redirect of " + url.origin());
    if (url.scheme == "https" && target.scheme != "https" &&
        !matchesInsecure(hostOf(target), clients_->config().insecure)) {
      base::fail(
          base::Code::kUnavailable,
          "refusing a redirect from https to {} (add the host to insecure-registries to allow it)",
          target.origin());
    }
    if (answer->status == 303 && next.method != "HEAD") {
      next.method = "GET";
      next.body.clear();
    }
    url = std::move(target);
    answer = dispatch(next, url, url.origin() == origin, stop);
  }
  return answer;
}

std::unique_ptr<http::ClientResponse> Session::attempt(const Call& call,
                                                       const base::StopToken& stop) {
  bool unknown;
  {
    base::Lock lock(mutex_);
    unknown = scheme_.empty();
  }
  const bool own = call.target.starts_with("/");
  if (unknown && own) return attemptEitherScheme(call, stop);
  const http::Url url = urlOf(call.target);
  const bool authorize = own || url.origin() == urlOf("/").origin();
  std::unique_ptr<http::ClientResponse> answer;
  try {
    answer = dispatch(call, url, authorize, stop);
  } catch (const base::Error& error) {
    // An insecure host may have changed from http to https or back: the next session looks again.
    if (own && error.code() == base::Code::kUnavailable) clients_->forgetScheme(host_);
    throw;
  }
  answer = followed(call, url, std::move(answer), stop);
  if (call.source && redirects(answer->status)) {
    base::fail(base::Code::kUnavailable,
               "the registry redirects an upload that has begun, to {}: it cannot be sent twice",
               answer->headers.get("Location"));
  }
  return answer;
}

// An insecure host: https without verification, and plain http when that does not answer as TLS.
std::unique_ptr<http::ClientResponse> Session::attemptEitherScheme(const Call& call,
                                                                   const base::StopToken& stop) {
  std::optional<base::Error> failure;
  for (const char* scheme : {"https", "http"}) {
    try {
      const http::Url url =
          http::Url::parse(fmt::format("{}://{}{}{}", scheme, host_, prefix_, call.target));
      auto answer = dispatch(call, url, true, stop);
      {
        base::Lock lock(mutex_);
        scheme_ = scheme;
      }
      // 400 is also what servers of https say to http.
      if (answer->status != 400) clients_->learnScheme(host_, scheme);
      return followed(call, url, std::move(answer), stop);
    } catch (const base::Error& error) {
      if (error.code() != base::Code::kUnavailable) throw;
      failure = error;
    }
  }
  throw *failure;
}

std::unique_ptr<http::ClientResponse> Session::answered(const Call& call,
                                                        const base::StopToken& stop) {
  for (int tries = 0;; ++tries) {
    const std::string used = authorization();
    auto answer = attempt(call, stop);
    if (answer->status != 401 || tries == 2) return answer;
    const std::string verb = call.method.substr(0, 1) + base::lower(call.method.substr(1));
    if (!authenticate(*answer, used, fmt::format("{} \"{}\"", verb, urlOf(call.target).str()),
                      stop))
      return answer;
    if (call.source)
      throw base::Error(base::Code::kUnavailable, "the token ran out in the middle of an upload",
                        EAGAIN);
    answer->readAll(kMaxErrorBody);  // so that the connection can be used again
  }
}

std::unique_ptr<http::ClientResponse> Session::sendIfFound(const Call& call,
                                                           const base::StopToken& stop) {
  auto answer = answered(call, stop);
  if (answer->status == 404) {
    answer->readAll(kMaxErrorBody);
    return nullptr;
  }
  if (answer->status >= 400) throwRegistryError(*answer, call.method + " " + call.target);
  return answer;
}

std::unique_ptr<http::ClientResponse> Session::send(const Call& call, const base::StopToken& stop) {
  auto answer = answered(call, stop);
  if (answer->status >= 400) throwRegistryError(*answer, call.method + " " + call.target);
  return answer;
}

bool Session::authenticate(const http::ClientResponse& refused, const std::string& used,
                           const std::string& url, const base::StopToken& stop) {
  base::Lock one(authenticating_);
  if (authorization() != used) return true;  // another thread was here first
  bool onlyBasic = false;
  for (const Challenge& challenge : parseChallenges(refused.headers.get("WWW-Authenticate"))) {
    std::string value;
    if (challenge.scheme == "bearer" && credentials_.registryToken.empty()) {
      try {
        value = "Bearer " + fetchToken(challenge, stop);
      } catch (const RegistryError& error) {
        throw RegistryError(error.code(), url + ": " + error.message(), error.status, error.word,
                            error.retryAfter);
      }
    } else if (challenge.scheme == "basic" && !credentials_.username.empty()) {
      value = "Basic " + base::base64Encode(credentials_.username + ":" + credentials_.password);
    } else if (challenge.scheme == "basic" && credentials_.empty()) {
      onlyBasic = true;
    }
    if (value.empty() || value == used) continue;
    base::Lock lock(mutex_);
    authorization_ = value;
    return true;
  }
  // Not kUnauthorized: at a 401 the official command line asks for a login where no terminal is.
  if (onlyBasic) base::fail(base::Code::kInternal, "{}: no basic auth credentials", url);
  return false;
}

namespace {

http::Url tokenUrl(const Challenge& challenge, const std::vector<std::string>& scopes,
                   const std::string& account, bool identity) {
  http::Url url = http::Url::parse(challenge.realm);
  std::string query;
  auto add = [&query](std::string_view key, const std::string& value) {
    if (!value.empty())
      query += (query.empty() ? "" : "&") + std::string(key) + "=" + http::percentEncode(value);
  };
  add("service", challenge.service);
  for (const std::string& one : scopes) add("scope", one);
  add("account", account);
  if (identity) {
    add("client_id", "sampan");
    add("offline_token", "true");
  }
  if (!query.empty()) url.target += (url.target.find('?') == std::string::npos ? "?" : "&") + query;
  return url;
}

std::string form(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string text;
  for (const auto& [key, value] : pairs) {
    if (!value.empty()) text += (text.empty() ? "" : "&") + key + "=" + http::percentEncode(value);
  }
  return text;
}

}  // namespace

http::ClientRequest Session::tokenRequest(const Challenge& challenge) const {
  const http::Url realm = http::Url::parse(challenge.realm);
  requireWeb(realm, "refusing the token service of " + host_);
  const bool show = !credentials_.empty() && mayShowCredentials(urlOf("/"), realm);
  if (!credentials_.empty() && !show) {
    base::log::warn("credentials not sent: the token service belongs to another party",
                    {{"registry", host_}, {"realm", realm.origin()}});
  }
  std::vector<std::string> scopes;
  {
    base::Lock lock(mutex_);
    scopes = scopes_;
  }
  if (scopes.empty() && !challenge.scope.empty()) scopes = base::split(challenge.scope, ' ');
  http::ClientRequest request;
  if (show && !credentials_.identityToken.empty()) {
    request.method = "POST";
    request.url = realm;
    request.headers.set("Content-Type", "application/x-www-form-urlencoded");
    request.body = form({{"grant_type", "refresh_token"},
                         {"service", challenge.service},
                         {"scope", base::join(scopes, " ")},
                         {"client_id", "sampan"},
                         {"refresh_token", credentials_.identityToken}});
    return request;
  }
  request.url = tokenUrl(challenge, scopes, show ? credentials_.username : "", wants_identity_);
  if (show) {
    request.headers.set("Authorization", "Basic " + base::base64Encode(credentials_.username + ":" +
                                                                       credentials_.password));
  }
  return request;
}

std::string Session::fetchToken(const Challenge& challenge, const base::StopToken& stop) {
  if (challenge.realm.empty())
    base::fail(base::Code::kUnauthorized,
               "the registry names no token service (no realm in its challenge)");
  const http::ClientRequest request = tokenRequest(challenge);
  const std::string origin = request.url.origin();
  std::unique_ptr<http::ClientResponse> answer;
  try {
    answer = clients_->forHost(request.url, host_)->send(request, stop);
  } catch (const base::Error& error) {
    if (error.code() == base::Code::kCancelled) throw;
    throw error.within(fmt::format("failed to fetch a token from {}", origin));
  }
  if (answer->status >= 400) throwRegistryError(*answer, "token service " + origin);
  const json::Value body = json::Value::parse(answer->readAll(kMaxTokenBody));
  if (body["refresh_token"].isString()) {
    base::Lock lock(mutex_);
    identity_token_ = body["refresh_token"].asString();
  }
  for (const char* key : {"token", "access_token"}) {
    if (body[key].isString() && !body[key].asString().empty()) return body[key].asString();
  }
  base::fail(base::Code::kUnauthorized,
             "authorization server did not include a token in the response");
}

}  // namespace registry
