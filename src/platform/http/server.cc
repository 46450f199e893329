#include "platform/http/server.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <thread>

#include "platform/base/log.h"
#include "platform/base/time.h"
#include "platform/http/connection.h"

namespace http {
namespace {

constexpr int kTickMs = 250;
constexpr std::chrono::milliseconds kAfterClosing{1000};
constexpr size_t kRefusedAtOnce = 256;  // connections over the cap that still get a 503

}  // namespace

ServerShared::ServerShared(const ServerOptions& serverOptions)
    : options(serverOptions),
      quick("http-quick", options.quickThreads, options.queuePerLane),
      disk("http-disk", options.diskThreads, options.queuePerLane),
      turn("http-turn", options.turnThreads, options.queuePerLane),
      mayHang("http-mayhang", options.mayHangThreads, options.queuePerLane),
      // A stream holds its thread for hours: waiting in a queue for one of them would look like a
      // hang.
      stream("http-stream", options.streamThreads, 0) {}

Pool& ServerShared::pool(Lane lane) noexcept {
  switch (lane) {
    case Lane::kQuick:
      return quick;
    case Lane::kDisk:
      return disk;
    case Lane::kTurn:
      return turn;
    case Lane::kMayHang:
      return mayHang;
    case Lane::kStream:
      return stream;
  }
  return quick;
}

struct Server::Impl {
  explicit Impl(const ServerOptions& options) : shared(std::make_shared<ServerShared>(options)) {}

  std::shared_ptr<ServerShared> shared;
  std::vector<sys::Fd> listeners;  // the ids below their number are theirs
  std::uint64_t nextId = 0;
  std::int64_t pausedUntil = 0;  // no descriptors left: listening goes on then
  std::thread thread;
  bool running = false;

  void onEvent(std::uint64_t id, std::uint32_t events) {
    if (id < listeners.size()) return acceptAll(id);
    const auto found = shared->connections.find(id);
    if (found == shared->connections.end()) return;
    const auto connection = found->second;
    connection->onEvents(events);
  }

  void acceptAll(std::uint64_t id) {
    const int listener = listeners[id].get();
    if (listener < 0) return;
    for (int count = 0; count < 64; ++count) {
      sys::Fd socket(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (socket.valid()) {
        admit(std::move(socket));
        continue;
      }
      if (errno == EAGAIN) break;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        base::log::error("accept failed", {{"error", base::errnoText(errno)}});
        pausedUntil = base::monotonicNs() + 200'000'000;
        return;
      }
    }
    shared->reactor.arm(listener, id, EPOLLIN);
  }

  void admit(sys::Fd socket) {
    const size_t count = shared->count;
    if (count >= shared->options.maxConnections + kRefusedAtOnce) return;
    const std::uint64_t id = nextId++;
    const auto connection = std::make_shared<Connection>(shared, id, std::move(socket));
    shared->connections.emplace(id, connection);
    ++shared->count;
    if (count >= shared->options.maxConnections) {
      connection->refuse();
    } else {
      connection->start();
    }
  }

  // True while something has a deadline.
  bool onTick() {
    const std::int64_t now = base::monotonicNs();
    if (pausedUntil != 0 && now >= pausedUntil) {
      pausedUntil = 0;
      for (size_t i = 0; i < listeners.size(); ++i) {
        if (listeners[i].valid()) shared->reactor.arm(listeners[i].get(), i, EPOLLIN);
      }
    }
    if (shared->timed > 0 && now >= nextSweep) {
      nextSweep = now + kTickMs * 1'000'000LL;
      for (const auto& connection : all()) connection->onTick(now);
    }
    return shared->timed > 0 || pausedUntil != 0;
  }
  std::int64_t nextSweep = 0;

  std::vector<std::shared_ptr<Connection>> all() const {
    std::vector<std::shared_ptr<Connection>> connections;
    connections.reserve(shared->connections.size());
    for (const auto& [id, connection] : shared->connections) connections.push_back(connection);
    return connections;
  }

  // Runs `body` on the loop and waits for it.
  void onLoop(const std::function<void()>& body) {
    base::Mutex mutex;
    base::Condition condition;
    bool done = false;
    shared->reactor.post([&] {
      body();
      const base::Lock lock(mutex);
      done = true;
      condition.notifyAll();
    });
    const base::Lock lock(mutex);
    while (!done) condition.wait(mutex);
  }

  void closeAll() {
    for (const auto& connection : all()) connection->closeNow();
  }

  bool handlersEnd(std::chrono::milliseconds patience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    bool ended = true;
    for (Pool* pool :
         {&shared->quick, &shared->disk, &shared->turn, &shared->mayHang, &shared->stream})
      ended = pool->stop(until) && ended;
    return ended;
  }

  bool stop(std::chrono::milliseconds patience) {
    if (!std::exchange(running, false)) return true;
    shared->stopping = true;
    shared->stopSource.stop();
    onLoop([&] {
      for (sys::Fd& listener : listeners) {
        shared->reactor.remove(listener.get());
        listener.reset();
      }
      for (const auto& connection : all()) connection->onStop();
    });
    bool ended = handlersEnd(patience);
    if (!ended) {
      onLoop([&] { closeAll(); });
      ended = handlersEnd(kAfterClosing);
    }
    // What was answered last may still lie in a buffer.
    for (int round = 0; round < 20 && shared->count > 0; ++round) {
      std::this_thread::sleep_for(std::chrono::milliseconds(round == 0 ? 1 : 50));
    }
    onLoop([&] {
      closeAll();
      shared->reactor.stop();
    });
    thread.join();
    return ended;
  }
};

Server::Server(ServerOptions options) : impl_(std::make_unique<Impl>(options)) {}

Server::~Server() {
  stop();
}

void Server::listen(sys::Fd socket) {
  const int flags = fcntl(socket.get(), F_GETFL);
  if (flags < 0 || fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) < 0) {
    base::failErrno(errno, "fcntl", "listening socket");
  }
  impl_->listeners.push_back(std::move(socket));
}

void Server::start(Handler handler, LaneOf laneOf,
                   std::function<void(const base::Error&, Response&)> onError) {
  Impl& impl = *impl_;
  impl.shared->handler = std::move(handler);
  impl.shared->laneOf = std::move(laneOf);
  impl.shared->onError = std::move(onError);
  impl.nextId = impl.listeners.size();
  for (size_t i = 0; i < impl.listeners.size(); ++i) {
    impl.shared->reactor.add(impl.listeners[i].get(), i, EPOLLIN);
  }
  impl.running = true;
  impl.thread = std::thread([&impl] {
    pthread_setname_np(pthread_self(), "http-loop");
    impl.shared->reactor.run(
        [&impl](std::uint64_t id, std::uint32_t events) { impl.onEvent(id, events); },
        [&impl] { return impl.onTick(); }, kTickMs);
  });
}

bool Server::stop(std::chrono::milliseconds patience) {
  return impl_->stop(patience);
}

void Server::stop() {
  impl_->stop(std::chrono::hours(24 * 365));
}

size_t Server::connections() const noexcept {
  return impl_->shared->count;
}

}  // namespace http
