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
  // For a request that belongs to `registry` ("host:port"). Token services and hosts that it
  // redirects to are trusted as it is itself, unless certs.d has a directory of their own: a
  // private authority signs them all, and its certificate is kept under the registry's name.
  std::shared_ptr<http::Client> forHost(const http::Url& url, const std::string& registry)
      EXCLUDES(mutex_);
  // http or https for an insecure host, once it is known which one answers.
  std::optional<std::string> schemeOf(const std::string& host) const EXCLUDES(mutex_);
  void learnScheme(const std::string& host, const std::string& scheme) EXCLUDES(mutex_);
  void forgetScheme(const std::string& host) EXCLUDES(mutex_);
  const Config& config() const noexcept { return config_; }

 private:
  http::TlsOptions tlsFor(const std::string& host, const std::string& registry) const;

  const Config config_;
  struct Known {
    std::string trust;  // the TLS options and the times of their files: certs.d may change any time
    std::shared_ptr<http::Client> client;
  };
  mutable base::Mutex mutex_;
  std::map<std::string, Known> clients_ GUARDED_BY(mutex_);
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

  // Any status, after the challenge of a 401 was answered if it can be.
  std::unique_ptr<http::ClientResponse> answered(const Call& call, const base::StopToken& stop);
  // Any status below 400; above, RegistryError in the registry's words.
  std::unique_ptr<http::ClientResponse> send(const Call& call, const base::StopToken& stop);
  // As send(), but 404 gives nullptr.
  std::unique_ptr<http::ClientResponse> sendIfFound(const Call& call, const base::StopToken& stop);
  // The identity token that the last token answer carried, or "".
  std::string identityToken() const EXCLUDES(mutex_);
  const std::string& host() const noexcept { return host_; }
  // Tokens are asked for this scope, too, from now on: "repository:c/d:pull".
  void widen(const std::string& scope) EXCLUDES(mutex_);
  // Not any longer. What was granted stays in use.
  void narrow(const std::string& scope) EXCLUDES(mutex_);
  // For a login: the token service is asked for an identity token, to be used instead of the
  // password.
  void wantIdentity() noexcept { wants_identity_ = true; }
  // Absolute form of a Location header that came with an answer to `target`.
  std::string absolute(const std::string& target, const std::string& location) const;

 private:
  std::unique_ptr<http::ClientResponse> attempt(const Call& call, const base::StopToken& stop);
  std::unique_ptr<http::ClientResponse> attemptEitherScheme(const Call& call,
                                                            const base::StopToken& stop);
  std::unique_ptr<http::ClientResponse> dispatch(const Call& call, const http::Url& url,
                                                 bool authorize, const base::StopToken& stop);
  std::unique_ptr<http::ClientResponse> followed(const Call& call, http::Url url,
                                                 std::unique_ptr<http::ClientResponse> answer,
                                                 const base::StopToken& stop);
  // True when there is something else to try with than `used`, which was refused.
  bool authenticate(const http::ClientResponse& refused, const std::string& used,
                    const std::string& url, const base::StopToken& stop)
      EXCLUDES(mutex_, authenticating_);
  std::string fetchToken(const Challenge& challenge, const base::StopToken& stop) EXCLUDES(mutex_);
  http::ClientRequest tokenRequest(const Challenge& challenge) const EXCLUDES(mutex_);
  std::string authorization() const EXCLUDES(mutex_);
  http::Url urlOf(const std::string& target) const;
  std::string base() const EXCLUDES(mutex_);

  const std::shared_ptr<Clients> clients_;
  const std::string host_, prefix_;
  const Credentials credentials_;
  bool wants_identity_ = false;
  base::Mutex authenticating_;  // one token is fetched, and the other threads use it
  mutable base::Mutex mutex_;
  std::vector<std::string> scopes_ GUARDED_BY(mutex_);
  std::string scheme_ GUARDED_BY(mutex_);         // empty: to be found out
  std::string authorization_ GUARDED_BY(mutex_);  // header value, or empty
  std::string identity_token_ GUARDED_BY(mutex_);
};

// "host:port", without the port that the scheme has by itself.
std::string hostOf(const http::Url& url);

// Throws the RegistryError that `answer` states. Reads its body.
[[noreturn]] void throwRegistryError(http::ClientResponse& answer, const std::string& what);

}  // namespace registry
