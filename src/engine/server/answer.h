// Answers that several resources give. Internal to engine/server.
#pragma once

#include <string>
#include <vector>

#include "engine/server/context.h"
#include "engine/server/image_backend.h"
#include "engine/server/streams.h"
#include "platform/base/mutex.h"

namespace server {

// {"message": …} with the code's status; 304 has no body. `response` has no head yet.
void sendError(const base::Error& error, http::Response& response);

// Answers `status` without a body, or the error, when the backend is done.
Done answerWhenDone(const Context& context, int status);

// The connection of this request, to be given away with the head that Docker's clients expect.
// `copyHeaders`: the version headers go along (exec does so, attach does not).
Hijack makeHijack(const Context& context, bool copyHeaders);

// "os[/arch[/variant]]"; nullopt: empty. Error kInvalidArgument in Docker's words.
std::optional<Platform> parsePlatform(const std::string& text);
// {"os": …, "architecture": …}; nullopt: empty.
std::optional<Platform> parsePlatformJson(const std::string& text);

// A stream of JSON messages, each ended by "\r\n". Thread-safe: layers report from several threads.
class ProgressStream {
 public:
  explicit ProgressStream(const Context& context) : response_(context.response) {}

  ProgressSink sink();
  // Runs `work` and ends the stream. An Error before the first message is thrown on, unless
  // `alwaysInBand`.
  void run(const std::function<void()>& work, bool alwaysInBand = false);

 private:
  void begin() REQUIRES(mutex_);
  void write(const dockerapi::ProgressMessage& message) EXCLUDES(mutex_);

  const http::ResponsePtr response_;
  base::Mutex mutex_;
  bool begun_ GUARDED_BY(mutex_) = false;
};

// A body of unknown length that begins with its first byte, so that an Error before it is an HTTP
// answer. end() once all is written.
class ByteStream {
 public:
  ByteStream(const Context& context, std::string contentType)
      : response_(context.response), content_type_(std::move(contentType)) {}
  ByteSink sink();
  void end();

 private:
  void begin();
  const http::ResponsePtr response_;
  const std::string content_type_;
};

ByteSource bodySource(const Context& context);

}  // namespace server
