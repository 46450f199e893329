#include <fcntl.h>

#include <algorithm>

#include "network/dns/resolv_conf.h"
#include "network/networks/impl.h"
#include "platform/base/error.h"
#include "platform/base/scope_exit.h"
#include "platform/sys/file.h"

namespace networks {
namespace {

std::string replaced(std::string text, std::string_view what, const std::string& with) {
  if (const size_t at = text.find(what); at != std::string::npos)
    text.replace(at, what.size(), with);
  return text;
}

// One cable's inner end; the calling thread is inside the namespace.
void configureInner(netlink::Route& route, const Endpoint& endpoint, bool defaultRoute,
                    const std::map<std::string, std::string>& sysctls) {
  const auto link = route.link(endpoint.interfaceName);
  if (!link)
    base::fail(base::Code::kInternal, "interface {} did not arrive in the container",
               endpoint.interfaceName);
  const std::string settings = "/proc/sys/net/ipv4/conf/" + endpoint.interfaceName;
  // Before the link is up: a network without IPv6 must not let router advertisements or link-local
  // addresses in.
  sys::writeExisting(AT_FDCWD, settings + "/arp_notify",
                     "1");  // neighbours that knew the address elsewhere learn of it
  const std::string v6 = "/proc/sys/net/ipv6/conf/" + endpoint.interfaceName + "/disable_ipv6";
  if (sys::statAtIfExists(AT_FDCWD, v6)) sys::writeExisting(AT_FDCWD, v6, "1");
  std::vector<base::IpAddress> gateways;
  if (defaultRoute && !endpoint.gateway.empty())
    gateways.push_back(*base::IpAddress::parse(endpoint.gateway));
  route.configure(link->index, {{*base::IpAddress::parse(endpoint.ipv4), endpoint.prefixLength}},
                  gateways);
  for (const auto& [key, value] : sysctls) {
    sys::writeExisting(AT_FDCWD, sysctlPath(replaced(key, "IFNAME", endpoint.interfaceName)),
                       value);
  }
}

void redirect(const std::pair<sys::Fd, sys::Fd>& sockets) {
  netlink::Socket socket(NETLINK_NETFILTER);
  firewall::redirectDns(socket, nameServerAddress(), dns::localPort(sockets.first.get()),
                        dns::localPort(sockets.second.get()));
}

}  // namespace

Networks::Impl::Plug Networks::Impl::plugOf(const EndpointRecord& endpoint,
                                            const EndpointSpec& spec) {
  const NetworkState& state = networks.at(endpoint.endpoint.networkId);
  Plug plug{.endpoint = endpoint,
            .bridge = state.bridge,
            .bridgeName = state.network().bridgeName,
            .mtu = state.settings.mtu,
            .isolated = !state.settings.icc,
            .sysctls = readEndpointOptions(spec.driverOptions).sysctls};
  const auto address = base::IpAddress::parse(endpoint.endpoint.ipv4);
  if (const auto old = draining.find({endpoint.endpoint.networkId, *address});
      old != draining.end()) {
    plug.silenceFirst = old->second;
  }
  return plug;
}

void Networks::Impl::plug(const std::string& sandboxId, const std::vector<Plug>& plugs,
                          const std::string& gatewayEndpoint,
                          const std::map<std::string, std::string>& sysctls,
                          std::pair<sys::Fd, sys::Fd>* dnsSockets) {
  if (plugs.empty() && sysctls.empty()) return;
  const sys::Fd netns = sandboxes.netns(sandboxId);
  netlink::Route outer;
  std::vector<std::string> laid;
  base::ScopeExit undo{[&] {
    for (const std::string& link : laid) outer.removeLink(link);
  }};
  for (const Plug& one : plugs) {
    if (!one.silenceFirst.empty()) outer.silence(one.silenceFirst);
    netlink::VethSpec veth{.hostName = one.endpoint.hostLink,
                           .bridge = one.bridge,
                           .mtu = one.mtu,
                           .netns = netns.get(),
                           .peerName = one.endpoint.endpoint.interfaceName};
    veth.peerMac = *netlink::parseMac(one.endpoint.endpoint.macAddress);
    outer.addVeth(veth);
    laid.push_back(veth.hostName);
    if (one.isolated || one.hairpin) outer.setPort(veth.hostName, one.isolated, one.hairpin);
  }
  sandbox::inNamespace(netns.get(), [&] {
    netlink::Route inner;
    for (const Plug& one : plugs) {
      configureInner(inner, one.endpoint.endpoint, one.endpoint.endpoint.id == gatewayEndpoint,
                     one.sysctls);
    }
    if (dnsSockets != nullptr) {
      *dnsSockets = dns::openSockets(nameServerAddress());
      redirect(*dnsSockets);
    }
    for (const auto& [key, value] : sysctls) sys::writeExisting(AT_FDCWD, sysctlPath(key), value);
  });
  for (const std::string& link : laid) outer.settle(link);
  undo.dismiss();
}

void Networks::Impl::setDefaultRoute(const std::string& sandboxId, const EndpointRecord& endpoint) {
  const sys::Fd netns = sandboxes.netns(sandboxId);
  sandbox::inNamespace(netns.get(), [&] {
    netlink::Route inner;
    const auto link = inner.link(endpoint.endpoint.interfaceName);
    if (link)
      inner.addDefaultRoute(link->index, *base::IpAddress::parse(endpoint.endpoint.gateway));
  });
}

void Networks::Impl::openDns(const std::string& sandboxId, std::pair<sys::Fd, sys::Fd>& sockets) {
  const sys::Fd netns = sandboxes.netns(sandboxId);
  sandbox::inNamespace(netns.get(), [&] {
    if (!sockets.first.valid() || !sockets.second.valid())
      sockets = dns::openSockets(nameServerAddress());
    redirect(sockets);
  });
}

void Networks::Impl::serveDns(Member& member, std::pair<sys::Fd, sys::Fd> sockets) {
  member.dnsUdp = sockets.first.dup();
  member.dnsTcp = sockets.second.dup();
  dns::Client client{
      .id = member.record.id, .udp = std::move(sockets.first), .tcp = std::move(sockets.second)};
  const std::vector<std::string>& chosen =
      member.record.dns.empty() ? options.dns : member.record.dns;
  for (const std::string& text : chosen) {
    if (const auto address = base::IpAddress::parse(text)) client.upstreams.push_back(*address);
  }
  if (chosen.empty()) client.upstreams = dns::hostResolvConf(false).nameservers;
  server->add(std::move(client));
  updateForwarding(member.record);
}

// A container whose networks are all internal asks nobody outside.
void Networks::Impl::updateForwarding(const MemberRecord& member) {
  const bool outside = std::any_of(
      member.endpoints.begin(), member.endpoints.end(), [&](const EndpointRecord& endpoint) {
        const auto state = networks.find(endpoint.endpoint.networkId);
        return state != networks.end() && !state->second.network().spec.internal;
      });
  server->setForwarding(member.id, outside);
}

}  // namespace networks
