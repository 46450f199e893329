// The daemon's own log: one logfmt line an entry on stderr, as dockerd's: time="…" level=info
// msg="…" key=value.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace base::log {

enum class Level { kDebug, kInfo, kWarn, kError, kFatal };

// Set once in main before threads start.
void setLevel(Level level) noexcept;
Level level() noexcept;
// "debug" … "fatal"; Error kInvalidArgument with dockerd's text otherwise.
Level parseLevel(std::string_view text);

struct Field {
  std::string_view key;
  std::string value;
};

// One write(2) a line: lines of several threads never mix. Never throws.
void write(Level level, std::string_view message,
           std::initializer_list<Field> fields = {}) noexcept;

inline void debug(std::string_view message, std::initializer_list<Field> fields = {}) noexcept {
  if (level() <= Level::kDebug) write(Level::kDebug, message, fields);
}
inline void info(std::string_view message, std::initializer_list<Field> fields = {}) noexcept {
  write(Level::kInfo, message, fields);
}
inline void warn(std::string_view message, std::initializer_list<Field> fields = {}) noexcept {
  write(Level::kWarn, message, fields);
}
inline void error(std::string_view message, std::initializer_list<Field> fields = {}) noexcept {
  write(Level::kError, message, fields);
}

}  // namespace base::log
