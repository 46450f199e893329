// What backends are given to talk to a client while they work.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/dockerapi/progress.h"
#include "platform/base/error.h"
#include "platform/base/stop_token.h"
#include "platform/base/time.h"
#include "platform/http/server.h"

namespace server {

// Ends a request that needs longer than a thread should wait (stop -t, kill, rm -f, restart).
// Called exactly once, from any thread, with the error or nothing; it does not block. A backend
// that throws before it returns must not call it.
using Done = std::function<void(std::optional<base::Error>)>;

// Gives the client's raw connection away: sends the head of an upgrade (or of a plain 200) with the
// content type that fits `tty`. Until it is called an Error becomes an ordinary HTTP answer;
// afterwards the stream is the callee's, and so are its errors. Once. Error kCancelled when the
// client has gone.
using Hijack = std::function<http::Released(bool tty)>;

// One line of a progress stream. The first one sends the 200; until then an Error is an HTTP
// answer, afterwards the server turns it into the stream's last line. Blocks while the client is
// slow; Error kCancelled when it has gone.
using ProgressSink = std::function<void(const dockerapi::ProgressMessage&)>;

// A body on its way in (0: the end; kCancelled: cut short) and out (blocks; kCancelled: gone).
using ByteSource = std::function<size_t(std::span<char>)>;
using ByteSink = std::function<void(std::string_view)>;

// Log lines on their way to a client, which knows nothing of containers: framing, timestamps and
// details happen here.
class LogSink {
 public:
  enum class Stream : char { kStdout = 1, kStderr = 2, kSystemError = 3 };
  virtual ~LogSink() = default;
  // First, once the request is known to be good. `tty`: raw bytes instead of frames.
  virtual void begin(bool tty) = 0;
  // A line or a part of one, as it was written, with its newline if it had one. Blocks; Error
  // kCancelled.
  virtual void write(Stream stream, base::Time time,
                     const std::map<std::string, std::string>& details, std::string_view bytes) = 0;
  // Sends what is held back for bigger writes; before a follower waits.
  virtual void flush() = 0;
};

}  // namespace server
