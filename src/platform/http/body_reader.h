// A request's body, read by a lane thread from the socket itself. Internal to platform/http.
#pragma once

#include <memory>

#include "platform/base/mutex.h"
#include "platform/http/server.h"
#include "platform/http/wire.h"

namespace http {

class Connection;

class BodyReader : public Body {
 public:
  BodyReader(std::shared_ptr<Connection> connection, const wire::RequestHead& head);
  size_t read(std::span<char> into) override;

  enum class Rest { kNone, kSome, kBusy, kBroken };
  // The answer is over: read() fails from now on. Tells what the connection has still to take off
  // the wire.
  Rest detach();
  bool awaitsContinue();  // Expect: 100-continue, and no go-ahead was sent

  // For draining on the loop after detach(): takes body bytes off `input`. True at the body's end.
  // Throws BadMessage.
  bool discard(std::string& input);

 private:
  size_t readLength(Connection& connection, std::span<char> into);
  size_t readChunked(Connection& connection, std::span<char> into);
  size_t receive(Connection& connection, std::span<char> into);

  const wire::Framing framing_;
  const bool expect_continue_;

  // Only by the one reader, and by the loop after detach().
  wire::ChunkDecoder decoder_;
  size_t left_ = 0;

  base::Mutex mutex_;
  std::shared_ptr<Connection> connection_ GUARDED_BY(mutex_);
  bool reading_ GUARDED_BY(mutex_) = false;
  bool at_end_ GUARDED_BY(mutex_) = false;
  bool broken_ GUARDED_BY(mutex_) = false;
  bool go_ahead_ GUARDED_BY(mutex_) = false;
};

}  // namespace http
