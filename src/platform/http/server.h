// The HTTP server: HTTP/1.1 with keep-alive, chunked bodies both ways, upgrades; on unix sockets
// and TCP (TLS with h2 may follow behind the same types). One loop thread owns every connection;
// handlers are plain blocking functions that run on lanes, and may answer later, from any thread.
//
//   Server server(options);
//   server.listen(fd) ; server.start(handler) ; ... ; server.stop()
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "platform/base/error.h"
#include "platform/base/stop_token.h"
#include "platform/http/message.h"
#include "platform/sys/fd.h"

namespace http {

// Blocking reader of a request body (already de-chunked); for lane threads.
class Body {
 public:
  virtual ~Body() = default;
  // 0 at the end. Error kCancelled: the client went away in the middle.
  virtual size_t read(std::span<char> into) = 0;
  // The whole rest; Error kInvalidArgument "request body too large" beyond `limit`.
  std::string readAll(size_t limit);
};

struct Request {
  std::string method;
  std::string path;     // percent-decoded, without query
  std::string rawPath;  // as sent
  Query query;
  Headers headers;
  bool hasBody = false;  // Content-Length above zero, or chunked
  long long contentLength = -1;
  std::shared_ptr<Body> body;  // never null
  uid_t peerUid = 0;           // unix sockets: the client's; TCP: (uid_t)-1
  pid_t peerPid = 0;
  bool unixSocket = false;
  int minorVersion = 1;  // HTTP/1.x
};

// A connection given away: after the 101 (or 200) head, its socket is blocking, CLOEXEC, and nobody
// else's.
struct Released {
  sys::Fd socket;
  std::string unread;        // bytes that came behind the request
  base::StopToken stopping;  // fires when the server stops
};

// The answer to one request. Thread-safe; hold it by shared_ptr as long as something is to be said.
// When the last reference goes without a head sent, the server answers 500.
class Response {
 public:
  virtual ~Response() = default;

  Headers& headers() noexcept { return headers_; }  // before the head is sent

  // A complete answer with Content-Length.
  virtual void send(int status, std::string body = {}) = 0;
  // Sends the head now; the body follows by write() as chunks, or plainly when headers() has a
  // Content-Length (then exactly so many bytes), or until close for HTTP/1.0, which cannot tell a
  // cut answer from a whole one.
  virtual void begin(int status) = 0;
  // Blocks while the client is more than `kBuffered` behind. Error kCancelled once it has gone.
  // Lane threads only.
  virtual void write(std::string_view bytes) = 0;
  // Never blocks: false when the buffer is full (nothing was taken) or the client has gone. Any
  // thread.
  virtual bool tryWrite(std::string_view bytes) = 0;
  // Ends the body. Without it, dropping the response aborts the connection, so that a cut answer is
  // seen as one.
  virtual void end() = 0;
  // Sends `head` verbatim ("HTTP/1.1 101 UPGRADED\r\n…\r\n\r\n") as a segment of its own, cancels
  // every read, and gives the connection away. Not for TLS. Never blocks: a client that left so
  // many answers unread that the head does not fit behind them counts as gone. Error kCancelled.
  virtual Released release(std::string_view head) = 0;

  virtual bool headSent() const noexcept = 0;
  // Fires when the client closes or the server stops. A client that only ends its sending half
  // counts as gone, too (Docker treats it so), but what is written still reaches it; not so if it
  // asks for an upgrade: `echo x | attach` has said all before the answer comes. Callbacks run on
  // the loop thread and must not block.
  virtual base::StopToken gone() const = 0;

  static constexpr size_t kBuffered = 256 * 1024;

 protected:
  Headers headers_;
};

using ResponsePtr = std::shared_ptr<Response>;
using Handler = std::function<void(Request, ResponsePtr)>;

// Where a handler runs. Each lane has its own cap on threads and queue; over them 503.
enum class Lane {
  kQuick,    // views and small changes: answers within milliseconds
  kDisk,     // image and layer work
  kTurn,     // waits for the turn of one container, or asks its shim
  kMayHang,  // mounts, plugins, cp: whatever a foreign party can stall
  kStream,   // long answers: logs -f, pull progress
};
// Of the requests with one key (not empty) a lane runs a few at once; the others wait without a
// thread, so that who hangs on one thing leaves the lane to the rest.
struct Place {
  Place(Lane on, std::string with = {}) : lane(on), key(std::move(with)) {}  // NOLINT: implicit
  Lane lane;
  std::string key;
};
// Runs on the loop thread, and must not block.
using LaneOf = std::function<Place(const Request&)>;

struct ServerOptions {
  size_t maxHeaderBytes = 64 * 1024;  // 431 beyond
  size_t maxConnections = 4096;
  int quickThreads = 16, diskThreads = 8, turnThreads = 128, mayHangThreads = 64;
  int streamThreads = 512;
  int perKey = 4;
  size_t queuePerLane = 1024;
};

class Server {
 public:
  explicit Server(ServerOptions options);
  ~Server();
  // A bound, listening stream socket. Before start().
  void listen(sys::Fd socket);
  // `onError` turns what a handler threw into an answer when no head was sent yet. It runs on the
  // same lane thread, or on the loop thread when a lane is full, so it must not block.
  void start(Handler handler, LaneOf laneOf,
             std::function<void(const base::Error&, Response&)> onError);
  // Closes the listeners, fires every gone(), waits for the handlers. After `patience` their
  // connections are closed, and a second later they are left behind: false, and what they use must
  // outlive them, this server as well.
  bool stop(std::chrono::milliseconds patience);
  void stop();  // however long they take
  size_t connections() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace http
