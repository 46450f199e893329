#include "engine/container/network_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "engine/container/starter.h"
#include "platform/base/log.h"
#include "platform/base/strings.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"

namespace container {
namespace {

constexpr const char* kHostResolvConf = "/etc/resolv.conf";
// Where systemd-resolved keeps the real servers when /etc/resolv.conf names only itself.
constexpr const char* kResolvedConf = "/run/systemd/resolve/resolv.conf";
constexpr size_t kLargestFile = 1 << 20;

Resolver hostResolver(bool keepLoopback) {
  const std::string text =
      sys::readFileIfExists(AT_FDCWD, kHostResolvConf, kLargestFile).value_or("");
  Resolver resolver = parseResolvConf(text, keepLoopback);
  if (resolver.nameservers.empty()) {
    if (const auto real = sys::readFileIfExists(AT_FDCWD, kResolvedConf, kLargestFile))
      resolver = parseResolvConf(*real, keepLoopback);
  }
  return resolver;
}

// The bytes before the length: a reader may see an old tail, never an empty file.
void writeInPlace(int directory, const char* name, std::string_view text) {
  const sys::Fd file = sys::openAt(directory, name, O_WRONLY | O_NOFOLLOW);
  size_t at = 0;
  while (at < text.size()) {
    at += static_cast<size_t>(
        sys::check(::pwrite(file.get(), text.data() + at, text.size() - at, static_cast<off_t>(at)),
                   "write", name));
  }
  sys::check(::ftruncate(file.get(), static_cast<off_t>(text.size())), "truncate", name);
}

bool hasAddress(const networks::Joined& joined, const std::string& address) {
  return std::any_of(joined.endpoints.begin(), joined.endpoints.end(),
                     [&](const networks::Endpoint& one) { return one.ipv4 == address; });
}

std::string hostsAfter(const std::string& text, const std::string& names,
                       const networks::Joined& before, const networks::Joined& now) {
  std::string result;
  for (const std::string& line : base::split(text, '\n')) {
    const std::string address = line.substr(0, line.find('\t'));
    const bool gone =
        hasAddress(before, address) && !hasAddress(now, address) && line == address + "\t" + names;
    if (!gone && !line.empty()) result += line + "\n";
  }
  for (const networks::Endpoint& endpoint : now.endpoints) {
    if (!endpoint.ipv4.empty() && !hasAddress(before, endpoint.ipv4))
      result += endpoint.ipv4 + "\t" + names + "\n";
  }
  return result;
}

}  // namespace

Resolver resolverFor(const Core& core, const Record& record, bool ownNetwork,
                     const networks::Joined& joined) {
  const auto& h = record.hostConfig;
  Resolver resolver = hostResolver(!ownNetwork);
  const auto pick = [](std::vector<std::string>& target, const std::vector<std::string>& daemon,
                       const json::List<std::string>& own) {
    if (!daemon.empty()) target = daemon;
    if (!own.empty()) target.assign(own.begin(), own.end());
  };
  pick(resolver.nameservers, core.settings.dns, h.dns);
  pick(resolver.search, core.settings.dnsSearch, h.dnsSearch);
  pick(resolver.options, core.settings.dnsOptions, h.dnsOptions);
  // On created networks the engine's own server answers, and asks those above for the rest.
  if (joined.ownDns) {
    resolver.nameservers = joined.nameservers;
    resolver.options.emplace_back("ndots:0");
  } else if (resolver.nameservers.empty()) {
    resolver.nameservers = joined.nameservers;
  }
  return resolver;
}

void followNetworks(Core& core, const Record& record, const networks::Joined& before) noexcept {
  try {
    const networks::Joined now = core.networks.joined(record.id).value_or(networks::Joined{});
    const sys::Fd directory = sys::openAt(core.containers.get(), record.id, O_RDONLY | O_DIRECTORY);
    const std::string hosts = sys::readFile(directory.get(), "hosts", kLargestFile);
    const std::string wanted =
        hostsAfter(hosts, hostNames(record, hostnameOf(core, record)), before, now);
    if (wanted != hosts) writeInPlace(directory.get(), "hosts", wanted);
    const std::string old = resolvText(resolverFor(core, record, true, before));
    const std::string fresh = resolvText(resolverFor(core, record, true, now));
    // One that somebody edited inside is theirs.
    if (fresh != old && sys::readFile(directory.get(), "resolv.conf", kLargestFile) == old)
      writeInPlace(directory.get(), "resolv.conf", fresh);
  } catch (const std::exception& error) {
    base::log::warn("/etc/hosts and /etc/resolv.conf do not follow the container's networks",
                    {{"container", record.id}, {"error", error.what()}});
  }
}

}  // namespace container
