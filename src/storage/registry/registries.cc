#include <fmt/format.h>

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

}  // namespace

struct Registries::Impl {
  std::shared_ptr<Clients> clients;

  std::string schemeFor(const std::string& host) const {
    if (!matchesInsecure(host, clients->config().insecure)) return "https";
    return clients->schemeOf(host).value_or("");
  }
};

Registries::Registries(Config config) : impl_(std::make_shared<Impl>()) {
  impl_->clients = std::make_shared<Clients>(std::move(config));
}

Registries::~Registries() = default;

bool Registries::insecure(const std::string& host) const {
  return matchesInsecure(host, impl_->clients->config().insecure);
}

std::unique_ptr<Repository> Registries::repository(const std::string& domain,
                                                   const std::string& path, Access access,
                                                   const Credentials& credentials) {
  const std::string host = endpointOf(domain);
  const std::string scope =
      fmt::format("repository:{}:{}", path, access == Access::kPush ? "pull,push" : "pull");
  auto session = std::make_shared<Session>(impl_->clients, host, impl_->schemeFor(host), "", scope,
                                           credentials);
  return std::make_unique<HttpRepository>(std::move(session), path, domain + "/" + path);
}

std::vector<std::unique_ptr<Repository>> Registries::pullSources(const std::string& domain,
                                                                 const std::string& path,
                                                                 const Credentials& credentials) {
  std::vector<std::unique_ptr<Repository>> sources;
  if (domain == kHub) {
    for (const std::string& mirror : impl_->clients->config().mirrors) {
      const http::Url url = http::Url::parse(mirror);
      std::string prefix = url.target;
      while (prefix.ends_with('/')) prefix.pop_back();
      const std::string host = hostOf(url);
      // The user's credentials are for the hub; a mirror may carry its own in its URL.
      Credentials own;
      own.username = url.user;
      own.password = url.password;
      auto session = std::make_shared<Session>(impl_->clients, host, url.scheme, prefix,
                                               fmt::format("repository:{}:pull", path), own);
      sources.push_back(
          std::make_unique<HttpRepository>(std::move(session), path, domain + "/" + path));
    }
  }
  sources.push_back(repository(domain, path, Access::kPull, credentials));
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
  Session session(impl_->clients, host, impl_->schemeFor(host), "", "", credentials);
  session.wantIdentity();
  Call call;
  call.target = "/v2/";
  const auto answer = session.answered(call, stop);
  if (answer->status != 200) {
    base::fail(answer->status == 401 ? base::Code::kUnauthorized : base::Code::kUnavailable,
               "login attempt to {} failed with status: {} {}",
               session.absolute(call.target, call.target), answer->status, answer->reason);
  }
  return session.identityToken();
}

}  // namespace registry
