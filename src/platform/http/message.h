// What both halves of HTTP share: requests, headers, targets.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http {

// Header fields in order; names compare without case.
class Headers {
 public:
  void set(std::string_view name, std::string value);  // replaces
  void add(std::string_view name, std::string value);
  void remove(std::string_view name);
  // "" when absent; the first of several.
  const std::string& get(std::string_view name) const noexcept;
  bool has(std::string_view name) const noexcept;
  // True when the comma list `name` contains `token` (Connection: keep-alive, Upgrade).
  bool contains(std::string_view name, std::string_view token) const noexcept;
  const std::vector<std::pair<std::string, std::string>>& all() const noexcept { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// A query string decoded, in order; the same key may come again.
class Query {
 public:
  static Query parse(std::string_view encoded);
  const std::string& get(std::string_view key) const noexcept;  // "" when absent; the first
  bool has(std::string_view key) const noexcept;
  std::vector<std::string> list(std::string_view key) const;
  // Docker's rule: "", 0, no, false, none (trimmed, any case) are false, everything else true.
  bool flag(std::string_view key, bool absent = false) const noexcept;
  const std::vector<std::pair<std::string, std::string>>& all() const noexcept { return pairs_; }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

std::string percentDecode(std::string_view text, bool plusIsSpace = false);
std::string percentEncode(std::string_view text);      // everything but unreserved characters
std::string percentEncodePath(std::string_view text);  // keeps '/', ':' and '@' too

}  // namespace http
