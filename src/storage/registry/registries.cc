#include <fmt/format.h>

#include "platform/base/mutex.h"
#include "platform/base/strings.h"
#include "storage/registry/address.h"
#include "storage/registry/registry.h"
#include "storage/registry/repository_impl.h"
#include "storage/registry/session.h"

namespace registry {
namespace {

constexpr const char* kHub = "docker.io";
constexpr const char* kHubEndpoint = "registry-1.docker.io";

// docker.io is served under another name; every other domain is its own host.
std::string endpointOf(const std::string& domain) {
  return domain == kHub || domain == "index.docker.io" ? kHubEndpoint : domain;
}

std::string schemeFor(const Clients& clients, const std::string& host) {
  if (!matchesInsecure(host, clients.config().insecure)) return "https";
  return clients.schemeOf(host).value_or("");
}

std::unique_ptr<Repository> repositoryOf(const std::shared_ptr<Clients>& clients,
                                         const std::string& domain, const std::string& path,
                                         Access access, const Credentials& credentials) {
  const std::string host = endpointOf(domain);
  const std::string scope =
      fmt::format("repository:{}:{}", path, access == Access::kPush ? "pull,push" : "pull");
  auto session =
      std::make_shared<Session>(clients, host, schemeFor(*clients, host), "", scope, credentials);
  return std::make_unique<HttpRepository>(std::move(session), path, domain + "/" + path);
}

}  // namespace

struct Registries::Impl {
  base::Mutex mutex;
  std::shared_ptr<Clients> clients GUARDED_BY(mutex);

  std::shared_ptr<Clients> current() EXCLUDES(mutex) {
    base::Lock lock(mutex);
    return clients;
  }
};

Registries::Registries(Config config) : impl_(std::make_shared<Impl>()) {
  base::Lock lock(impl_->mutex);
  impl_->clients = std::make_shared<Clients>(std::move(config));
}

Registries::~Registries() = default;

bool Registries::insecure(const std::string& host) const {
  return matchesInsecure(host, impl_->current()->config().insecure);
}

void Registries::reconfigure(std::vector<std::string> mirrors, std::vector<std::string> insecure) {
  Config config = impl_->current()->config();
  config.mirrors = std::move(mirrors);
  config.insecure = std::move(insecure);
  auto fresh = std::make_shared<Clients>(std::move(config));
  base::Lock lock(impl_->mutex);
  impl_->clients = std::move(fresh);
}

std::unique_ptr<Repository> Registries::repository(const std::string& domain,
                                                   const std::string& path, Access access,
                                                   const Credentials& credentials) {
  return repositoryOf(impl_->current(), domain, path, access, credentials);
}

std::vector<std::unique_ptr<Repository>> Registries::pullSources(const std::string& domain,
                                                                 const std::string& path,
                                                                 const Credentials& credentials) {
  const auto clients = impl_->current();
  std::vector<std::unique_ptr<Repository>> sources;
  if (domain == kHub) {
    for (const std::string& mirror : clients->config().mirrors) {
      const http::Url url = http::Url::parse(mirror);
      std::string prefix = url.target;
      while (prefix.ends_with('/')) prefix.pop_back();
      const std::string host = hostOf(url);
      // The user's credentials are for the hub; a mirror may carry its own in its URL.
      Credentials own;
      own.username = url.user;
      own.password = url.password;
      auto session = std::make_shared<Session>(clients, host, url.scheme, prefix,
                                               fmt::format("repository:{}:pull", path), own);
      sources.push_back(
          std::make_unique<HttpRepository>(std::move(session), path, domain + "/" + path));
    }
  }
  sources.push_back(repositoryOf(clients, domain, path, Access::kPull, credentials));
  return sources;
}

std::string Registries::login(const std::string& server, const Credentials& credentials,
                              const base::StopToken& stop) {
  std::string host = server;
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (host.starts_with(scheme)) host.erase(0, scheme.size());
  }
  host = std::string(base::cut(host, '/').first);
  if (host.empty()) host = kHub;
  host = endpointOf(host);
  base::within("unable to parse server address",
               [&] { http::Url::parse(fmt::format("https://{}", host)); });
  const auto clients = impl_->current();
  Session session(clients, host, schemeFor(*clients, host), "", "", credentials);
  session.wantIdentity();
  Call call;
  call.target = "/v2/";
  const auto answer = session.answered(call, stop);
  if (answer->status != 200) {
    // Also for a 401, in Docker's way: that is kept for what a token service refuses.
    base::fail(base::Code::kInternal, "login attempt to {} failed with status: {} {}",
               session.absolute(call.target, call.target), answer->status, answer->reason);
  }
  return session.identityToken();
}

}  // namespace registry
