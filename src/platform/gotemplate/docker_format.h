// How docker's commands treat --format: "table …", "json", `\t` and `\n`, headers, and inspect's
// two attempts.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "platform/gotemplate/gotemplate.h"

namespace gotemplate {

// The --format of a list command.
class ListFormat {
 public:
  // "json" is {{json .}}; "table X" makes rows of tab-separated cells with a header in front. Error
  // kInvalidArgument: "template parsing error: template: …".
  static ListFormat parse(std::string_view format);

  bool isTable() const { return table_; }
  // One object, without a line end. Error: "template parsing error: template: …".
  std::string row(const Data& object) const;
  // The header of a table: the template with the name of each column in place of its value,
  // {"Names": "CONTAINER NAMES"};
  // {{.Label "com.example.my-key"}} becomes "my key". Ends where the template cannot work on names,
  // as docker's does.
  std::string header(const std::map<std::string, std::string>& headers) const;

 private:
  explicit ListFormat(Template parsed, bool table) : template_(std::move(parsed)), table_(table) {}
  Template template_;
  bool table_;
};

// ps tries its format, as the user wrote it, on a container without values first, and has words of
// its own: "failed to parse template: template: …", "failed to execute template: template: …".
void probeFormat(std::string_view format, const Data& empty);

// inspect --format: first on the object as the client's own struct, then, should that fail, on the
// daemon's text, where an unknown key is an error: "template parsing error: template: :1:2:
// executing …". Parse errors have the same prefix. With an empty `rawJson` there is no second
// attempt (volume inspect).
Template parseInspectFormat(std::string_view format);
std::string inspectRow(const Template& format, const Data& typed, std::string_view rawJson);

}  // namespace gotemplate
