// One API request on its way through a handler.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/dockerapi/filters.h"
#include "api/dockerapi/versions.h"
#include "platform/http/server.h"
#include "platform/json/json.h"

namespace server {

class Context {
 public:
  using Params = std::vector<std::pair<std::string_view, std::string>>;

  Context(http::Request request, http::ResponsePtr response, dockerapi::ApiVersion version,
          Params params)
      : request(std::move(request)),
        response(std::move(response)),
        version(version),
        params_(std::move(params)) {}

  http::Request request;
  const http::ResponsePtr response;
  const dockerapi::ApiVersion version;

  // What stands in the path for "{name}".
  const std::string& param(std::string_view name) const;
  // since(44): the client speaks 1.44 or later.
  bool since(int minor) const noexcept { return version >= dockerapi::ApiVersion{1, minor}; }

  const std::string& query(std::string_view key) const noexcept { return request.query.get(key); }
  bool flag(std::string_view key, bool absent = false) const noexcept {
    return request.query.flag(key, absent);
  }
  // nullopt: absent or empty. Error kInvalidArgument in Go's words.
  std::optional<int> integer(std::string_view key) const;
  dockerapi::Filters filters() const;
  // "h" and "w" of a resize.
  std::pair<unsigned, unsigned> size() const;

  // The body as JSON. Without one: T{}. Error kInvalidArgument: wrong content type, bad JSON, a
  // wrong type, more behind it.
  template <class T>
  T body() {
    const std::string text = jsonText();
    return text.empty() ? T{} : parse<T>(text);
  }
  template <class T>
  static T parse(const std::string& text) {
    T value{};
    readJson(text, [&](std::string_view one) { json::parseInto(one, value, {.decoder = true}); });
    return value;
  }
  // The body's text when it has to be JSON; "" without one.
  std::string jsonText();

  template <class T>
  void json(int status, const T& value) {
    sendJson(status, json::write(value));
  }
  void send(int status) { response->send(status); }

 private:
  static void readJson(const std::string& text, const std::function<void(std::string_view)>& into);
  void sendJson(int status, std::string text);

  const Params params_;
};

}  // namespace server
