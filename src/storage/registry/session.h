// One endpoint with one set of credentials: sends requests, answers challenges, follows redirects.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "platform/base/mutex.h"
#include "storage/registry/registry.h"

namespace registry {

// HTTP clients by host, each with the TLS options that certs.d and the insecure list give it.
// Thread-safe.
class Clients {
 public:
  explicit Clients(Config config);
  http::Client& forHost(const http::Url& url);
  // http or https for an insecure host, once it is known which one answers.
  std::optional<std::string> schemeOf(const std::string& host) const EXCLUDES(mutex_);
  void learnScheme(const std::string& host, const std::string& scheme) EXCLUDES(mutex_);
  const Config& config() const noexcept { return config_; }

 private:
  http::TlsOptions tlsFor(const std::string& host) const;

  const Config config_;
  mutable base::Mutex mutex_;
  std::map<std::string, std::unique_ptr<http::Client>> clients_ GUARDED_BY(mutex_);
  std::map<std::string, std::string> schemes_ GUARDED_BY(mutex_);
};

struct Call {
  std::string method = "GET";
  std::string target;  // "/v2/…", or an absolute URL
  http::Headers headers;
  std::string body;
  std::function<size_t(std::span<char>)> source;  // streamed body: sent once, never replayed
  std::int64_t sourceLength = -1;
};

class Session {
 public:
  // `host` with port, `scope` "repository:a/b:pull,push" (empty: none). `mirror` is an URL's origin
  // with path prefix.
  Session(std::shared_ptr<Clients> clients, std::string host, std::string scheme,
          std::string prefix, std::string scope, Credentials credentials);

  // Any status below 400; above, RegistryError in the registry's words.
  std::unique_ptr<http::ClientResponse> send(const Call& call, const base::StopToken& stop);
  // As send(), but 404 gives nullptr.
  std::unique_ptr<http::ClientResponse> sendIfFound(const Call& call, const base::StopToken& stop);
  // The identity token that the last token answer carried, or "".
  std::string identityToken() const EXCLUDES(mutex_);
  const std::string& host() const noexcept { return host_; }
  // Absolute form of a Location header that came with an answer to `target`.
  std::string absolute(const std::string& target, const std::string& location) const;

 private:
  std::unique_ptr<http::ClientResponse> attempt(const Call& call, const base::StopToken& stop);
  std::unique_ptr<http::ClientResponse> dispatch(const Call& call, const http::Url& url,
                                                 bool authorize, const base::StopToken& stop);
  std::unique_ptr<http::ClientResponse> followed(const Call& call, http::Url url,
                                                 std::unique_ptr<http::ClientResponse> answer,
                                                 const base::StopToken& stop);
  // True when there is something new to try with.
  bool authenticate(const http::ClientResponse& refused, const base::StopToken& stop)
      EXCLUDES(mutex_);
  std::string fetchToken(const Challenge& challenge, const base::StopToken& stop) EXCLUDES(mutex_);
  http::Url urlOf(const std::string& target) const;
  std::string base() const EXCLUDES(mutex_);

  const std::shared_ptr<Clients> clients_;
  const std::string host_, prefix_, scope_;
  const Credentials credentials_;
  mutable base::Mutex mutex_;
  std::string scheme_ GUARDED_BY(mutex_);         // empty: to be found out
  std::string authorization_ GUARDED_BY(mutex_);  // header value, or empty
  std::string identity_token_ GUARDED_BY(mutex_);
};

// Throws the RegistryError that `answer` states. Reads its body.
[[noreturn]] void throwRegistryError(http::ClientResponse& answer, const std::string& what);

}  // namespace registry
