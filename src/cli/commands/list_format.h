// How lists are shown: --format with its forms "table", "table TEMPLATE", "json", "TEMPLATE", and
// -q.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands/cli.h"
#include "platform/json/value.h"

namespace commands {

// A field a template can name, and its title in a table.
struct Column {
  const char* field;
  const char* header;
};

struct Row {
  json::Value fields;                              // an object, keys sorted: what {{json .}} prints
  std::map<std::string, std::string> labels = {};  // for {{.Label "key"}}
};

struct ListView {
  std::span<const Column> columns;  // everything a template may name
  std::vector<const char*> table;   // the fields of the table shown without --format
  const char* typeName;  // of a row, for a template's error: "*formatter.ContainerContext"
};

// Prints `rows`. `format`: "" or "table" for the default table.
void printList(Cli& cli, const ListView& view, const std::string& format,
               const std::vector<Row>& rows);
// The same as text, for displays that are redrawn.
std::string renderList(const ListView& view, const std::string& format,
                       const std::vector<Row>& rows);

// {"status=running", …} -> the API's filters. Error kInvalidArgument for one without '='.
std::map<std::string, std::map<std::string, bool>> parseFilters(
    const std::vector<std::string>& values);

// --- Texts that several lists share.
std::string truncateId(std::string_view id);                  // "sha256:" dropped, 12 characters
std::string ellipsis(std::string_view text, size_t columns);  // "abcdefgh…"
std::string goLocalTime(std::int64_t unixSeconds);            // "2006-01-02 15:04:05 -0700 MST"
std::string goLocalTimeNano(std::int64_t unixNanos);          // with the fraction Go prints
std::string ago(std::int64_t unixSeconds);                    // "5 minutes ago"
std::string labelText(const json::Value& labels);             // "a=b,c=d", sorted
std::map<std::string, std::string> labelMap(const json::Value& labels);
bool naturalLess(std::string_view a, std::string_view b);  // "a2" before "a10"

// Strings, numbers and arrays of an answer that may lack them.
std::string textAt(const json::Value& object, std::string_view key);
std::int64_t numberAt(const json::Value& object, std::string_view key);
bool flagAt(const json::Value& object, std::string_view key);
const json::Value::Array& arrayAt(const json::Value& object, std::string_view key);
const json::Value::Object& objectAt(const json::Value& object, std::string_view key);

// The usage text of --format for lists and for inspect-like commands.
constexpr const char* kListFormatUsage =
    "Format output using a custom template:\n"
    "'table':            Print output in table format with column headers (default)\n"
    "'table TEMPLATE':   Print output in table format using the given Go template\n"
    "'json':             Print in JSON format\n"
    "'TEMPLATE':         Print output using the given Go template.\n"
    "Refer to https://docs.docker.com/go/formatting/ for more information about formatting output "
    "with templates";
constexpr const char* kInspectFormatUsage =
    "Format output using a custom template:\n"
    "'json':             Print in JSON format\n"
    "'TEMPLATE':         Print output using the given Go template.\n"
    "Refer to https://docs.docker.com/go/formatting/ for more information about formatting output "
    "with templates";

}  // namespace commands
