#include "cli/commands/list_format.h"

#include <algorithm>
#include <cctype>
#include <ctime>

#include "cli/commands/option_values.h"
#include "cli/commands/tabular.h"
#include "cli/commands/template.h"
#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/base/time.h"

namespace commands {
namespace {

constexpr std::string_view kTable = "table";

std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 't' || text[i + 1] == 'n');
    out += escape ? (text[i + 1] == 't' ? '\t' : '\n') : text[i];
    if (escape) ++i;
  }
  return out;
}

const char* headerOf(const ListView& view, std::string_view field) {
  for (const Column& column : view.columns) {
    if (column.field == field) return column.header;
  }
  return "";
}

std::string defaultTable(const ListView& view, const std::vector<Row>& rows) {
  std::string text;
  for (size_t i = 0; i < view.table.size(); ++i)
    text += fmt::format("{}{}", i ? "\t" : "", headerOf(view, view.table[i]));
  text += '\n';
  for (const Row& row : rows) {
    for (size_t i = 0; i < view.table.size(); ++i)
      text += fmt::format("{}{}", i ? "\t" : "", textAt(row.fields, view.table[i]));
    text += '\n';
  }
  return alignColumns(text);
}

}  // namespace

std::string renderList(const ListView& view, const std::string& format,
                       const std::vector<Row>& rows) {
  std::string_view text = base::trim(format);
  if (text.empty() || text == kTable) return defaultTable(view, rows);
  const bool table = text.starts_with(kTable);
  if (table) text = base::trim(text.substr(kTable.size()));
  const RowTemplate compiled(text == "json" ? "{{json .}}" : unescape(text), view.typeName);
  std::string out;
  if (table) {
    json::Value headers = json::Value::object();
    for (const Column& column : view.columns) headers.set(column.field, column.header);
    out += compiled.header(headers) + '\n';
  }
  for (const Row& row : rows) out += compiled.row(row.fields, row.labels) + '\n';
  return table ? alignColumns(out) : out;
}

void printList(Cli& cli, const ListView& view, const std::string& format,
               const std::vector<Row>& rows) {
  cli.print(renderList(view, format, rows));
}

std::map<std::string, std::map<std::string, bool>> parseFilters(
    const std::vector<std::string>& values) {
  std::map<std::string, std::map<std::string, bool>> filters;
  for (const std::string& value : values) {
    if (value.empty()) continue;
    checkFilter(value);
    const auto [key, text] = base::cut(value, '=');
    // "label!=x": the exclamation mark belongs to the key.
    filters[base::lower(base::trim(key))][std::string(base::trim(*text))] = true;
  }
  return filters;
}

std::string truncateId(std::string_view id) {
  constexpr size_t kShort = 12;
  if (const size_t colon = id.find(':'); colon != std::string_view::npos)
    id.remove_prefix(colon + 1);
  return std::string(id.substr(0, kShort));
}

std::string ellipsis(std::string_view text, size_t columns) {
  if (displayWidth(text) <= columns) return std::string(text);
  size_t bytes = 0;
  for (size_t taken = 0; bytes < text.size(); ++bytes) {
    const bool starts = (static_cast<unsigned char>(text[bytes]) & 0xc0) != 0x80;
    if (starts && ++taken == columns) break;
  }
  return std::string(text.substr(0, bytes)) + "…";
}

std::string goLocalTime(std::int64_t unixSeconds) {
  return goLocalTimeNano(unixSeconds * 1'000'000'000);
}

std::string goLocalTimeNano(std::int64_t unixNanos) {
  const base::Time time{unixNanos};
  const time_t seconds = time.unixSeconds();
  std::int64_t nanos = unixNanos - static_cast<std::int64_t>(seconds) * 1'000'000'000;
  tm local{};
  ::localtime_r(&seconds, &local);
  char date[64], zone[64];
  std::strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &local);
  std::strftime(zone, sizeof zone, "%z %Z", &local);
  std::string fraction;
  if (nanos > 0) {
    fraction = fmt::format(".{:09}", nanos);
    while (fraction.back() == '0') fraction.pop_back();
  }
  return fmt::format("{}{} {}", date, fraction, zone);
}

std::string ago(std::int64_t unixSeconds) {
  return base::humanDuration((base::Time::now().unixSeconds() - unixSeconds) * 1'000'000'000) +
         " ago";
}

std::map<std::string, std::string> labelMap(const json::Value& labels) {
  std::map<std::string, std::string> map;
  if (!labels.isObject()) return map;
  for (const auto& member : labels.asObject())
    map[member.name] = member.value.isString() ? member.value.asString() : "";
  return map;
}

std::string labelText(const json::Value& labels) {
  std::vector<std::string> pairs;
  for (const auto& [key, value] : labelMap(labels))
    pairs.push_back(fmt::format("{}={}", key, value));
  std::sort(pairs.begin(), pairs.end());
  return base::join(pairs, ",");
}

bool naturalLess(std::string_view a, std::string_view b) {
  const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    const size_t startA = i, startB = j;
    while (i < a.size() && a[i] == '0') ++i;
    while (j < b.size() && b[j] == '0') ++j;
    const size_t numberA = i, numberB = j;
    while (i < a.size() && digit(a[i])) ++i;
    while (j < b.size() && digit(b[j])) ++j;
    const std::string_view x = a.substr(numberA, i - numberA), y = b.substr(numberB, j - numberB);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
    if (numberA - startA != numberB - startB) return numberA - startA < numberB - startB;
  }
  return a.size() - i < b.size() - j;
}

std::string textAt(const json::Value& object, std::string_view key) {
  const json::Value* value = object.find(key);
  return value && value->isString() ? value->asString() : std::string();
}

std::int64_t numberAt(const json::Value& object, std::string_view key) {
  const json::Value* value = object.find(key);
  if (!value || !value->isNumber()) return 0;
  const auto whole = value->tryInt();
  return whole ? *whole : static_cast<std::int64_t>(value->asDouble());
}

bool flagAt(const json::Value& object, std::string_view key) {
  const json::Value* value = object.find(key);
  return value && value->isBool() && value->asBool();
}

const json::Value::Array& arrayAt(const json::Value& object, std::string_view key) {
  static const json::Value::Array none;
  const json::Value* value = object.find(key);
  return value && value->isArray() ? value->asArray() : none;
}

const json::Value::Object& objectAt(const json::Value& object, std::string_view key) {
  static const json::Value::Object none;
  const json::Value* value = object.find(key);
  return value && value->isObject() ? value->asObject() : none;
}

}  // namespace commands
