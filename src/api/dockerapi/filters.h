// The `filters` parameter of lists, prunes and events: key -> set of values, in either of the two
// encodings clients use,
// {"k":{"v":true}} and {"k":["v"]}; and the ways a value is compared.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "platform/base/time.h"

namespace dockerapi {

class Filters {
 public:
  using Values = std::set<std::string>;

  Filters() = default;
  // Error kInvalidArgument "invalid filter". Empty text: no filters.
  static Filters parse(std::string_view json);
  std::string write() const;  // {"k":{"v":true}}; "" when empty
  void add(std::string_view key, std::string_view value);
  void remove(std::string_view key);

  bool empty() const { return values_.empty(); }
  bool has(std::string_view key) const { return values_.find(key) != values_.end(); }
  const Values& get(std::string_view key) const;  // empty when absent
  const std::map<std::string, Values, std::less<>>& all() const { return values_; }

  // Error kInvalidArgument "invalid filter 'k'" for the first key that is not among `accepted`.
  void validate(std::span<const std::string_view> accepted) const;

  // `fallback` when absent. One of 0 1 false true; else, or with both, "invalid filter 'k=[v]'".
  bool boolean(std::string_view key, bool fallback) const;
  // At most one value; several: "invalid filter 'k=[a b]'" — `what` of the engine differs, so only
  // get() is used there.
  std::optional<std::string> single(std::string_view key) const;

  // All of these: true when the key is absent or without values.
  bool matchExact(std::string_view key,
                  std::string_view text) const;  // one of the values is `text`
  bool matchPrefix(std::string_view key, std::string_view text) const;  // or a prefix of it
  bool matchRegex(std::string_view key,
                  std::string_view text) const;  // or a regular expression in it
  bool matchLabels(std::string_view key,
                   const std::map<std::string, std::string>& labels) const;  // every "k" or "k=v"
  // None of the values is a label it has ("label!").
  bool matchNoLabels(std::string_view key, const std::map<std::string, std::string>& labels) const;

  // Of prunes: `until` as a time or a duration before `now`. Errors: "more than one until filter
  // specified", "failed to parse value as time or duration: …".
  std::optional<base::Time> until(base::Time now) const;

 private:
  std::map<std::string, Values, std::less<>> values_;
};

[[noreturn]] void invalidFilter(std::string_view key,
                                const Filters::Values& values);  // "invalid filter 'k=[a b]'"

}  // namespace dockerapi
