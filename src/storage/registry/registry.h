// The distribution client: manifests, blobs, tags and uploads of one repository (OCI
// distribution-spec 1.1, Docker's token flow). Finds the right endpoint (mirrors first, https
// before http for insecure hosts), authenticates, follows redirects, and never shows credentials to
// a host they are not for. Retries and resuming are the caller's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/digest.h"
#include "platform/base/error.h"
#include "platform/base/stop_token.h"
#include "platform/http/client.h"

namespace registry {

struct Credentials {
  std::string username, password;
  std::string identityToken;  // OAuth2 refresh token instead of a password
  std::string registryToken;  // a bearer token to use as it is
  bool empty() const { return username.empty() && identityToken.empty() && registryToken.empty(); }
};

struct Config {
  std::vector<std::string> mirrors;   // URLs, for docker.io
  std::vector<std::string> insecure;  // "host", "host:port", CIDR; 127.0.0.0/8 and ::1 always are
  std::string certsDirectory = "/etc/docker/certs.d";
  http::ProxyConfig proxy;
  std::string userAgent;
  // Tests: where to dial instead of the name.
  std::function<std::optional<std::string>(const std::string& host)> resolve;
};

// What a registry answered with an error. `code` is the registry's word ("MANIFEST_UNKNOWN"), or
// "".
class RegistryError : public base::Error {
 public:
  RegistryError(base::Code code, std::string message, int httpStatus, std::string registryCode,
                int retryAfterSeconds)
      : Error(code, std::move(message)),
        status(httpStatus),
        word(std::move(registryCode)),
        retryAfter(retryAfterSeconds) {}
  int status;
  std::string word;
  int retryAfter;  // seconds; 0: not said
  bool temporary() const { return status == 429 || status >= 500; }
};

struct Manifest {
  std::string body;       // the very bytes
  std::string mediaType;  // Content-Type, without parameters
  base::Digest digest;    // of body
};

struct ManifestHead {
  base::Digest digest;
  std::string mediaType;
  std::int64_t size = 0;
};

class BlobReader {
 public:
  virtual ~BlobReader() = default;
  virtual std::uint64_t offset()
      const = 0;  // where the bytes begin: 0 when the registry cannot do ranges
  virtual std::optional<std::uint64_t> size() const = 0;  // of the whole blob
  // 0 at the end. kUnavailable when the connection broke: ask again from where it ended.
  virtual size_t read(std::span<char> into) = 0;
};

class Registries;

// One repository at one registry, with one set of credentials. Thread-safe.
class Repository {
 public:
  virtual ~Repository() = default;

  // Tag or digest. A digest is verified over the body. RegistryError kNotFound, kUnauthorized,
  // kForbidden…
  virtual Manifest manifest(const std::string& reference, const base::StopToken& stop) = 0;
  // nullopt: not there.
  virtual std::optional<ManifestHead> head(const std::string& reference,
                                           const base::StopToken& stop) = 0;
  virtual std::unique_ptr<BlobReader> blob(const base::Digest& digest, std::uint64_t offset,
                                           const base::StopToken& stop) = 0;
  // Every tag, across pages; at most 100,000.
  virtual std::vector<std::string> tags(const base::StopToken& stop) = 0;

  // nullopt: not there.
  virtual std::optional<std::uint64_t> blobSize(const base::Digest& digest,
                                                const base::StopToken& stop) = 0;
  // True: `digest` of `from` (same registry) is now here too, nothing was sent.
  virtual bool mount(const base::Digest& digest, const std::string& from,
                     const base::StopToken& stop) = 0;
  // Reads `source` to its end (0) and commits it under the digest that `digest` returns afterwards.
  // `length` -1: unknown.
  virtual void upload(const std::function<size_t(std::span<char>)>& source, std::int64_t length,
                      const std::function<base::Digest()>& digest, const base::StopToken& stop) = 0;
  virtual base::Digest putManifest(const std::string& reference, const std::string& mediaType,
                                   const std::string& body, const base::StopToken& stop) = 0;

  // "127.0.0.1:5000/team/app", as origins are recorded.
  virtual const std::string& name() const = 0;
};

enum class Access { kPull, kPush };

class Registries {
 public:
  explicit Registries(Config config);
  ~Registries();

  // `domain` as the reference grammar gives it ("docker.io", "host:port"); `path`
  // "library/busybox". Nothing is sent yet.
  std::unique_ptr<Repository> repository(const std::string& domain, const std::string& path,
                                         Access access, const Credentials& credentials);
  // The same over the mirrors of `domain`, each in turn, then the registry itself: first that
  // answers a manifest wins.
  std::vector<std::unique_ptr<Repository>> pullSources(const std::string& domain,
                                                       const std::string& path,
                                                       const Credentials& credentials);

  // GET /v2/ with the credentials. Returns an identity token, or "". kUnauthorized: refused by a
  // token service; kInternal: by the registry.
  std::string login(const std::string& server, const Credentials& credentials,
                    const base::StopToken& stop);

  bool insecure(const std::string& host) const;  // by name, address or CIDR; no name is looked up

  // From the next repository on; those in use keep what they began with. Connections, and what was
  // learnt about schemes, are forgotten.
  void reconfigure(std::vector<std::string> mirrors, std::vector<std::string> insecure);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Credentials for `registry` may go to the token service at `realm`: same host over no weaker
// scheme, or https at a host of the same registered domain (registry-1.docker.io and
// auth.docker.io). Never across to another party.
bool mayShowCredentials(const http::Url& registry, const http::Url& realm);

// WWW-Authenticate: Bearer realm="…",service="…",scope="…". Scheme in lower case.
struct Challenge {
  std::string scheme, realm, service, scope, error;
};
std::vector<Challenge> parseChallenges(std::string_view header);

}  // namespace registry
