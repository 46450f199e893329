#include "network/networks/records.h"

#include <fmt/format.h>

#include <functional>

#include "platform/base/error.h"
#include "platform/base/log.h"
#include "platform/json/json.h"

namespace networks {

constexpr auto jsonFields(const IpamConfig*) {
  using T = IpamConfig;
  return json::fields(
      json::field("subnet", &T::subnet), json::field("ipRange", &T::ipRange, json::kOmitEmpty),
      json::field("gateway", &T::gateway), json::field("aux", &T::auxAddresses, json::kOmitEmpty));
}

constexpr auto jsonFields(const NetworkSpec*) {
  using T = NetworkSpec;
  return json::fields(json::field("name", &T::name), json::field("driver", &T::driver),
                      json::field("ipam", &T::ipam), json::field("internal", &T::internal),
                      json::field("attachable", &T::attachable),
                      json::field("ipv4", &T::enableIpv4), json::field("ipv6", &T::enableIpv6),
                      json::field("options", &T::options), json::field("labels", &T::labels));
}

constexpr auto jsonFields(const Network*) {
  using T = Network;
  return json::fields(json::field("id", &T::id), json::field("spec", &T::spec),
                      json::field("scope", &T::scope), json::field("predefined", &T::predefined),
                      json::field("bridge", &T::bridgeName), json::field("created", &T::created));
}

constexpr auto jsonFields(const NetworkRecord*) {
  using T = NetworkRecord;
  return json::fields(json::field("network", &T::network),
                      json::field("userSubnet", &T::userSubnet),
                      json::field("foreignBridge", &T::foreignBridge));
}

constexpr auto jsonFields(const PortBinding*) {
  using T = PortBinding;
  return json::fields(
      json::field("protocol", &T::protocol), json::field("containerPort", &T::containerPort),
      json::field("hostIp", &T::hostIp, json::kOmitEmpty), json::field("hostPort", &T::hostPort),
      json::field("hostPortEnd", &T::hostPortEnd, json::kOmitEmpty));
}

constexpr auto jsonFields(const Endpoint*) {
  using T = Endpoint;
  return json::fields(json::field("id", &T::id), json::field("network", &T::networkId),
                      json::field("container", &T::containerId),
                      json::field("interface", &T::interfaceName),
                      json::field("mac", &T::macAddress), json::field("ipv4", &T::ipv4),
                      json::field("gateway", &T::gateway), json::field("prefix", &T::prefixLength),
                      json::field("ipv6", &T::ipv6, json::kOmitEmpty),
                      json::field("gateway6", &T::ipv6Gateway, json::kOmitEmpty),
                      json::field("prefix6", &T::ipv6PrefixLength, json::kOmitEmpty),
                      json::field("aliases", &T::aliases), json::field("dnsNames", &T::dnsNames));
}

constexpr auto jsonFields(const EndpointRecord*) {
  using T = EndpointRecord;
  return json::fields(json::field("endpoint", &T::endpoint), json::field("link", &T::hostLink),
                      json::field("priority", &T::gatewayPriority));
}

constexpr auto jsonFields(const MemberRecord*) {
  using T = MemberRecord;
  return json::fields(
      json::field("id", &T::id), json::field("name", &T::name),
      json::field("hostname", &T::hostname), json::field("sandbox", &T::sandboxId),
      json::field("dns", &T::dns, json::kOmitEmpty), json::field("endpoints", &T::endpoints),
      json::field("wanted", &T::wanted, json::kOmitEmpty),
      json::field("ports", &T::ports, json::kOmitEmpty),
      json::field("nameservers", &T::nameservers), json::field("ownDns", &T::ownDns));
}

namespace {

// What is damaged is left where it is, for repair.
template <class Record>
std::vector<Record> load(store::Store& store, std::string_view what, std::string_view sql,
                         const std::function<std::string(const Record&)>& keyOf) {
  std::vector<Record> records;
  store.read([&](store::Reader& reader) {
    reader.query(sql, {}, [&](const store::Row& row) {
      try {
        Record record = json::parse<Record>(row.text(1));
        if (keyOf(record) != row.text(0))
          base::fail(base::Code::kDataLoss, "it is of \"{}\"", keyOf(record));
        records.push_back(std::move(record));
      } catch (const base::Error& error) {
        base::log::error(
            "a row of state.db is damaged and set aside; repair or delete it, then start the "
            "daemon "
            "again",
            {{"row", fmt::format("{} {}", what, row.text(0))}, {"error", error.message()}});
      }
    });
  });
  return records;
}

}  // namespace

Records::Records(store::Store& store) : store_(store) {
  store_.ensure({"networks",
                 {"CREATE TABLE network (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, record "
                  "TEXT NOT NULL) WITHOUT ROWID;"
                  "CREATE TABLE network_member (container TEXT PRIMARY KEY, record TEXT NOT NULL) "
                  "WITHOUT ROWID;"}});
}

std::vector<NetworkRecord> Records::networks() {
  return load<NetworkRecord>(store_, "network", "SELECT id, record FROM network ORDER BY id",
                             [](const NetworkRecord& record) { return record.network.id; });
}

std::vector<MemberRecord> Records::members() {
  return load<MemberRecord>(store_, "network_member",
                            "SELECT container, record FROM network_member ORDER BY container",
                            [](const MemberRecord& record) { return record.id; });
}

void Records::put(store::Transaction& transaction, const NetworkRecord& record) {
  // What the row of one that was damaged said can be made again.
  if (record.network.predefined) {
    transaction.run("DELETE FROM network WHERE name = ? AND id != ?",
                    {record.network.spec.name, record.network.id});
  }
  transaction.run(
      "INSERT INTO network (id, name, record) VALUES (?, ?, ?) "
      "ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record",
      {record.network.id, record.network.spec.name, json::write(record)});
}

void Records::removeNetwork(store::Transaction& transaction, const std::string& id) {
  transaction.run("DELETE FROM network WHERE id = ?", {id});
}

void Records::put(store::Transaction& transaction, const MemberRecord& record) {
  transaction.run(
      "INSERT INTO network_member (container, record) VALUES (?, ?) "
      "ON CONFLICT (container) DO UPDATE SET record = excluded.record",
      {record.id, json::write(record)});
}

void Records::removeMember(store::Transaction& transaction, const std::string& containerId) {
  transaction.run("DELETE FROM network_member WHERE container = ?", {containerId});
}

}  // namespace networks
