#include "api/dockerapi/filters.h"

#include "api/dockerapi/regex.h"
#include "api/dockerapi/timestamp.h"
#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/json/json.h"

namespace dockerapi {

namespace {

const Filters::Values kNoValues;

Filters::Values readValues(const json::Value& value) {
  Filters::Values values;
  if (value.isArray()) {
    for (const json::Value& element : value.asArray()) values.insert(element.asString());
  } else if (value.isObject()) {
    for (const auto& [name, on] : value.asObject()) {
      if (!on.isNull()) on.asBool();  // its type counts, its value does not
      values.insert(name);
    }
  } else if (!value.isNull()) {
    base::fail(base::Code::kInvalidArgument, "neither a list nor a map");
  }
  return values;
}

// "k=v" is a label of that value, "k" one of any value.
bool hasLabel(const std::map<std::string, std::string>& labels, const std::string& wanted) {
  const auto [name, value] = base::cut(wanted, '=');
  const auto found = labels.find(std::string(name));
  return found != labels.end() && (!value || found->second == *value);
}

}  // namespace

void invalidFilter(std::string_view key, const Filters::Values& values) {
  if (values.empty()) base::fail(base::Code::kInvalidArgument, "invalid filter '{}'", key);
  base::fail(base::Code::kInvalidArgument, "invalid filter '{}=[{}]'", key, fmt::join(values, " "));
}

Filters Filters::parse(std::string_view text) {
  Filters filters;
  if (text.empty()) return filters;
  try {
    const json::Value value = json::Value::parse(text);
    if (value.isNull()) return filters;
    for (const auto& [key, values] : value.asObject()) filters.values_[key] = readValues(values);
  } catch (const base::Error&) {
    base::fail(base::Code::kInvalidArgument, "invalid filter");
  }
  return filters;
}

std::string Filters::write() const {
  if (values_.empty()) return "";
  json::Value object = json::Value::object();
  for (const auto& [key, values] : values_) {
    json::Value set = json::Value::object();
    for (const std::string& value : values) set.set(value, true);
    object.set(key, std::move(set));
  }
  return object.write();
}

void Filters::add(std::string_view key, std::string_view value) {
  values_[std::string(key)].emplace(value);
}

void Filters::remove(std::string_view key) {
  if (const auto found = values_.find(key); found != values_.end()) values_.erase(found);
}

const Filters::Values& Filters::get(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? kNoValues : found->second;
}

void Filters::validate(std::span<const std::string_view> accepted) const {
  for (const auto& [key, values] : values_) {
    bool known = false;
    for (const std::string_view name : accepted) known = known || name == key;
    if (!known) base::fail(base::Code::kInvalidArgument, "invalid filter '{}'", key);
  }
}

bool Filters::boolean(std::string_view key, bool fallback) const {
  if (!has(key)) return fallback;
  const Values& values = get(key);
  const bool yes = values.contains("1") || values.contains("true");
  const bool no = values.contains("0") || values.contains("false");
  if (yes == no) invalidFilter(key, values);
  return yes;
}

std::optional<std::string> Filters::single(std::string_view key) const {
  const Values& values = get(key);
  if (values.empty()) return std::nullopt;
  if (values.size() > 1) invalidFilter(key, values);
  return *values.begin();
}

bool Filters::matchExact(std::string_view key, std::string_view text) const {
  const Values& values = get(key);
  return values.empty() || values.contains(std::string(text));
}

bool Filters::matchPrefix(std::string_view key, std::string_view text) const {
  if (matchExact(key, text)) return true;
  for (const std::string& value : get(key))
    if (text.starts_with(value)) return true;
  return false;
}

bool Filters::matchRegex(std::string_view key, std::string_view text) const {
  if (matchExact(key, text)) return true;
  for (const std::string& value : get(key)) {
    try {
      if (Regex(value).search(text)) return true;
    } catch (const base::Error&) {
      // As Docker: what is no regular expression matches nothing.
    }
  }
  return false;
}

bool Filters::matchLabels(std::string_view key,
                          const std::map<std::string, std::string>& labels) const {
  for (const std::string& value : get(key))
    if (!hasLabel(labels, value)) return false;
  return true;
}

bool Filters::matchNoLabels(std::string_view key,
                            const std::map<std::string, std::string>& labels) const {
  const Values& values = get(key);
  if (values.empty()) return true;
  return !matchLabels(key, labels);
}

std::optional<base::Time> Filters::until(base::Time now) const {
  if (!has("until")) return std::nullopt;
  const Values& values = get("until");
  if (values.size() > 1)
    base::fail(base::Code::kInvalidArgument, "more than one until filter specified");
  if (values.empty()) base::fail(base::Code::kInvalidArgument, "no until filter specified");
  return parseTimestamp(*values.begin(), now);
}

}  // namespace dockerapi
