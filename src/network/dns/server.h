// The name server of containers on created networks: one thread for all of them. Each container has
// a UDP and a TCP socket inside its own namespace; what the directory does not know goes to
// upstream servers from the namespace that the server was constructed in (the host's), so that a
// resolver on the host's loopback works too.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "network/dns/message.h"
#include "platform/sys/fd.h"

namespace dns {

// What the directory says to a question.
struct Local {
  bool known = false;  // the name is ours: never forwarded, even without a record of the asked type
  std::vector<Record> records;
};

// Called on the server's thread; must not block. `client` is the container that asks.
using Directory = std::function<Local(const std::string& client, const Question& question)>;

struct Client {
  std::string id;
  sys::Fd udp, tcp;                        // bound; tcp listens
  std::vector<base::IpAddress> upstreams;  // tried in this order, port 53
  bool forward = true;                     // false (internal networks): unknown names do not exist
};

// Thread-safe.
class Server {
 public:
  explicit Server(Directory directory);
  ~Server();

  // Replaces a client of the same id.
  void add(Client client);
  // Closes its sockets, in the next moment. Unknown ids are fine.
  void remove(const std::string& id);
  void setForwarding(const std::string& id, bool forward);

  // For tests: another port than 53 for upstreams.
  void setUpstreamPort(std::uint16_t port);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A UDP socket and a listening TCP socket on `address`, any port, in the namespace of the calling
// thread.
std::pair<sys::Fd, sys::Fd> openSockets(const base::IpAddress& address);
std::uint16_t localPort(int socket);

}  // namespace dns
