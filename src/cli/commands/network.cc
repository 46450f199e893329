// network create, ls, rm, connect, disconnect.
#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/commands/list_format.h"
#include "cli/commands/option_values.h"
#include "platform/base/ip.h"
#include "platform/base/strings.h"
#include "platform/base/time.h"

namespace commands {
namespace {

using base::Code;
using base::fail;

constexpr Flag kCreateFlags[] = {
    {"attachable", 0, Kind::kBool, "", "Enable manual container attachment"},
    {"aux-address", 0, Kind::kList, "map",
     "Auxiliary IPv4 or IPv6 addresses used by Network driver (default map[])"},
    {"config-from", 0, Kind::kString, "string", "The network from which to copy the configuration"},
    {"config-only", 0, Kind::kBool, "", "Create a configuration only network"},
    {"driver", 'd', Kind::kString, "string", "Driver to manage the Network (default \"bridge\")",
     "bridge"},
    {"gateway", 0, Kind::kStrings, "strings", "IPv4 or IPv6 Gateway for the master subnet"},
    {"ingress", 0, Kind::kBool, "", "Create swarm routing-mesh network"},
    {"internal", 0, Kind::kBool, "", "Restrict external access to the network"},
    {"ip-range", 0, Kind::kStrings, "strings", "Allocate container ip from a sub-range"},
    {"ipam-driver", 0, Kind::kString, "string",
     "IP Address Management Driver (default \"default\")", "default"},
    {"ipam-opt", 0, Kind::kList, "map", "Set IPAM driver specific options (default map[])"},
    {"ipv4", 0, Kind::kBool, "", "Enable or disable IPv4 address assignment (default true)",
     "true"},
    {"ipv6", 0, Kind::kBool, "", "Enable or disable IPv6 address assignment"},
    {"label", 0, Kind::kList, "list", "Set metadata on a network", "", checkLabel},
    {"opt", 'o', Kind::kList, "map", "Set driver specific options (default map[])"},
    {"scope", 0, Kind::kString, "string", "Control the network's scope"},
    {"subnet", 0, Kind::kStrings, "strings",
     "Subnet in CIDR format that represents a network segment"},
};

constexpr Flag kLsFlags[] = {
    {"filter", 'f', Kind::kList, "filter", "Provide filter values (e.g. \"driver=bridge\")", "",
     checkFilter},
    {"format", 0, Kind::kString, "string", kListFormatUsage},
    {"no-trunc", 0, Kind::kBool, "", "Do not truncate the output"},
    {"quiet", 'q', Kind::kBool, "", "Only display network IDs"},
};

constexpr Flag kRmFlags[] = {
    {"force", 'f', Kind::kBool, "", "Do not error if the network does not exist"},
};

constexpr Flag kConnectFlags[] = {
    {"alias", 0, Kind::kStrings, "strings", "Add network-scoped alias for the container"},
    {"driver-opt", 0, Kind::kStrings, "strings", "driver options for the network"},
    {"gw-priority", 0, Kind::kInt, "int",
     "Highest gw-priority provides the default gateway. Accepts positive and negative values."},
    {"ip", 0, Kind::kString, "string", "IPv4 address (e.g., \"172.30.100.104\")"},
    {"ip6", 0, Kind::kString, "string", "IPv6 address (e.g., \"2001:db8::33\")"},
    {"link", 0, Kind::kList, "list", "Add link to another container", "", checkLink},
    {"link-local-ip", 0, Kind::kStrings, "strings", "Add a link-local address for the container"},
};

constexpr Flag kDisconnectFlags[] = {
    {"force", 'f', Kind::kBool, "", "Force the container to disconnect from a network"},
};

constexpr Column kColumns[] = {
    {"ID", "NETWORK ID"},     {"Name", "NAME"},     {"Driver", "DRIVER"},
    {"Scope", "SCOPE"},       {"IPv4", "IPV4"},     {"IPv6", "IPV6"},
    {"Internal", "INTERNAL"}, {"Labels", "LABELS"}, {"CreatedAt", "CREATED AT"},
};

struct Pool {
  std::optional<base::IpPrefix> prefix;  // none: the engine will say what is wrong with it
  json::Value config = json::Value::object();
};

// One pool a subnet; ranges, gateways and auxiliary addresses go to the subnet that holds them.
json::Value ipamConfig(const Flags& flags) {
  const auto& subnets = flags.list("subnet");
  if (subnets.size() < flags.list("ip-range").size() ||
      subnets.size() < flags.list("gateway").size()) {
    fail(Code::kInvalidArgument, "every ip-range or gateway must have a corresponding subnet");
  }
  std::map<std::string, Pool> pools;
  for (const std::string& subnet : subnets) {
    const auto prefix = base::IpPrefix::parse(subnet);
    for (const auto& [other, pool] : pools) {
      if (prefix && pool.prefix && pool.prefix->overlaps(prefix->network()))
        fail(Code::kInvalidArgument, "multiple overlapping subnet configuration is not supported");
    }
    Pool& pool = pools[subnet];
    if (prefix) pool.prefix = prefix->network();
    pool.config.set("Subnet", subnet);
  }
  const auto poolOf = [&](const base::IpAddress& address) -> Pool* {
    for (auto& [subnet, pool] : pools) {
      if (pool.prefix && pool.prefix->contains(address)) return &pool;
    }
    return nullptr;
  };
  for (const std::string& range : flags.list("ip-range")) {
    const auto prefix = base::IpPrefix::parse(range);
    if (!prefix) fail(Code::kInvalidArgument, "invalid CIDR address: {}", range);
    Pool* pool = poolOf(prefix->address);
    if (!pool) fail(Code::kInvalidArgument, "no matching subnet for range {}", range);
    if (pool->config.find("IPRange"))
      fail(Code::kInvalidArgument,
           "cannot configure multiple ranges ({}, {}) on the same subnet ({})", range,
           textAt(pool->config, "IPRange"), textAt(pool->config, "Subnet"));
    pool->config.set("IPRange", range);
  }
  for (const std::string& gateway : flags.list("gateway")) {
    const auto parsed = base::IpAddress::parse(gateway);
    Pool* pool = parsed ? poolOf(*parsed) : nullptr;
    if (!pool) fail(Code::kInvalidArgument, "no matching subnet for gateway {}", gateway);
    if (pool->config.find("Gateway"))
      fail(Code::kInvalidArgument,
           "cannot configure multiple gateways ({}, {}) for the same subnet ({})", gateway,
           textAt(pool->config, "Gateway"), textAt(pool->config, "Subnet"));
    pool->config.set("Gateway", gateway);
  }
  for (const auto& [name, address] : keyValueMap(flags.list("aux-address"))) {
    const auto parsed = base::IpAddress::parse(address);
    Pool* pool = parsed ? poolOf(*parsed) : nullptr;
    if (!pool) fail(Code::kInvalidArgument, "no matching subnet for aux-address {}", address);
    json::Value table = pool->config["AuxiliaryAddresses"];
    table.set(name, address);
    pool->config.set("AuxiliaryAddresses", std::move(table));
  }
  json::Value configs = json::Value::array({});
  for (auto& [subnet, pool] : pools) configs.asArray().push_back(std::move(pool.config));
  return configs;
}

int runCreate(Invocation& invocation) {
  const Flags& flags = invocation.flags;
  json::Value ipam{{"Driver", flags.text("ipam-driver")},
                   {"Options", toObject(keyValueMap(flags.list("ipam-opt")))},
                   {"Config", ipamConfig(flags)}};
  json::Value body = json::Value::object();
  body.set("Driver", flags.text("driver"));
  body.set("Scope", flags.text("scope"));
  if (flags.changed("ipv4")) body.set("EnableIPv4", flags.on("ipv4"));
  if (flags.changed("ipv6")) body.set("EnableIPv6", flags.on("ipv6"));
  body.set("IPAM", std::move(ipam));
  body.set("Internal", flags.on("internal"));
  body.set("Attachable", flags.on("attachable"));
  body.set("Ingress", flags.on("ingress"));
  body.set("ConfigOnly", flags.on("config-only"));
  const std::string& from = flags.text("config-from");
  body.set("ConfigFrom", from.empty() ? json::Value() : json::Value{{"Network", from}});
  body.set("Options", toObject(keyValueMap(flags.list("opt"))));
  body.set("Labels", toObject(keyValueMap(flags.list("label"))));
  body.set("Name", invocation.args[0]);
  invocation.cli.engine().ping(true);
  if (!invocation.cli.engine().atLeast("1.44")) body.set("CheckDuplicate", true);
  const json::Value answer = invocation.cli.engine().postJson("/networks/create", {}, body);
  if (const std::string warning = textAt(answer, "Warning"); !warning.empty()) {
    for (const std::string& line : base::split(warning, '\n'))
      invocation.cli.warn(fmt::format("WARNING: {}", line));
  }
  invocation.cli.print(textAt(answer, "Id") + "\n");
  return 0;
}

Row networkRow(const json::Value& network, bool truncate) {
  const std::string id = textAt(network, "Id");
  const auto created = base::parseRfc3339(textAt(network, "Created"));
  const json::Value* labels = network.find("Labels");
  const auto yesNo = [&](const char* key) { return flagAt(network, key) ? "true" : "false"; };
  json::Value fields = json::Value::object();
  fields.set("CreatedAt", goLocalTimeNano(created ? created->ns : 0));
  fields.set("Driver", textAt(network, "Driver"));
  fields.set("ID", truncate ? truncateId(id) : id);
  fields.set("IPv4", yesNo("EnableIPv4"));
  fields.set("IPv6", yesNo("EnableIPv6"));
  fields.set("Internal", yesNo("Internal"));
  fields.set("Labels", labels ? labelText(*labels) : "");
  fields.set("Name", textAt(network, "Name"));
  fields.set("Scope", textAt(network, "Scope"));
  return {std::move(fields), labels ? labelMap(*labels) : std::map<std::string, std::string>()};
}

int runLs(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  const bool quiet = flags.on("quiet");
  std::string format = flags.text("format");
  if (format.empty() && !quiet) format = cli.config().text("networksFormat");
  const auto filters = parseFilters(flags.list("filter"));
  client::QueryString query;
  if (!filters.empty()) query.add("filters", client::encodeFilters(filters));
  const json::Value networks = cli.engine().getJson("/networks", query);
  std::vector<Row> rows;
  for (const json::Value& network : networks.asArray())
    rows.push_back(networkRow(network, !flags.on("no-trunc")));
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return naturalLess(textAt(a.fields, "Name"), textAt(b.fields, "Name"));
  });
  if (quiet && (format.empty() || format == "table")) {
    for (const Row& row : rows) cli.print(textAt(row.fields, "ID") + "\n");
    return 0;
  }
  static const ListView view{
      kColumns, {"ID", "Name", "Driver", "Scope"}, "*network.networkContext"};
  printList(cli, view, format, rows);
  return 0;
}

