#include "platform/base/log.h"

#include <unistd.h>

#include <atomic>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/base/time.h"

namespace base::log {
namespace {

std::atomic<Level> gLevel{Level::kInfo};

std::string_view name(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warning";
    case Level::kError:
      return "error";
    case Level::kFatal:
      return "fatal";
  }
  return "unknown";
}

bool plain(std::string_view text) {
  constexpr std::string_view kMarks = "-._/@^+:";
  for (const char c : text) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!alnum && kMarks.find(c) == std::string_view::npos) return false;
  }
  return !text.empty();
}

}  // namespace

void setLevel(Level level) noexcept {
  gLevel = level;
}
Level level() noexcept {
  return gLevel;
}

Level parseLevel(std::string_view text) {
  if (text == "debug" || text == "trace") return Level::kDebug;
  if (text == "info") return Level::kInfo;
  if (text == "warn" || text == "warning") return Level::kWarn;
  if (text == "error") return Level::kError;
  if (text == "fatal" || text == "panic") return Level::kFatal;
  fail(Code::kInvalidArgument, "unable to parse logging level: {}", text);
}

void write(Level level, std::string_view message, std::initializer_list<Field> fields) noexcept {
  if (level < gLevel) return;
  try {
    std::string line =
        fmt::format("time={} level={} msg={}", quote(formatRfc3339Fixed(Time::now())), name(level),
                    quote(message));
    for (const Field& field : fields) {
      line +=
          fmt::format(" {}={}", field.key, plain(field.value) ? field.value : quote(field.value));
    }
    line += '\n';
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  } catch (...) {
  }
}

}  // namespace base::log
