// Log lines on the wire: frames or raw bytes, with timestamps and details in front.
#pragma once

#include <string>

#include "engine/server/context.h"
#include "engine/server/streams.h"

namespace server {

class LogStream final : public LogSink {
 public:
  LogStream(const Context& context, bool timestamps, bool details)
      : response_(context.response),
        knows_frames_(context.since(42)),
        timestamps_(timestamps),
        details_(details) {}

  void begin(bool tty) override;
  void write(Stream stream, base::Time time, const std::map<std::string, std::string>& details,
             std::string_view bytes) override;
  void flush() override;
  // A failure after begin(): told in the stream.
  void fail(const base::Error& error);
  void end();

 private:
  void append(Stream stream, std::string_view prefix, std::string_view bytes);

  const http::ResponsePtr response_;
  const bool knows_frames_, timestamps_, details_;
  bool framed_ = false;
  std::string held_;
};

}  // namespace server
