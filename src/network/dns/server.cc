#include "network/dns/server.h"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <list>
#include <map>
#include <thread>
#include <unordered_map>

#include "network/dns/exchange.h"
#include "platform/base/log.h"
#include "platform/base/time.h"
#include "platform/sys/check.h"
#include "platform/sys/loop.h"

namespace dns {
namespace {

constexpr std::uint32_t kTtl = 600;
constexpr size_t kMaxConnections = 64;  // of one container
constexpr size_t kMaxPending = 256;     // questions of one container on their way upstream
constexpr int kDatagramsAtOnce = 32;    // then other containers have their turn
constexpr std::int64_t kIdleConnection = 10'000'000'000;
constexpr size_t kMaxUdpReply = 4096;

using Message = std::vector<std::uint8_t>;

struct Connection {
  sys::Fd socket;
  Message in, out;
  bool busy = false;  // one question at a time; the next is read when it was answered
  std::uint64_t timer = 0;
};

struct State {
  Client client;
  std::list<std::shared_ptr<Connection>> connections;
  std::list<std::shared_ptr<Exchange>> pending;
};
using StatePtr = std::shared_ptr<State>;

}  // namespace

// All members but `loop` belong to the loop thread.
struct Server::Impl {
  explicit Impl(Directory look) : directory(std::move(look)), thread([this] { loop.run(); }) {}
  ~Impl() {
    loop.stop();
    thread.join();
    for (auto& [id, state] : clients) close(*state);
  }

  void add(const StatePtr& state);
  void close(State& state);
  void onDatagram(const StatePtr& state);
  void onAccept(const StatePtr& state);
  void onConnection(const StatePtr& state, const std::shared_ptr<Connection>& connection,
                    std::uint32_t events);
  void flush(const StatePtr& state, const std::shared_ptr<Connection>& connection);
  void nextOf(const StatePtr& state, const std::shared_ptr<Connection>& connection);
  void drop(State& state, const std::shared_ptr<Connection>& connection);
  void answer(const StatePtr& state, Message message, bool tcp, std::function<void(Message)> reply);
  void forward(const StatePtr& state, Message message, const Query& query, bool tcp,
               std::function<void(Message)> reply);

  const Directory directory;
  std::uint16_t upstreamPort = 53;
  std::unordered_map<std::string, StatePtr> clients;
  sys::Loop loop;
  std::thread thread;
};

void Server::Impl::add(const StatePtr& state) {
  if (const auto old = clients.find(state->client.id); old != clients.end()) close(*old->second);
  clients[state->client.id] = state;
  const std::weak_ptr<State> weak = state;
  loop.watch(state->client.udp.get(), EPOLLIN, [this, weak](std::uint32_t) {
    if (const auto alive = weak.lock()) onDatagram(alive);
  });
  loop.watch(state->client.tcp.get(), EPOLLIN, [this, weak](std::uint32_t) {
    if (const auto alive = weak.lock()) onAccept(alive);
  });
}

void Server::Impl::close(State& state) {
  for (const auto& exchange : state.pending) exchange->cancel();
  state.pending.clear();
  while (!state.connections.empty()) {
    const auto connection = state.connections.front();
    drop(state, connection);
  }
  // A shim may hold a duplicate, so closing alone would not take the descriptor out of epoll.
  for (sys::Fd* fd : {&state.client.udp, &state.client.tcp}) {
    if (fd->valid()) loop.unwatch(fd->get());
    fd->reset();
  }
}

void Server::Impl::onDatagram(const StatePtr& state) {
  for (int i = 0; i < kDatagramsAtOnce && state->client.udp.valid(); ++i) {
    Message message(kMaxUdpReply);
    sockaddr_storage from{};
    socklen_t length = sizeof(from);
    const ssize_t got = ::recvfrom(state->client.udp.get(), message.data(), message.size(),
                                   MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &length);
    if (got < 0) return;
    message.resize(static_cast<size_t>(got));
    const std::weak_ptr<State> weak = state;
    answer(state, std::move(message), false, [weak, from, length](const Message& reply) {
      const auto alive = weak.lock();
      if (!alive || !alive->client.udp.valid()) return;
      (void)::sendto(alive->client.udp.get(), reply.data(), reply.size(),
                     MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&from), length);
    });
  }
}

