#include "engine/server/answer.h"

#include "api/dockerapi/error.h"
#include "platform/base/log.h"
#include "platform/base/strings.h"

namespace server {
namespace {

using base::Code;

struct PlatformJson {
  std::string os, architecture, variant;
};

constexpr auto jsonFields(const PlatformJson*) {
  return json::fields(json::field("os", &PlatformJson::os),
                      json::field("architecture", &PlatformJson::architecture),
                      json::field("variant", &PlatformJson::variant));
}

bool isKnownOs(std::string_view text) {
  for (const std::string_view os : {"linux", "windows", "darwin", "freebsd", "netbsd", "openbsd",
                                    "dragonfly", "solaris", "plan9", "aix", "android", "js"}) {
    if (text == os) return true;
  }
  return false;
}

bool isPlatformWord(std::string_view text) {
  for (const char c : text) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!alnum && c != '_' && c != '.' && c != '-') return false;
  }
  return !text.empty();
}

}  // namespace

void sendError(const base::Error& error, http::Response& response) {
  const int status = dockerapi::httpStatus(error.code());
  response.headers().remove("Content-Length");
  if (status == 304) return response.send(status);
  response.headers().set("Content-Type", "application/json");
  response.send(status, dockerapi::errorBody(error.message()));
}

Done answerWhenDone(const Context& context, int status) {
  return [response = context.response, status](const std::optional<base::Error>& error) {
    if (!error) return response->send(status);
    if (dockerapi::httpStatus(error->code()) >= 500) {
      base::log::error("request failed", {{"error", error->message()}});
    }
    sendError(*error, *response);
  };
}

Hijack makeHijack(const Context& context, bool copyHeaders) {
  const bool upgrades = context.request.headers.has("Upgrade");
  const bool knowsFrames = context.since(42);
  return [response = context.response, upgrades, knowsFrames, copyHeaders](bool tty) {
    const bool framed = upgrades && !tty && knowsFrames;
    std::string head = upgrades ? "HTTP/1.1 101 UPGRADED\r\n" : "HTTP/1.1 200 OK\r\n";
    head += framed ? "Content-Type: application/vnd.docker.multiplexed-stream\r\n"
                   : "Content-Type: application/vnd.docker.raw-stream\r\n";
    if (upgrades) head += "Connection: Upgrade\r\nUpgrade: tcp\r\n";
    if (copyHeaders) {
      for (const auto& [name, value] : response->headers().all()) {
        head.append(name).append(": ").append(value).append("\r\n");
      }
    }
    return response->release(head + "\r\n");
  };
}

std::optional<Platform> parsePlatform(const std::string& text) {
  if (text.empty()) return std::nullopt;
  std::vector<std::string> parts = base::split(text, '/');
  while (parts.size() > 4) {
    const std::string last = std::move(parts.back());
    parts.pop_back();
    parts.back().append("/").append(last);
  }
  for (const std::string& part : parts) {
    if (isPlatformWord(part)) continue;
    base::fail(Code::kInvalidArgument,
               "{} is an invalid component of {}: platform specifier component must match "
               "\"^[A-Za-z0-9_.-]+$\": invalid argument",
               base::quote(part), base::quote(text));
  }
  if (parts.size() > 3) {
    base::fail(Code::kInvalidArgument, "{}: cannot parse platform specifier: invalid argument",
               base::quote(text));
  }
  if (parts.size() == 1) {
    return isKnownOs(parts[0]) ? Platform{parts[0], "", ""} : Platform{"", parts[0], ""};
  }
  return Platform{parts[0], parts[1], parts.size() == 3 ? parts[2] : ""};
}

std::optional<Platform> parsePlatformJson(const std::string& text) {
  if (text.empty()) return std::nullopt;
  PlatformJson parsed;
  try {
    json::parseInto(text, parsed);
  } catch (const base::Error& error) {
    throw error.within("failed to parse platform");
  }
  if (parsed.os.empty() && parsed.architecture.empty() && !parsed.variant.empty()) {
    base::fail(Code::kInvalidArgument,
               "optional platform components provided, but OS and Architecture are empty");
  }
  if (parsed.os.empty() || parsed.architecture.empty()) {
    base::fail(Code::kInvalidArgument, "both OS and Architecture must be provided");
  }
  return Platform{parsed.os, parsed.architecture, parsed.variant};
}

void ProgressStream::begin() {
  if (begun_) return;
  begun_ = true;
  response_->headers().set("Content-Type", "application/json");
  response_->begin(200);
}

void ProgressStream::write(const dockerapi::ProgressMessage& message) {
  {
    const base::Lock lock(mutex_);
    begin();
  }
  response_->write(json::write(message) + "\r\n");
}

ProgressSink ProgressStream::sink() {
  return [this](const dockerapi::ProgressMessage& message) { write(message); };
}

void ProgressStream::run(const std::function<void()>& work, bool alwaysInBand) {
  try {
    work();
    const base::Lock lock(mutex_);
    begin();
  } catch (const base::Error& error) {
    {
      const base::Lock lock(mutex_);
      if (!begun_ && !alwaysInBand) throw;
    }
    if (error.code() == Code::kCancelled) throw;
    base::log::error("stream failed", {{"error", error.message()}});
    dockerapi::ProgressMessage last;
    last.errorDetail.emplace();
    last.errorDetail->message = last.error = error.message();
    write(last);
  }
  response_->end();
}

void ByteStream::begin() {
  if (response_->headSent()) return;
  response_->headers().set("Content-Type", content_type_);
  response_->begin(200);
}

ByteSink ByteStream::sink() {
  return [this](std::string_view bytes) {
    begin();
    response_->write(bytes);
  };
}

void ByteStream::end() {
  begin();
  response_->end();
}

ByteSource bodySource(const Context& context) {
  return [body = context.request.body](std::span<char> into) { return body->read(into); };
}

}  // namespace server