std::string networkPath(const std::string& name, std::string_view suffix = "") {
  if (base::trim(name).empty())
    fail(Code::kInvalidArgument, "invalid network name or ID: value is empty");
  return fmt::format("/networks/{}{}", client::segment(name), suffix);
}

int runRm(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const bool force = invocation.flags.on("force");
  bool failed = false;
  for (const std::string& name : invocation.args) {
    try {
      cli.engine().call("DELETE", networkPath(name));
      cli.print(name + "\n");
    } catch (const Exit&) {
      throw;
    } catch (const base::Error& error) {
      const auto* answer = dynamic_cast<const client::ApiError*>(&error);
      if (force && answer && answer->notFound()) continue;
      cli.warn(error.message());
      failed = true;
    }
  }
  if (failed) throw Exit(1, "exit status 1");  // docker's last words
  return 0;
}

int runConnect(Invocation& invocation) {
  const Flags& flags = invocation.flags;
  json::Value ipam = json::Value::object();
  if (!flags.text("ip").empty()) ipam.set("IPv4Address", flags.text("ip"));
  if (!flags.text("ip6").empty()) ipam.set("IPv6Address", flags.text("ip6"));
  if (!flags.list("link-local-ip").empty())
    ipam.set("LinkLocalIPs", toArray(flags.list("link-local-ip")));
  for (const std::string& option : flags.list("driver-opt")) {
    if (!base::cut(option, '=').second)
      fail(Code::kInvalidArgument, "invalid key/value pair format in driver options");
  }
  json::Value endpoint = json::Value::object();
  endpoint.set("IPAMConfig", std::move(ipam));
  endpoint.set("Links", toArrayOrNull(flags.list("link")));
  endpoint.set("Aliases", toArray(flags.list("alias")));
  endpoint.set("DriverOpts", toObject(keyValueMap(flags.list("driver-opt"))));
  endpoint.set("GwPriority", flags.number("gw-priority"));
  const json::Value body{{"Container", invocation.args[1]},
                         {"EndpointConfig", std::move(endpoint)}};
  invocation.cli.engine().call("POST", networkPath(invocation.args[0], "/connect"), {},
                               {.body = body.write()});
  return 0;
}

