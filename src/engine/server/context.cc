#include "engine/server/context.h"

#include <limits>

#include "platform/base/strings.h"
#include "platform/json/reader.h"

namespace server {
namespace {

using base::Code;

constexpr size_t kMaxJson = 16u << 20;

// Go's mime.ParseMediaType, as far as one can tell from outside.
std::string mediaType(const std::string& header) {
  const std::string type = base::lower(base::trim(base::cut(header, ';').first));
  if (type.empty()) {
    base::fail(Code::kInvalidArgument, "malformed Content-Type header ({}): mime: no media type",
               header);
  }
  return type;
}

[[noreturn]] void failSize(std::string_view what, const std::string& text, std::string_view why) {
  base::fail(Code::kInvalidArgument, "invalid resize {} {}: {}", what, base::quote(text), why);
}

unsigned dimension(std::string_view what, const std::string& text) {
  const auto value = base::parseUint(text);
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (!digits) failSize(what, text, "invalid syntax");
  if (!value || *value > std::numeric_limits<std::uint32_t>::max()) {
    failSize(what, text, "value out of range");
  }
  return static_cast<unsigned>(*value);
}

}  // namespace

const std::string& Context::param(std::string_view name) const {
  for (const auto& [key, value] : params_) {
    if (key == name) return value;
  }
  base::fail(Code::kInternal, "route without {}", name);
}

std::optional<int> Context::integer(std::string_view key) const {
  const std::string& text = query(key);
  if (text.empty()) return std::nullopt;
  const auto value = base::parseInt(text);
  if (!value) {
    base::fail(Code::kInvalidArgument, "strconv.Atoi: parsing {}: invalid syntax",
               base::quote(text));
  }
  if (*value < std::numeric_limits<int>::min() || *value > std::numeric_limits<int>::max()) {
    base::fail(Code::kInvalidArgument, "strconv.Atoi: parsing {}: value out of range",
               base::quote(text));
  }
  return static_cast<int>(*value);
}

dockerapi::Filters Context::filters() const {
  return dockerapi::Filters::parse(query("filters"));
}

std::pair<unsigned, unsigned> Context::size() const {
  const unsigned height = dimension("height", query("h"));
  return {height, dimension("width", query("w"))};
}

std::string Context::jsonText() {
  const std::string& type = request.headers.get("Content-Type");
  if (type.empty() && !request.hasBody) return {};
  if (const std::string media = mediaType(type); media != "application/json") {
    base::fail(Code::kInvalidArgument,
               "unsupported Content-Type header ({}): must be 'application/json'", type);
  }
  return request.body->readAll(kMaxJson);
}

void Context::readJson(const std::string& text, const std::function<void(std::string_view)>& into) {
  json::Reader reader(text, {.decoder = true});
  const auto end = [&] {
    try {
      const std::string_view value = reader.raw();
      into(value);
      return reader.offset();
    } catch (const base::Error& error) {
      throw error.within("invalid JSON");
    }
  }();
  if (!base::trim(std::string_view(text).substr(end)).empty()) {
    base::fail(Code::kInvalidArgument, "unexpected content after JSON");
  }
}

void Context::sendJson(int status, std::string text) {
  text += '\n';
  response->headers().set("Content-Type", "application/json");
  response->send(status, std::move(text));
}

}  // namespace server