void Server::Impl::onAccept(const StatePtr& state) {
  sys::Fd socket(
      ::accept4(state->client.tcp.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid() || state->connections.size() >= kMaxConnections) return;
  auto connection = std::make_shared<Connection>();
  connection->socket = std::move(socket);
  state->connections.push_back(connection);
  const std::weak_ptr<State> weak = state;
  const std::weak_ptr<Connection> weakConnection = connection;
  loop.watch(connection->socket.get(), EPOLLIN, [this, weak, weakConnection](std::uint32_t events) {
    const auto alive = weak.lock();
    const auto one = weakConnection.lock();
    if (alive && one) onConnection(alive, one, events);
  });
  connection->timer = loop.at(base::monotonicNs() + kIdleConnection, [this, weak, weakConnection] {
    const auto alive = weak.lock();
    const auto one = weakConnection.lock();
    if (alive && one) drop(*alive, one);
  });
}

void Server::Impl::drop(State& state, const std::shared_ptr<Connection>& connection) {
  if (!connection->socket.valid()) return;
  loop.cancel(connection->timer);
  loop.unwatch(connection->socket.get());
  connection->socket.reset();
  state.connections.remove(connection);
}

void Server::Impl::onConnection(const StatePtr& state,
                                const std::shared_ptr<Connection>& connection,
                                std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) return flush(state, connection);
  std::uint8_t chunk[4096];
  const ssize_t got = ::recv(connection->socket.get(), chunk, sizeof(chunk), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return drop(*state, connection);
  connection->in.insert(connection->in.end(), chunk, chunk + got);
  nextOf(state, connection);
}

// Takes the next whole question from the connection's input.
void Server::Impl::nextOf(const StatePtr& state, const std::shared_ptr<Connection>& connection) {
  if (connection->busy || connection->in.size() < 2) return;
  const size_t length = static_cast<size_t>(connection->in[0]) << 8 | connection->in[1];
  if (connection->in.size() < length + 2) return;
  const auto end = connection->in.begin() + 2 + static_cast<std::ptrdiff_t>(length);
  Message message(connection->in.begin() + 2, end);
  connection->in.erase(connection->in.begin(), end);
  connection->busy = true;
  loop.modify(connection->socket.get(), 0);  // what comes meanwhile waits in the kernel
  const std::weak_ptr<State> weak = state;
  const std::weak_ptr<Connection> weakConnection = connection;
  answer(state, std::move(message), true, [this, weak, weakConnection](const Message& reply) {
    const auto alive = weak.lock();
    const auto one = weakConnection.lock();
    if (!alive || !one || !one->socket.valid()) return;
    if (reply.empty()) return drop(*alive, one);
    one->out = {static_cast<std::uint8_t>(reply.size() >> 8),
                static_cast<std::uint8_t>(reply.size())};
    one->out.insert(one->out.end(), reply.begin(), reply.end());
    flush(alive, one);
  });
}

void Server::Impl::flush(const StatePtr& state, const std::shared_ptr<Connection>& connection) {
  const ssize_t sent = ::send(connection->socket.get(), connection->out.data(),
                              connection->out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return drop(*state, connection);
  if (sent > 0) connection->out.erase(connection->out.begin(), connection->out.begin() + sent);
  if (!connection->out.empty()) return loop.modify(connection->socket.get(), EPOLLOUT);
  connection->busy = false;
  loop.modify(connection->socket.get(), EPOLLIN);
  nextOf(state, connection);
}

// Calls `reply` once, now or later; with an empty message when the question deserves none (UDP:
// silence, TCP: close).
void Server::Impl::answer(const StatePtr& state, Message message, bool tcp,
                          std::function<void(Message)> reply) {
  const auto query = parseQuery(message);
  if (!query) {
    if (tcp) reply({});
    return;
  }
  const size_t limit = tcp ? 65535 : std::min<size_t>(query->udpSize, kMaxUdpReply);
  const auto own = [&](ReplyCode code, const std::vector<Record>& records = {}) {
    reply(buildReply(message, *query, code, records, kTtl, limit));
  };
  if (query->opcode != 0) return own(kNotImplemented);
  if (query->question.klass == 1) {
    const Local local = directory(state->client.id, query->question);
    if (local.known) return own(kNoError, local.records);
  }
  // server outside.
  if (!state->client.forward) return own(kNameError);
  forward(state, std::move(message), *query, tcp, std::move(reply));
}

void Server::Impl::forward(const StatePtr& state, Message message, const Query& query, bool tcp,
                           std::function<void(Message)> reply) {
  const size_t limit = tcp ? 65535 : std::min<size_t>(query.udpSize, kMaxUdpReply);
  if (state->client.upstreams.empty() || state->pending.size() >= kMaxPending) {
    return reply(buildReply(message, query, kServerFailure, {}, 0, limit));
  }
  const auto place = state->pending.insert(state->pending.end(), nullptr);
  const std::weak_ptr<State> weak = state;
  const auto done = [weak, place, query, message, limit, reply = std::move(reply)](Message answer) {
    const auto alive = weak.lock();
    if (!alive) return;
    const auto self = *place;  // lives until this returns
    alive->pending.erase(place);
    reply(answer.empty() ? buildReply(message, query, kServerFailure, {}, 0, limit)
                         : std::move(answer));
  };
  const auto exchange = std::make_shared<Exchange>(loop, message, query, state->client.upstreams,
                                                   upstreamPort, tcp, done);
  *place = exchange;
  exchange->start();
}

Server::Server(Directory directory) : impl_(std::make_unique<Impl>(std::move(directory))) {}
Server::~Server() = default;

void Server::add(Client client) {
  const auto state = std::make_shared<State>();
  state->client = std::move(client);
  impl_->loop.post([this, state] { impl_->add(state); });
}

void Server::remove(const std::string& id) {
  impl_->loop.post([this, id] {
    const auto found = impl_->clients.find(id);
    if (found == impl_->clients.end()) return;
    const StatePtr state = found->second;
    impl_->clients.erase(found);
    impl_->close(*state);
  });
}

void Server::setForwarding(const std::string& id, bool forward) {
  impl_->loop.post([this, id, forward] {
    const auto found = impl_->clients.find(id);
    if (found != impl_->clients.end()) found->second->client.forward = forward;
  });
}

void Server::setUpstreamPort(std::uint16_t port) {
  impl_->loop.post([this, port] { impl_->upstreamPort = port; });
}

std::pair<sys::Fd, sys::Fd> openSockets(const base::IpAddress& address) {
  sockaddr_in local{};
  local.sin_family = AF_INET;
  const auto raw = address.bytes();
  std::memcpy(&local.sin_addr, raw.data(), 4);
  const auto open = [&](int type) {
    sys::Fd socket(
        sys::check(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket", "dns"));
    sys::check(::bind(socket.get(), reinterpret_cast<sockaddr*>(&local), sizeof(local)), "bind",
               address.str());
    return socket;
  };
  std::pair<sys::Fd, sys::Fd> sockets{open(SOCK_DGRAM), open(SOCK_STREAM)};
  sys::check(::listen(sockets.second.get(), 128), "listen", address.str());
  return sockets;
}

std::uint16_t localPort(int socket) {
  sockaddr_in local{};
  socklen_t length = sizeof(local);
  sys::check(::getsockname(socket, reinterpret_cast<sockaddr*>(&local), &length), "getsockname",
             "dns");
  return ntohs(local.sin_port);
}

}  // namespace dns
