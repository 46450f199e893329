// One connection of the server: reads heads on the loop thread, hands each request to a lane, and
// takes the answer's bytes from any thread straight to the socket. Internal to platform/http.
//
//   kReading -> kHandling -> kReading | kDraining -> kReading | kClosing -> kLingering -> kClosed
//                         \-> kReleased
//
// While kHandling the loop reads nothing: the socket's input belongs to the request's body reader,
// and the loop only watches for the client's end. That is why release() has no read to cancel, and
// a body needs no queue.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "platform/base/mutex.h"
#include "platform/http/lanes.h"
#include "platform/http/reactor.h"
#include "platform/http/server.h"
#include "platform/http/wire.h"

namespace http {

class BodyReader;
class Connection;

// What the connections of one server share. Outlives them.
struct ServerShared {
  explicit ServerShared(const ServerOptions& serverOptions);

  const ServerOptions options;
  Handler handler;
  LaneOf laneOf;
  std::function<void(const base::Error&, Response&)> onError;
  Reactor reactor;
  Pool quick, disk, turn, mayHang, stream;
  base::StopSource stopSource;  // of connections that were given away
  std::atomic<bool> stopping{false};
  std::atomic<size_t> count{0};

  // Loop thread only.
  std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> connections;
  size_t timed = 0;  // connections with a deadline
  static constexpr size_t kScratch = 64 * 1024;
  // Where heads are read to before a connection keeps them; not touched before it is used.
  std::unique_ptr<char[]> scratch = std::make_unique_for_overwrite<char[]>(kScratch);

  Pool& pool(Lane lane) noexcept;
  // Runs on a lane thread; the edge where a handler's exceptions end.
  void handle(Request request, const ResponsePtr& response) noexcept;
  void answerError(const base::Error& error, Response& response) noexcept;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ServerShared> shared, std::uint64_t id, sys::Fd socket);

  // -- loop thread
  void start();
  void refuse();  // over the cap: 503 and away
  void onEvents(std::uint32_t events);
  void onTick(std::int64_t now);
  // The server stops: idle connections close, running requests hear gone().
  void onStop();
  void closeNow();

  // -- any thread, for the response of the running request
  // Takes all of `head` and `body`, whatever is buffered. False: the client has gone.
  bool put(std::string_view head, std::string_view body = {});
  // Takes all or nothing.
  bool tryPut(std::string_view bytes);
  // Blocks. Error kCancelled.
  void putBlocking(std::string_view bytes);
  // The answer is over; `whole`: what the head promised was sent.
  void finish(bool whole);
  base::StopToken gone();
  Released release(std::string_view head);

  // -- lane thread, for the body reader
  // Bytes read behind the head; the reader's own while the request runs.
  std::string& input() noexcept { return input_; }
  int socket() const noexcept { return socket_.get(); }
  bool headSent() const noexcept { return head_sent_; }
  void noteHeadSent() noexcept { head_sent_ = true; }
  // False: the connection will not be used again, so the head should say so.
  bool mayKeepAlive();

 private:
  enum class State { kReading, kHandling, kDraining, kClosing, kLingering, kClosed, kReleased };
  using Gone = std::optional<base::StopSource>;

  void onReadable();
  void drain();
  void process();
  void beginRequest(wire::RequestHead head);
  Request makeRequest(wire::RequestHead& head);
  void dispatch(Request request, const ResponsePtr& response);
  void refuseBad(int status, std::string_view text);
  void advance();
  void settle();
  void setDeadline(std::int64_t seconds);

  void sendNow(std::string_view& bytes) REQUIRES(mutex_);
  void buffer(std::string_view bytes) REQUIRES(mutex_);
  void flush() REQUIRES(mutex_);
  size_t buffered() const REQUIRES(mutex_) { return output_.size() - output_at_; }
  void arm() REQUIRES(mutex_);
  void die() REQUIRES(mutex_);
  Gone takeGone() REQUIRES(mutex_);

  const std::shared_ptr<ServerShared> shared_;
  const std::uint64_t id_;
  sys::Fd socket_;
  bool unix_ = false;
  uid_t uid_ = static_cast<uid_t>(-1);
  pid_t pid_ = 0;

  // Loop thread, or the body reader while kHandling; handed over under mutex_.
  std::string input_;
  size_t scanned_ = 0;
  std::int64_t deadline_ = 0;  // monotonic; 0: none
  size_t drained_ = 0;
  std::shared_ptr<BodyReader> draining_;
  std::atomic<bool> head_sent_{false};

  base::Mutex mutex_;
  base::Condition writable_;
  State state_ GUARDED_BY(mutex_) = State::kReading;
  std::string output_ GUARDED_BY(mutex_);
  size_t output_at_ GUARDED_BY(mutex_) = 0;
  bool dead_ GUARDED_BY(mutex_) = false;         // nothing can be sent any more
  bool half_closed_ GUARDED_BY(mutex_) = false;  // the client sends no more
  bool hung_up_ GUARDED_BY(mutex_) = false;      // EPOLLHUP was seen: arming again would only spin
  bool keep_alive_ GUARDED_BY(mutex_) = true;
  bool upgrade_ GUARDED_BY(mutex_) = false;
  bool is_gone_ GUARDED_BY(mutex_) = false;
  bool dirty_ GUARDED_BY(mutex_) = false;  // input may be left that nobody will read
  Gone gone_ GUARDED_BY(mutex_);
  std::shared_ptr<BodyReader> body_ GUARDED_BY(mutex_);
};

}  // namespace http
