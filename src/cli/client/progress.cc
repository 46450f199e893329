#include "cli/client/progress.h"

#include <algorithm>
#include <array>

#include "platform/base/error.h"
#include "platform/base/printable.h"
#include "platform/base/time.h"
#include "platform/base/units.h"

namespace client {
namespace {

std::string textOf(const json::Value& object, std::string_view key) {
  const json::Value* value = object.find(key);
  return value && value->isString() ? value->asString() : std::string();
}

std::int64_t numberOf(const json::Value& object, std::string_view key) {
  const json::Value* value = object.find(key);
  return value && value->isNumber() ? value->tryInt().value_or(0) : 0;
}

std::string timeLeft(std::int64_t current, std::int64_t total, std::int64_t start) {
  const std::int64_t passed = base::Time::now().ns - start * 1'000'000'000;
  const double perUnit = static_cast<double>(passed) / static_cast<double>(current);
  const auto left = static_cast<std::int64_t>(perUnit * static_cast<double>(total - current)) /
                    1'000'000'000 * 1'000'000'000;
  return fmt::format(" {}", base::formatGoDuration(left));
}

std::string counts(std::int64_t current, std::int64_t total, const std::string& units) {
  if (units.empty()) {
    const std::string now = base::humanSize(static_cast<double>(current));
    if (total <= 0 || current > total) return fmt::format("{:>8}", now);
    return fmt::format("{:>8}/{}", now, base::humanSize(static_cast<double>(total)));
  }
  if (total <= 0 || current > total) return fmt::format("{} {}", current, units);
  return fmt::format("{}/{} {}", current, total, units);
}

}  // namespace

std::string progressBar(const json::Value& detail, unsigned width) {
  constexpr std::int64_t kSteps = 50;
  constexpr unsigned kRoomForBar = 110, kRoomForTime = 50;
  const std::int64_t current = numberOf(detail, "current"), total = numberOf(detail, "total"),
                     start = numberOf(detail, "start");
  const std::string units = textOf(detail, "units");
  if (current <= 0 && total <= 0) return {};
  if (total <= 0) return counts(current, total, units);
  const auto filled = std::min<std::int64_t>(
      static_cast<std::int64_t>(static_cast<double>(current) / static_cast<double>(total) * 100) /
          2,
      kSteps);
  std::string text;
  if (width > kRoomForBar) {
    text = fmt::format("[{}>{}] ", std::string(static_cast<size_t>(filled), '='),
                       std::string(static_cast<size_t>(kSteps - filled), ' '));
  }
  const json::Value* hide = detail.find("hidecounts");
  if (!hide || !hide->isBool() || !hide->asBool()) text += counts(current, total, units);
  if (width > kRoomForTime && current > 0 && start > 0 && filled < kSteps)
    text += timeLeft(current, total, start);
  return text;
}

void ProgressDisplay::show(const json::Value& message) {
  if (const json::Value* detail = message.find("errorDetail"); detail && detail->isObject()) {
    throw base::Error(base::Code::kInternal, textOf(*detail, "message"));
  }
  if (message.find("error")) throw base::Error(base::Code::kInternal, textOf(message, "error"));
  const std::string stream = textOf(message, "stream");
  std::string id = textOf(message, "id"), status = textOf(message, "status");
  const json::Value* detail = message.find("progressDetail");
  const bool progress = detail && detail->isObject();
  const bool terminal = width_ > 0;
  if (terminal) {
    id = base::printable(id);
    status = base::printable(status);
  }
  const std::string bar = progress ? progressBar(*detail, width_ ? width_ : 200) : std::string();
  std::string out;
  size_t up = 0;
  if (!id.empty() && progress) {
    const auto [entry, fresh] = lines_.emplace(id, lines_.size());
    if (fresh && terminal) out += '\n';
    up = lines_.size() - entry->second;
    if (terminal && up) out += fmt::format("\x1b[{}A", up);
  } else {
    lines_.clear();  // what follows is below everything that was rewritten so far
  }
  if (terminal && stream.empty() && progress) {
    out += "\x1b[2K\r";
  } else if (!bar.empty()) {
    return;
  }
  if (!id.empty()) out += fmt::format("{}: ", id);
  if (terminal && progress) {
    out += fmt::format("{} {}\r", status, bar);
  } else if (!stream.empty()) {
    out += stream;
  } else {
    out += fmt::format("{}\n", status);
  }
  if (!id.empty() && terminal && up) out += fmt::format("\x1b[{}B", up);
  write_(out);
}

void showProgress(http::ClientResponse& response, ProgressDisplay& display,
                  const std::function<void(const json::Value&)>& aux) {
  json::Splitter splitter;
  std::array<char, 16384> buffer;
  for (bool ended = false; !ended;) {
    const size_t n = response.read(buffer);
    ended = n == 0;
    splitter.push(ended ? std::string_view("\n") : std::string_view(buffer.data(), n));
    while (const auto text = splitter.next()) {
      const json::Value message = json::Value::parse(*text);
      if (const json::Value* result = message.find("aux"); result && !result->isNull()) {
        if (aux) aux(*result);
        continue;
      }
      display.show(message);
    }
  }
  if (!splitter.empty()) base::fail(base::Code::kUnavailable, "unexpected EOF");
}

}  // namespace client