int runDisconnect(Invocation& invocation) {
  const json::Value body{{"Container", invocation.args[1]},
                         {"Force", invocation.flags.on("force")}};
  invocation.cli.engine().call("POST", networkPath(invocation.args[0], "/disconnect"), {},
                               {.body = body.write()});
  return 0;
}

}  // namespace

constinit const Command kNetworkCreate = {"[OPTIONS] NETWORK",
                                          "Create a network",
                                          nullptr,
                                          nullptr,
                                          kCreateFlags,
                                          nullptr,
                                          {1, 1},
                                          true,
                                          runCreate};
constinit const Command kNetworkLs = {
    "[OPTIONS]", "List networks", nullptr, "@ network ls, @ network list",
    kLsFlags,    nullptr,         {0, 0},  true,
    runLs};
constinit const Command kNetworkRm = {"NETWORK [NETWORK...]",
                                      "Remove one or more networks",
                                      nullptr,
                                      "@ network rm, @ network remove",
                                      kRmFlags,
                                      nullptr,
                                      {1, -1},
                                      true,
                                      runRm};
constinit const Command kNetworkConnect = {"[OPTIONS] NETWORK CONTAINER",
                                           "Connect a container to a network",
                                           nullptr,
                                           nullptr,
                                           kConnectFlags,
                                           nullptr,
                                           {2, 2},
                                           true,
                                           runConnect};
constinit const Command kNetworkDisconnect = {"[OPTIONS] NETWORK CONTAINER",
                                              "Disconnect a container from a network",
                                              nullptr,
                                              nullptr,
                                              kDisconnectFlags,
                                              nullptr,
                                              {2, 2},
                                              true,
                                              runDisconnect};

}  // namespace commands
