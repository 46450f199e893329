#include "engine/server/log_stream.h"

#include "platform/base/strings.h"

namespace server {
namespace {

constexpr size_t kHeld = 32 * 1024;

// Go's url.QueryEscape.
std::string queryEscape(const std::string& text) {
  std::string escaped;
  for (const char c : text)
    escaped += c == ' ' ? "+" : http::percentEncode(std::string_view(&c, 1));
  return escaped;
}

}  // namespace

void LogStream::begin(bool tty) {
  framed_ = !tty;
  response_->headers().set("Content-Type", framed_ && knows_frames_
                                               ? "application/vnd.docker.multiplexed-stream"
                                               : "application/vnd.docker.raw-stream");
  response_->begin(200);
}

void LogStream::write(Stream stream, base::Time time,
                      const std::map<std::string, std::string>& details, std::string_view bytes) {
  std::string prefix;
  if (timestamps_) prefix = base::formatRfc3339Fixed(time) + " ";
  if (details_) {
    std::vector<std::string> pairs;
    for (const auto& [key, value] : details) {
      pairs.push_back(queryEscape(key) + "=" + queryEscape(value));
    }
    prefix += base::join(pairs, ",") + " ";
  }
  append(stream, prefix, bytes);
  if (held_.size() >= kHeld) flush();
}

void LogStream::append(Stream stream, std::string_view prefix, std::string_view bytes) {
  if (framed_) {
    const auto size = static_cast<std::uint32_t>(prefix.size() + bytes.size());
    const char head[8] = {static_cast<char>(stream),
                          0,
                          0,
                          0,
                          static_cast<char>(size >> 24),
                          static_cast<char>(size >> 16),
                          static_cast<char>(size >> 8),
                          static_cast<char>(size)};
    held_.append(head, sizeof head);
  }
  held_.append(prefix).append(bytes);
}

void LogStream::flush() {
  if (held_.empty()) return;
  response_->write(held_);
  held_.clear();
}

void LogStream::fail(const base::Error& error) {
  append(Stream::kSystemError, "Error grabbing logs: ", error.message() + "\n");
}

void LogStream::end() {
  flush();
  response_->end();
}

}  // namespace server
