// Go templates over rows of lists and over inspected objects (platform/gotemplate, with docker's
// words around it).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/commands/cli.h"
#include "platform/gotemplate/gotemplate.h"
#include "platform/json/value.h"

namespace commands {

class RowTemplate {
 public:
  // Error kInvalidArgument "template parsing error: …".
  RowTemplate(std::string_view text, std::string_view typeName);
  ~RowTemplate();

  std::string row(const json::Value& fields,
                  const std::map<std::string, std::string>& labels) const;
  // The same template over titles: functions that change text leave them as they are.
  std::string header(const json::Value& headers) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The --format of a command that shows one value, "json" being {{json .}}; none without one. Exit
// 64 "template parsing error: …".
std::optional<gotemplate::Template> valueFormat(const std::string& format, std::string_view name);

// The value in that format and a line end, which comes also when the template fails half way.
void printValue(Cli& cli, const gotemplate::Template& format, const gotemplate::Data& value);

}  // namespace commands
